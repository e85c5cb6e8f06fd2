#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The driver of tests/gpu itself (TAP): its tables and tolerances, and its comparisons, with the simulated machine of
tests/rig as the GPU and the rig's oracle as the truth. What is right must pass, and what is made wrong must fail.

Environment: B (folder of what was built), SAN (sanitizers: the parts that need the rig are skipped then).
"""

import collections
import io
import json
import os
import sys
import tempfile
import threading
import time
from importlib import machinery, util

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

# pylint: disable=wrong-import-position
import check_assumptions
import check_calibrate
import check_control
import check_guest
import check_kernels
import check_nccl
import check_samples
import check_torch
import overhead
import plan
import truths
from programs import ROOT, Running, Setup, run
from recording import check_whole
from results import (DIFFERS, FAIL, INFO, LATE, PASS, SKIP, UNBUILT, Results, is_within, median, spread,
                     tolerance_text)
from rig_double import BUILD, LONG, SCENARIO, Rig, fake_torch, operations_of, own_truths, scenario_truth, step_count
from trace_reader import call_name, demangle, intersection, length, traces_in, union

PLAN_SECONDS_MAX = 450          # of 480 that one call may take


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, is_ok, name, detail=''):
        self.count += 1
        if not is_ok:
            self.failed += 1
            for line in str(detail).splitlines()[:30]:
                print('#', line[:300])
        print('ok' if is_ok else 'not ok', self.count, '-', name, flush=True)

    def equal(self, got, want, name):
        self.check(got == want, name, f'got  {got!r}\nwant {want!r}')

    def skip(self, name, reason):
        self.count += 1
        print('ok', self.count, '-', name, '# SKIP', reason, flush=True)

    def passes(self, results, name):
        bad = [row for row in results.rows if row['verdict'] not in (PASS, INFO)]
        self.check(not bad and results.count(PASS) > 0, name, '\n'.join(map(str, bad)) or 'nothing was checked')

    def fails(self, results, name, wanted=1):
        """Exactly so many rows are red."""
        self.equal(results.count(FAIL), wanted, name)

    def end(self):
        print(f'1..{self.count}')
        return 1 if self.failed else 0


def quiet():
    return Results(io.StringIO())


# ---- without the rig


def test_numbers(tap):
    tap.equal([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])], [2, 2.5, 7], 'median of odd and even counts')
    try:
        median([])
        tap.check(False, 'the median of nothing is refused')
    except ValueError:
        tap.check(True, 'the median of nothing is refused')
    tap.equal(spread([90, 100, 110]), 0.2, 'spread is a part of the median')
    cases = [(100, 100, 0, 0, True), (99, 100, 0, 5, False), (99, 100, 1, 0, True), (105, 100, 0, 5, True),
             (106, 100, 0, 5, False), (None, 0, 9, 9, False)]
    tap.equal([is_within(*case[:4]) for case in cases], [case[4] for case in cases], 'tolerances have two sides')
    tap.equal([tolerance_text(0, 0), tolerance_text(5, 5), tolerance_text(1000, 20)],
              ['exact', '+-5', '-1,000 .. +20'], 'tolerances in words')


def test_results(tap):
    results = quiet()
    tap.equal(results.exit_status(), 1, 'a table without any check is no success')
    results.equal('a', 1, 1)
    tap.equal(results.exit_status(), 0, 'one check that passed is')
    results.skip('b', 'no reason')
    results.add('c', LATE)
    results.add('d', UNBUILT)
    results.figure('e', 1.5, 'ns')
    tap.equal(results.exit_status(), 0, 'skipped, late and unbuilt ones do not fail it')
    results.within('f', 100, 111, 10, 10)
    tap.equal(results.exit_status(), 1, 'one that failed does')
    table = results.table().splitlines()
    tap.equal((len(table), table[0].split()), (8, ['check', 'expected', 'got', 'tolerance', 'verdict']),
              'the table has a line a row')
    tap.equal(results.summary(), '1 passed, 1 failed, 1 skipped, 1 not run for lack of time, 1 figures, '
              '1 not built yet', 'the summary counts each verdict')
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        results.save(file.name)
        with open(file.name, encoding='utf-8') as text:
            saved = json.load(text)
    tap.check(len(saved['rows']) == 6 and saved['figures']['e'] == {'value': 1.5, 'unit': 'ns'},
              'the file holds rows and figures', saved)


def test_resume(tap):
    """A machine that was taken away: what was finished is taken over, the rest is run."""
    first = quiet()
    first.current = 'a'
    first.equal('a: 1', 1, 1)
    first.finished.append('a')
    first.current = 'b'
    first.equal('b: began', 1, 2)
    first.add('c', LATE)
    first.figure('f', 2, 'ns')
    second = quiet()
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        first.save(file.name)
        second.resume(file.name)
    tap.equal(([row['check'] for row in second.rows], second.finished, second.figures['f']['value']),
              (['a: 1'], ['a'], 2), 'a resumed table holds what was finished, and nothing half done')
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        file.write('{"format": "something else"}')
        file.flush()
        try:
            second.resume(file.name)
            tap.check(False, 'another file is refused')
        except ValueError:
            tap.check(True, 'another file is refused')


def verify_module():
    """The driver's own file has no ending, so that import does not find it."""
    loader = machinery.SourceFileLoader('verify', os.path.join(HERE, 'verify'))
    module = util.module_from_spec(util.spec_from_loader('verify', loader))
    loader.exec_module(module)
    return module


