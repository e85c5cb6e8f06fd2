#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the launching thread of the host does (TAP): a program of the rig that really sleeps, computes or reads
a pipe between its launches, and what libtrace.so saw of it from outside."""

import os

from rig_capture_test import Run

import guest

# 25 steps of 44 ms in real time. The thread launches, waits a moment, and is then busy in the way that is asked for.
STEPS = '''
scenario host
seed 8
gpus 1
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32
repeat count=25
	launch kernel=work dur=4ms
	host dur=40ms
end
'''
QUICK = dict(LAGGARD_HOST_SAMPLE_MS='2', LAGGARD_FLUSH_MS='10', LAGGARD_COMMIT_MS='10')
SAMPLES = '''SELECT h.time_ns, h.thread_id, char(h.state), coalesce(s.value, ''), h.cpu_time_ns, h.run_delay_ns,
                    h.processor FROM host_sample h LEFT JOIN string s ON s.string_id = h.wait_channel_id
             ORDER BY h.time_ns'''


def seen(*options, **settings):
    with Run(STEPS, *options, **{**QUICK, **settings}) as run:
        launching = {row[0] for row in run.rows('SELECT DISTINCT a.thread_id FROM api_call a JOIN kernel k '
                                                'ON k.correlation_id = a.correlation_id')}
        return run.rows(SAMPLES), launching, run.loss(), run.problems() or run.result.err


def share(rows, is_so):
    return sum(1 for row in rows if is_so(row)) / max(1, len(rows))


def check_way(tap, way, state, wait, what):
    rows, launching, loss, problems = seen('--realtime', '--way', way)
    detail = f'{len(rows)} rows, {rows[:20]}\n{loss}\n{problems}'
    # How many there are depends on the machine; a twentieth of what an idle one gives is enough to judge. On a busy
    # one a sleeper that was woken waits for a CPU, so only those in the state that was played are judged.
    tap.check(len(rows) >= 30 and {row[1] for row in rows} == launching and not problems,
              f'{way}: the launching thread is sampled, and no other', detail)
    so = [row for row in rows if row[2] == state]
    tap.check(len(so) >= 15 and share(so, lambda row: row[3].startswith(wait)) >= 0.7, f'{way}: {what}', detail)
    times = [row[0] for row in rows]
    tap.check(times == sorted(times) and all(a[4] <= b[4] and a[5] <= b[5] for a, b in zip(rows, rows[1:])) and
              all(row[6] >= 0 for row in rows), f'{way}: CPU time and delay only grow', detail)
    return rows


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = guest.Tap()
    check_way(tap, 'sleep', 'S', ('clock_nanosleep', 'nanosleep', 'hrtimer_nanosleep'),
              'it is seen asleep, and in what')
    check_way(tap, 'pipe', 'S', ('read', 'pipe', 'anon_pipe'), 'it is seen waiting for the pipe')
    rows = check_way(tap, 'spin', 'R', '', 'it is seen running')
    tap.check(share(rows, lambda row: row[2] == 'R') >= 0.6, 'spin: and hardly ever otherwise', rows[:20])
    if rows:
        first, last = rows[0], rows[-1]
        used = (last[4] - first[4]) + (last[5] - first[5])
        tap.check(abs(used - (last[0] - first[0])) <= 0.25 * (last[0] - first[0]),
                  'spin: its CPU time and its wait for a CPU make up the time', f'{first} {last} {used}')
    rows, _, loss, problems = seen(LAGGARD_HOST_SAMPLE_MS='0')
    tap.check(not rows and loss.get('host: disabled: LAGGARD_HOST_SAMPLE_MS=0') == 0 and not problems,
              'off: nothing is looked at, and the loss says so', loss)
    rows, _, loss, problems = seen(LAGGARD_API='off')
    tap.check(not rows and loss.get('host: disabled: LAGGARD_API=off, the threads that launch are not known') == 0,
              'without API calls nobody is known to launch, and the loss says so', loss)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
