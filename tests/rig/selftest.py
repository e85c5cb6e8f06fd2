#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the rig itself: `make check-rig`, or selftest.py --build build/rig [--cuda FOLDER]. TAP on stdout.

Goal: whatever is tested with the rig can trust it. Method: the player in C and the oracle in Python must
tell the same operations; a small client (probe) must get exactly those through every version of the doubles;
the layouts are compared with the real headers and library where those are at hand.
"""

import argparse
import collections
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = sorted(glob.glob(os.path.join(HERE, "..", "scenarios", "*.scn")))
FAULTS = sorted(glob.glob(os.path.join(HERE, "..", "scenarios", "faults", "*.scn")))
VERSIONS = ("11.8", "12.4", "13.0", "13.4")
SONAMES = {"11.8": "libcupti.so.11.8", "12.4": "libcupti.so.12", "13.0": "libcupti.so.13",
           "13.4": "libcupti.so.13"}
EPOCH = 1_800_000_000_000_000_000

# By hand, see the head of tiny.scn.
TINY = (
    dict(window_start_ns=277100, window_ns=293200, compute_ns=160000, comm_ns=77000, copy_ns=40000,
         idle_ns=16200,
         compute_union_ns=160000, comm_union_ns=137000, copy_union_ns=44000, comm_compute_overlap_ns=60000,
         kernels=6, comm_kernels=2, memcpys=2, memsets=2, copies=4),
    dict(window_start_ns=277100, window_ns=300200, compute_ns=240000, comm_ns=0, copy_ns=44000, idle_ns=16200,
         compute_union_ns=240000, comm_union_ns=80000, copy_union_ns=44000, comm_compute_overlap_ns=80000,
         kernels=6, comm_kernels=2, memcpys=2, memsets=2, copies=4))


class Tap:
    def __init__(self):
        self.number, self.failed = 0, 0

    def check(self, passes, name, detail=""):
        self.number += 1
        self.failed += not passes
        print(("ok" if passes else "not ok"), self.number, "-", name)
        if not passes and detail:
            for line in str(detail).splitlines()[:20]:
                print("#   " + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.number += 1
        print("ok", self.number, "-", name, "# SKIP", why)


def run(command, **environment):
    values = {key: value for key, value in os.environ.items() if not key.startswith(("RIG_", "LAGGARD_"))}
    values.update({"RIG_EPOCH_NS": str(EPOCH)}, **environment)
    return subprocess.run(command, env=values, capture_output=True, timeout=300)


def lines(data):
    return [json.loads(line) for line in data.decode("utf-8", "surrogateescape").split("\n") if line]


class Rig:
    def __init__(self, build):
        self.bin = os.path.join(build, "bin")
        self.build = build
        self.oracle = {}

    def train(self, scenario, *options, **environment):
        return run([os.path.join(self.bin, "rig-train"), scenario, *options], **environment)

    def truth(self, scenario, *options):
        key = (scenario, options)
        if key not in self.oracle:
            done = run([sys.executable, os.path.join(HERE, "truth.py"), scenario, *options])
            assert done.returncode == 0, done.stderr.decode()
            self.oracle[key] = done.stdout
        return self.oracle[key]

    def probed(self, scenario, version="13.0", options=(), **environment):
        """(exit status, stderr, lines of each process)."""
        probe = os.path.join(self.bin, "libprobe.so")
        preload = ":".join(filter(None, (os.environ.get("LD_PRELOAD"), probe)))
        with tempfile.TemporaryDirectory() as folder:
            done = run([os.path.join(self.bin, "rig-run"), "--cupti", version, "--preload", preload, scenario,
                        "--quiet", *options], RIG_PROBE_OUT=os.path.join(folder, "p"), **environment)
            files = sorted(os.listdir(folder), key=lambda name: int(name[2:]))
            rows = []
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    rows.append(lines(file.read()))
        return done.returncode, done.stderr.decode(errors="replace"), rows


def short(path):
    return os.path.basename(path)


def without(op, *keys):
    return {key: value for key, value in op.items() if key not in keys}


def test_dump(tap, rig):
    for scenario in SCENARIOS + FAULTS:
        truth = json.loads(rig.truth(scenario))
        for process in range(truth["processes"]) if scenario in SCENARIOS else (truth["processes"] - 1,):
            played = lines(rig.train(scenario, "--rank", str(process), "--dump").stdout)
            expected = [without(op, "step", "kernel_start", "kernel_end")
                        for op in lines(rig.truth(scenario, "--dump", "--process", str(process)))]
            wrong = next((pair for pair in zip(played, expected) if pair[0] != pair[1]), None)
            tap.check(len(played) == len(expected) > 0 and wrong is None,
                      f"{short(scenario)}: player and oracle agree, process {process} ({len(played)})",
                      f"{len(expected)} expected\nplayer {wrong and wrong[0]}\noracle {wrong and wrong[1]}")


def test_truth(tap, rig):
    tiny = [path for path in SCENARIOS if path.endswith("tiny.scn")][0]
    units = json.loads(rig.truth(tiny))["units"]
    for unit, expected in zip(units, TINY):
        got = {key: unit[key] for key in expected}
        tap.check(got == expected, f"tiny.scn: unit {unit['unit']} equals the numbers computed by hand", got)
    for scenario in SCENARIOS:
        truth = json.loads(rig.truth(scenario))
        ok = all(unit["compute_ns"] + unit["comm_ns"] + unit["copy_ns"] + unit["idle_ns"] == unit["window_ns"]
                 for unit in truth["units"])
        ends = [[member["end_ns"] for member in one["members"]] for one in truth["collectives"]]
        ok = ok and all(max(one) - min(one) <= 1000 for one in ends)
        tap.check(ok, f"{short(scenario)}: partitions add up and collectives end together")
    for scenario in FAULTS:
        found = json.loads(rig.truth(scenario, "--planted"))
        plant = found["plants"][0] if len(found["plants"]) == 1 else {}
        costs = {"ms_per_step": found["per_step_ns"], "ms": found["lost_ns"]}
        told = [key for key in costs if key in plant]
        ok = all(plant[key] == f"{costs[key] / 1e6:.3f}" for key in told) and len(told) == (
            1 if found["lost_ns"] else 0)
        tap.check("id" in plant and ok, f"{short(scenario)}: its head says what the plant costs",
                  f"{plant} {costs}")
    pipeline = [path for path in FAULTS if path.endswith("pipeline-bubble.scn")][0]
    messages = json.loads(rig.truth(pipeline))["point_to_points"]
    tap.check(len(messages) == 30 * 8 * 6 and all(
        abs(one["to"] - one["from"]) == 1 and abs(one["send"]["end_ns"] - one["receive"]["end_ns"]) <= 1600
        for one in messages), "pipeline-bubble.scn: sender and receiver of every message end together")


def expected_records(ops, version="13.0"):
    """Multiset of what CUPTI must deliver, in the probe's words, without thread and correlation."""
    out = collections.Counter()
    for op in ops:
        kind, stream = op["op"], op.get("stream", 0) & 0xFFFFFFFF
        if kind == "api":
            out["api", op["name"], op["start"], op["end"]] += 1
        elif kind == "kernel":
            out["kernel", op["name"], stream, op["start"], op["end"], tuple(op["grid"]), op["graph"]] += 1
        elif kind == "copy":
            out["copy", op["dir"], op["src"], op["dst"], op["async"], op["bytes"], stream, op["start"],
                op["end"]] += 1
        elif kind == "peer":
            out["peer", op["from"], op["to"], op["bytes"], stream, op["start"], op["end"]] += 1
        elif kind == "memset":
            out["memset", op["value"], op["bytes"], stream, op["start"], op["end"]] += 1
        elif kind == "sync":
            out["sync", op["type"], stream, op["event"], op["start"], op["end"]] += 1
        elif kind == "event":
            out["event", op["event"], stream] += 1
        elif kind == "memory":
            out["memory", op["type"], op["address"], op["bytes"], op["start"]] += 1
        elif kind == "overhead":
            out["overhead", op["type"], op["start"], op["end"]] += 1
        elif kind == "stream":
            out["stream", stream, op["type"]] += 1
        elif kind == "pool":
            out["pool", op["type"], op["pool"], op["pool_bytes"], op["pool_used"], op["threshold"], op["start"]] += 1
        elif kind == "jit":
            out["jit", op["type"], op["start"], op["end"]] += 1
        elif kind == "host" and version == "13.4":
            out["host", stream, op["start"], op["end"]] += 1
    return out


