#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The flight recorder under the rig (TAP): dumps against the oracle, triggers, and a job that hangs."""

import collections
import concurrent.futures
import glob
import json
import os
import sqlite3
import stat
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'host'))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'rig'))

import guest  # noqa: E402
import trace_check  # noqa: E402
from guest import Result, Tap, environment  # noqa: E402

LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')
STEPS = """scenario flight
seed 7
gpus 1
processes 1
kernel work "some_kernel"
push name="the whole run"
repeat count={count}
\tpush name="step {{step}}"
\tlaunch kernel=work dur=20ms stream=7
\tcopy dir=h2d bytes=1000000 dur=1ms stream=7
\tsync name=device
\thost dur=9ms{slow}
\tpop
end
pop
"""
PAUSE = '''scenario pause
seed 7
gpus 2
kernel work "some_kernel"
open stream=7 priority=0
comm id=1
repeat count=2
	launch kernel=work dur=2ms stream=7
	coll op=AllReduce bytes=4M dtype=f32 id=1 stream=7 dur=2ms
	sync name=device
	host dur=3s
end
'''
SLOW = '\n\thost dur=40ms step=30'


class Run:
    def __init__(self, scenario, *options, **settings):
        self.folder = tempfile.TemporaryDirectory()
        self.traces = os.path.join(self.folder.name, 'traces')
        os.mkdir(self.traces)
        self.scenario = scenario
        if '\n' in scenario:
            self.scenario = os.path.join(self.folder.name, 'own.scn')
            with open(self.scenario, 'w', encoding='utf-8') as file:
                file.write(scenario)
        before = [option for option in options if not option.startswith('+')]
        after = [option[1:] for option in options if option.startswith('+')]
        self.result = Result([guest.RIG_RUN, '--cupti', '13.0', *before, self.scenario, '--quiet', *after],
                             self.folder.name,
                             environment(True, True, LAGGARD_OUTPUT=self.traces, RIG_STRICT='1', **settings))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def dumps(self):
        return sorted(glob.glob(os.path.join(self.traces, '*.trace.db')))

    def triggers(self):
        return [rows(path, 'SELECT "trigger" FROM trace')[0][0] for path in self.dumps()]

    def report(self):
        done = Result([LAGGARD, 'analyze', '--format', 'json', self.traces], self.folder.name, environment(False, True))
        return json.loads(done.out) if done.status == 0 else {'findings': [], 'hangs': [], 'error': done.text()}


def rows(path, query):
    with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as database:
        return database.execute(query).fetchall()


def window_test(tap):
    """What is in the dump is what happened in its window, row for row."""
    with Run(STEPS.format(count=100, slow=''), '+--realtime', LAGGARD_FLIGHT_S=1, LAGGARD_FLIGHT_EXIT='on',
             LAGGARD_FLIGHT_SLOW_PERCENT=0) as run:
        dumps = run.dumps()
        tap.check(run.result.status == 0 and len(dumps) == 1, 'the end of the program makes one dump, and nothing else',
                  run.result.text() + str(dumps))
        if len(dumps) != 1:
            return
        tap.check(dumps[0].endswith('.dump1.trace.db'), 'it has a name of its own', dumps)
        tap.equal(stat.S_IMODE(os.stat(dumps[0]).st_mode), 0o600, 'only its owner may read it')
        tap.equal(run.triggers(), ['exit'], 'it says what asked for it')
        trace = trace_check.Trace(dumps[0])
        ops = trace_check.operations_of(run.scenario, 0)
        got = trace_check.gpu_rows(trace, 0)
        last = max(op['start'] for op in ops if op['op'] == 'kernel')
        offset = max(row[0] for row in got[0]) - last
        gaps = rows(dumps[0], 'SELECT start_ns, duration_ns FROM capture_gap')
        tap.check(len(gaps) == 1 and gaps[0][0] == 0, 'what is older is one gap', gaps)
        low = gaps[0][1] + trace.epoch - offset
        got = trace_check.gpu_rows(trace, offset)
        expected = trace_check.gpu_expected(ops, 1)
        for name, have, want in zip(('kernels', 'copies'), got, expected):
            inside = collections.Counter({row: n for row, n in want.items() if row[0] + row[1] >= low})
            tap.check(0 < sum(inside.values()) < sum(want.values()), f'the window cuts the {name}', inside)
            tap.check(have == inside, f'{name} of the window, all and no others',
                      trace_check.difference(have, inside, False))
        calls = trace_check.api_rows(trace, offset)
        want = trace_check.api_expected(ops, trace_check.NOISE.split(','))
        inside = collections.Counter({row: n for row, n in want.items() if row[0] + row[1] >= low})
        tap.check(calls == inside, 'calls of the window, all and no others',
                  trace_check.difference(calls, inside, False))
        truth = json.loads(trace_check.truth_of(run.scenario, '--ranges'))['process'][0]
        have, want, *_ = trace_check.range_rows(trace, offset, truth)
        inside = collections.Counter({row: n for row, n in want.items() if row[0] + row[1] >= low})
        tap.check(have == inside and 'the whole run' in str(inside),
                  'ranges of the window, those that began long before it too',
                  trace_check.difference(have, inside, False))
        tap.equal(rows(dumps[0], 'SELECT * FROM loss WHERE count > 0'), [], 'nothing was lost')
        tap.equal(run.report().get('error'), None, 'the analysis reads it')


