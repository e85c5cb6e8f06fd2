#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Life in a process (TAP): programs that close descriptors, fork, jump in time, run out of memory and
disk, or change who and where they are. Each does the same with libtrace as without, the ranges that it
pushed are in the trace, and what cannot be recorded is said."""

import concurrent.futures
import glob
import os
import shutil
import sqlite3
import stat
import sys
import tempfile

import guest
from guest import Result, Tap, environment

LIFE = os.path.join(guest.BUILD, 'tests', 'host', 'life')
NVML = 'nvml: disabled: libnvidia-ml.so.1 is not there'
IS_ROOT = os.geteuid() == 0
# A sanitizer reserves terabytes of address space and keeps books of its own memory.
IS_SANITIZED = bool(guest.RUNTIME)
# What the thread sanitizer itself cannot bear: its run time in a shell, memory of thousands of threads, exit(3)
# in a signal handler.
TSAN_CANNOT = ('children', 'crowds', 'term-handled', 'launcher') if 'tsan' in (guest.RUNTIME or '') else ()


class Life:
    """The program in one mode, without libtrace and with it."""

    def __init__(self, mode, **settings):
        self.mode, self.settings = mode, settings
        self.folder = tempfile.mkdtemp()
        self.without, _ = self.run(False, 'without')
        self.result, self.place = self.run(True, 'with')
        self.files = sorted(glob.glob(os.path.join(self.place, 'traces', '*')))
        self.modes = {oct(stat.S_IMODE(os.stat(path).st_mode)) for path in self.files}
        self.loss, self.ranges, self.integrity, self.clocks = {}, [], [], []
        for path in self.files:
            if path.endswith('.db'):
                self.read(path)

    def run(self, is_guest, name):
        folder = os.path.join(self.folder, name)
        os.makedirs(os.path.join(folder, 'traces'))
        variables = environment(is_guest, True, **{
            'LAGGARD_OUTPUT': 'traces', 'LIFE_DRIVER': os.path.join(guest.RIG, 'lib-13.0', 'libcuda.so.1'),
            'LAGGARD_CUPTI': os.path.join(guest.RIG, 'lib-13.0', 'libcupti.so.13'), 'RIG_STRICT': '1',
            'RIG_SCENARIO': os.path.join(guest.SCENARIOS, 'ddp4.scn'), **self.settings})
        return Result([LIFE, self.mode], folder, variables), folder

    def read(self, path):
        db = sqlite3.connect(path)
        self.integrity += [row[0] for row in db.execute('PRAGMA integrity_check')]
        self.ranges.append(db.execute('SELECT COUNT(*), COALESCE(MIN(duration_ns), 0) FROM range r JOIN string s '
                                      "ON s.string_id = r.name_id WHERE s.value = 'life'").fetchone())
        for source, reason, count in db.execute('SELECT source, reason, count FROM loss'):
            self.loss[f'{source}: {reason}'] = count
        self.clocks += db.execute('SELECT realtime_ns, monotonic_ns FROM clock').fetchall()
        db.close()

    def unlike(self):
        """How the run with libtrace differs from the one without; '' if it does not."""
        ours, theirs = self.result, self.without
        lines = [line for line in ours.err.splitlines() if not line.startswith(('laggard: ', 'life: '))]
        if (ours.status, ours.out) == (theirs.status, theirs.out) and not lines:
            return ''
        return f'without: {theirs.text()}\nwith: {ours.text()}\n'

    def pushed(self):
        """What the program says that it pushed (its last word on it)."""
        said = [line for line in self.result.out.splitlines() if line.startswith('ranges ')]
        return int(said[-1].split()[1]) if said else -1

    def problems(self, count=None, loss=(), files=1):
        """'' if the trace has every range, nothing is lost but `loss`, and the program was not disturbed."""
        wrong = self.unlike()
        count = self.pushed() if count is None else count
        if [ranges[0] for ranges in self.ranges] != [count] * files:
            wrong += f'{self.ranges} ranges, pushed {count}\n'
        if any(ranges[1] < 0 for ranges in self.ranges):
            wrong += f'negative durations: {self.ranges}\n'
        if set(self.integrity) != {'ok'}:
            wrong += f'integrity: {self.integrity}\n'
        if self.modes != {'0o600'}:
            wrong += f'permissions: {self.modes}\n'
        if set(self.loss) - {NVML} != set(loss):
            wrong += f'loss: {self.loss}\n'
        if self.result.lines():
            wrong += self.result.text()
        return wrong


REOPENED = 'drain: the program closed our files: opened again'
UNANSWERED = 'control: no answer to laggard ctl: the program closed the socket'
NO_LOCKS = 'drain: the file system has no locks: none were taken'
SET_CLOCK = 'clock: the wall clock was set: durations across it are wrong'
SET_BACK = 'nvtx: clock set back within a range'

# mode, settings, what is expected beyond "every range, no loss", the test's name
COMPLETE = (
    ('plain', {}, {}, 'a short life is recorded to the last range'),
    ('plain', {'LIFE_NO_LOCKS': '1'}, {'loss': (NO_LOCKS,)}, 'a file system without locks: recorded, and said'),
    ('closes-all', {}, {'loss': (REOPENED, UNANSWERED)},
     'all descriptors closed, their numbers used for own files: no byte of those is touched, recording goes on'),
    ('closes-often', {}, {'loss': (REOPENED, UNANSWERED)}, 'the same again and again while records flow'),
    ('numbers', {}, {}, 'the descriptors of the program have the numbers that they have without us'),
    ('few-descriptors', {}, {}, 'a limit of 12 descriptors is enough'),
    ('other-folder', {}, {}, 'chdir'),
    ('other-root', {}, {}, 'chroot'),
    ('other-user', {}, {}, 'setuid'),
    ('tight-umask', {}, {}, 'umask 0777: the trace is readable for its owner, and for nobody else'),
    ('children', {}, {}, 'posix_spawn, vfork, fork, system: silent children, the parent is complete'),
    ('crowds', {}, {}, '3500 threads come and go: complete, in bounded memory'),
    ('outlives-main', {}, {}, 'a thread that outlives main and ends the program: complete'),
    ('ends-while-pushing', {}, {}, 'the program ends while a thread pushes ranges'),
    ('masks', {}, {}, 'our threads have all signals blocked'),
    ('term-handled', {}, {}, 'SIGTERM with a handler that calls exit: complete'),
    ('term-default', {}, {}, 'SIGTERM: all up to the last second is there'),
    ('launcher', {}, {'count': 1000, 'files': 3}, 'a launcher that terminates and kills its ranks'),
    ('late-cuda', {}, {}, 'ranges before CUDA begins are recorded, too'),
    ('begins-often', {}, {}, 'cuInit again and again, two contexts: one trace'),
    ('clock-jumps', {}, {'loss': (SET_CLOCK, SET_BACK)},
     'a wall clock that jumps by hours: no negative duration, and it is said'),
)


def check_complete(tap, case, life):
    _, _, options, name = case
    if case[0] in ('other-root', 'other-user') and not IS_ROOT:
        tap.skip(name, 'needs root')
        return
    wrong = life.problems(**options)
    if case[0] == 'ends-while-pushing':
        # The range that was open, and those that began after the end of the recording.
        wrong = life.problems(loss=set(life.loss) & {'nvtx: push without pop'})
    tap.check(not wrong, name, wrong)


def check_clock(tap, life):
    steps = [abs((b[0] - a[0]) - (b[1] - a[1])) for a, b in zip(life.clocks, life.clocks[1:])]
    hours = sorted(round(step / 3.6e12, 3) for step in steps if step > 1e9)
    tap.equal(hours, [1.0, 1.0, 2.0], 'the clocks tell when and how far')


def check_stack(tap, life):
    used = [int(line.split()[1]) for line in life.result.err.splitlines() if 'bytes of stack' in line]
    tap.check(not life.unlike() and life.ranges[0][0] == 20 and used and used[0] < 16384,
              'a thread with a stack of 64 KiB: the handlers need less than 16', f'{used}\n{life.unlike()}')


def check_memory(tap, lives):
    for (mode, spare), life in lives:
        said = life.result.lines()
        wrong = life.unlike()
        is_ok = not wrong and set(life.integrity) <= {'ok'} and len(said) <= 1 and \
            (said or [ranges[0] for ranges in life.ranges] == [life.pushed()])
        tap.check(is_ok, f'{mode}, {spare} KiB to spare: the program runs on, complete or one line',
                  f'{wrong}\n{life.ranges} {life.integrity}\n{life.result.text()}')


def check_disk(tap, lives):
    for size, life in lives:
        said = life.result.lines()
        tap.check(not life.unlike() and len(said) == 1 and 'cannot write' in said[0] and
                  set(life.integrity) <= {'ok'}, f'a disk that is full after {size} KiB: one line, a sound trace',
                  f'{life.unlike()}\n{life.integrity}\n{life.result.text()}')


def check_removed(tap, lives):
    for closed, life in lives:
        tap.check(not life.unlike() and len(life.result.lines()) == closed and not life.files,
                  'the folder of the traces is removed' + (', and all descriptors are closed' if closed else '') +
                  ': the program runs on', life.result.text())


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    for name in TSAN_CANNOT:
        tap.skip(name, 'the thread sanitizer cannot bear it')
    memory = [('no-memory-first', 100000), ('no-memory-first', 300000), ('no-memory-later', 0),
              ('no-memory-later', 400), ('no-memory-later', 8000)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        cases = [case for case in COMPLETE if case[0] not in TSAN_CANNOT]
        complete = [pool.submit(Life, case[0], **case[1]) for case in cases]
        stack = pool.submit(Life, 'small-stack')
        states = pool.submit(Life, 'states')
        memories = [] if IS_SANITIZED else \
            [(case, pool.submit(Life, case[0], LIFE_SPARE_KIB=case[1])) for case in memory]
        disks = [(size, pool.submit(Life, 'no-disk', LIFE_FILE_KIB=size)) for size in (0, 4, 150, 600)]
        removed = [(0, pool.submit(Life, 'removes-folder')), (1, pool.submit(Life, 'removes-folder', LIFE_CLOSE='1'))]
        for case, life in zip(cases, complete):
            check_complete(tap, case, life.result())
            if case[0] == 'clock-jumps':
                check_clock(tap, life.result())
        if not IS_SANITIZED:
            check_stack(tap, stack.result())
        tap.check(not states.result().unlike() and states.result().result.status == 0,
                  'errno, locale, rounding, signal mask are the same after our calls', states.result().result.text())
        check_memory(tap, [(case, life.result()) for case, life in memories])
        check_disk(tap, [(size, life.result()) for size, life in disks])
        check_removed(tap, [(closed, life.result()) for closed, life in removed])
        for job in (*complete, stack, states, *(life for _, life in memories + disks + removed)):
            shutil.rmtree(job.result().folder)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
