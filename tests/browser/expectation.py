# SPDX-License-Identifier: MIT
"""What an export of trace databases must hold, computed from the databases by other means than the exporter's."""

import collections
import math
import sqlite3

SPAN_TABLES = ('kernel', 'memcpy', 'memset', 'api_call', 'range', 'gpu_range', 'synchronization',
               'graph_launch', 'collective', 'overhead')
POINT_TABLES = ('mark', 'cuda_event', 'allocation', 'sample', 'host_sample')
WORK_TABLES = ('kernel', 'memcpy', 'memset', 'graph_launch')
QUEUE_TICKS = 16384


class Analysis:
    """What an analysis adds to the timeline of the traces that it is of."""

    def __init__(self, path, traces):
        self.connection = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.connection.row_factory = sqlite3.Row
        self.connection.text_factory = lambda raw: raw.decode('utf-8', 'replace')
        known = {row['path']: row for row in self.of('analysis_trace')}
        for trace in traces:
            trace.offset = known[trace.path]['offset_ns']

    def of(self, table, where='1'):
        return self.connection.execute(f'SELECT * FROM "{table}" WHERE {where}').fetchall()

    def spans(self):
        """(category, start, duration) on the clock of the job."""
        for row in self.of('step'):
            yield 'step', row['start_ns'], row['duration_ns']
        for row in self.of('idle_gap', 'is_rest = 0'):
            yield 'idle', row['start_ns'], row['duration_ns']
        for row in self.of('collective_member', 'wait_ns > 0'):
            yield 'collective wait', row['start_ns'], min(row['wait_ns'], row['duration_ns'])

    def verdict(self):
        row, = self.of('analysis')
        assert row['verdict']
        return row['verdict'].split('\n')

    def findings(self):
        return [row['text'] for row in self.of('finding')]

    def arrows(self):
        """(latest GPU, its start, waiting GPU) of everyone who waited for a rank that is known to be the latest."""
        members = collections.defaultdict(list)
        for row in self.of('collective_member'):
            members[row['instance_id']].append(row)
        for instance in self.of('collective_instance', 'latest_gpu_id >= 0'):
            mine = members[instance['instance_id']]
            starts = [row['start_ns'] for row in mine if row['gpu_id'] == instance['latest_gpu_id']]
            for row in mine:
                if (row['gpu_id'] != instance['latest_gpu_id'] and row['wait_ns'] > 0 and
                        starts[-1] < row['start_ns'] + row['duration_ns']):
                    yield instance['latest_gpu_id'], starts[-1], row['gpu_id']


