#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ways to train in parallel other than plain data parallel (TAP): who is late must be found there too, and what it
costs must be counted once, for the GPUs that wait. Also folders as people have them: a file twice, two jobs.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
for beside in ('host', 'faults'):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), beside))

import faults_test  # noqa: E402
from convert_traces import Capture, convert  # noqa: E402
from dialects_test import report_of  # noqa: E402
from faults_test import Run, accused  # noqa: E402
from guest import LIBRARY, SCENARIOS, Tap  # noqa: E402

# scenario: rank, GPUs that wait, tolerance in permille; no rank: nobody is accused
CASES = {
    'two-d': (3, 4, 20), 'two-d-balanced': (None, 0, 0),
    # An on-time rank would also hide the first gather behind compute, which no arrival shows.
    'fsdp': (1, 4, 60), 'fsdp-balanced': (None, 0, 0),
    'accumulation': (2, 4, 10), 'idle-rank': (1, 3, 10), 'broadcast': (None, 0, 0),
}


def path_of(name):
    return os.path.join(SCENARIOS, 'parallel', name + '.scn')


def culprit_problem(report, rank, waiting, per_step_ns, permille):
    first = report['findings'][0] if report['findings'] else {}
    if report['stragglers']['verdict'] != 'culprit' or report['stragglers']['set'] != [rank]:
        return f'{report["stragglers"]}, want rank {rank}'
    if first.get('id') != 'host-late' or first.get('rank') != rank:
        return f'first finding {first}'
    if abs(first['per_step_ns'] - per_step_ns) * 1000 > per_step_ns * permille:
        return f'{first["per_step_ns"]} ns a step, want {per_step_ns}'
    counted = round(first['gpu_ns'] / (first['per_step_ns'] * report['steps']['used']))
    return '' if waiting in (None, counted) else f'counted for {counted} GPUs, want {waiting}'


def case_problem(name, report):
    rank, waiting, permille = CASES[name]
    if rank is None:
        found = accused(report)
        return f'accused: {found}' if found or report['stragglers']['verdict'] not in ('none', 'unknown') else ''
    truth = faults_test.truth_of(os.path.join('..', 'parallel', name))
    return culprit_problem(report, rank, waiting, truth['per_step_ns'], permille)


def traces_of(run):
    return sorted(glob.glob(os.path.join(run.traces, '*.trace.db')))


def check_two_d(tap, run):
    """Rank 2 is late at the outer barrier only because it waited for rank 3 at the inner one."""
    report, refused = report_of(run.traces)
    blame = {} if refused else {entry['rank']: entry for entry in report['blame']}
    tap.check(blame and blame[2]['passed_to_gpu'] == blame[3]['gpu'] and blame[3]['passed_to_gpu'] is None,
              'two-d: what rank 2 passes on ends at rank 3', refused or blame)
    with tempfile.TemporaryDirectory() as folder:
        convert('kineto-2022', [Capture(path) for path in traces_of(run)], folder)
        got, refused = report_of(folder)
        truth = faults_test.truth_of('../parallel/two-d')
        wrong = refused or culprit_problem(got, 3, None, truth['per_step_ns'], 50)
        tap.check(not wrong, 'two-d without the names of communicators: rank 3 all the same', wrong)


def analyze(*paths):
    return subprocess.run([faults_test.LAGGARD, 'analyze', '--format', 'json', *paths], check=False,
                          stdout=subprocess.PIPE)


def check_folders(tap):
    late, quiet = (Run(faults_test.scenario_path(name)) for name in ('late-host', 'balanced-ddp'))
    truth = faults_test.truth_of('late-host')
    with late, quiet, tempfile.TemporaryDirectory() as folder:
        for path in traces_of(late):
            shutil.copy(path, folder)
        shutil.copy(late.trace_of(2), os.path.join(folder, 'again.trace.db'))
        report, refused = report_of(folder)
        wrong = refused or culprit_problem(report, 2, 4, truth['per_step_ns'], 10)
        tap.check(not wrong, 'the late rank twice in a folder: one culprit', wrong)
        os.remove(os.path.join(folder, 'again.trace.db'))
        alone = analyze(folder)
        named = sorted(glob.glob(os.path.join(folder, '*.db')))
        among = analyze(*named)
        tap.check('laggard-analysis.db' in map(os.path.basename, named) and among.returncode == 0 and
                  among.stdout == alone.stdout, 'traces named one by one, the analysis among them', named)
        os.remove(os.path.join(folder, 'laggard-analysis.db'))
        for path in traces_of(quiet):
            shutil.copy(path, folder)
        report, refused = report_of(folder)
        wrong = refused or culprit_problem(report, 2, 4, truth['per_step_ns'], 10)
        tap.check(not wrong, 'two jobs in a folder: the culprit of one, counted for its GPUs', wrong)


def main():
    tap = Tap()
    if not os.path.exists(LIBRARY):
        tap.skip('other ways to train in parallel', 'libtrace.so is not built')
        return tap.end()
    for name in CASES:
        with Run(path_of(name)) as run:
            report, refused = report_of(run.traces)
            wrong = run.problems() or refused or case_problem(name, report)
            tap.check(not wrong, f'{name}: ' + ('nobody is accused' if CASES[name][0] is None else 'who, and how much'),
                      wrong)
            if name == 'two-d':
                check_two_d(tap, run)
    check_folders(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
