#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Capture windows under the rig (TAP): every setting that says what is recorded, against the scenario, to the row."""

import os
import sys
import tempfile

from windowed import (FOR_EVER, Process, begins_in, differences, guest, losses, open_stretches, run_checks)
from guest import Tap

HEAD = '''
scenario windows
seed 3
gpus 1
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32
open stream=7 priority=0
'''

# Ten steps of two kernels that outlast the step's host part, nested ranges, an event, a copy, a wait.
STEPS = HEAD + '''
repeat count=10
	push name="step {step}"
	launch kernel=work dur=400us
	push name="inner"
	launch kernel=work dur=800us
	copy dir=d2h bytes=4096 dur=20us
	record id=1
	wait id=1 stream=13
	pop
	sync name=stream stream=13
	host dur=50us
	pop
	launch kernel=work dur=300us
end
sync name=device
'''

# Ranges of one name within themselves, on two threads, in two domains, pushed and started.
NESTED = HEAD + '''
launch kernel=work dur=5us
push name="outer"
push name="look" domain="A"
launch kernel=work dur=5us
push name="look" domain="A"
launch kernel=work dur=6us
pop domain="A"
launch kernel=work dur=7us
pop domain="A"
launch kernel=work dur=8us
host dur=100us
rstart id=5 name="lookout"
launch kernel=work dur=9us
join thread=1 with=0
push name="look" thread=1
launch kernel=work dur=5us
join with=1
rend id=5
launch kernel=work dur=5us
join thread=1 with=0
pop thread=1
join with=1
host dur=50us
launch kernel=work dur=5us
push name="look2" domain="B"
launch kernel=work dur=5us
pop domain="B"
host dur=50us
pop
rstart id=6 name="left open"
push name="left pushed"
launch kernel=work dur=5us
sync name=device
'''

PROFILER = HEAD + '''
launch kernel=work dur=5us
push name="a"
api name=cudaProfilerStart
launch kernel=work dur=6us
push name="b"
api name=cudaProfilerStop
pop
launch kernel=work dur=7us
host dur=100us
pop
api name=cudaProfilerStart
push name="c"
launch kernel=work dur=8us
pop
sync name=device
api name=cudaProfilerStop
launch kernel=work dur=9us
sync name=device
'''


def of(ops, kind, name):
    return [op['start'] for op in ops if op['op'] == kind and op['name'] == name]


def pop_of(ops, start):
    """When the range pushed or started then ends."""
    begin = next(op for op in ops if op['start'] == start and op['op'] in ('push', 'rstart'))
    if begin['op'] == 'rstart':
        return next((op['start'] for op in ops if op['op'] == 'rend' and op['id'] == begin['id']), FOR_EVER)
    depth = 0
    for op in ops:
        if op['start'] < start or (op.get('thread'), op.get('domain')) != (begin['thread'], begin['domain']):
            continue
        depth += (op['op'] == 'push') - (op['op'] == 'pop')
        if op['op'] == 'pop' and depth == 0:
            return op['start']
    return FOR_EVER


def ranges_of(ops, names, domains=None):
    """Stretches in which a range of one of these names is open."""
    found = []
    for op in ops:
        if op['op'] in ('push', 'rstart') and any(op['name'] == name or (name[-1] == '*' and op['name'].startswith(
                name[:-1])) for name in names) and (domains is None or op['domain'] in domains):
            found.append((op['start'], pop_of(ops, op['start'])))
    return found


def merged(stretches):
    found = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def common(one, other):
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


def check(tap, name, scenario, windows_of, reason, options=(), **settings):
    """Rows, gap rows and losses of a run in the windows that the scenario says."""
    with Process(scenario, *options, **settings) as process:
        said = process.end()
        if said:
            tap.check(False, name, said)
            return
        windows = merged(windows_of(process.operations()))
        problems = differences(process, windows)
        # The last gap ends when the process does, which in scenario time is before its begin.
        gaps = [(start, end) for start, end, _ in process.gaps()]
        want = [(before[1], after[0]) for before, after in zip(windows, windows[1:])]
        if gaps[1:] != want or gaps[0][1] != windows[0][0]:
            problems += f'\ngaps {gaps}, wanted {want} after the one to {windows[0][0]}'
        reasons = {words for _, _, words in process.gaps()}
        if reasons != {reason}:
            problems += f'\nreasons {reasons}'
        if losses(process):
            problems += f'\nlosses {losses(process)}'
        tap.check(not problems, name, problems)


