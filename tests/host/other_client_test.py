#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another CUPTI client in the process (TAP), which takes over CUPTI's callbacks as torch.profiler does:
what libtrace.so writes is exact before, during and after, and the client gets the very records that it gets
without libtrace.so."""

import os
import sys
import time

import guest
from guest import Tap
from rig_capture_test import LONG, Run

NS_PER_S = 1_000_000_000


def client_run(is_guest, how, version, window='2..4', **settings):
    """(Run, the lines that the client wrote)"""
    epoch = settings.pop('epoch', None) or time.time_ns() + 2_000_000_000
    preload = {} if is_guest else {'LD_PRELOAD': None}
    with Run('single4', '--client', window, version=version, RIG_CLIENT=how, RIG_CLIENT_OUT='client.txt',
             RIG_EPOCH_NS=str(epoch), **preload, **settings) as run:
        path = os.path.join(run.folder, 'client.txt')
        lines = []
        if os.path.exists(path):
            with open(path, encoding='ascii') as file:
                lines = file.read().splitlines()
        run.found = run.problems() if is_guest else ''
        run.lost = run.loss() if is_guest else {}
        run.gaps = run.rows("SELECT g.start_ns, g.duration_ns, s.value, r.value FROM capture_gap g, string s, "
                            "string r WHERE s.string_id = g.source_id AND r.string_id = g.reason_id")
    return run, lines


def difference(wanted, found):
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    return f'{len(wanted)} wanted, {len(found)} found; missing {missing[:5]}, too many {extra[:5]}'


def check_by_name(tap):
    for version in ('13.0', '13.4'):
        for how, window in (('', '2..4'), ('finalize', '1..5'), ('', '0..3')):
            epoch = time.time_ns() + 2_000_000_000
            _, wanted = client_run(False, how, version, window, epoch=epoch)
            run, lines = client_run(True, how, version, window, epoch=epoch)
            name = f'CUPTI {version}, steps {window}{" and cuptiFinalize" if how else ""}'
            tap.check(len(wanted) > 500 and wanted[-1] == 'unknown 0 refused 0' and lines == wanted,
                      f'{name}: the client gets what it gets alone',
                      difference(wanted, lines) + '\n' + run.result.text())
            tap.check(run.result.status == 0 and not run.found and not run.result.err and not run.gaps,
                      f'{name}: every row is exact', f'{run.found}\n{run.lost} {run.gaps}\n{run.result.text()}')


def check_unseen(tap):
    """A client that fetches CUPTI's functions itself: its stretch is a gap, before and after are exact."""
    for how in ('dlsym,finalize', 'dlsym'):
        # How long it takes until CUPTI is taken back depends on the machine: if need be, the program runs on longer.
        for count in (200, 800):
            found = UnseenRun(how, count)
            if found.after:
                break
        run = found.run
        tap.check(run.result.status == 0 and not run.result.err and found.records > 100,
                  f'{how}: the client has its records, the program its output',
                  f'{found.records}\n{run.result.text()}')
        # What lies in buffers when the callbacks change goes to the client: that may begin a step earlier.
        first, last = found.missing[0] if found.missing else 0, found.missing[-1] if found.missing else 0
        tap.check(found.after and 19 <= first <= 20 and last >= 39 and found.missing == list(range(first, last + 1)) and
                  all(count == 2 for step, count in enumerate(found.counts) if not first <= step <= last + 1),
                  f'{how}: kernels before and after are complete', found.counts)
        start, duration = found.gaps[0] if found.gaps else (0, 0)
        tap.check(len(found.gaps) == 1 and abs(start - found.times[0]) < NS_PER_S and
                  start + duration >= found.times[1],
                  f'{how}: one gap, from the taking over until the capture went on', f'{found.gaps} {found.times}')


class UnseenRun:
    def __init__(self, how, count):
        with Run(LONG.replace('count=120', f'count={count}'), '--realtime', '--client', '20..40', RIG_CLIENT=how,
                 RIG_CLIENT_OUT='client.txt', RIG_CLIENT_TIMES='times.txt', LAGGARD_FLUSH_MS='25') as run:
            with open(os.path.join(run.folder, 'client.txt'), encoding='ascii') as file:
                self.records = len(file.read().splitlines())
            with open(os.path.join(run.folder, 'times.txt'), encoding='ascii') as file:
                times = [int(line) for line in file.read().split()]
            self.run = run
            epoch = run.rows('SELECT epoch_ns FROM trace')[0][0]
            steps = run.rows("SELECT start_ns FROM range JOIN string ON string_id = name_id "
                             "WHERE value LIKE 'step %' ORDER BY start_ns")
            kernels = [row[0] for row in run.rows('SELECT start_ns FROM kernel')]
            begins = [step[0] for step in steps]
            self.counts = [sum(begin <= kernel < end for kernel in kernels)
                           for begin, end in zip(begins, [*begins[1:], 1 << 62])]
            self.missing = [step for step, found in enumerate(self.counts) if not found]
            self.after = len(begins) == count and 2 in self.counts[40:]
            self.gaps = run.rows('SELECT start_ns, duration_ns FROM capture_gap')
            self.times = [time_ns - epoch for time_ns in times]


