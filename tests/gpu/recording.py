# SPDX-License-Identifier: MIT
"""What must hold for every recording, whatever was recorded."""

import collections
import glob
import json
import os

from programs import run
from results import FAIL, PASS
from trace_reader import partition, traces_in

CLOCK_SLACK_NS = 50_000_000     # GPU stamps against the host's clock
SKEW_NS = 50_000                # a kernel may seem to start that much before its launch call
PARTITION = ('window_ns', 'compute_ns', 'comm_ns', 'copy_ns', 'idle_ns')


def kernels_without_call(trace):
    known = {call.correlation for call in trace.calls()}
    return [kernel for kernel in trace.kernels() if kernel.correlation not in known]


def kernels_before_call(trace):
    """How much earlier than their launch calls kernels begin."""
    starts = {call.correlation: call.start for call in trace.calls()}
    early = [starts[kernel.correlation] - kernel.start for kernel in trace.kernels()
             if kernel.correlation in starts]
    return [ns for ns in early if ns > 0]


def trace_problems(trace, done, has_calls, may_be_killed=False):
    if trace.integrity() != 'ok':
        yield f'integrity_check: {trace.integrity()}'
    if trace.facts['stop_ns'] < 0 and not may_be_killed:
        yield 'never closed'
    yield from (f'lost {text}' for text in trace.lost())
    rows = trace.kernels() + trace.copies() + trace.memsets()
    if rows and done is not None:
        if min(row.start for row in rows) < done.begin_ns - CLOCK_SLACK_NS:
            yield 'GPU work before the program began'
        if max(row.end for row in rows) > done.end_ns + CLOCK_SLACK_NS:
            yield 'GPU work after the program ended'
    if any(row.end < row.start for row in rows):
        yield 'negative duration'
    if has_calls:
        orphans = kernels_without_call(trace)
        if orphans:
            yield f'{len(orphans)} of {len(trace.kernels())} kernels join no call, such as {orphans[0].name[:60]}'
        early = [ns for ns in kernels_before_call(trace) if ns > SKEW_NS]
        if early:
            yield f'{len(early)} kernels begin up to {max(early):,} ns before their launch call'


def check_whole(results, group, done, folder, processes, has_calls=True):
    """The program ended well, each of its `processes` wrote one trace, nothing is missing. The traces."""
    title = f'{group}: recording is whole'
    files = sorted(glob.glob(os.path.join(folder, '*')))
    traces = []
    problems = [done.problem()] if done.problem() else []
    try:
        traces = traces_in(folder)
        for trace in traces:
            problems += trace_problems(trace, done, has_calls)
    except Exception as error:      # pylint: disable=broad-except
        problems.append(f'{type(error).__name__}: {error}')
    if len(traces) != processes:
        problems.append(f'{len(traces)} databases of {processes}')
    if len(files) != len(traces):
        problems.append('other files: ' + ', '.join(os.path.basename(path) for path in files
                                                    if not path.endswith('.db')))
    if traces and len({trace.facts['pid'] for trace in traces}) != len(traces):
        problems.append('two databases of one process')
    results.add(title, FAIL if problems else PASS, f'{processes} complete, no loss', '; '.join(problems)[:600] or 'so')
    return traces


def check_partition(results, setup, group, folder, traces):
    """laggard analyze against this driver's own arithmetic, to the nanosecond."""
    title = f'{group}: analyze splits GPU time as we do'
    done = run([setup.laggard(), 'analyze', '--window', 'all', '--database', 'none', '--format', 'json', folder],
               setup.limit(60))
    try:
        report = json.loads(done.out)
    except ValueError:
        results.check(title, False, 'a report', done.problem() or 'no JSON')
        return
    got = {(gpu['pid'], gpu['device']): {key: gpu[key] for key in PARTITION} for gpu in report['gpus']}
    expect = {}
    for trace in traces:
        for device in sorted(set(trace.devices.values())):
            parts = partition(trace, device)
            if parts:
                expect[trace.facts['pid'], device] = parts
    wrong = [key for key in expect if got.get(key) != expect[key]] + [key for key in got if key not in expect]
    results.check(title, not wrong, f'{len(expect)} GPU(s), sums exact',
                  'equal' if not wrong else f'{got.get(wrong[0])} but {expect.get(wrong[0])}', 'exact')


def order_facts(traces):
    """How CUPTI delivers: what the rig assumes about it. Rows lie in the order of their arrival."""
    found = collections.Counter()
    for trace in traces:
        starts = [row[0] for row in trace.rows('SELECT start_ns FROM kernel ORDER BY rowid')]
        found['kernels'] += len(starts)
        found['disordered'] += sum(after < before for before, after in zip(starts, starts[1:]))
        early = kernels_before_call(trace)
        found['before_call'] += len(early)
        found['before_call_max_ns'] = max([found['before_call_max_ns'], *early])
    return found
