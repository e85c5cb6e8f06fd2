#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many threads, many records (TAP): what was produced is in the trace or counted as lost, to the record.

    sustained_test.py                           make check: exactness, with much memory and with little
    sustained_test.py RATE SECONDS [THREADS]    make check-sustained: nothing may be lost at that rate
"""

import glob
import os
import resource
import shutil
import sqlite3
import sys
import tempfile

import guest
from guest import Result, Tap, environment

LIFE = os.path.join(guest.BUILD, 'tests', 'host', 'life')
NO_ROOM = 'no room in the thread logs (LAGGARD_LOG_MB)'


class Run:
    def __init__(self, rate, seconds, threads=64, **settings):
        self.folder = tempfile.mkdtemp()
        variables = environment(True, True, **{
            'LAGGARD_OUTPUT': self.folder, 'LIFE_DRIVER': os.path.join(guest.RIG, 'lib-13.0', 'libcuda.so.1'),
            'LAGGARD_CUPTI': os.path.join(guest.RIG, 'lib-13.0', 'libcupti.so.13'),
            'RIG_SCENARIO': os.path.join(guest.SCENARIOS, 'tiny.scn'), 'LIFE_RATE': rate, 'LIFE_SECONDS': seconds,
            'LIFE_THREADS': threads, 'LAGGARD_EXIT_TIMEOUT_MS': 300000, **settings})
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.result = Result([LIFE, 'sustained'], self.folder, variables, timeout=seconds + 400)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        words = next((line for line in self.result.out.splitlines() if line.startswith('records')), '').split()
        self.said = dict(zip(words[::2], map(float, words[1::2])))
        self.counts, self.loss = {}, {}
        for path in glob.glob(os.path.join(self.folder, '*.db')):
            db = sqlite3.connect(path)
            self.counts = {
                'closed': db.execute('SELECT COUNT(*) FROM range WHERE is_open = 0').fetchone()[0],
                'open': db.execute('SELECT COUNT(*) FROM range WHERE is_open = 1').fetchone()[0],
                'marks': db.execute('SELECT COUNT(*) FROM mark').fetchone()[0]}
            self.loss = {reason: count for reason, count in
                         db.execute("SELECT reason, count FROM loss WHERE source = 'nvtx'")}
            self.integrity = db.execute('PRAGMA integrity_check').fetchone()[0]
            self.bytes = os.path.getsize(path)
            db.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.folder)

    def delivered(self):
        """Records that are in the trace: a range has two, one whose end was lost has one."""
        return 2 * self.counts['closed'] + self.counts['open'] + self.counts['marks']

    def counted(self):
        """An end whose beginning was lost is counted as that; a beginning whose end was lost is in the trace."""
        return self.loss.get(NO_ROOM, 0) + self.loss.get('pop without push', 0)

    def is_exact(self):
        return bool(self.counts) and self.integrity == 'ok' and \
            self.delivered() + self.counted() == self.said.get('records') and not self.result.lines()

    def text(self):
        if not self.counts or not self.said:
            return self.result.text()
        produced = self.said['records']
        # What the program used after its producers had ended was the drain's.
        drain = self.cpu_s - self.said['all_cpu'] + self.said['drain_cpu']
        seconds = self.said['seconds']
        return (f'{produced:.0f} records in {seconds:.1f} s ({produced / seconds:.0f} a second), '
                f'{self.delivered()} delivered, {self.counted():.0f} counted as lost; the drain took {drain:.2f} s '
                f'of CPU time: {self.delivered() / max(drain, 0.01):.0f} records a CPU second; all of the program '
                f'{self.cpu_s:.2f} s; memory grown by {self.said["grown_kib"] / 1024:.0f} MiB, file of '
                f'{self.bytes / 1e6:.0f} MB; {self.loss}')


def check_exact(tap):
    with Run(30000, 2) as run:
        print('#', run.text())
        tap.check(run.is_exact() and run.counted() == 0, '64 threads, 30,000 records a second: nothing is lost',
                  run.text())
    with Run(0, 1, LAGGARD_LOG_MB=8) as run:
        print('#', run.text())
        tap.check(run.is_exact() and (run.said['grown_kib'] < 64 * 1024 or guest.RUNTIME),
                  '64 threads as fast as they can, 8 MiB for them: delivered + counted loss = produced, in bounded '
                  'memory', run.text())
        if guest.RUNTIME:
            tap.skip('and some are lost there', 'a sanitizer makes the program too slow for that')
        else:
            tap.check(run.counts and run.loss.get(NO_ROOM, 0) > 0, 'and some are lost there', run.text())


def check_rate(tap, rate, seconds, threads):
    with Run(rate, seconds, threads) as run:
        print('#', run.text())
        tap.check(run.is_exact(), 'delivered + counted loss = produced', run.text())
        tap.check(run.counts and run.counted() == 0, f'{rate} records a second from {threads} threads for {seconds} s: '
                  'nothing is lost', run.text())


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    if len(sys.argv) > 2:
        check_rate(tap, int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 64)
    else:
        check_exact(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
