#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The whole road (TAP): scenarios of the rig, captured by the real libtrace.so, analysed by laggard: every number
of the report is compared with what the scenario says, to the nanosecond."""

import json
import os
import subprocess
import sys
import tempfile

import guest
from guest import Result, Tap, environment

REPORT_CHECK = os.path.join(guest.ROOT, 'tests', 'rig', 'report_check.py')
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')


def capture(scenario, version, folder):
    result = Result([guest.RIG_RUN, '--cupti', version, scenario, '--quiet'], folder,
                    environment(True, True, LAGGARD_OUTPUT=folder, RIG_STRICT='1'))
    return '' if result.status == 0 and not result.err else result.text()


def analyze(folder, report, *options):
    result = Result([LAGGARD, 'analyze', '--format', 'json', '-o', report, *options, folder], folder,
                    environment(False, True))
    return '' if result.status == 0 and not result.err else result.text()


def check_scenario(tap, name, version):
    scenario = os.path.join(guest.SCENARIOS, name + '.scn')
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        report = os.path.join(other, 'report.json')
        problems = capture(scenario, version, folder) or analyze(folder, report, '--window', 'all')
        if not problems:
            done = subprocess.run([sys.executable, REPORT_CHECK, scenario, report], text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            problems = '' if done.returncode == 0 else done.stdout
        tap.check(not problems, f'{name}, CUPTI {version}: every number of the report', problems)
        if not problems and name == 'ddp4':
            check_halves(tap, folder, report)


def parts(report):
    with open(report, encoding='utf-8') as file:
        return {(gpu['rank'], gpu['device']): gpu for gpu in json.load(file)['gpus']}


def check_halves(tap, folder, report):
    """Two windows that meet hold together what one window over both holds."""
    names = ('window_ns', 'compute_ns', 'comm_ns', 'copy_ns', 'idle_ns', 'compute_union_ns', 'comm_union_ns',
             'copy_union_ns', 'comm_compute_overlap_ns')
    last = max(gpu['window_start_ns'] + gpu['window_ns'] for gpu in parts(report).values())
    end = last - min(gpu['window_start_ns'] for gpu in parts(report).values())
    found = []
    for window in (f'0..{end}', f'0..{end // 3}', f'{end // 3}..{end}'):
        problems = analyze(folder, report, '--window', window)
        if problems:
            tap.check(False, 'a window', problems)
            return
        found.append(parts(report))
    for place, whole in sorted(found[0].items()):
        sums = {name: found[1][place][name] + found[2][place][name] for name in names}
        tap.equal(sums, {name: whole[name] for name in names}, f'rank {place[0]}: windows that meet')


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all(f'no {guest.RIG_RUN}')
    tap = Tap()
    for name in ('tiny', 'edge', 'single4', 'balanced4', 'ddp4'):
        for version in guest.VERSIONS if name == 'tiny' else ('11.8', '13.0') if name == 'ddp4' else ('13.0',):
            check_scenario(tap, name, version)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
