# SPDX-License-Identifier: MIT
"""PyTorch training loops under libtrace, and PyTorch's own profiler as a witness."""

import collections
import glob
import json
import os

from programs import HERE, run
from recording import check_partition, check_whole
from trace_reader import demangle, traces_in

TRAIN_LOOP = os.path.join(HERE, 'train_loop.py')
TIMEOUT_S = 60
COMPILE_TIMEOUT_S = 120
STEADY_FROM = 2                 # steps before the first may still set things up
DURATION_PERMILLE = 10
STEPS = ('--steps', '20', '--warm-up', '5')
KINETO_COPIES = {'Memcpy HtoD': 'h2d', 'Memcpy DtoH': 'd2h', 'Memcpy DtoD': 'd2d'}


def train_command(setup, *options):
    return [setup.python, TRAIN_LOOP, *options]


def compile_environment(setup):
    """Compile anew, in this process, and leave nothing behind."""
    return {'TORCHINDUCTOR_COMPILE_THREADS': '1', 'TORCHINDUCTOR_CACHE_DIR': setup.new_folder('inductor'),
            'TRITON_CACHE_DIR': setup.new_folder('triton')}


def steps_of(trace):
    """{number: range} of the ranges "step N"."""
    return {int(one.name.split()[1]): one for one in trace.ranges() if one.name.startswith('step ')}


def launched_in(trace, start, end):
    """Kernels whose launch call began in that time, on whatever thread."""
    calls = {call.correlation for call in trace.calls() if start <= call.start < end}
    return [kernel for kernel in trace.kernels() if kernel.correlation in calls]


def check_steps(results, group, trace, said):
    steps = steps_of(trace)
    results.equal(f'{group}: ranges "step N"', said['steps'], len(steps))
    results.equal(f'{group}: they are 0, 1, 2, ...', True, sorted(steps) == list(range(len(steps))))
    results.check(f'{group}: there are kernels', len(trace.kernels()) > 0, '> 0', len(trace.kernels()))
    counts = [len(launched_in(trace, steps[number].start, steps[number].end))
              for number in sorted(steps) if number >= STEADY_FROM]
    results.check(f'{group}: each step launches as many kernels', bool(counts) and min(counts) == max(counts) > 0,
                  'the same number', f'{min(counts, default=0)} .. {max(counts, default=0)}', 'exact')


def check_mode(results, setup, mode, timeout=TIMEOUT_S, environment=None):
    group = f'torch {mode}'
    done, folder = setup.record(group, train_command(setup, '--mode', mode, *STEPS), timeout, (), environment)
    said = done.result()
    if said is not None and 'unavailable' in said:
        results.skip(group, said['unavailable'])
        return
    traces = check_whole(results, group, done, folder, 1)
    if not traces or said is None:
        results.check(f'{group}: says what it did', said is not None, 'one JSON object', done.problem())
        return
    trace = traces[0]
    results.machine.update({key: said[key] for key in ('torch', 'cuda', 'nccl') if key in said})
    results.machine.update(cupti=trace.facts['cupti_version'], libtrace=trace.facts['tool_version'])
    results.equal(f'{group}: the database is the training process\'s', said['pid'], trace.facts['pid'])
    check_steps(results, group, trace, said)
    check_partition(results, setup, group, folder, traces)
    if mode == 'graph':
        replays = [call for call in trace.calls() if call.name == 'cudaGraphLaunch']
        results.equal(f'{group}: one graph launch a step', said['steps'], len(replays))
    if mode == 'loader':
        results.check(f'{group}: there were workers', len(said['workers']) > 0, '> 0', len(said['workers']))
        written = [path for pid in said['workers'] for path in glob.glob(os.path.join(folder, f'*-{pid}.*'))]
        results.equal(f'{group}: workers write nothing', 0, len(written))
    trace.close()


# ---- PyTorch's profiler


class KinetoRun:
    """What a trace of PyTorch's profiler says about the steps from `first` to `last`."""

    def __init__(self, path, first, last):
        with open(path, encoding='utf-8', errors='replace') as file:
            events = json.load(file)['traceEvents']
        steps = {event['name']: event for event in events if event.get('cat') == 'user_annotation'}
        begin = float(steps[f'step {first}']['ts'])
        end = float(steps[f'step {last}']['ts']) + float(steps[f'step {last}']['dur'])
        launches = {event['args'].get('correlation'): float(event['ts']) for event in events
                    if event.get('cat') in ('cuda_runtime', 'cuda_driver')}
        def is_inside(event):
            """By its launch; Kineto leaves out some driver calls: then by its start (nothing runs after `last`)."""
            launched = launches.get(event['args'].get('correlation'))
            return begin <= float(event['ts']) if launched is None else begin <= launched < end
        def rows(category):
            return [event for event in events if event.get('cat') == category and is_inside(event)]
        self.names = collections.Counter(event['name'] for event in rows('kernel'))
        self.kernel_ns = sum(round(float(event['dur']) * 1000) for event in rows('kernel'))
        self.copies = collections.Counter()
        for event in rows('gpu_memcpy'):
            kind = next((ours for name, ours in KINETO_COPIES.items() if event['name'].startswith(name)), 'other')
            self.copies[kind, int(event['args'].get('bytes', -1))] += 1