def whole_test(tap):
    """A window longer than the program holds everything that a recording would."""
    scenario = os.path.join(guest.SCENARIOS, 'ddp4.scn')
    with Run(scenario, LAGGARD_FLIGHT_S=600, LAGGARD_FLIGHT_EXIT='on', LAGGARD_FLIGHT_SLOW_PERCENT=0) as run:
        checker = os.path.join(guest.ROOT, 'tests', 'rig', 'trace_check.py')
        done = Result([sys.executable, checker, scenario, run.traces],
                      run.folder.name, environment(False, True))
        tap.check(run.result.status == 0 and done.status == 0, 'dumps of four ranks hold all that the oracle says',
                  run.result.err + done.out)
        states = [rows(path, 'SELECT enqueued, completed, sequence FROM communicator_state') for path in run.dumps()]
        tap.check(len(states) == 4 and all(state == [(181, 181, 178)] for state in states),
                  'every operation of the communicator is enqueued and completed', states)
        tap.equal(run.report().get('hangs'), None, 'nothing hangs')


def memory_test(tap):
    with Run(os.path.join(guest.SCENARIOS, 'ddp4.scn'), LAGGARD_FLIGHT_S=600, LAGGARD_FLIGHT_MB=1,
             LAGGARD_FLIGHT_EXIT='on', LAGGARD_FLIGHT_SLOW_PERCENT=0) as run:
        path = run.dumps()[0] if run.dumps() else None
        lost = rows(path, "SELECT sum(count) FROM loss WHERE reason LIKE '%LAGGARD_FLIGHT_MB%'") if path else []
        tap.check(lost and (lost[0][0] or 0) > 0, 'what found no room is counted', run.result.text())
        gaps = rows(path, 'SELECT reason.value FROM capture_gap JOIN string AS reason ON reason_id = string_id')
        tap.check(any('LAGGARD_FLIGHT_MB' in gap[0] for gap in gaps), 'and is a gap', gaps)
        pushes = rows(path, "SELECT * FROM loss WHERE source = 'nvtx'")
        tap.equal(pushes, [], 'ends whose begins found no room are no loss of NVTX')


def steps_test(tap):
    settings = {'LAGGARD_FLIGHT_S': 60, 'LAGGARD_FLIGHT_SLOW_PERCENT': 50}
    with Run(STEPS.format(count=60, slow=SLOW), **settings) as run:
        triggers = run.triggers()
        tap.check(len(triggers) == 1 and triggers[0].startswith('slow step: step 30 took '),
                  'a slow step makes one dump, which names it', triggers + [run.result.err])
    with Run(STEPS.format(count=60, slow=''), **settings) as run:
        tap.equal(run.triggers(), [], 'equal steps make none')
    with Run(os.path.join(guest.SCENARIOS, 'balanced4.scn'), **settings) as run:
        tap.equal(run.triggers(), [], 'nor does a balanced training')


def hang_test(tap):
    scenario = os.path.join(guest.SCENARIOS, 'ddp4.scn')
    settings = {'LAGGARD_FLIGHT_S': 60, 'LAGGARD_FLIGHT_SLOW_PERCENT': 0, 'LAGGARD_FLIGHT_HANG_S': 1}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = [pool.submit(Run, scenario, '--hang', f'{rank}:7', RIG_HANG_S=5, LAGGARD_FLIGHT_EXIT=at_exit,
                            **settings)
                for rank, at_exit in ((3, 'off'), (2, 'on'), (9, 'off'))]
    silent, told, complete = [run.result() for run in runs]
    with silent as run:
        triggers = run.triggers()
        tap.check(len(triggers) == 3 and all(trigger.startswith('hang: ') for trigger in triggers),
                  'three ranks that wait dump once each', triggers + [run.result.err])
        hangs = run.report().get('hangs') or [{}]
        tap.check(hangs[0].get('waiting') == [0, 1, 2] and hangs[0].get('unknown') == [3] and
                  hangs[0].get('operation') == 'AllReduce' and hangs[0].get('sequence') == 63,
                  'the analysis names the fourth, which left no dump', hangs)
    with told as run:
        report = run.report()
        hangs = report.get('hangs') or [{}]
        tap.check(hangs[0].get('waiting') == [0, 1, 3] and hangs[0].get('missing') == [2] and
                  hangs[0].get('unknown') == [], 'and says that it has not come where its dump shows it', hangs)
        words = [finding['text'] for finding in report['findings'] if finding['id'] == 'collective-hangs']
        tap.check(len(words) == 1 and 'rank 2 has not come' in words[0], 'in words, too', report['findings'])
    with complete as run:
        hangs = run.report().get('hangs') or [{}]
        tap.check(hangs[0].get('waiting') == [0, 1, 2, 3] and hangs[0].get('missing') == [] and
                  hangs[0].get('unknown') == [], 'where all have come nobody is named', hangs)