def test_plan(tap):
    checks = verify_module().CHECKS
    names = [check.name for check in checks]
    tap.check(len(set(names)) == len(names) and all(plan.estimate_s(check) > 0 for check in checks),
              'each check has a name of its own, and an estimate', names)
    tap.check(plan.total_s(checks, plan.workers_of(16)) <= PLAN_SECONDS_MAX,
              f'all of them fit into {PLAN_SECONDS_MAX} s on 16 cores', plan.plan_text(checks, 4))
    tap.check(plan.total_s(checks, 1) > plan.total_s(checks, 4), 'several at the same time take less')
    tap.equal([plan.workers_of(cpus) for cpus in (1, 4, 8, 16, 128)], [1, 1, 2, 4, 4], 'how many at the same time')
    made = [plan.check_of('g', name, None, {'wait': seconds}, False, batch)
            for name, seconds, batch in (('a', 10, 'x'), ('b', 20, ''), ('c', 30, 'x'), ('d', 40, 'x'))]
    tap.equal([[check.name for check in batch] for batch in plan.batches(made)], [['a', 'c', 'd'], ['b']],
              'what runs at the same time stands at the place of its first')
    batch = plan.batches(made)[0]
    tap.equal([plan.together_s(batch, 1), plan.together_s(batch, 2), plan.together_s(batch[:1], 2)], [80, 50, 10],
              'by hand: one after the other; 40 s and a quarter; alone')
    tap.equal([[check.name for check in part] for part in plan.fitting(batch, 40, 2)], [['a', 'c'], ['d']],
              'what does not fit is the least valuable')
    tap.equal([check.name for check in plan.fitting(batch, 5, 2)[0]], [], 'or all')
    tap.equal(plan.basis(plan.check_of('g', 'n', None, {'torch': 2, 'analysis': 1})), '2 torch, 1 analysis',
              'what an estimate is made of')


class Clock:
    """A Setup whose time passes only when a check says so."""

    def __init__(self, seconds):
        self.seconds, self.has_torch, self.output = seconds, False, ''

    def left(self):
        return self.seconds


def test_out_of_time(tap):
    """In the order of value, what fits; the rest is said, and a later run takes it up."""
    def play(seconds):
        def function(results, setup):
            setup.seconds -= seconds
            results.equal(f'{seconds} s', 1, 1)
        return function
    def broken(results, setup):
        raise ValueError('broken')
    checks = [plan.check_of('g', 'first', play(50), {'wait': 40}),
              plan.check_of('g', 'long', play(60), {'wait': 60}),
              plan.check_of('g', 'torch', play(1), {'wait': 1}, True),
              plan.check_of('g', 'short', play(9), {'wait': 9}),
              plan.check_of('g', 'broken', broken, {'wait': 1})]
    results, setup = quiet(), Clock(100)
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        setup.output = file.name
        plan.run_checks(results, setup, checks, 1)
        tap.equal([(row['of'], row['verdict']) for row in results.rows],
                  [('first', PASS), ('long', LATE), ('torch', SKIP), ('short', PASS), ('broken', FAIL)],
                  'out of time: what does not fit is left, what fits is done, the broken one ends nothing')
        note = next(row['note'] for row in results.rows if row['verdict'] == LATE)
        tap.equal(note, 'left, out of time: 50 s left, needs about 60 s', 'and the table says so')
        check_file(tap, file.name)
        again, later = quiet(), Clock(100)
        again.resume(file.name)
        plan.run_checks(again, later, checks, 1)
    tap.equal((again.finished, later.seconds, len(again.timings)), (['first', 'short', 'broken', 'long'], 40, 4),
              'resumed: only what was left is done')
    tap.check('long' in plan.timings_text(again) and '60 s' in plan.timings_text(again),
              'estimates beside what was taken', plan.timings_text(again))