def steps_window(first, last):
    return lambda ops: [(of(ops, 'push', f'step {first}')[0], pop_of(ops, of(ops, 'push', f'step {last}')[0]))]


def check_steps(tap):
    words = 'outside LAGGARD_STEPS'
    for version in ('11.8', '13.4'):
        check(tap, f'steps 3-5, CUPTI {version}', STEPS, steps_window(3, 5), words, version=version,
              LAGGARD_STEPS='3-5')
    check(tap, 'the first step alone', STEPS, steps_window(0, 0), words, LAGGARD_STEPS='0')
    check(tap, 'steps by another name', STEPS, lambda ops: [
        (start, pop_of(ops, start)) for start in of(ops, 'push', 'inner')[2:3]], words, LAGGARD_STEPS='2..2',
        LAGGARD_STEP_RANGE='nothing,inn*')
    check(tap, 'without CUDA calls', STEPS.replace('record id=1', '').replace('wait id=1 stream=13', ''),
          steps_window(4, 6), words, LAGGARD_STEPS='4-6', LAGGARD_API_SKIP='cudaX*')


def check_ranges(tap):
    words = 'outside LAGGARD_RANGE'
    check(tap, 'a range that is pushed within itself, on any thread', NESTED,
          lambda ops: ranges_of(ops, ['look']), words, LAGGARD_RANGE='look')
    check(tap, 'names that begin so, also started ones', NESTED, lambda ops: ranges_of(ops, ['look*']), words,
          LAGGARD_RANGE='look*')
    check(tap, 'of one domain', NESTED, lambda ops: ranges_of(ops, ['look*'], ['B']), words, LAGGARD_RANGE='B@look*')
    check(tap, 'of the default domain', NESTED, lambda ops: ranges_of(ops, ['look'], [None]), words,
          LAGGARD_RANGE='@look')
    check(tap, 'a range that never ends', NESTED, lambda ops: ranges_of(ops, ['left open']), words,
          LAGGARD_RANGE='left open')
    check(tap, 'a range in every step', STEPS, lambda ops: ranges_of(ops, ['inner']), words, LAGGARD_RANGE='inner')


def profiler_windows(ops):
    starts = [op['end'] for op in ops if op['op'] == 'api' and op['name'] == 'cudaProfilerStart']
    stops = [op['start'] for op in ops if op['op'] == 'api' and op['name'] == 'cudaProfilerStop']
    return list(zip(starts, stops))


def check_profiler(tap):
    for version in guest.VERSIONS:
        check(tap, f'between cudaProfilerStart and Stop, CUPTI {version}', PROFILER, profiler_windows,
              'outside cudaProfilerStart and cudaProfilerStop', version=version, LAGGARD_CUDA_PROFILER='on')


def check_combined(tap):
    """Recorded while all agree; each gap says what was missing when it began."""
    with Process(PROFILER, LAGGARD_CUDA_PROFILER='on', LAGGARD_RANGE='c') as process:
        problems = process.end()
        ops = process.operations()
        problems += differences(process, common(profiler_windows(ops), ranges_of(ops, ['c'])))
        reasons = [words for _, _, words in process.gaps()]
        tap.check(not problems, 'a range between cudaProfilerStart and Stop', problems)
        tap.equal(reasons[:1], ['outside cudaProfilerStart and cudaProfilerStop; outside LAGGARD_RANGE'],
                  'the first gap says both reasons')


