#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trace databases that libtrace wrote under the rig, against the oracle. TAP on stdout.

    trace_check.py SCENARIO FOLDER [--epoch NS] [--skip-api NAME,NAME] [--nccl v5] [--loss]

Every row is compared with its exact time, name, place and size, a process at a time (by the trace's rank).
Without --epoch the common offset is taken from the first kernel of the first rank and must hold for all.
--skip-api: calls that the tracer was told not to store (its default list of noise). --nccl: the newest plugin
ABI of the run. --loss: lost records are allowed; rows may be missing but none
may be wrong, and the loss table must account for them.
"""

import argparse
import collections
import glob
import json
import os
import sqlite3
import subprocess
import sys

NOISE = ("cudaGetDevice,cudaGetLastError,cudaPeekAtLastError,cudaStreamIsCapturing,cudaStreamGetCaptureInfo,"
         "cuKernelGetAttribute,cuDevicePrimaryCtxGetState,cuCtxGetCurrent")
BYTES_RULE = {"AllGather": "ncclInt8", "Broadcast": "ncclInt8"}
HERE = os.path.dirname(os.path.abspath(__file__))


class Tap:
    def __init__(self):
        self.number, self.failed = 0, 0

    def check(self, passes, name, detail=""):
        self.number += 1
        self.failed += not passes
        print(("ok" if passes else "not ok"), self.number, "-", name)
        for line in (str(detail).splitlines()[:12] if not passes else ()):
            print("#   " + line[:300])


def truth_of(scenario, *options):
    done = subprocess.run([sys.executable, os.path.join(HERE, "truth.py"), scenario, *options], check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8", "surrogateescape")


def operations_of(scenario, process):
    return [json.loads(line) for line in truth_of(scenario, "--dump", "--process",
                                                  str(process)).split("\n") if line]


class Trace:
    """One database; times are absolute."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.facts = self.rows("SELECT * FROM trace")[0]
        self.epoch = self.facts["epoch_ns"]
        self.strings = {row["string_id"]: row["value"] for row in self.rows("SELECT * FROM string")}
        self.strings[0] = ""
        self.streams = {row["stream_id"]: row for row in self.rows("SELECT * FROM stream")}

    def rows(self, query):
        return self.db.execute(query).fetchall()

    def has(self, table):
        return bool(self.rows(f"SELECT 1 FROM sqlite_master WHERE name = '{table}'"))

    def place(self, stream_id):
        row = self.streams[stream_id]
        return row["device_id"], row["number"]


def difference(got, expected, lossy):
    missing, surplus = expected - got, got - expected
    wrong = surplus if lossy else missing + surplus
    if not wrong:
        return ""
    return (f"missing {sum(missing.values())}: {list(missing)[:3]}\n"
            f"surplus {sum(surplus.values())}: {list(surplus)[:3]}")


def gpu_rows(trace, offset):
    kernels, copies, sets = collections.Counter(), collections.Counter(), collections.Counter()
    symbols = {row["kernel_id"]: row for row in trace.rows("SELECT * FROM kernel_symbol")}
    shift = trace.epoch - offset
    for row in trace.rows("SELECT * FROM kernel"):
        symbol = symbols[row["kernel_id"]]
        kernels[row["start_ns"] + shift, row["duration_ns"], trace.strings[symbol["name_id"]],
                *trace.place(row["stream_id"]), symbol["grid_x"], symbol["grid_y"], symbol["grid_z"],
                symbol["block_x"]] += 1
    for row in trace.rows("SELECT * FROM memcpy"):
        peer = (row["source_device_id"], row["destination_device_id"]) if row["direction"] == 10 else None
        copies[row["start_ns"] + shift, row["duration_ns"], row["direction"], row["source_memory"],
               row["destination_memory"], row["bytes"], *trace.place(row["stream_id"]), peer] += 1
    for row in trace.rows("SELECT * FROM memset"):
        sets[row["start_ns"] + shift, row["duration_ns"], row["value"], row["bytes"],
             *trace.place(row["stream_id"])] += 1
    return kernels, copies, sets


def gpu_expected(ops, per_process):
    kernels, copies, sets = collections.Counter(), collections.Counter(), collections.Counter()
    for op in ops:
        if op["op"] not in ("kernel", "copy", "peer", "memset"):
            continue
        head = (op["start"], op["end"] - op["start"])
        place = (op["unit"] % per_process, op["stream"])
        if op["op"] == "kernel":
            kernels[(*head, op["name"], *place, *op["grid"], op["block"][0])] += 1
        elif op["op"] == "copy":
            copies[(*head, op["dir"], op["src"], op["dst"], op["bytes"], *place, None)] += 1
        elif op["op"] == "peer":
            copies[(*head, 10, 3, 3, op["bytes"], *place, (op["from"], op["to"]))] += 1
        else:
            sets[(*head, op["value"], op["bytes"], *place)] += 1
    return kernels, copies, sets


def base_name(name):
    head, _, tail = name.rpartition("_v")
    return head if tail.isdigit() and len(tail) > 1 else name


def api_rows(trace, offset):
    return collections.Counter(
        (row["start_ns"] + trace.epoch - offset, row["duration_ns"],
         base_name(trace.strings[row["name_id"]]), row["api"])
        for row in trace.rows("SELECT * FROM api_call"))


def api_expected(ops, skipped):
    return collections.Counter((op["start"], op["end"] - op["start"], op["name"], op["domain"])
                               for op in ops if op["op"] == "api" and op["name"] not in skipped)


def joins(trace, ops):
    """Kernels and copies reach their call by correlation, with the right name."""
    names = {row["correlation_id"]: base_name(trace.strings[row["name_id"]])
             for row in trace.rows("SELECT * FROM api_call")}
    call_of = {op["corr"]: op["name"] for op in ops if op["op"] == "api"}
    got, expected = collections.Counter(), collections.Counter()
    for table, kind in (("kernel", ("kernel",)), ("memcpy", ("copy", "peer")), ("memset", ("memset",))):
        for row in trace.rows(f"SELECT correlation_id FROM {table}"):
            got[table, names.get(row["correlation_id"])] += 1
        for op in ops:
            if op["op"] in kind:
                expected[table, call_of.get(op["corr"])] += 1
    return got, expected


def sync_rows(trace, offset, ops):
    got = collections.Counter((row["start_ns"] + trace.epoch - offset, row["duration_ns"], row["kind"])
                              for row in trace.rows("SELECT * FROM synchronization"))
    expected = collections.Counter((op["start"], op["end"] - op["start"],
                                    op["type"]) for op in ops if op["op"] == "sync")
    return got, expected


def range_rows(trace, offset, truth):
    shift = trace.epoch - offset
    got = collections.Counter((row["start_ns"] + shift, row["duration_ns"], trace.strings[row["name_id"]],
                               trace.strings[row["domain_id"]])
                              for row in trace.rows("SELECT * FROM range WHERE is_open = 0"))
    expected = collections.Counter((row["start_ns"], row["duration_ns"], row["name"] or "",
                                    row["domain"] or "")
                                   for row in truth["ranges"])
    marks = collections.Counter((row["time_ns"] + shift, trace.strings[row["name_id"]])
                                for row in trace.rows("SELECT * FROM mark"))
    marks_expected = collections.Counter((row["start_ns"], row["name"] or "") for row in truth["marks"])
    still_open = sorted(trace.strings[row["name_id"]]
                        for row in trace.rows("SELECT * FROM range WHERE is_open = 1"))
    return got, expected, marks, marks_expected, still_open


def collective_rows(trace):
    return collections.Counter((trace.strings[row["operation_id"]], row["bytes"])
                               for row in trace.rows("SELECT * FROM collective"))


def collective_expected(ops):
    out = collections.Counter()
    for op in ops:
        if op["op"] == "coll":
            for name in (("Send", "Recv") if op["name"] == "SendRecv" else (op["name"],) * op["fused"]):
                out[name, op["bytes"]] += 1
    return out


def nccl_joined(trace, ops):
    """Plugin events that reach exactly the kernel that ran them."""
    calls = {row["external_id"]: row["correlation_id"]
             for row in trace.rows("SELECT * FROM external_correlation")}
    kernels = {row["correlation_id"] for row in trace.rows("SELECT correlation_id FROM kernel")}
    rows = trace.rows("SELECT * FROM collective WHERE witness = 2")
    return sum(calls.get(row["external_id"]) in kernels for row in rows), len(rows)


def process_check(tap, trace, scenario, truth, offset, options):
    rank = trace.facts["rank"] if truth["processes"] > 1 else 0
    ops = operations_of(scenario, rank)
    here = f"rank {rank}"
    per_process = truth["gpus"] // truth["processes"]
    for name, got, expected in zip(("kernels", "copies", "memsets"), gpu_rows(trace, offset),
                                   gpu_expected(ops, per_process)):
        problem = difference(got, expected, options.loss)
        tap.check(not problem, f"{here}: {sum(expected.values())} {name}", problem)
    skipped = set(options.skip_api.split(","))
    problem = difference(api_rows(trace, offset), api_expected(ops, skipped), options.loss)
    tap.check(not problem, f"{here}: API calls", problem)
    got, expected = joins(trace, ops)
    if options.loss:  # the call itself may be lost
        got = collections.Counter({key: count for key, count in got.items() if key[1]})
    problem = difference(got, expected, options.loss)
    tap.check(not problem, f"{here}: GPU work joins its calls", problem)
    problem = difference(*sync_rows(trace, offset, ops), options.loss)
    tap.check(not problem, f"{here}: synchronization", problem)
    got, expected, marks, marks_expected, still_open = range_rows(trace, offset, truth["process"][rank])
    problem = difference(got, expected, False)
    tap.check(not problem, f"{here}: {sum(expected.values())} ranges", problem)
    tap.check(still_open == truth["process"][rank]["open_ranges"], f"{here}: open ranges", still_open)
    problem = difference(marks, marks_expected, False)
    tap.check(not problem, f"{here}: {sum(marks_expected.values())} marks", problem)
    problem = difference(collective_rows(trace), collective_expected(ops), False)
    tap.check(not problem, f"{here}: every collective is one row", problem)
    if int(options.nccl.lstrip("v")) >= 5 and not options.loss:
        joined, count = nccl_joined(trace, ops)
        tap.check(joined == count, f"{here}: {count} plugin events join their kernel", f"{joined} of {count}")
    lost = sum(row["count"] for row in trace.rows("SELECT * FROM loss"))
    unmatched = truth["process"][rank]["unmatched_pops"]
    tap.check(lost > 0 if options.loss else lost == unmatched,
              f"{here}: the loss table counts {'what is missing' if options.loss else unmatched}",
              [tuple(row) for row in trace.rows("SELECT * FROM loss")])


def offset_find(traces, scenario, truth):
    first = min(traces, key=lambda trace: trace.facts["rank"])
    ops = operations_of(scenario, first.facts["rank"] if truth["processes"] > 1 else 0)
    kernels = [op["start"] for op in ops if op["op"] == "kernel"]
    stored = first.rows("SELECT MIN(start_ns) AS first FROM kernel")[0]["first"]
    return first.epoch + (stored or 0) - min(kernels, default=0)


def main():
    parser = argparse.ArgumentParser(description="trace databases of the rig against its oracle")
    parser.add_argument("scenario")
    parser.add_argument("folder")
    parser.add_argument("--epoch", type=int)
    parser.add_argument("--skip-api", default=NOISE)
    parser.add_argument("--nccl", default=os.environ.get("RIG_NCCL", "v5"))
    parser.add_argument("--loss", action="store_true")
    options = parser.parse_args()
    tap = Tap()
    truth = json.loads(truth_of(options.scenario, "--ranges"))
    traces = [Trace(path) for path in sorted(glob.glob(os.path.join(options.folder, "*.db")))]
    traces = [trace for trace in traces if trace.has("kernel")]
    ranks = sorted(trace.facts["rank"] for trace in traces)
    tap.check(len(traces) == truth["processes"] and (len(ranks) == 1 or ranks == list(range(len(ranks)))),
              "one database a process", ranks)
    if traces:
        offset = options.epoch if options.epoch is not None else offset_find(traces, options.scenario, truth)
        for trace in traces:
            process_check(tap, trace, options.scenario, truth, offset, options)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
