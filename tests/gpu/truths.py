# SPDX-License-Identifier: MIT
"""What a program with known truth says (kernels/README.md), measured in the traces of its run."""

from trace_reader import intersection, length, partition, union


def named(trace, which):
    return trace.kernels_named(which['name'])


def copies(trace, which):
    return [copy for copy in trace.copies()
            if all(getattr(copy, key) == which[key] for key in ('direction', 'source', 'destination', 'bytes')
                   if key in which)]


def spans(rows):
    return union((row.start, row.end) for row in rows)


def durations(trace, which):
    return [kernel.end - kernel.start for kernel in named(trace, which)]


def gaps(trace, which):
    rows = named(trace, which)
    return [after.start - before.end for before, after in zip(rows, rows[1:])]


def overlap(trace, which):
    return length(intersection(spans(named(trace, which)), spans(trace.kernels_named(which['other']))))


def hidden_permille(trace, which):
    found = spans(copies(trace, which))
    return 1000 * length(intersection(found, spans(named(trace, which)))) // length(found) if found else None


def allocations(trace, which, operation):
    return [one for one in trace.allocations()
            if one.operation == operation and one.bytes == which['bytes'] and one.memory == which['memory']]


def bytes_left(trace, which):
    """Allocations whose address was not released later."""
    held = {}
    for one in sorted(allocations(trace, which, 1) + allocations(trace, which, 2)):
        held[one.address] = held.get(one.address, 0) + (one.bytes if one.operation == 1 else -one.bytes)
    return sum(held.values())


MEASURES = {
    'kernels': lambda trace, which: len(named(trace, which)),
    'kernel_durations': durations,
    'kernel_gaps': gaps,
    'kernel_time': lambda trace, which: sum(durations(trace, which)),
    'kernel_overlap': overlap,
    'kernels_in_graphs': lambda trace, which: sum(kernel.graph != 0 for kernel in named(trace, which)),
    'graph_launches_seen': lambda trace, which: len({kernel.correlation for kernel in named(trace, which)}),
    'graph_records': lambda trace, which: trace.count('graph_launch'),
    'copies': lambda trace, which: len(copies(trace, which)),
    'copied_bytes': lambda trace, which: sum(copy.bytes for copy in copies(trace, which)),
    'copy_time': lambda trace, which: sum(copy.end - copy.start for copy in copies(trace, which)),
    'hidden_permille': hidden_permille,
    'memsets': lambda trace, which: sum(one.bytes == which['bytes'] for one in trace.memsets()),
    'api_calls': lambda trace, which: sum(call.name == which['name'] for call in trace.calls()),
    'allocations': lambda trace, which: len(allocations(trace, which, 1)),
    'releases': lambda trace, which: len(allocations(trace, which, 2)),
    'allocated_bytes_left': bytes_left,
    'partition': lambda trace, which: (partition(trace, which['device']) or {}).get(which['part']),
    'ranges': lambda trace, which: sum(one.name == which['name'] for one in trace.ranges()),
}


def imbalance_permille(traces, which):
    """(most - mean) / mean of the time in kernels of that name, over the processes."""
    times = [sum(durations(trace, which)) for trace in traces]
    return (max(times) * len(times) - sum(times)) * 1000 // sum(times) if times and sum(times) > 0 else None


TOGETHER = {'imbalance_permille': imbalance_permille}
DETAILS = ('name', 'other', 'direction', 'source', 'destination', 'memory', 'bytes', 'device', 'part')


def words(item):
    details = ' '.join(f'{item[key]:,}' if isinstance(item[key], int) else item[key]
                       for key in DETAILS if key in item)
    return item['measure'] + (' ' + details if details else '')


def compare(results, title, item, got):
    below, above = item.get('below', 0), item.get('above', 0)
    if isinstance(item['expect'], list):
        return results.within_list(title, item['expect'], got, below, above)
    return results.within(title, item['expect'], got, below, above)


def one_truth(results, group, item, measure, source):
    title = f'{group}: {words(item)}'
    if measure is None:
        return results.check(title, False, got='this driver does not know that measure')
    try:
        got = measure(source, item)
    except (KeyError, ValueError, ZeroDivisionError) as error:
        return results.check(title, False, got=f'{type(error).__name__}: {error}')
    return compare(results, title, item, got)


def traces_of(truth, traces):
    """[(process of the truth, its trace or None)], by process id, or by rank."""
    def find(process):
        key = 'pid' if 'pid' in process else 'rank'
        return next((trace for trace in traces if trace.facts[key] == process[key]), None)
    return [(process, find(process)) for process in truth['processes']]


def evaluate(results, group, truth, traces, graphs='node'):
    """A row a truth. A truth with "graphs" is one for that level of graph tracing only."""
    many = len(truth['processes']) > 1
    for index, (process, trace) in enumerate(traces_of(truth, traces)):
        place = f'{group}[{index}]' if many else group
        if trace is None:
            results.check(f'{place}: trace of the process', False, 'one', 'none')
            continue
        for item in process['truths']:
            if item.get('graphs', graphs) == graphs:
                one_truth(results, place, item, MEASURES.get(item['measure']), trace)
    for item in truth.get('together', ()):
        one_truth(results, group, item, TOGETHER.get(item['measure']), traces)