def got_records(rows):
    out = collections.Counter()
    for row in rows:
        kind = row["kind"]
        start, end = row.get("start", 0) - EPOCH, row.get("end", 0) - EPOCH
        if kind in (4, 5):
            out["api", row["name"].split("_v")[0] if kind == 5 else row["name"], start, end] += 1
        elif kind == 10:
            out["kernel", row["name"], row["stream"], start, end, tuple(row["grid"]), row["graph"]] += 1
        elif kind == 1:
            out["copy", row["dir"], row["src"], row["dst"], row["async"], row["bytes"], row["stream"],
                start, end] += 1
        elif kind == 22:
            out["peer", row["from"], row["to"], row["bytes"], row["stream"], start, end] += 1
        elif kind == 2:
            out["memset", row["value"], row["bytes"], row["stream"], start, end] += 1
        elif kind == 38:
            out["sync", row["type"], row["stream"], row["event"], start, end] += 1
        elif kind == 36:
            out["event", row["event"], row["stream"]] += 1
        elif kind == 49:
            out["memory", row["type"], row["address"], row["bytes"], row["stamp"] - EPOCH] += 1
        elif kind == 17:
            out["overhead", row["type"], start, end] += 1
        elif kind == 37:
            out["stream", row["stream"], row["type"]] += 1
        elif kind == 50:
            out["pool", row["type"], row["pool"], row["bytes"], row["used"], row["threshold"],
                row["stamp"] - EPOCH] += 1
        elif kind == 52:
            out["jit", row["type"], start, end] += 1
        elif kind == 58:
            out["host", row["stream"], start, end] += 1
    return out


