#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `laggard analyze --format json` says about traces of the rig, against the oracle. TAP on stdout.

    report_check.py SCENARIO REPORT [--epoch NS]

Every number of a GPU, its transfers and the balance must be exact. Without --epoch the common offset of all
times is taken from the first GPU.
"""

import argparse
import fractions
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from trace_check import Tap, truth_of  # noqa: E402

SAME = ("window_ns", "compute_ns", "comm_ns", "copy_ns", "idle_ns", "compute_union_ns", "comm_union_ns",
        "copy_union_ns", "comm_compute_overlap_ns", "kernels", "comm_kernels", "memcpys", "memsets", "copies")


def unit_expected(unit):
    expected = {name: unit[name] for name in SAME}
    expected["streams"] = len(unit["streams"])
    expected["transfers"] = {
        (row["direction"], row["source_memory"].lower(), row["destination_memory"].lower()):
        {"count": row["count"], "bytes": row["bytes"], "sum_ns": row["sum_ns"], "busy_ns": row["union_ns"]}
        for row in unit["transfers"]}
    return expected


def unit_got(report, gpu):
    got = {name: gpu[name] for name in SAME + ("streams",)}
    got["transfers"] = {
        (row["direction"], row["source_memory"].lower(), row["destination_memory"].lower()):
        {name: row[name] for name in ("count", "bytes", "sum_ns", "busy_ns")}
        for row in report["transfers"] if row["gpu"] == gpu["gpu"]}
    return got


def differences(got, expected):
    return [f"{name}: got {got[name]}, want {expected[name]}" for name in expected if got[name] != expected[name]]


def balance_check(tap, balance, computes):
    if len(computes) < 2 or not sum(computes):
        tap.check(balance["lambda"] is None, "no balance of less than two GPUs with work", balance)
        return
    mean = fractions.Fraction(sum(computes), len(computes))
    variance = sum((one - mean) ** 2 for one in computes) / len(computes)
    wanted = float(max(computes) / mean - 1), float(variance) ** 0.5 / float(mean)
    tap.check(abs(balance["lambda"] - wanted[0]) < 1e-9 and abs(balance["cov"] - wanted[1]) < 1e-9,
              "balance", f"got {balance}, want {wanted}")


def report_check(tap, report, truth, epoch):
    # A GPU without any work is in no report.
    units = [unit for unit in truth["units"] if unit["kernels"] + unit["copies"] > 0]
    gpus = {(gpu["rank"] if truth["processes"] > 1 else 0, gpu["device"]): gpu for gpu in report["gpus"]}
    places = {(unit["process"], unit["device"]): unit for unit in units}
    tap.check(len(report["gpus"]) == len(units) and set(gpus) == set(places), "the GPUs of the scenario",
              f"got {sorted(gpus)}, want {sorted(places)}")
    for place in sorted(set(gpus) & set(places)):
        gpu, unit = gpus[place], places[place]
        epoch = gpu["window_start_ns"] - unit["window_start_ns"] if epoch is None else epoch
        problems = differences(unit_got(report, gpu), unit_expected(unit))
        problems += differences(gpu, {"window_start_ns": unit["window_start_ns"] + epoch})
        if gpu["compute_ns"] + gpu["comm_ns"] + gpu["copy_ns"] + gpu["idle_ns"] != gpu["window_ns"]:
            problems.append("the four parts do not sum to the window")
        tap.check(not problems, f"rank {place[0]}, device {place[1]}: every number", "\n".join(problems))
    balance_check(tap, report["balance"], [unit["compute_ns"] for unit in units])


def main():
    parser = argparse.ArgumentParser(description="a report about the rig against its oracle")
    parser.add_argument("scenario")
    parser.add_argument("report")
    parser.add_argument("--epoch", type=int)
    options = parser.parse_args()
    with open(options.report, encoding="utf-8") as file:
        report = json.load(file)
    tap = Tap()
    report_check(tap, report, json.loads(truth_of(options.scenario)), options.epoch)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