def check_file(tap, path):
    """What a reader of the file may count on."""
    with open(path, encoding='utf-8') as file:
        saved = json.load(file)
    kinds = {'format': str, 'version': int, 'machine': dict, 'rows': list, 'finished': list, 'timings': list,
             'figures': dict, 'summary': str}
    tap.equal({name: type(saved.get(name)) for name in saved}, kinds, 'the file: its members')
    tap.equal((saved['format'], saved['version']), ('laggard-gpu-verify', 2), 'the file: format and version')
    words = ('check', 'of', 'expected', 'got', 'tolerance', 'verdict', 'note')
    tap.check(all(tuple(row) == words and all(isinstance(value, str) for value in row.values())
                  for row in saved['rows']), 'the file: rows are texts', saved['rows'][:2])
    tap.check(len(saved['timings']) == 3 and all(
        set(one) == {'check', 'estimate_s', 'taken_s', 'basis'} and one['taken_s'] >= 0 for one in saved['timings']),
        'the file: what each check took', saved['timings'])


def test_at_the_same_time(tap):
    """Two that wait for each other end; tables are put together in the order of the plan."""
    barrier = threading.Barrier(2, timeout=20)
    def meet(name):
        def function(results, setup):
            barrier.wait()
            results.equal(name, 1, 1)
            results.figure(name, 1, 's')
            results.machine[name] = 1
        return function
    def broken(results, setup):
        raise ValueError('broken')
    checks = [plan.check_of('g', 'a', meet('a'), {'wait': 1}, False, 'x'),
              plan.check_of('g', 'b', meet('b'), {'wait': 2}, False, 'x'),
              plan.check_of('g', 'c', broken, {'wait': 3}, False, 'x')]
    results = quiet()
    plan.run_checks(results, Clock(100), checks, 3)
    tap.equal([(row['of'], row['verdict']) for row in results.rows if row['verdict'] != INFO],
              [('a', PASS), ('b', PASS), ('c', FAIL)], 'checks at the same time: each has its rows, in order')
    tap.equal((results.finished, sorted(results.figures), sorted(results.machine), len(results.timings)),
              (['a', 'b', 'c'], ['a', 'b'], ['a', 'b'], 4), 'nothing of theirs is lost')


def test_asked(tap):
    """Programs that answer at their stdin; one that ends, and one that never is ready."""
    said = json.dumps({'step_ns': [10, 30], 'launch_ns': [7]})
    def shell(text):
        return overhead.Variant(text[:8], ['sh', '-c', text])
    good = shell(f"echo ready; while read line; do echo '{said}'; done; echo '{{}}'")
    ending = shell(f"echo ready; read line; echo '{said}'; exit 3")
    never = shell('exit 4')
    setup = Setup(BUILD, sys.executable, 60)
    variants = [good, ending, never]
    overhead.start_asked(setup, variants, [])
    turns = overhead.ask_in_turns(setup, variants, 0)
    overhead.end_asked(variants)
    setup.close()
    tap.equal((turns, good.samples['step_ns'], good.failure), (overhead.TURNS_MIN, [10, 30] * turns, ''),
              'a program is asked in each turn')
    tap.equal((ending.samples['step_ns'], 'exit status 3' in ending.failure, 'exit status 4' in never.failure),
              ([10, 30], True, True), 'one that ends, and one that never was ready, are left out')


def test_lists(tap):
    for got, verdict, words in (([10, 21], PASS, 'worst +1 of 20'), ([10, 26], FAIL, 'worst +6 of 20'),
                                ([7, 20], FAIL, 'worst -3 of 10'), ([10], FAIL, '1 values')):
        results = quiet()
        results.within_list('list', [10, 20], got, 2, 5)
        row = results.rows[0]
        tap.equal((row['verdict'], row['got']), (verdict, words), f'a list: {got} against [10, 20] -2 +5')
    results = quiet()
    results.within_list('exact', [10, 20], [10, 20], 0, 0)
    results.within_list('exact', [10, 20], [10, 21], 0, 0)
    tap.equal([row['verdict'] for row in results.rows], [PASS, FAIL], 'a list without tolerance')


def test_intervals(tap):
    tap.equal(union([(5, 7), (1, 3), (2, 4), (7, 9), (8, 8)]), [(1, 4), (5, 9)], 'union')
    tap.equal(intersection([(0, 10), (20, 30)], [(5, 25), (29, 40)]), [(5, 10), (20, 25), (29, 30)], 'intersection')
    tap.equal(length([(0, 10), (20, 30)]), 20, 'length')
    names = ('cudaLaunchKernel_v7000', 'cudaLaunchKernel_ptsz_v7000', 'cuLaunchKernelEx', 'cuMemcpyHtoDAsync_v2')
    tap.equal([call_name(name) for name in names],
              ['cudaLaunchKernel', 'cudaLaunchKernel', 'cuLaunchKernelEx', 'cuMemcpyHtoDAsync_v2'], 'names of calls')
    tap.check(demangle('_Z4workPf') in ('work(float*)', '_Z4workPf') and demangle('plain') == 'plain', 'demangling')


