#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same run, told by other profilers, gets the same answer (TAP).

Each scenario is captured by libtrace.so and analysed, then converted to what PyTorch's profiler and Nsight Systems
would have written of it (convert_traces.py) and analysed again: verdict, the GPUs named, first finding and its
milliseconds must be those of the capture, or the weaker ones that WEAKER allows because the dialect lacks the evidence.
"""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
for beside in ('host', 'faults'):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), beside))

from convert_traces import DIALECTS, Capture, convert  # noqa: E402
from faults_test import Run, accused, scenario_path  # noqa: E402
from guest import LIBRARY, Result, Tap, environment  # noqa: E402
import faults_test  # noqa: E402
import glob  # noqa: E402
import json  # noqa: E402

MAIN = ('kineto', 'kineto-2022', 'nsys-together')
SCENARIOS = {
    'late-host': tuple(DIALECTS), 'balanced-ddp': tuple(DIALECTS), 'co-culprits': tuple(DIALECTS),
    'gpu-slow': MAIN, 'data-one-rank': MAIN, 'data-all-ranks': MAIN, 'rotating-straggler': MAIN, 'pause': MAIN,
    'host-sync': MAIN, 'launch-bound': MAIN, 'pcie-link': MAIN,
}
# No dialect holds what the PCIe link of a GPU was: its copies are slow, and that is all.
WEAKER = {'pcie-link': 'slow-copies'}
TOLERANCE_PERMILLE = {'kineto-2022': 50}
# Whole microseconds cut half of one off each kernel: a seventh of one that takes 4 us.
TOLERANCES_PERMILLE = {('kineto-2022', 'launch-bound'): 120}


def report_of(folder):
    done = Result([faults_test.LAGGARD, 'analyze', '--database', 'none', '--format', 'json', folder], folder,
                  environment(False, True))
    return (json.loads(done.out), '') if done.status == 0 and not done.err else (None, done.text())


def answer(report):
    """What is compared, by GPU: not every dialect knows ranks."""
    findings = report['findings']
    first = findings[0] if findings else {}
    return {'verdict': report['stragglers']['verdict'], 'first': first.get('id'), 'gpu': first.get('gpu'),
            'set': len(report['stragglers'].get('set') or [])}


def is_rank_said(report):
    """Is each rank named a rank, where ranks are known?"""
    known = {gpu['rank'] for gpu in report['gpus']} - {None}
    named = {rank for rank in report['stragglers'].get('set') or [] if rank is not None}
    return named <= known and '-1' not in ' '.join(finding['text'] for finding in report['findings'])


def problem(name, dialect, want, got):
    expected = answer(want)
    if name in WEAKER:
        expected['first'] = WEAKER[name]
    if answer(got) != expected:
        return f'got  {answer(got)}\nwant {expected}'
    if not is_rank_said(got):
        return f'ranks that are none: {got["stragglers"]}, {[finding["text"] for finding in got["findings"]]}'
    known = all(gpu['rank'] is not None for gpu in got['gpus'])
    if known and got['stragglers'].get('set') != want['stragglers'].get('set'):
        return f'ranks {got["stragglers"].get("set")}, want {want["stragglers"].get("set")}'
    if name == 'balanced-ddp' and accused(got):
        return f'accused: {accused(got)}'
    before, after = (report['findings'][0].get('per_step_ns') or 0 for report in (want, got))
    tolerance = TOLERANCES_PERMILLE.get((dialect, name), TOLERANCE_PERMILLE.get(dialect, 20))
    if abs(after - before) * 1000 > before * tolerance:
        return f'{after} ns a step, want {before}'
    return ''


def check_scenario(tap, name, dialects):
    with Run(scenario_path(name)) as run:
        want, refused = run.report()
        if run.problems() or refused:
            tap.check(False, f'{name}: captured and analysed', run.problems() + refused)
            return
        captures = [Capture(path) for path in sorted(glob.glob(os.path.join(run.traces, '*.trace.db')))]
        for dialect in dialects:
            with tempfile.TemporaryDirectory() as folder:
                convert(dialect, captures, folder)
                got, refused = report_of(folder)
                wrong = refused or problem(name, dialect, want, got)
            tap.check(not wrong, f'{name}: {dialect} says the same', wrong)


def main():
    tap = Tap()
    if not os.path.exists(LIBRARY):
        tap.skip('traces of other profilers', 'libtrace.so is not built')
        return tap.end()
    for name, dialects in SCENARIOS.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            check_scenario(tap, name, dialects)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