class TraceRun:
    """The same of a trace of ours."""

    def __init__(self, trace, first, last):
        steps = steps_of(trace)
        begin, end = steps[first].start, steps[last].end
        kernels = launched_in(trace, begin, end)
        calls = {call.correlation for call in trace.calls() if begin <= call.start < end}
        self.names = collections.Counter(demangle(kernel.name) for kernel in kernels)
        self.kernel_ns = sum(kernel.end - kernel.start for kernel in kernels)
        self.copies = collections.Counter((copy.direction, copy.bytes) for copy in trace.copies()
                                          if copy.correlation in calls)


def difference(ours, theirs):
    found = [f'{count - theirs[key]:+d} {str(key)[:50]}' for key, count in ours.items() if count != theirs[key]]
    return found + [f'{-count:+d} {str(key)[:50]}' for key, count in theirs.items() if key not in ours]


def compare_witnesses(results, group, ours, theirs):
    wrong = difference(ours.names, theirs.names)
    results.check(f'{group}: kernel names and counts', not wrong and sum(ours.names.values()) > 0,
                  f'{sum(theirs.names.values())} of {len(theirs.names)} names',
                  f'{sum(ours.names.values())} of {len(ours.names)} names', 'exact', '; '.join(wrong[:3]))
    wrong = difference(ours.copies, theirs.copies)
    results.check(f'{group}: copies and their bytes', not wrong, f'{sum(theirs.copies.values())}',
                  f'{sum(ours.copies.values())}', 'exact', '; '.join(wrong[:3]))
    allowed = theirs.kernel_ns * DURATION_PERMILLE // 1000
    results.within(f'{group}: ns in kernels', theirs.kernel_ns, ours.kernel_ns, allowed, allowed)


def check_witness(results, setup):
    """The same script twice: once under libtrace, once under PyTorch's profiler."""
    group = 'torch.profiler as witness'
    first, last = 5, 24
    output = os.path.join(setup.folder, 'kineto.json')
    theirs = run(train_command(setup, *STEPS, '--profile', 'all', '--profile-output', output), setup.limit(TIMEOUT_S))
    done, folder = setup.record(group, train_command(setup, *STEPS), TIMEOUT_S)
    traces = check_whole(results, group, done, folder, 1)
    if theirs.problem() or not traces:
        results.check(f'{group}: both ran', False, 'two runs', theirs.problem() or done.problem())
        return
    try:
        compare_witnesses(results, group, TraceRun(traces[0], first, last), KinetoRun(output, first, last))
    except (KeyError, ValueError, OSError) as error:
        results.check(f'{group}: both can be read', False, got=f'{type(error).__name__}: {error}')
    traces[0].close()


def check_together(results, setup):
    """PyTorch's profiler inside a recorded process: both want CUPTI. The program must live, the loss be said."""
    group = 'torch.profiler in the same run'
    output = os.path.join(setup.folder, 'kineto-together.json')
    done, folder = setup.record(group, train_command(setup, *STEPS, '--profile', 'all', '--profile-output', output),
                                TIMEOUT_S)
    results.check(f'{group}: the program ends well', done.is_fine(), 'status 0', done.problem() or 'so')
    traces = traces_in(folder) if os.path.isdir(folder) else []
    for trace in traces:
        results.equal(f'{group}: integrity_check', 'ok', trace.integrity())
        told = trace.lost() + trace.notes()
        steps = len(steps_of(trace))
        kernels = len(trace.kernels())
        results.check(f'{group}: kernels there, or their absence said', kernels > 0 or bool(told), 'either',
                      f'{kernels} kernels, {steps} steps, {len(told)} notes', note='; '.join(told)[:200])
        trace.close()


def check_plain(results, setup):
    check_mode(results, setup, 'plain')


def check_amp(results, setup):
    check_mode(results, setup, 'amp')


def check_graph(results, setup):
    check_mode(results, setup, 'graph')


def check_loader(results, setup):
    check_mode(results, setup, 'loader')


def check_compile(results, setup):
    check_mode(results, setup, 'compile', COMPILE_TIMEOUT_S, compile_environment(setup))