def overlap_test(tap):
    """Two dumps of one process show the same work; the analysis counts it once."""
    with Run(STEPS.format(count=60, slow=SLOW), '+--realtime', LAGGARD_FLIGHT_S=600, LAGGARD_FLIGHT_EXIT='on',
             LAGGARD_FLIGHT_SLOW_PERCENT=50) as run:
        dumps = run.dumps()
        tap.check(len(dumps) == 2, 'a slow step and the end make two dumps', run.triggers())
        if len(dumps) != 2:
            return
        kernels = [rows(path, 'SELECT count(*), sum(duration_ns) FROM kernel')[0] for path in dumps]
        truth = [op['end'] - op['start'] for op in trace_check.operations_of(run.scenario, 0) if op['op'] == 'kernel']
        tap.check(0 < kernels[0][0] <= kernels[1][0] and kernels[1] == (len(truth), sum(truth)),
                  'the second has all kernels, the first some of them', kernels)
        done = Result([LAGGARD, 'analyze', '--window', 'all', '--format', 'json', run.traces], run.folder.name,
                      environment(False, True))
        report = json.loads(done.out)
        tap.check([gpu['compute_ns'] for gpu in report['gpus']] == [sum(truth)] and
                  report['gpus'][0]['trace'] == 1, 'the analysis has one GPU with the truth of one dump',
                  report['gpus'])
        tap.equal([trace.get('left_out_for') for trace in report['traces']], [dumps[1], None],
                  'it says which dump it left out, and for which')
        text = Result([LAGGARD, 'analyze', run.traces], run.folder.name, environment(False, True)).out
        tap.check('left out: a younger dump of the same process overlaps with it' in ' '.join(text.split()),
                  'in words, too', text)


def window_and_flight_test(tap):
    """A dump holds of the window's stretches what a recording with the same window holds."""
    epoch = time.time_ns() + 2_000_000_000
    settings = {'LAGGARD_RANGE': 'step 2*', 'RIG_EPOCH_NS': epoch}
    tables = (('kernel', 'start_ns + epoch_ns, duration_ns, correlation_id'),
              ('memcpy', 'start_ns + epoch_ns, duration_ns, correlation_id'),
              ('api_call', 'start_ns + epoch_ns, duration_ns, correlation_id'),
              ('synchronization', 'start_ns + epoch_ns, duration_ns, correlation_id'))
    scenario = STEPS.format(count=60, slow='')
    with Run(scenario, **settings) as wanted, Run(scenario, LAGGARD_FLIGHT_S=600, LAGGARD_FLIGHT_EXIT='on',
                                                  LAGGARD_FLIGHT_SLOW_PERCENT=50, **settings) as run:
        tap.equal(run.triggers(), ['exit'], 'a window and the flight recorder: the end makes the one dump')
        for table, columns in tables if run.dumps() else ():
            query = f'SELECT {columns} FROM "{table}", trace ORDER BY 1, 2, 3'
            want, have = rows(wanted.dumps()[0], query), rows(run.dumps()[0], query)
            tap.check(len(want) >= 11 and have == want, f'{table}: what a recording with this window has',
                      f'{len(have)} {len(want)} {have[:3]} {want[:3]}')
        reasons = {row[0] for path in run.dumps() for row in rows(
            path, 'SELECT value FROM capture_gap JOIN string ON reason_id = string_id')}
        tap.equal(reasons, {'outside LAGGARD_RANGE'}, 'and its gaps')


def no_hang_test(tap):
    """No false alarm: in a long pause without work, nor where the window closed before the end was recorded."""
    settings = {'LAGGARD_FLIGHT_S': 60, 'LAGGARD_FLIGHT_SLOW_PERCENT': 0, 'LAGGARD_FLIGHT_HANG_S': 1}
    scenario = os.path.join(guest.SCENARIOS, 'ddp4.scn')
    pause = PAUSE
    with concurrent.futures.ThreadPoolExecutor() as pool:
        paused = pool.submit(Run, pause, '+--realtime', **settings)
        closed = pool.submit(Run, scenario, '--hang', '3:7', RIG_HANG_S=4, LAGGARD_FLIGHT_EXIT='on',
                             LAGGARD_STEPS='0-5', **settings)
    with paused.result() as run:
        tap.check(run.result.status == 0 and run.triggers() == [], 'a pause of three seconds is no hang',
                  f'{run.triggers()} {run.result.err}')
    with closed.result() as run:
        tap.equal(set(run.triggers()), {'exit'}, 'nothing is waited for while the window is closed')
        unknown = [rows(path, "SELECT count(*) FROM loss WHERE reason LIKE 'how far communicators are%'")[0][0]
                   for path in run.dumps()]
        states = [rows(path, 'SELECT count(*) FROM communicator_state')[0][0] for path in run.dumps()]
        tap.check(unknown == [1] * 4 and states == [0] * 4, 'and its dumps do not claim to know how far they are',
                  f'{unknown} {states}')


def main():
    guest.require_library()
    tap = Tap()
    for test in (window_test, whole_test, memory_test, steps_test, hang_test, overlap_test,
                 window_and_flight_test, no_hang_test):
        test(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
