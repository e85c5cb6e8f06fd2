#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each CUPTI function fails once (TAP), at its first, its second, ... and its last call: the program's
output and exit status stay what they are without libtrace.so, nothing hangs, and either every row is there
all the same, or a reason stands in the table loss or in one line on stderr."""

import concurrent.futures
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import guest
from guest import Result, Tap, environment

# NOT_INITIALIZED, and what no table of ours knows.
CODES = (15, 999)
# Functions called hundreds of times with the same meaning: the calls that differ are tried.
CALLS_MAX = 16
SECONDS_MAX = 30
COUNTED = ('kernel', 'memcpy', 'memset', 'api_call', 'synchronization', 'cuda_event', 'allocation', 'range',
           'collective', 'external_correlation', 'device', 'context', 'stream', 'thread')
SCENARIO = os.path.join(guest.SCENARIOS, 'tiny.scn')


class Run:
    """Rank 0 of a scenario; what it wrote is read at once and the folder removed."""

    def __init__(self, is_guest=True, version='13.0', **settings):
        folder = tempfile.mkdtemp()
        self.calls = {}
        try:
            listed = os.path.join(folder, 'calls')
            variables = environment(is_guest, True, LAGGARD_OUTPUT=os.path.join(folder, 'trace.db'),
                                    RIG_CALLS=listed, RIG_CUPTI_SONAME=soname(version),
                                    LD_LIBRARY_PATH=os.path.join(guest.RIG, 'lib-' + version),
                                    LAGGARD_EXIT_TIMEOUT_MS='5000', LAGGARD_NVML='off', **settings)
            self.result = Result([guest.RIG_TRAIN, SCENARIO, '--rank', '0'], folder, variables, SECONDS_MAX)
            if os.path.exists(listed):
                with open(listed, encoding='ascii') as file:
                    self.calls = {name: int(count) for name, count in map(str.split, file)}
            self.rows, self.loss = read(os.path.join(folder, 'trace.db'))
        finally:
            shutil.rmtree(folder)


def soname(version):
    return {'11.8': 'libcupti.so.11.8', '12.4': 'libcupti.so.12'}.get(version, 'libcupti.so.13')


def read(path):
    if not os.path.exists(path):
        return {}, []
    db = sqlite3.connect(path)
    try:
        rows = {table: db.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0] for table in COUNTED}
        rows['threads of calls and ranges'] = db.execute(
            'SELECT COUNT(*) FROM (SELECT thread_id FROM api_call UNION SELECT thread_id FROM range)'
        ).fetchone()[0]
        return rows, db.execute('SELECT source, reason, count FROM loss').fetchall()
    finally:
        db.close()


def numbers(count):
    """Which calls of `count` fail: all, or the first few, some of the middle, and the last ones."""
    if count <= CALLS_MAX:
        return range(1, count + 1)
    half = CALLS_MAX // 2
    step = max(1, count // 4)
    return sorted({*range(1, half + 1), *range(half, count, step), count - 1, count})


def problem(plain, whole, failed):
    """What is wrong with a run in which one call failed; '' if nothing is."""
    if failed.result.status != plain.result.status or failed.result.out != plain.result.out:
        return 'the program behaves differently'
    lines = failed.result.err.splitlines()
    if len(lines) > 1 or any(not line.startswith('laggard: ') for line in lines):
        return 'more on stderr than one line'
    reasons = [row for row in failed.loss if row not in whole.loss]
    if failed.rows != whole.rows and not reasons and not lines:
        changed = {table: (count, failed.rows.get(table)) for table, count in whole.rows.items()
                   if failed.rows.get(table) != count}
        return f'rows differ, and nothing says why: {changed}'
    return ''


def check_version(tap, version):
    plain, whole = Run(False, version), Run(True, version)
    tap.check(whole.calls.get('cuptiSubscribe', 0) + whole.calls.get('cuptiSubscribe_v2', 0) == 1 and
              whole.rows.get('kernel', 0) > 0 and not whole.result.err,
              f'CUPTI {version}: without errors all is well', f'{whole.calls}\n{whole.result.text()}')
    tries = [(function, number, code) for function, count in sorted(whole.calls.items())
             for number in numbers(count) for code in CODES[:1 if number > 2 else 2]]

    def attempt(what):
        try:
            return problem(plain, whole, Run(True, version, RIG_FAULTS='fail=%s:%d:%d' % what))
        except subprocess.TimeoutExpired:
            return 'hangs'

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(zip(tries, pool.map(attempt, tries)))
    for function in sorted(whole.calls):
        wrong = [f'call {what[1]} answers {what[2]}: {why}' for what, why in found
                 if what[0] == function and why]
        tried = sum(what[0] == function for what in tries)
        tap.check(not wrong, f'CUPTI {version}: {function}, {whole.calls[function]} calls, {tried} failures',
                  '\n'.join(wrong[:8]))


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    for version in sys.argv[1:] or ['13.0']:
        check_version(tap, version)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
