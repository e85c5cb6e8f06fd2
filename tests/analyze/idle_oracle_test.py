#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The causes of idle time and of the time without compute (TAP): `laggard analyze` against idle_oracle.py, on
scenarios of the rig captured by libtrace.so, on the real traces and on random ones. ORACLE_TRACES says how many of
those, ORACLE_SEED from where."""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, '..', 'host')]

import guest
import idle_oracle
import random_trace

TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return '' if done.returncode == 0 else f'{command}: status {done.returncode}: {done.stderr}'


def differences(paths, window):
    """Of a report over trace databases; what went wrong counts as one."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'report.json')
        problem = run(LAGGARD, 'analyze', '--format', 'json', '--window', window, '-o', file, *paths)
        if problem:
            return [problem]
        with open(file, encoding='utf-8') as opened:
            report = json.load(opened)
    return idle_oracle.compare(report, [trace['path'] for trace in report['traces']])


def check(tap, name, paths, windows=('all', 'steady')):
    found = [difference for window in windows for difference in differences(paths, window)]
    tap.check(paths and not found, name, '\n'.join(found) if paths else 'no trace')


def check_scenarios(tap):
    for name in ('tiny', 'edge', 'single4', 'balanced4', 'ddp4'):
        what = f'{name}: causes as the oracle finds them'
        if not (os.path.exists(guest.RIG_RUN) and os.path.exists(guest.LIBRARY)):
            tap.skip(what, f'no {guest.RIG_RUN}')
            continue
        with tempfile.TemporaryDirectory() as folder:
            scenario = os.path.join(guest.SCENARIOS, name + '.scn')
            result = guest.Result([guest.RIG_RUN, '--cupti', '13.0', scenario, '--quiet'], folder,
                                  guest.environment(True, True, LAGGARD_OUTPUT=folder, RIG_STRICT='1'))
            if result.status != 0:
                tap.check(False, what, result.text())
                continue
            check(tap, what, sorted(glob.glob(os.path.join(folder, '*.db'))))


def check_real(tap):
    files = [path for path in sorted(glob.glob(os.path.join(TRACES, '*')))
             if path.endswith(('.json', '.json.gz', '.sqlite'))]
    if not files:
        tap.skip('real traces: causes as the oracle finds them', f'no traces at {TRACES}')
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            name = os.path.basename(path)
            into = os.path.join(folder, name)
            problem = run(LAGGARD, 'import', path, '-o', into)
            if problem:
                tap.check(False, name, problem)
                continue
            check(tap, f'{name}: causes as the oracle finds them', sorted(glob.glob(os.path.join(into, '*.db'))))
        check(tap, 'dlrm ranks together: causes as the oracle finds them',
              sorted(glob.glob(os.path.join(folder, 'dlrm*', '*.db'))))


def check_random(tap):
    first, count = int(os.environ.get('ORACLE_SEED', '1')), int(os.environ.get('ORACLE_TRACES', '100'))
    schema, found = random_trace.schema(LAGGARD), []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            path = os.path.join(folder, f'{seed}.db')
            random_trace.make(path, seed, schema)
            for window in ('all', 'steady'):
                found += [f'seed {seed}, {window}: {difference}' for difference in differences([path], window)]
            os.unlink(path)
    tap.check(not found, f'{count} random traces: causes as the oracle finds them', '\n'.join(found))


def main():
    tap = guest.Tap()
    check_scenarios(tap)
    check_random(tap)
    check_real(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