def is_zombie(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def test_programs(tap):
    done = run(['sh', '-c', 'echo noise; echo \'{"a":\'; echo \' 1}\'; exit 3'], 20)
    tap.equal((done.status, done.result(), done.problem()[:13]), (3, {'a': 1}, 'exit status 3'),
              'a program: its status, its JSON')
    done = run(['sh', '-c', 'echo \'{"a": 2}\'; echo NCCL says something'], 20)
    tap.equal(done.result(), {'a': 2}, 'JSON with noise behind it')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'pid')
        done = run(['sh', '-c', f'setsid sh -c "echo \\$\\$ > {path}; exec sleep 61" & wait'], 1)
        with open(path, encoding='utf-8') as file:
            left = file.read().strip()
    is_ended = check_guest.wait_for(lambda: not os.path.exists(f'/proc/{left}') or is_zombie(left), 10)
    tap.check(done.is_late and done.seconds() < 20 and is_ended,
              'one that hangs is ended with all it started, other sessions too', done.problem())
    tap.equal(run(['/no/such/program'], 5).status, 127, 'one that is missing')
    os.environ['LAGGARD_API'] = 'off'
    tap.equal(run(['sh', '-c', 'echo "[$LAGGARD_API$LD_PRELOAD]"'], 20).out, '[]\n', 'nobody\'s settings are inherited')
    del os.environ['LAGGARD_API']