# A client of the calls that CUPTI 13.3 brought: (how, steps, other settings, gaps in our trace, in words)
SEVERAL = (
    ('several', '2..4', {}, 1, 'it comes after us'),
    ('several', '-1..4', {}, 0, 'it was there before us'),
    ('several', '0..1', {'RIG_CLIENT_NEXT': '2..4:several'}, 1, 'it comes, goes, and comes again'),
    ('several', '0..1', {'RIG_CLIENT_NEXT': '2..4:'}, 2, 'then one of the old calls'),
    ('finalize', '0..1', {'RIG_CLIENT_NEXT': '2..4:several'}, 1, 'after one of the old calls'),
    ('', '0..1', {'RIG_CLIENT_NEXT': '2..4:', 'LAGGARD_SUBSCRIBE': 'several'}, 1,
     'clients of the old calls, and LAGGARD_SUBSCRIBE=several'),
    ('several,dlsym', '2..4', {'LAGGARD_SUBSCRIBE': 'several'}, 0, 'past us, and LAGGARD_SUBSCRIBE=several'),
)


def check_several(tap):
    """Neither it nor we are refused, and both have all records, whoever comes first."""
    for how, window, settings, gap_count, words in SEVERAL:
        epoch = time.time_ns() + 2_000_000_000
        alone, wanted = client_run(False, how, '13.4', window, epoch=epoch, **settings)
        run, lines = client_run(True, how, '13.4', window, epoch=epoch, **settings)
        tap.check(alone.result.err == '' and len(wanted) > 300 and lines == wanted and run.result.err == '',
                  f'several subscribers, {words}: the client gets what it gets alone',
                  difference(wanted, lines) + '\n' + run.result.text())
        tap.check(run.result.status == 0 and not run.found and len(run.gaps) == gap_count and
                  all(gap[2:] == ('cupti', 'another client subscribed to CUPTI') for gap in run.gaps),
                  f'several subscribers, {words}: every row is exact, changes are {gap_count} gaps',
                  f'{run.found}\n{run.lost} {run.gaps}\n{run.result.text()}')


def check_refused(tap):
    """Where the client must be refused because of us, our trace stays whole."""
    for how, settings, gap_count, words in (
            ('several', {'RIG_FAULTS': 'sticky'}, 1, 'CUPTI remembers the old calls'),
            ('several,dlsym', {}, 0, 'the client goes past us')):
        run, _ = client_run(True, how, '13.4', '2..4', **settings)
        tap.check('cannot subscribe: 39' in run.result.err and run.result.status == 0 and not run.found and
                  len(run.gaps) == gap_count, f'{words}: it hears 39, and every row of ours is exact',
                  f'{run.found}\n{run.gaps}\n{run.result.text()}')


def check_sole(tap):
    """A client that wants CUPTI for itself gets it; the gap ends when it leaves."""
    scenario = LONG.replace('count=120', 'count=30')
    settings = {'version': '13.4', 'RIG_CLIENT': 'several,sole', 'RIG_CLIENT_OUT': 'client.txt'}
    query = 'SELECT correlation_id FROM kernel'
    with Run(scenario, version='13.4') as plain, Run(scenario, '--client', '10..20', **settings) as run:
        wanted = {row[0] for row in plain.rows(query)}
        steps = dict(plain.rows("SELECT value, start_ns FROM range JOIN string ON string_id = name_id"))
        inside = {row[0] for row in plain.rows(
            f"SELECT correlation_id FROM api_call WHERE start_ns >= {steps['step 10']} AND start_ns < "
            f"{steps['step 20']}")} & wanted
        found = {row[0] for row in run.rows(query)}
        with open(os.path.join(run.folder, 'client.txt'), encoding='ascii') as file:
            theirs = {int(line.split()[1]) for line in file if line.startswith('10 ')}
        tap.check(len(inside) == 20 and theirs == inside and wanted - found == inside and not found - wanted,
                  'a client that wants to be the only one: what is not in our trace is what it has',
                  f'{sorted(inside)} {sorted(theirs)} {sorted(wanted - found)} {run.result.text()}')
        gaps = run.rows('SELECT r.value FROM capture_gap, string r WHERE r.string_id = reason_id')
        tap.equal(gaps, [('another client subscribed to CUPTI',)], 'a client that wants to be the only one: one gap')


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    check_by_name(tap)
    check_unseen(tap)
    check_several(tap)
    check_refused(tap)
    check_sole(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
