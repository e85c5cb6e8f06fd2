#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls that fail (TAP): each allocation and each call on files that libtrace.so and its SQLite make fails
once, and all from one on. The program does what it does without libtrace; the trace is sound if there is one;
and either it is complete, or the reason stands in it or in one line.

    fault_test.py [all]         default: some of the places (make check); make check-faults-guest: all
"""

import collections
import concurrent.futures
import glob
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import guest
from guest import Result, Tap, environment

LIFE = os.path.join(guest.BUILD, 'tests', 'host', 'life')
FAULTER = os.path.join(guest.BUILD, 'tests', 'host', 'faulter.so')
RANGES = 1000
PLACES = 14
SECONDS_MAX = 60


class Run:
    def __init__(self, kind, at, lasts=False):
        self.at, self.lasts = at, lasts
        self.folder = tempfile.mkdtemp()
        traces = os.path.join(self.folder, 'traces')
        count = os.path.join(self.folder, 'count')
        variables = environment(True, True, **{
            'LD_PRELOAD': f'{FAULTER}:{guest.LIBRARY}', 'LAGGARD_OUTPUT': traces, 'FAULT_KIND': kind, 'FAULT_AT': at,
            'FAULT_COUNT': count, 'LIFE_DRIVER': os.path.join(guest.RIG, 'lib-13.0', 'libcuda.so.1'),
            'LAGGARD_CUPTI': os.path.join(guest.RIG, 'lib-13.0', 'libcupti.so.13'), 'RIG_STRICT': '1',
            'LAGGARD_EXIT_TIMEOUT_MS': '20000', 'LAGGARD_FLUSH_MS': '20', 'LAGGARD_COMMIT_MS': '20',
            'RIG_SCENARIO': os.path.join(guest.SCENARIOS, 'tiny.scn')}, **({'FAULT_LASTS': '1'} if lasts else {}))
        try:
            self.result = Result([LIFE, 'short'], self.folder, variables, timeout=SECONDS_MAX)
            self.problem = self.judge(glob.glob(os.path.join(traces, '*')))
        except subprocess.TimeoutExpired:
            self.result, self.problem = None, f'hangs for {SECONDS_MAX} s'
        self.calls = int(open(count, encoding='ascii').read()) if os.path.exists(count) else 0
        shutil.rmtree(self.folder)

    def judge(self, files):
        """'' if all is well."""
        said = self.result.lines()
        if (self.result.status, self.result.out) != (0, f'ranges {RANGES}\n'):
            return 'the program is disturbed: ' + self.result.text()
        if len(said) > 1 or len(self.result.err.splitlines()) != len(said):
            return 'more than one line: ' + self.result.text()
        databases = [path for path in files if path.endswith('.db')]
        ranges, loss = 0, []
        try:
            for path in databases:
                db = sqlite3.connect(path)
                integrity = db.execute('PRAGMA integrity_check').fetchone()[0]
                if integrity != 'ok':
                    return f'{integrity}: {self.result.text()}'
                if db.execute("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'loss'").fetchone()[0]:
                    ranges = db.execute('SELECT COUNT(*) FROM range').fetchone()[0]
                    loss = db.execute("SELECT source, reason, count FROM loss WHERE source <> 'nvml'").fetchall()
                db.close()
        except sqlite3.Error as error:
            return f'{error}: {self.result.text()}'
        if said or loss or ranges == RANGES:
            return ''
        return f'silent loss: {ranges} of {RANGES} ranges; {files}'


def check(tap, kind, lasts, is_all):
    count = Run(kind, 0).calls
    step = 1 if is_all else max(1, count // PLACES)
    # The first calls are where things begin; after them every one, or some.
    numbers = sorted({*range(1, min(count, 8) + 1), *range(1, count + 1, step)})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda at: Run(kind, at, lasts), numbers))
    bad = [run for run in runs if run.problem]
    quiet = collections.Counter(bool(run.result and run.result.lines()) for run in runs)
    name = f'{kind}: ' + ('all calls fail from one on' if lasts else 'one call fails')
    print(f'# {name}: {len(numbers)} of {count} places; {quiet[True]} said a line, {quiet[False]} did without')
    tap.check(count > 20 and not bad, name + ', and the program comes to no harm',
              '\n'.join(f'at {run.at}: {run.problem}' for run in bad[:8]))


def main():
    guest.require_library()
    if guest.RUNTIME:
        guest.skip_all('a sanitizer has allocations of its own')
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    for kind in ('memory', 'files'):
        for lasts in (False, True):
            check(tap, kind, lasts, sys.argv[1:] == ['all'])
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