class Trace:
    def __init__(self, path):
        self.connection = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.connection.row_factory = sqlite3.Row
        self.connection.text_factory = bytes
        self.path = path
        self.epoch = self.one('SELECT epoch_ns FROM trace')
        self.offset = 0         # onto the clock of the job, where an analysis says so
        self.tables = {row[0].decode() for row in
                       self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def rows(self, sql):
        return self.connection.execute(sql).fetchall()

    def one(self, sql):
        return self.connection.execute(sql).fetchone()[0]

    def of(self, table):
        return self.rows(f'SELECT * FROM "{table}"') if table in self.tables else []

    def times(self):
        """Starts and ends of all that is drawn."""
        for table in SPAN_TABLES:
            for row in self.of(table):
                yield row['start_ns']
                yield row['start_ns'] + row['duration_ns']
        for table in POINT_TABLES:
            for row in self.of(table):
                if table != 'cuda_event' or row['time_ns'] >= 0:
                    yield row['time_ns']

    def calls(self):
        """The first call of each correlation id."""
        calls = {}
        for row in self.rows('SELECT correlation_id, start_ns, duration_ns FROM api_call ORDER BY rowid'):
            if row['correlation_id'] != 0:
                calls.setdefault(row['correlation_id'], row)
        return calls

    def devices_of_streams(self):
        return {row['stream_id']: row['device_id'] for row in self.of('stream')}


def slices(trace):
    """Spans, and instants of a thread, which the Trace Viewer shows as slices of no length."""
    spans = sum(len(trace.of(table)) for table in SPAN_TABLES)
    instants = len(trace.of('mark')) + sum(row['time_ns'] >= 0 for row in trace.of('cuda_event'))
    instants += len(trace.of('loss')) + len(trace.of('host_sample'))
    return spans, instants


def flows(trace):
    calls = trace.calls()
    count = 0
    for table in WORK_TABLES:
        for row in trace.of(table):
            call = calls.get(row['correlation_id'])
            if call is None:
                continue
            end = row['start_ns'] + row['duration_ns']
            # What is over before its call begins gets no arrow: it would point back.
            if not (row['start_ns'] < call['start_ns'] and end <= call['start_ns']):
                count += 1
    return count


def queue_samples(trace):
    """The queue is sampled at fixed instants; a sample is written where it changed, and the first."""
    calls, devices, times = trace.calls(), trace.devices_of_streams(), list(trace.times())
    if not times:
        return 0
    first = min(times)
    tick = max(1000, (max(times) - first) // QUEUE_TICKS + 1)
    changes = collections.defaultdict(collections.Counter)
    for table in WORK_TABLES:
        for row in trace.of(table):
            call = calls.get(row['correlation_id'])
            end = row['start_ns'] + row['duration_ns']
            if call is None or end <= call['start_ns']:
                continue
            device = changes[devices.get(row['stream_id'], -1)]
            device[math.ceil((call['start_ns'] - first) / tick)] += 1
            device[math.ceil((end - first) / tick)] -= 1
    return sum(len([at for at, change in device.items() if change != 0 or at == 0]) + (0 not in device)
               for device in changes.values())


def copy_samples(trace):
    """The mean rate over stretches of time, written where it changes. Shares of a copy are cut to whole bytes;
    what is left belongs to the stretch where it ends."""
    devices, times = trace.devices_of_streams(), list(trace.times())
    if not times:
        return 0
    first = min(times)
    stretch = max(10000, (max(times) - first) // QUEUE_TICKS + 1)
    sums = collections.defaultdict(collections.Counter)
    for row in trace.of('memcpy'):
        start, end, left = row['start_ns'] - first, row['start_ns'] - first + row['duration_ns'], row['bytes']
        if left <= 0 or left > 2**40 or end <= start:       # no GPU holds a terabyte: garbage
            continue
        copied = sums[devices.get(row['stream_id'], -1), row['direction']]
        while start // stretch < (end - 1) // stretch:
            stop = (start // stretch + 1) * stretch
            share = row['bytes'] * (stop - start) // row['duration_ns']
            copied[start // stretch] += share
            start, left = stop, left - share
        copied[start // stretch] += left
    count = 0
    for copied in sums.values():
        rates = [0] + [copied[at] * 1000 // stretch for at in range(max(copied) + 1)] + [0]
        count += sum(before != after for before, after in zip(rates, rates[1:]))
    return count


def memory_samples(trace):
    count = 0
    for row in trace.of('allocation'):
        count += 1 + (row['is_framework'] == 1 and row['reserved_bytes'] >= 0)
    return count


def counters(trace):
    return queue_samples(trace) + copy_samples(trace) + memory_samples(trace) + len(trace.of('sample'))


def base(traces):
    return min((trace.epoch + trace.offset + time for trace in traces for time in trace.times()), default=0)


def kernel_names(trace):
    """(absolute start, duration, name as recorded) of all kernels."""
    names = {row['kernel_id']: row['name_id'] for row in trace.of('kernel_symbol')}
    texts = {row['string_id']: row['value'] for row in trace.of('string')}
    texts[0] = b''
    for row in trace.of('kernel'):
        yield (trace.epoch + trace.offset + row['start_ns'], row['duration_ns'],
               texts.get(names.get(row['kernel_id'], 0), b''))