def correlations_join(rows):
    calls = {row["corr"] for row in rows if row["kind"] in (4, 5)}
    work = [row["corr"] for row in rows if row["kind"] in (1, 2, 10, 22)]
    return sum(one in calls for one in work), len(work)


def difference(got, expected):
    return f"missing {list((expected - got).items())[:3]}\nsurplus {list((got - expected).items())[:3]}"


def test_delivery(tap, rig):
    for version in VERSIONS:
        for scenario in SCENARIOS:
            truth = json.loads(rig.truth(scenario))
            status, errors, processes = rig.probed(scenario, version)
            problem = f"status {status}\n{errors}" if status or "violation" in errors else ""
            for process, rows in enumerate(processes):
                expected = expected_records(lines(rig.truth(scenario, "--dump", "--process", str(process))),
                                            version)
                got = got_records(rows)
                if got != expected:
                    problem += f"process {process}: {difference(got, expected)}\n"
            tap.check(not problem and len(processes) == truth["processes"],
                      f"{short(scenario)}: CUPTI {version} delivers exactly what was played", problem)


def test_threads(tap, rig):
    for scenario in SCENARIOS:
        status, errors, processes = rig.probed(scenario, options=("--concurrent",))
        ok = status == 0 and all(
            got_records(rows) == expected_records(lines(rig.truth(scenario, "--dump", "--process",
                                                                  str(process))))
            for process, rows in enumerate(processes))
        tap.check(ok, f"{short(scenario)}: the same with free-running host threads", errors)


def event_times(rows, domain):
    """Pairs (name, start, duration) from pushes and pops of a domain; only where one thread pushes."""
    stack, out = [], collections.Counter()
    for row in rows:
        if row["kind"] == "push" and row["domain"] == domain:
            stack.append(row)
        elif row["kind"] == "pop" and row["domain"] == domain and stack:
            begun = stack.pop()
            out[begun["name"], begun["at"] - EPOCH, row["at"] - begun["at"]] += 1
    return out