def check_never_open(tap):
    """What is known of devices, contexts, streams and communicators is kept; and nothing else."""
    path = os.path.join(guest.SCENARIOS, 'tiny.scn')
    with open(path, encoding='utf-8') as file:
        tiny = file.read()
    with Process(tiny, LAGGARD_START='off') as process, Process(tiny) as whole:
        said = process.end() + whole.end()
        tap.equal(said, '', 'a run that is never started: nothing is said')
        trace, other = process.trace(), whole.trace()
        for table in ('kernel', 'memcpy', 'memset', 'api_call', 'synchronization', 'cuda_event', 'collective',
                      'external_correlation', 'overhead', 'mark', 'allocation', 'sample'):
            tap.equal(trace.rows(f'SELECT COUNT(*) FROM "{table}"')[0][0], 0, f'never started: no row in {table}')
        names = {trace.strings[row['name_id']] for row in trace.rows('SELECT * FROM range')}
        tap.check(names <= {'ncclCommInitRank', 'ncclCommInitRankConfig', 'ncclCommDestroy', 'ncclCommFinalize'},
                  'never started: of ranges only those that make communicators', names)
        for table, columns in (('device', 'device_id, name, uuid'), ('context', 'context_id, device_id'),
                               ('stream', 'device_id, context_id, number, priority'),
                               ('communicator', 'rank_count, rank')):
            query = f'SELECT {columns} FROM "{table}" ORDER BY {columns}'
            tap.equal([tuple(row) for row in trace.rows(query)], [tuple(row) for row in other.rows(query)],
                      f'never started: {table} all the same')
        gaps = process.gaps()
        tap.equal([(len(gaps), words) for _, _, words in gaps],
                  [(1, 'LAGGARD_START=off, and not started by laggard ctl')], 'one gap from begin to end')


def collectives(process):
    """Rows of collective and their external ids, by scenario time; and the communicators."""
    trace = process.trace()
    shift = trace.epoch - process.epoch
    rows = [(row['start_ns'] + shift, row['duration_ns'], trace.strings[row['operation_id']], row['bytes'],
             row['sequence'], row['witness']) for row in trace.rows('SELECT * FROM collective')]
    joined = trace.rows('SELECT COUNT(*) FROM collective c JOIN external_correlation e '
                        'ON e.external_id = c.external_id JOIN kernel k ON k.correlation_id = e.correlation_id')[0][0]
    members = [tuple(row) for row in trace.rows('SELECT rank_count, rank FROM communicator ORDER BY 1, 2')]
    return sorted(rows), joined, members


def check_nccl(tap):
    """NCCL's operations are those that begin in the window, joined to their kernels; all communicators are known."""
    with open(os.path.join(guest.SCENARIOS, 'tiny.scn'), encoding='utf-8') as file:
        tiny = file.read()
    with Process(tiny, LAGGARD_STEPS='1') as process, Process(tiny) as whole:
        tap.equal(process.end() + whole.end(), '', 'NCCL in a window: nothing is said')
        ops = process.operations()
        start = of(ops, 'push', 'step 1')[0]
        window = [(start, pop_of(ops, start))]
        rows, joined, members = collectives(process)
        all_rows, all_joined, all_members = collectives(whole)
        tap.equal(rows, [row for row in all_rows if begins_in(window, row[0])], 'the operations of one step of two')
        tap.check(0 < joined < all_joined, '... reach their kernels', (joined, all_joined))
        tap.equal(members, all_members, '... and every communicator is known')
        tap.equal(losses(process), losses(whole), '... and nothing is called lost')


# Two windows of 0.1 s, more than a second apart: CUPTI's kinds go off and on again between them.
RESTING = HEAD + '''
repeat count=2
	repeat count=25
		launch kernel=work dur=2ms
		record id=1
		host dur=100ms
	end
	push name="look"
	repeat count=10
		launch kernel=work dur=4ms
		copy dir=d2h bytes=4096 dur=20us
		record id=1
		host dur=8ms
	end
	pop
end
sync name=device
'''