def kineto_file(folder, kernels):
    """A trace of PyTorch's profiler: (step, name, duration in ns) of kernels, 1 ms a step."""
    events = [{'ph': 'X', 'cat': 'user_annotation', 'name': f'step {step}', 'ts': step * 1000.5, 'dur': 1000.0}
              for step in range(3)]
    for number, (step, name, duration) in enumerate(kernels):
        events.append({'ph': 'X', 'cat': 'cuda_runtime', 'name': 'cudaLaunchKernel', 'ts': step * 1000.5 + 10 + number,
                       'dur': 2.0, 'args': {'correlation': number}})
        events.append({'ph': 'X', 'cat': 'kernel', 'name': name, 'ts': step * 1000.5 + 500, 'dur': duration / 1000,
                       'args': {'correlation': number}})
    path = os.path.join(folder, 'kineto.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'traceEvents': events}, file)
    return path


def test_kineto(tap):
    with tempfile.TemporaryDirectory() as folder:
        path = kineto_file(folder, [(0, 'early', 5000), (1, 'a', 10001), (1, 'a', 20002), (2, 'b', 30003)])
        read = check_torch.KinetoRun(path, 1, 2)
    tap.equal((read.names, read.kernel_ns), (collections.Counter(a=2, b=1), 60006),
              'kernels of PyTorch\'s profiler between two steps')
    ours = collections.namedtuple('Run', 'names kernel_ns copies')
    for names, kernel_ns, failures in ((dict(a=2, b=1), 60500, 0), (dict(a=2, b=1), 60700, 1),
                                       (dict(a=3, b=1), 60006, 1), (dict(a=2, c=1), 60006, 1)):
        results = quiet()
        check_torch.compare_witnesses(results, 'w', ours(collections.Counter(names), kernel_ns, read.copies), read)
        tap.fails(results, f'two witnesses: {names}, {kernel_ns} ns', failures)


def test_overhead(tap):
    def variant(name, **samples):
        made = overhead.Variant(name)
        made.samples = samples
        return made
    base = dict(launch_ns=[2000], finish_ns=[2500], exit_ns=[10**6], peak_bytes=[2**20], step_ns=[10**7, 101 * 10**5])
    bare = variant('bare', **base)
    for extra, failures in ((700, 0), (1700, 1)):
        floor = variant('CUPTI alone', **dict(base, launch_ns=[2500]))
        full = variant('laggard', **dict(base, launch_ns=[2500 + extra], bytes_an_event=[50], events=[9], lost=[0]))
        results = quiet()
        overhead.report_launches(results, 'o', {one.name: one for one in (bare, floor, full)}, 3)
        tap.fails(results, f'launches: {extra} ns beyond CUPTI alone', failures)
    for step_ns, failures in ((10150000, 0), (10400000, 2)):
        full = variant('laggard', **dict(base, step_ns=[step_ns], lost=[0]))
        other = variant('torch.profiler, CUDA only', **dict(base, step_ns=[10200000]))
        results = quiet()
        overhead.report_training(results, 'o', {one.name: one for one in (bare, full, other)}, 3)
        tap.fails(results, f'training: steps of {step_ns} ns', failures)


# ---- with the rig


def test_truths(tap, rig):
    for name in ('tiny', 'single4'):
        results = quiet()
        truth = scenario_truth(rig.scenario(name))
        if name == 'single4':       # one process, four GPUs: the oracle's units are its devices
            truth['processes'] = [dict(rank=0, truths=[item for process in truth['processes']
                                                        for item in process['truths']
                                                        if item['measure'] in ('partition',)])]
        check_kernels.check_program(results, rig.setup, name, rig.play(rig.scenario(name)), truth=truth)
        tap.passes(results, f'{name}: everything that the oracle knows is found')
    scenario = rig.file(SCENARIO)
    truth = scenario_truth(scenario)
    for process in truth['processes']:
        process['truths'] += own_truths()
    truth['together'] = [dict(measure='imbalance_permille', name='hold', expect=200)]
    results = quiet()
    check_kernels.check_program(results, rig.setup, 'own', rig.play(scenario), truth=truth)
    tap.passes(results, 'a scenario of our own: gaps, overlap, graphs, allocations, imbalance')
    test_wrong_truths(tap, rig, scenario, truth)


def perturbed(item):
    """The same truth, off by one more than is tolerated."""
    if isinstance(item['expect'], list):
        return dict(item, below=5, above=5, expect=[value + 6 for value in item['expect']])
    return dict(item, below=5, above=5, expect=item['expect'] - 6)


def test_wrong_truths(tap, rig, scenario, truth):
    """Each truth made wrong gives exactly one red row; the tolerance on the other side does not help."""
    done, folder = rig.setup.record('wrong', rig.play(scenario), 60)
    traces = traces_in(folder)
    unnoticed, measures = [], set()
    for process in truth['processes']:
        for item in process['truths']:
            if item.get('graphs') == 'graph' or item['expect'] == []:
                continue
            results = quiet()
            wrong = dict(processes=[dict(rank=process['rank'], truths=[perturbed(item)])])
            truths.evaluate(results, 'w', wrong, traces)
            measures.add(item['measure'])
            if results.count(FAIL) != 1:
                unnoticed.append(item)
    tap.check(not unnoticed and done.is_fine(), 'every wrong truth is noticed', unnoticed[:5])
    tap.equal(sorted(set(truths.MEASURES) - measures), ['graph_launches_seen', 'graph_records'],
              'every measure was tried')
    # 6 launches outside of graphs and 6 graphs; a measure that nobody knows; a process that is not there.
    odd = [dict(measure='graph_launches_seen', name='spin_ns', expect=12), dict(measure='no such thing', expect=1)]
    results = quiet()
    truths.evaluate(results, 'w', dict(processes=[dict(rank=0, truths=odd), dict(rank=7, truths=[])]), traces)
    tap.equal([row['verdict'] for row in results.rows], [PASS, FAIL, FAIL],
              'unknown measures and missing processes are failures')
    for trace in traces:
        trace.close()


def test_graph_level(tap, rig):
    results = quiet()
    truth = dict(processes=[dict(rank=rank, truths=[dict(measure='graph_records', graphs='graph', expect=6)])
                            for rank in (0, 1)])
    done, folder = rig.setup.record('graphs', rig.play(rig.file(SCENARIO)), 60, ('--graphs', 'graph'))
    traces = traces_in(folder)
    truths.evaluate(results, 'g', truth, traces, 'graph')
    tap.passes(results, 'graphs recorded as a whole')
    tap.check(done.is_fine(), 'and the program ends well', done.problem())
    for trace in traces:
        trace.close()


def test_bad_recordings(tap, rig):
    cases = (('a program that fails', rig.play(rig.scenario('tiny'), '--exit', '3'), {}, 2),
             ('records dropped by CUPTI', rig.play(rig.scenario('tiny')), {'RIG_FAULTS': 'drop=3'}, 2),
             ('records without time', rig.play(rig.scenario('tiny')), {'RIG_FAULTS': 'zero=3'}, 2),
             ('one process too few', rig.play(rig.scenario('tiny')), {}, 3))
    for name, command, environment, processes in cases:
        results = quiet()
        done, folder = rig.setup.record(name, command, 60, (), environment)
        for trace in check_whole(results, 'bad', done, folder, processes):
            trace.close()
        tap.fails(results, f'{name}: the recording is not whole')
    done, folder = rig.setup.record('clock', rig.play(rig.scenario('tiny')), 60)
    done.end_ns -= 10**11
    results = quiet()
    for trace in check_whole(results, 'bad', done, folder, 2):
        trace.close()
    tap.fails(results, 'stamps outside of the run: the recording is not whole')
    for name, command in (('no output', ['true']), ('no such program', ['/no/such/program'])):
        results = quiet()
        check_kernels.check_program(results, rig.setup, name, command)
        tap.fails(results, f'{name}: red, and the driver goes on')


def test_steps(tap, rig):
    """The checks of a training loop, on one rank of the rig."""
    done, folder = rig.setup.record('steps', rig.play(rig.file(SCENARIO)), 60)
    trace = traces_in(folder)[0]
    results = quiet()
    check_torch.check_steps(results, 'steps', trace, {'steps': 6})
    tap.passes(results, 'ranges of steps, as many kernels in each')
    results = quiet()
    check_torch.check_steps(results, 'steps', trace, {'steps': 7})
    tap.fails(results, 'a step too few is noticed')
    ours = check_torch.TraceRun(trace, 2, 4)
    tap.equal((ours.names, ours.copies), (collections.Counter(spin_ns=9, hold=3),
                                          collections.Counter({('h2d', 4 << 20): 3, ('d2h', 2 << 20): 3})),
              'kernels and copies between two steps')
    tap.check(done.is_fine(), 'the program ended well', done.problem())
    trace.close()


def test_nccl(tap, rig):
    done, folder = rig.setup.record('nccl', rig.play(rig.scenario('ddp4')), 60)
    traces = traces_in(folder)
    results = quiet()
    check_nccl.check_ranks(results, 'nccl', traces, 4)
    for trace in traces:
        operations = [op for op in operations_of(rig.scenario('ddp4'), trace.facts['rank']) if op['op'] == 'coll']
        truth = collections.Counter()
        for op in operations:
            truth[op['name'], op['bytes']] += op['fused']
        check_nccl.check_witnesses(results, f'rank {trace.facts["rank"]}', trace, truth, len(operations))
    tap.passes(results, 'ddp4: three witnesses of each collective agree')
    results = quiet()
    check_nccl.check_ranks(results, 'nccl', traces[:3], 4)
    check_nccl.check_witnesses(results, 'wrong', traces[0], collections.Counter({('AllReduce', 4): 1}), 1)
    tap.fails(results, 'a missing rank, other bytes, another number of kernels', 3)
    tap.check(done.is_fine(), 'and the program ends well', done.problem())
    for trace in traces:
        trace.close()


def test_guest(tap, rig):
    results = quiet()
    scenario = rig.file(LONG)
    check_guest.check_killed(results, rig.setup, [rig.train, scenario, '--realtime'], lambda text: True,
                             {'RIG_SCENARIO': scenario, 'RIG_EPOCH_NS': str(time.time_ns())})
    tap.passes(results, 'kill -9: what was recorded can be read')
    results = quiet()
    check_guest.check_no_cuda(results, rig.setup, [('true', ['true']), ('a shell', ['sh', '-c', 'echo a | cat'])])
    tap.passes(results, 'programs without CUDA leave nothing')
    results = quiet()
    check_guest.check_no_cuda(results, rig.setup, [('one with CUDA', rig.play(rig.scenario('tiny')))])
    tap.fails(results, 'one with CUDA leaves something')
    running = Running(['sh', '-c', 'echo ready; sleep 30'], 60)
    tap.check(check_guest.wait_for(lambda: 'ready' in running.output(), 20), 'output of a running program')
    running.stop_late()
    tap.check(running.wait().is_late, 'which can be stopped')


def test_strides(tap, rig):
    double = os.path.join(BUILD, 'rig', 'lib-13.0', 'libcupti.so.13')
    results = quiet()
    check_guest.check_strides(results, rig.setup, [double], double)
    bad = [row for row in results.rows if row['verdict'] == FAIL]
    tap.check(not bad and results.count(PASS) > 0, 'strides of the double are those of the double', bad)
    results = quiet()
    table = check_guest.stride_table(os.path.join(BUILD, 'rig', 'bin', 'rig-strides'), double)
    check_guest.compare_strides(results, 'same', table, dict(table, **{}))
    check_guest.compare_strides(results, 'other', dict(table, **{}), {**table, 10: 1})
    check_guest.compare_strides(results, 'newer', {**table, 'version': 1}, {**table, 10: 1})
    tap.equal([row['verdict'] for row in results.rows], [PASS, FAIL, SKIP],
              'other strides of the same version are a failure')


def test_rounds(tap, rig):
    """Interleaved variants, with the rig as the worst case; a shell adds the JSON that kernels/launches prints."""
    said = json.dumps({'figures': {'launch_ps': 2000000, 'finish_ps': 2500000}, 'end_unix_ns': 0})
    program = rig.file(f'#!/bin/sh\n"{rig.program}" "{rig.scenario("tiny")}" --quiet && echo \'{said}\'\n')
    os.chmod(program, 0o755)
    rig.setup.cupti = ''
    results = quiet()
    overhead.measure_launches(results, rig.setup, 0, [program])
    tap.passes(results, 'interleaved variants: bare, CUPTI alone, laggard')
    tap.check(any('bytes an event' in name for name in results.figures) and
              any('CUPTI alone' in name for name in results.figures), 'their figures are there', results.figures)
    broken = [overhead.Variant('bare'), overhead.Variant('broken', ['false'])]
    played = overhead.play_rounds(rig.setup, broken, ['echo', said], overhead.read_launches, 0)
    found = overhead.drop_failed(results, 'rounds', broken)
    tap.equal((played, list(found), len(broken[0].samples['launch_ns'])), (overhead.ROUNDS_MIN, ['bare'], played),
              'a variant that fails is dropped, the others go on')


def test_torch(tap, rig):
    """The checks of PyTorch and NCCL from end to end; only PyTorch is not one."""
    rig.setup.python = fake_torch(rig)
    for name, function in (('plain', lambda results: check_torch.check_mode(results, rig.setup, 'plain')),
                           ('graph', lambda results: check_torch.check_mode(results, rig.setup, 'graph')),
                           ('loader', lambda results: check_torch.check_mode(results, rig.setup, 'loader')),
                           ('compile', lambda results: check_torch.check_compile(results, rig.setup)),
                           ('witness', lambda results: check_torch.check_witness(results, rig.setup)),
                           ('together', lambda results: check_torch.check_together(results, rig.setup)),
                           ('training', lambda results: overhead.measure_training(results, rig.setup, 0))):
        results = quiet()
        function(results)
        if name == 'training':      # all variants play the same steps
            tap.check(not results.count(FAIL) and len(results.figures) >= 6, 'training: figures', results.rows)
        else:
            tap.passes(results, f'PyTorch, {name}')
    check_nccl.DDP_STEPS = step_count(rig)
    results = quiet()
    check_nccl.check_ddp(results, rig.setup, 4)
    tap.passes(results, 'DDP: ranks, steps, witnesses')
    results = quiet()
    check_nccl.check_collectives(results, rig.setup)
    names = {row['check'].rsplit(': ', 1)[-1] for row in results.rows if row['verdict'] == FAIL}
    tap.equal(names, {'recording is whole', 'ranks', 'world size'}, 'collectives: 4 ranks instead of 2 are noticed')
    rig.setup.python = sys.executable


def test_floor(tap, rig):
    """libcupti_floor.so switches records on and gives every buffer back."""
    library = os.path.join(BUILD, 'tests', 'gpu', 'libcupti_floor.so')
    if not os.path.exists(library):
        tap.skip('CUPTI alone', 'libcupti_floor.so is not built')
        return
    done = run(rig.play(rig.scenario('ddp4')), 60, {'CUDA_INJECTION64_PATH': library, 'RIG_STRICT': '1'})
    tap.check(done.is_fine() and not done.err, 'CUPTI alone: records are taken, without a violation', done.err)


def test_assumptions(tap, rig):
    """The rig in both places: it delivers as it delivers."""
    scenario = rig.file(check_assumptions.SCENARIO.format(count=check_assumptions.LAUNCHES))
    if not os.path.exists(os.path.join(BUILD, 'tests', 'gpu', 'libcupti_delivery.so')):
        tap.skip('how CUPTI delivers', 'libcupti_delivery.so is not built')
        return
    results = quiet()
    check_assumptions.check_assumptions(results, rig.setup, [rig.program, scenario, '--quiet'])
    tap.passes(results, 'how CUPTI delivers: the rig as the real one')
    words = {row['check'].split(': ')[1]: row['got'] for row in results.rows if row['verdict'] == PASS}
    wanted = {'kernel records come out of the order of their starts': 'yes', 'records without a time': 'none',
              'every launched kernel is delivered by then': 'yes'}
    tap.equal({name: words.get(name) for name in wanted}, wanted,
              'the rig plays disorder, and loses nothing')
    played, problem = check_assumptions.rig_delivery(rig.setup)
    results = quiet()
    check_assumptions.compare(results, played, dict(played, out_of_order=0, zero=3))
    tap.equal((results.count(DIFFERS), results.count(FAIL), problem), (2, 0, ''),
              'what a real library does otherwise is told, and no failure')
    missing, why = check_assumptions.delivery_of(rig.setup, 'none', ['true'], {}, 1)
    tap.check(missing is None and why, 'a program without CUDA reports nothing', why)


def ceilings_json(h2d, pageable=4 * 10**9):
    rows = [dict(kind=kind, gpu_id=0, memory=memory, together_mask=1, samples=5, size_bytes=1,
                 bytes_per_s=0 if kind.startswith('launch') else
                 {'h2d pinned': h2d, 'h2d pageable': pageable}.get(f'{kind} {memory}', 20 * 10**9),
                 duration_ns=2000) for kind, memory, _, _ in check_calibrate.BOUNDS]
    return json.dumps(dict(format='laggard-ceilings', version=1, host='rig', made_ns=1, ceilings=rows,
                           gpus=[dict(gpu_id=0, uuid='GPU-0', pcie_generation=4, pcie_width=16)]))


def test_calibrate(tap, rig):
    for name, text, failures in (('plausible', ceilings_json(24 * 10**9), 0),
                                 ('faster than the link', ceilings_json(40 * 10**9), 1),
                                 ('pinned slower than pageable', ceilings_json(2 * 10**9), 1),
                                 ('impossible', ceilings_json(999 * 10**9), 2), ('no JSON', 'nothing', 1)):
        program = rig.file(f"#!/bin/sh\necho '{text}'\n")
        os.chmod(program, 0o755)
        path = os.path.join(rig.setup.folder, 'ceilings.db')
        if os.path.exists(path):
            os.unlink(path)
        rig.setup.build, build = os.path.join(rig.setup.folder, 'build'), rig.setup.build
        os.makedirs(rig.setup.build, exist_ok=True)
        if not os.path.exists(os.path.join(rig.setup.build, 'bin')):
            os.symlink(os.path.join(build, 'bin'), os.path.join(rig.setup.build, 'bin'))
        results = quiet()       # without kernels/copies: there is no GPU that could use it
        check_calibrate.check_calibrate(results, rig.setup, program)
        rig.setup.build = build
        tap.equal(results.count(FAIL), failures, f'a calibration that is {name}')


def test_samples(tap, rig):
    """A sample whose "PyTorch" plays its scenario."""
    found = {sample.name: sample for sample in check_samples.samples()}
    rig.setup.python, rig.setup.has_torch = fake_torch(rig), True
    rig.setup.record_folder = os.path.join(rig.setup.folder, 'recorded')
    results = quiet()
    check_samples.check_sample(results, rig.setup, found['uneven_batches.py'], 4)
    tap.passes(results, 'a sample: the finding and the rank that its head names')
    kept = os.listdir(os.path.join(rig.setup.record_folder, 'uneven_batches-py'))
    tap.equal(sorted(kept), [f'rank{rank}.trace.db' for rank in range(4)], 'and its recording is kept')
    results = quiet()       # late-host plays rank 2, the sample says 1
    check_samples.check_sample(results, rig.setup, found['slow_rank.py'], 4)
    tap.fails(results, 'another rank than the head names is noticed')
    results = quiet()
    check_samples.check_finding(results, 'other', found['small_batches.py'], {'findings': [{'id': 'gpu-idle'}]}, 1)
    tap.fails(results, 'so is a finding that is missing')
    results = quiet()
    check_samples.check_sample(results, rig.setup, found['pipeline.py'], 1)
    tap.equal([row['verdict'] for row in results.rows], [SKIP], 'one GPU is too few for some')
    rig.setup.python, rig.setup.has_torch, rig.setup.record_folder = sys.executable, False, ''


def test_control(tap, rig):
    """Windows and questions, with the rig as the training; what laggard does not have yet, the table says."""
    rig.setup.python = fake_torch(rig)
    check_control.SLACK_NS = 10**10         # on a busy machine the rig's stamps fall behind the clock
    for name, function, is_there in (
            ('cudaProfilerStart/Stop window', check_control.check_profiler_window,
             check_control.has_setting(rig.setup, 'CUDA_PROFILER')),
            ('start and stop on demand', check_control.check_on_demand,
             check_control.has_ctl(rig.setup) and check_control.has_setting(rig.setup, 'START')),
            ('flight recorder', check_control.check_flight,
             check_control.has_ctl(rig.setup) and check_control.has_setting(rig.setup, 'FLIGHT_S'))):
        results = quiet()
        function(results, rig.setup)
        if is_there:
            tap.passes(results, name)
        else:
            tap.equal([row['verdict'] for row in results.rows], [UNBUILT], f'{name}: not built yet, and that is said')
    rig.setup.python = sys.executable


def main():
    tap = Tap()
    for test in (test_numbers, test_results, test_resume, test_plan, test_out_of_time, test_at_the_same_time,
                 test_asked, test_lists, test_intervals, test_programs, test_kineto,
                 test_overhead):
        test(tap)
    rig = Rig()
    missing = [path for path in (rig.program, rig.setup.laggard(), rig.setup.library()) if not os.path.exists(path)]
    for test in (test_truths, test_graph_level, test_bad_recordings, test_steps, test_nccl, test_guest, test_strides,
                 test_rounds, test_torch, test_floor, test_assumptions, test_calibrate, test_samples, test_control):
        if os.environ.get('SAN'):
            tap.skip(test.__name__, 'sanitizers: tests/host covers libtrace under them')
        elif missing:
            tap.skip(test.__name__, f'{os.path.basename(missing[0])} is not built')
        else:
            test(tap, rig)
    rig.setup.close()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
