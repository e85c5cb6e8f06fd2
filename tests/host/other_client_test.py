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

STEPS = 240
STEP_NS = 20_000_000


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
        with Run(LONG.replace('count=120', f'count={STEPS}'), '--realtime', '--client', '20..40',
                 RIG_CLIENT=how, RIG_CLIENT_OUT='client.txt', LAGGARD_FLUSH_MS='10') as run:
            with open(os.path.join(run.folder, 'client.txt'), encoding='ascii') as file:
                client = file.read().splitlines()
            steps = {int(name.split()[1]): start for name, start in run.rows(
                "SELECT value, start_ns FROM range JOIN string ON string_id = name_id WHERE value LIKE 'step %'")}
            kernels = [row[0] for row in run.rows('SELECT start_ns FROM kernel')]
            gaps = run.rows('SELECT start_ns, duration_ns FROM capture_gap')
            begins = [steps[number] for number in sorted(steps)]
            counts = [sum(begin <= kernel < end for kernel in kernels)
                      for begin, end in zip(begins, [*begins[1:], 1 << 62])]
            start, duration = gaps[0] if gaps else (0, 0)
            # The rig's records are there when the kernel is launched, before its start; on a busy machine its
            # stamps and the clock drift apart by a few steps.
            inside = [kernel for kernel in kernels if start + 5 * STEP_NS <= kernel < start + duration]
            after = [count for begin, count in zip(begins, counts) if begin > start + duration + STEP_NS]
            tap.check(run.result.status == 0 and not run.result.err and len(client) > 100,
                      f'{how}: the client has its records, the program its output',
                      f'{len(client)}\n{run.result.text()}')
            tap.check(len(steps) == STEPS and counts[:19] == [2] * 19 and not any(counts[21:39]) and
                      after and all(count == 2 for count in after),
                      f'{how}: kernels before and after are complete', counts)
            tap.check(len(gaps) == 1 and not inside and start <= steps[21] and
                      start + duration >= steps[40],
                      f'{how}: one gap, from the taking over until the capture went on',
                      f'{gaps} {inside} {counts}')


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    check_by_name(tap)
    check_unseen(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
