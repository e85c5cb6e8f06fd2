#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 at random moments (TAP): every database opens, is sound, and lacks at most the last second of
what the program had done; and nothing secret stands in its files, not even in the journal.

    kill_test.py [NUMBER [SEED]]            default 20 (make check); make check-kill: 1000
"""

import concurrent.futures
import glob
import os
import random
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import guest
from guest import Tap, environment

LIFE = os.path.join(guest.BUILD, 'tests', 'host', 'life')
PRODUCERS, NUMBERS = 5, 1 << 17
LATEST_S = 3.0
LOSES_S = 1.0
AT_ONCE = 6
# Each is found again if it gets into a file in any way.
SECRETS = {name: f'planted-{name.lower()}-7f3a' for name in (
    'HF_TOKEN', 'WANDB_API_KEY', 'AWS_SECRET_ACCESS_KEY', 'NCCL_PRIVATE_THING', 'CUDA_PRIVATE_THING', 'PASSWORD',
    'LS_COLORS', 'SSH_AUTH_SOCK')}
ARGUMENTS = ['--hf-token=planted-argument-1', '--password', 'planted-argument-2', 'https://me:planted-argument-3@host/',
             '{"api_key": "planted-argument-4"}', '--lr=kept-argument']


class Victim:
    def __init__(self, alive_s):
        self.folder = tempfile.mkdtemp()
        traces = os.path.join(self.folder, 'traces')
        progress = os.path.join(self.folder, 'progress')
        os.mkdir(traces)
        variables = environment(True, True, **SECRETS, **{
            'LAGGARD_OUTPUT': traces, 'LIFE_DRIVER': os.path.join(guest.RIG, 'lib-13.0', 'libcuda.so.1'),
            'LAGGARD_CUPTI': os.path.join(guest.RIG, 'lib-13.0', 'libcupti.so.13'), 'LIFE_PROGRESS': progress,
            'RIG_SCENARIO': os.path.join(guest.SCENARIOS, 'tiny.scn')})
        process = subprocess.Popen([LIFE, 'killed', *ARGUMENTS], env=variables, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(alive_s)
        self.killed_ns = time.time_ns()
        process.send_signal(signal.SIGKILL)
        self.said = process.communicate()[1].decode('utf-8', 'replace')
        self.problem, self.age_s, self.rows, self.has_command = '', 0.0, 0, False
        self.times = self.read_progress(progress)
        files = sorted(glob.glob(os.path.join(traces, '*')))
        self.look_for_secrets(files)
        databases = [path for path in files if path.endswith('.db')]
        if databases:
            self.read(databases[0])
        elif self.first_ns() < self.killed_ns - LOSES_S * 1e9:
            self.problem += 'no database\n'
        shutil.rmtree(self.folder)

    def read_progress(self, path):
        """Of each producer the times of its numbers; the thread id first."""
        try:
            data = open(path, 'rb').read()
        except FileNotFoundError:
            data = b''
        if len(data) != PRODUCERS * NUMBERS * 8:
            return [(0,)] * PRODUCERS
        found = []
        for i in range(PRODUCERS):
            times = struct.unpack_from(f'<{NUMBERS}q', data, i * NUMBERS * 8)
            end = next((n for n in range(1, NUMBERS) if times[n] == 0), NUMBERS)
            found.append(times[:end])
        return found

    def first_ns(self):
        return min((times[1] for times in self.times if len(times) > 1), default=self.killed_ns)

    def look_for_secrets(self, files):
        for path in files:
            data = open(path, 'rb').read()
            if b'planted-' in data:
                at = data.index(b'planted-')
                self.problem += f'{os.path.basename(path)} holds {data[at:at + 40]!r}\n'
            self.has_command |= b'--lr=kept-argument' in data
            if os.stat(path).st_mode & 0o077:
                self.problem += f'{os.path.basename(path)} is open to others\n'

    def stored(self, db):
        """Of each producer the numbers that are in the trace."""
        ranges = {}
        for thread, number in db.execute('SELECT r.thread_id, r.color FROM range r JOIN string s ON '
                                         "s.string_id = r.name_id WHERE s.value = 'numbered' AND r.is_open = 0"):
            ranges.setdefault(thread, set()).add(number)
        kernels = {row[0] for row in db.execute('SELECT graph_node_id FROM kernel')}
        return [ranges.get(times[0], set()) for times in self.times[:-1]] + [kernels]

    def read(self, path):
        db = sqlite3.connect(path)
        try:
            integrity = db.execute('PRAGMA integrity_check').fetchall()
            if integrity != [('ok',)]:
                self.problem += f'integrity: {integrity}\n'
            has_tables = db.execute("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'trace'").fetchone()[0]
            stored = self.stored(db) if has_tables else [set()] * PRODUCERS
            if has_tables and db.execute('SELECT SUM(count) FROM loss').fetchone()[0]:
                self.problem += f'loss: {db.execute("SELECT * FROM loss").fetchall()}\n'
        except sqlite3.Error as error:
            self.problem += f'{error}\n'
            return
        finally:
            db.close()
        self.rows = sum(len(numbers) for numbers in stored)
        for times, numbers in zip(self.times, stored):
            missing = next((n for n in range(1, len(times)) if n not in numbers), None)
            if missing is not None:
                self.age_s = max(self.age_s, (self.killed_ns - times[missing]) / 1e9)

    def stall_s(self):
        """How long the machine let one of the producers wait, which wanted a turn every 2 ms."""
        waits = [b - a for times in self.times for a, b in zip(times[1:], times[2:])]
        ends = [self.killed_ns - times[-1] for times in self.times if len(times) > 1]
        return max(waits + ends, default=0) / 1e9


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all('the rig is not built')
    if guest.RUNTIME:
        guest.skip_all('a sanitizer needs seconds to begin, and takes a second apart')
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 1000000
    print(f'# {number} processes, killed within {LATEST_S} s; seed {seed}')
    draw = random.Random(seed)
    tap = Tap()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        victims = list(pool.map(Victim, [draw.uniform(0, LATEST_S) for _ in range(number)]))
    bad = [victim for victim in victims if victim.problem]
    tap.check(not bad, f'{number} times kill -9: every database opens, is sound, and holds no secret',
              '\n'.join(victim.problem + victim.said for victim in bad[:5]))
    tap.check(any(victim.has_command for victim in victims), 'the rest of the command line is recorded')
    # A machine that makes the program itself wait makes the recording wait.
    late = [victim for victim in victims if victim.age_s > LOSES_S + 2 * victim.stall_s()]
    ages = sorted(victim.age_s for victim in victims)
    print(f'# {sum(victim.rows for victim in victims)} rows kept; the oldest event missing was '
          f'{statistics.median(ages):.3f} s old (median), {ages[-1]:.3f} s (most); '
          f'over {LOSES_S} s: {sum(age > LOSES_S for age in ages)} of {number}; the machine stalled the programs for '
          f'{max(victim.stall_s() for victim in victims):.3f} s (most)')
    tap.check(not late and any(victim.rows for victim in victims), 'nothing older than the last second is missing',
              '\n'.join(f'{victim.age_s:.3f} s, stalled {victim.stall_s():.3f} s' for victim in late[:10]))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