def check_resting(tap):
    """CUPTI's kinds are off in long gaps, where they can be; and back before the first row of the next window."""
    facts = {8, 9, 37, 11}
    versions = (('12.4', facts | {10}), ('13.4', facts))
    processes = [Process(RESTING, '--realtime', version=version, LAGGARD_RANGE='look') for version, _ in versions]
    for (version, kept), process in zip(versions, processes):
        with process:
            problems = process.end()
            windows = ranges_of(process.operations(), ['look'])
            problems += differences(process, windows)
            found = [(start, end) for start, end, _ in process.gaps()]
            if [end for _, end in found[:2]] != [start for start, _ in windows]:
                problems += f'gaps {found}, windows {windows}'
            tap.check(not problems, f'windows far apart, CUPTI {version}: every row', problems)
            switched = process.kinds_switched()
            off = [kind for kind, way in switched if way == 'off']
            tap.check(set(off).isdisjoint(kept) and off.count(5) >= 2,
                      f'windows far apart, CUPTI {version}: kinds are off meanwhile', switched)
            if version == '13.4':
                tap.check(off.count(10) >= 2, 'CUPTI 13.4: the kernels\' kind, too', switched)


STEADY = HEAD + '''
repeat count=400
	push name="beat"
	launch kernel=work dur=4ms
	copy dir=d2h bytes=4096 dur=20us
	record id=1
	host dur=10ms
	pop
end
sync name=device
'''


def check_times(tap):
    """Delay and duration: the gap rows say when; and to the row what lies outside them is there."""
    with Process(STEADY, '--realtime', LAGGARD_DELAY_MS='1500', LAGGARD_DURATION_MS='400',
                 scenario_ahead_ns=300_000_000) as process:
        problems = process.end()
        gaps = process.gaps()
        problems += differences(process, open_stretches(gaps), has_ranges=False, is_timed=True)
        tap.check(not problems, 'a delay and a duration: every row outside the gaps', problems)
        tap.equal([words for _, _, words in gaps], ['before LAGGARD_DELAY_MS', 'after LAGGARD_DURATION_MS'],
                  'a delay and a duration: two gaps')
        if len(gaps) == 2:
            begun = process.trace().epoch - process.epoch
            tap.check(gaps[0][0] == begun and gaps[0][1] - begun >= 1_500_000_000, 'the delay is kept', gaps)
            tap.check(gaps[1][0] - gaps[0][1] >= 400_000_000, 'so is the duration', gaps)
            stop = process.trace().facts['stop_ns'] + process.trace().epoch - process.epoch
            tap.equal(gaps[1][1], stop, 'the last gap ends with the trace')
            # The handlers ask a flag, in real time; a range within a moment of an edge may be on either side.
            near = 500_000_000
            recorded = [row['start_ns'] + begun for row in process.trace().rows('SELECT start_ns FROM range')]
            tap.check(recorded and all(begins_in([(gaps[0][1] - near, gaps[1][0] + near)], start)
                                       for start in recorded), 'ranges begin in the window', recorded[:5])


def check_bad_values(tap):
    with Process(STEPS, LAGGARD_STEPS='five') as process:
        said = process.end()
        tap.check(said.count('\n') == 0 and "LAGGARD_STEPS is 'five', which is not N-M" in said,
                  'a span that is none is complained about', said)
        tap.check(process.has_trace() and len(process.trace().rows('SELECT 1 FROM kernel')) == 30,
                  '... and everything is recorded')
    with tempfile.TemporaryDirectory() as folder:
        result = guest.Result([os.path.join(guest.BUILD, 'bin', 'laggard'), 'run', '--steps', '7-3', '-o', folder,
                               'true'], folder, guest.environment(False, True))
        tap.check(result.status == 2 and "--steps is '7-3', which is not N-M" in result.err,
                  'on the command line it is a usage error', result.text())


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all(f'no {guest.RIG_TRAIN}')
    tap = Tap()
    check_steps(tap)
    check_ranges(tap)
    check_profiler(tap)
    check_combined(tap)
    check_never_open(tap)
    check_nccl(tap)
    check_bad_values(tap)
    run_checks(tap, (check_times, check_resting))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