def test_ranges(tap, rig):
    for scenario in SCENARIOS:
        truth = json.loads(rig.truth(scenario, "--ranges"))
        for choice in ("own", "real"):
            for nccl in ("v4", "v5"):
                status, errors, processes = rig.probed(scenario, RIG_NVTX=choice, RIG_NCCL=nccl)
                problem = "" if status == 0 else errors
                for process, rows in enumerate(processes):
                    expected = collections.Counter(
                        (row["name"], row["start_ns"], row["duration_ns"])
                        for row in truth["process"][process]["ranges"] if row["domain"] == "NCCL")
                    got = event_times(rows, "NCCL")
                    marks = sum(row["kind"] == "mark" for row in rows)
                    if got != expected or marks != truth["process"][process]["rows"]["mark"]:
                        problem += f"process {process}: {difference(got, expected)}"
                tap.check(not problem,
                          f"{short(scenario)}: NVTX ({choice}) and NCCL {nccl} as the oracle says", problem)


def test_profiler(tap, rig):
    scenario = [path for path in SCENARIOS if path.endswith("single4.scn")][0]
    truth = json.loads(rig.truth(scenario))
    wanted = sum(one["fused"] * len(one["members"]) for one in truth["collectives"]
                 if one["operation"] != "SendRecv")
    p2p = sum(2 * len(one["members"]) for one in truth["collectives"] if one["operation"] == "SendRecv")
    calls = sum(len(one["members"]) for one in truth["collectives"])
    for version in range(1, 8):
        status, errors, processes = rig.probed(scenario, RIG_NCCL=f"v{version}")
        rows = processes[0]
        by_type = collections.Counter(row["type"] for row in rows if row["kind"] == "nccl_start")
        started = [row["handle"] for row in rows if row["kind"] == "nccl_start"]
        stopped = [row["handle"] for row in rows if row["kind"] == "nccl_stop"]
        expected = {1: calls, 2: wanted, 4: p2p}
        if version >= 5:
            expected.update({256: calls, 512: wanted, 1024: p2p, 2048: calls})
        ok = status == 0 and dict(by_type) == expected and sorted(started) == sorted(stopped)
        ok = ok and sum(row["kind"] == "nccl_init" and row["version"] == version for row in rows) == 6
        tap.check(ok, f"NCCL v{version}: every event starts and stops once",
                  f"{dict(by_type)} {expected}\n{errors}")


