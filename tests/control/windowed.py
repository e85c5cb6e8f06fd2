# SPDX-License-Identifier: MIT
"""Helpers of tests/control: one process of the rig under libtrace, and what of its scenario lies in a window.

The oracle is the scenario: its operations have exact times, so for windows given as stretches of scenario time it is
known to the row what must be recorded. A row is in if any part of it is; an NVTX range or mark if it begins there.
"""

import collections
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'host'))
sys.path.insert(0, os.path.join(HERE, '..', 'rig'))

import guest                    # noqa: E402
import trace_check              # noqa: E402
from guest import environment   # noqa: E402

AHEAD_NS = 1_000_000_000        # scenario time 0 lies so far behind the start of the process
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')
REST_NS = 1_000_000_000         # a window closed for so long opens with CUPTI's kinds switched off
SPANS = ('kernel', 'copy', 'peer', 'memset', 'api', 'sync')
FOR_EVER = 1 << 60


class Notes:
    """Results of checks that run at the same time as others, for Tap to print in order afterwards."""

    def __init__(self):
        self.notes = []

    def check(self, is_ok, name, detail=''):
        self.notes.append(('check', bool(is_ok), name, detail))

    def equal(self, got, want, name):
        self.check(got == want, name, f'got:  {got!r}\nwant: {want!r}')

    def skip(self, name, reason):
        self.notes.append(('skip', name, reason))


def run_checks(tap, checks):
    """Runs functions of a Tap at the same time: they wait for the clock, not for the processor."""
    notes, threads = [Notes() for _ in checks], []

    def run(check, note):
        try:
            check(note)
        except Exception:       # whatever it is, it is one failed check, and the others go on
            note.check(False, check.__name__, traceback.format_exc())

    for check, note in zip(checks, notes):
        threads.append(threading.Thread(target=run, args=(check, note)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for note in notes:
        for name, *arguments in note.notes:
            getattr(tap, name)(*arguments)


class Process:
    """rig-train with libtrace, rank 0 of a scenario given as text; its own folders for traces and sockets."""

    def __init__(self, scenario, *options, version='13.0', runtime=None, scenario_ahead_ns=AHEAD_NS, **settings):
        self.folder = tempfile.mkdtemp()
        self.runtime = runtime or os.path.join(self.folder, 'run')
        self.traces = os.path.join(self.folder, 'traces')
        self.scenario = os.path.join(self.folder, 'own.scn')
        os.makedirs(self.runtime, mode=0o700, exist_ok=True)
        os.mkdir(self.traces)
        with open(self.scenario, 'w', encoding='utf-8') as file:
            file.write(scenario)
        self.epoch = time.time_ns() + scenario_ahead_ns
        variables = environment(True, True, **{
            'LAGGARD_OUTPUT': self.traces, 'XDG_RUNTIME_DIR': self.runtime, 'RIG_STRICT': '1', 'RIG_SAY_KINDS': '1',
            'RIG_SCENARIO': self.scenario, 'RIG_EPOCH_NS': self.epoch, 'LAGGARD_NVML': 'off',
            'LD_LIBRARY_PATH': os.path.join(guest.RIG, f'lib-{version}'), **settings})
        soname = {'11.8': 'libcupti.so.11.8', '12.4': 'libcupti.so.12'}.get(version, 'libcupti.so.13')
        variables['RIG_CUPTI_SONAME'] = soname
        self.child = subprocess.Popen([guest.RIG_TRAIN, self.scenario, '--rank', '0', '--quiet', *options],
                                      cwd=self.folder, env=variables, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.child.pid
        self.err = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.child.poll() is None:
            self.child.kill()
        self.end()
        shutil.rmtree(self.folder)

    def end(self):
        """Waits; what it said besides switching kinds, and its status if that is not 0."""
        if self.err is None:
            _, err = self.child.communicate(timeout=guest.SECONDS_MAX)
            self.err = err.decode('utf-8', 'replace')
        lines = [line for line in self.err.splitlines() if not line.startswith('rig: kind ')]
        if self.child.returncode != 0:
            lines.append(f'status {self.child.returncode}')
        return '\n'.join(lines)

    def kinds_switched(self):
        """[(kind, 'on' or 'off')] in order, as the rig's CUPTI saw it."""
        words = [line.split() for line in self.err.splitlines() if line.startswith('rig: kind ')]
        return [(int(line[2]), line[3]) for line in words]

    def trace(self):
        return trace_check.Trace(glob.glob(os.path.join(self.traces, '*.db'))[0])

    def has_trace(self):
        return bool(glob.glob(os.path.join(self.traces, '*.db')))

    def operations(self):
        done = subprocess.run([guest.RIG_TRAIN, self.scenario, '--dump', '--rank', '0'], stdout=subprocess.PIPE,
                              check=True, env=environment(False, True))
        return [json.loads(line) for line in done.stdout.decode('utf-8', 'replace').splitlines()]

    def gaps(self):
        """[(start, end, reason)] in scenario time."""
        trace = self.trace()
        shift = trace.epoch - self.epoch
        return [(row['start_ns'] + shift, row['start_ns'] + row['duration_ns'] + shift,
                 trace.strings[row['reason_id']]) for row in trace.rows('SELECT * FROM capture_gap')]

    def wait_for_trace(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (self.has_trace() and glob.glob(f'{self.runtime}/laggard/*.control')):
            time.sleep(0.02)

    def ctl(self, *words):
        return ctl(self.runtime, *words)


def ctl(runtime, *words, user=None):
    values = environment(False, True, XDG_RUNTIME_DIR=runtime)
    return subprocess.run([LAGGARD, 'ctl', *[str(word) for word in words]], env=values, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                          **({'user': user} if user is not None else {}))


def is_in(windows, start, end):
    return any(start < to and (end > begin or (start == end and start >= begin)) for begin, to in windows)


def begins_in(windows, start):
    return any(begin <= start < to for begin, to in windows)


def open_stretches(gaps):
    """What the gaps leave of the time before the last one ended, and all after."""
    windows, at = [], -FOR_EVER
    for start, end, _ in sorted(gaps):
        if start > at:
            windows.append((at, start))
        at = max(at, end)
    return windows + [(at, FOR_EVER)]


def ranges_expected(ops, windows):
    """(start, duration or None, name) of push/pop and start/end ranges that begin in a window."""
    found, stacks, started = collections.Counter(), {}, {}
    for op in ops:
        key = (op.get('thread'), op.get('domain'))
        if op['op'] == 'push':
            stacks.setdefault(key, []).append(op)
        elif op['op'] == 'rstart':
            started[op['id']] = op
        elif op['op'] in ('pop', 'rend'):
            begin = stacks[key].pop() if op['op'] == 'pop' else started.pop(op['id'])
            if begins_in(windows, begin['start']):
                found[begin['start'], op['start'] - begin['start'], begin['name']] += 1
    for begin in [op for stack in stacks.values() for op in stack] + list(started.values()):
        if begins_in(windows, begin['start']):
            found[begin['start'], None, begin['name']] += 1
    return found


def ranges_recorded(process, trace):
    found = collections.Counter()
    for row in trace.rows('SELECT * FROM range'):
        if trace.strings[row['domain_id']] != 'NCCL':
            found[row['start_ns'] + trace.epoch - process.epoch, None if row['is_open'] else row['duration_ns'],
                  trace.strings[row['name_id']]] += 1
    return found


def unseen_calls(ops, windows):
    """Calls just before a window that opened after a rest: whether CUPTI saw them is a matter of luck in real time."""
    begins = [start for (_, end), (start, _) in zip([(-FOR_EVER, -FOR_EVER)] + windows, windows)
              if start - end >= REST_NS]
    return {op['corr'] for op in ops if op['op'] == 'api' and
            any(begin - REST_NS < op['start'] < begin for begin in begins)}


def differences(process, windows, has_ranges=True, skipped=trace_check.NOISE, is_timed=False):
    """What the trace has too much or too little against the scenario in these windows; '' if it is exact.
    `is_timed`: windows that open on libtrace's own thread. Then what was launched before a window opened after a rest,
    and reaches into it, may be there or not."""
    ops, trace, found = process.operations(), process.trace(), []
    unseen = unseen_calls(ops, windows) if is_timed else set()
    inside = [op for op in ops if op['op'] in SPANS and is_in(windows, op['start'], op['end'])]
    either = [op for op in inside if op.get('corr') in unseen]
    inside = [op for op in inside if op.get('corr') not in unseen]
    calls = {op['corr'] for op in ops if op['op'] == 'api' and is_in(windows, op['start'], op['end'])}
    for name, got, want, may in zip(('kernels', 'copies', 'memsets'), trace_check.gpu_rows(trace, process.epoch),
                                    trace_check.gpu_expected(inside, 1), trace_check.gpu_expected(either, 1)):
        found.append((name, got - may, want))
    found.append(('calls', trace_check.api_rows(trace, process.epoch),
                  trace_check.api_expected(inside, skipped.split(','))))
    found.append(('waits', *trace_check.sync_rows(trace, process.epoch, inside)))
    events = collections.Counter(op['sync_id'] for op in ops if op['op'] == 'event' and op['corr'] in calls)
    found.append(('events', collections.Counter(
        row['event_sync_id'] for row in trace.rows('SELECT * FROM cuda_event')),
        events if process.trace().rows('SELECT 1 FROM cuda_event WHERE event_sync_id != 0') or not events
        else collections.Counter({0: sum(events.values())})))
    if has_ranges:
        found.append(('ranges', ranges_recorded(process, trace), ranges_expected(ops, windows)))
    return '\n'.join(f'{name}: {text}' for name, got, want in found
                     for text in (trace_check.difference(got, want, False),) if text)


def losses(process):
    return [tuple(row) for row in process.trace().rows(
        "SELECT source, reason, count FROM loss WHERE reason NOT LIKE 'disabled: LAGGARD_NVML%'")]


def database_is_sound(process):
    db = sqlite3.connect(glob.glob(os.path.join(process.traces, '*.db'))[0])
    return db.execute('PRAGMA integrity_check').fetchone()[0] == 'ok'