def test_faults(tap, rig):
    scenario = [path for path in SCENARIOS if path.endswith("ddp4.scn")][0]
    expected = expected_records(lines(rig.truth(scenario, "--dump", "--process", "0")))
    total = sum(expected.values())

    def probed(fault):
        status, errors, processes = rig.probed(scenario, RIG_FAULTS=fault)
        return status, errors, processes[0] if processes else []

    status, errors, rows = probed("drop=100")
    dropped = rows[-1]["dropped"]
    # Two records of the machine itself: device and context.
    tap.check(status == 0 and dropped > 100 and sum(got_records(rows).values()) + dropped in range(total,
                                                                                                   total + 3),
              "drop=100: what is missing was counted", f"{dropped} {total} {errors}")
    status, errors, rows = probed("zero=50")
    zero = sum(row["kind"] == 10 and row["start"] == 0 and row["end"] == 0 for row in rows)
    kernels = sum(row["kind"] == 10 for row in rows)
    tap.check(zero == kernels // 50, "zero=50: every 50th kernel has no stamps", f"{zero} {kernels}")
    status, errors, rows = probed("backwards=50")
    backwards = sum(row["kind"] == 10 and row["end"] < row["start"] for row in rows)
    tap.check(backwards == kernels // 50, "backwards=50: every 50th kernel ends before it starts", backwards)
    status, errors, rows = probed("wrap")
    joined, work = correlations_join(rows)
    small = sum(row["kind"] in (4, 5) and row["corr"] < 1 << 31 for row in rows)
    big = sum(row["kind"] in (4, 5) and row["corr"] > 1 << 31 for row in rows)
    tap.check(joined == work and big > 10 and small > 1000, "wrap: correlation ids pass 2^32 and still join",
              f"{joined} {work} {big} {small}")
    status, errors, rows = probed("late")
    tap.check(got_records(rows) == expected, "late: buffers come with the flush only, nothing is lost",
              errors)
    status, errors, rows = probed("subscribe=39")
    tap.check(status == 0 and rows[0] == {"kind": "subscribe", "result": 39} and len(got_records(rows)) == 0,
              "subscribe=39: the tool is refused and the program runs on", rows[:2])
    status, errors, rows = probed("teardown")
    tap.check(status == 0, "teardown: a driver that goes away first loses records, the program ends well",
              errors)


def test_endings(tap, rig):
    scenario = [path for path in SCENARIOS if path.endswith("tiny.scn")][0]
    for mode, expected in (("return", 0), ("3", 3), ("_exit", 0), ("abort", 134), ("kill", 137), ("term",
                                                                                                  143),
                           ("fork", 0), ("fork_exit", 0), ("exec", 0)):
        status, errors, _ = rig.probed(scenario, options=("--exit", mode, "--at-step", "1"))
        # The probe flushes in a forked child on purpose: the double must notice.
        ok = status == expected and ("forked child" in errors) == (mode == "fork")
        tap.check(ok, f"--exit {mode} ends with {expected}", f"{status} {errors}")
    for option, expected in (("--kill", 137), ("--env", 4)):
        value = "1:1" if option == "--kill" else "1:RIG_NODEVICE=1"
        done = run([os.path.join(rig.bin, "rig-run"), option, value, scenario])
        other = run([os.path.join(rig.bin, "rig-run"), option, value.replace("1:", "9:", 1), scenario])
        tap.check(done.returncode == expected and other.returncode == 0,
                  f"rig-run {option}: one rank ends with {expected}, and only that one",
                  f"{done.returncode} {done.stderr} {other.returncode} {other.stderr}")
    done = run([os.path.join(rig.bin, "rig-run"), "--cupti", "nodevice", "--preload",
                os.path.join(rig.bin, "libprobe.so"), scenario], RIG_PROBE_OUT="/dev/null")
    tap.check(done.returncode == 4 and b"cuInit: 100" in done.stderr, "nodevice: cuInit answers 100",
              f"{done.returncode} {done.stderr}")


def strides(rig, library):
    done = run([os.path.join(rig.bin, "rig-strides"), library])
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    return ({row[1]: row[2] for row in rows if row[0] == "kind"},
            {(row[1], row[2]): row[3] for row in rows if row[0] == "name"})


def test_layouts(tap, rig, cuda):
    checker = os.path.join(rig.bin, "rig-layout-check")
    if os.path.exists(checker):
        tap.check(run([checker]).returncode == 0,
                  "record layouts equal the real headers (checked by the compiler)")
    else:
        tap.skip("record layouts equal the real headers", "no CUPTI headers of CUDA 13.0")
    facts = {"11.8": ("200", "88"), "12.4": ("208", "88"), "13.0": ("216", "96"), "13.4": ("248", "112")}
    for version in VERSIONS:
        kinds, _ = strides(rig, os.path.join(rig.build, "lib-" + version, SONAMES[version]))
        tap.check((kinds["10"], kinds["1"]) == facts[version], f"strides of {version}", kinds)
    real = os.path.join(cuda, "lib64", "libcupti.so.13") if cuda else ""
    if not os.path.exists(real):
        tap.skip("strides and names equal the real libcupti's", "no libcupti.so.13")
        return
    own_kinds, own_names = strides(rig, os.path.join(rig.build, "lib-13.0", "libcupti.so.13"))
    real_kinds, real_names = strides(rig, real)
    tap.check(own_kinds == real_kinds, "strides equal the real libcupti's",
              set(own_kinds.items()) ^ set(real_kinds.items()))
    tap.check(own_names.items() <= real_names.items(), "callback names equal the real libcupti's",
              own_names.items() - real_names.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/rig")
    parser.add_argument("--cuda", default="")
    options = parser.parse_args()
    tap, rig = Tap(), Rig(os.path.abspath(options.build))
    test_dump(tap, rig)
    test_truth(tap, rig)
    test_layouts(tap, rig, options.cuda)
    test_delivery(tap, rig)
    test_threads(tap, rig)
    test_ranges(tap, rig)
    test_profiler(tap, rig)
    test_faults(tap, rig)
    test_endings(tap, rig)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
