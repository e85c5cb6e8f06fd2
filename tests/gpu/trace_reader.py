# SPDX-License-Identifier: MIT
"""One trace database as lists of rows with absolute times, and interval arithmetic. Shares no code with laggard."""

import collections
import ctypes
import glob
import json
import os
import re
import sqlite3

Kernel = collections.namedtuple('Kernel', 'start end name stream device correlation graph')
Copy = collections.namedtuple('Copy', 'start end direction source destination bytes device correlation graph')
Memset = collections.namedtuple('Memset', 'start end bytes device correlation graph')
Call = collections.namedtuple('Call', 'start end name correlation')
Range = collections.namedtuple('Range', 'start end name domain is_open')
Collective = collections.namedtuple('Collective', 'operation bytes witness external')
Allocation = collections.namedtuple('Allocation', 'time operation memory bytes address')

DIRECTIONS = {1: 'h2d', 2: 'd2h', 8: 'd2d', 9: 'h2h', 10: 'peer'}
MEMORIES = {1: 'pageable', 2: 'pinned', 3: 'device', 4: 'array', 5: 'managed', 6: 'device', 7: 'managed'}
COMMUNICATION = re.compile(r'nccl(Dev)?Kernel_|ncclSymk?DevKernel_|nccl[A-Z]\w+Kernel_|oneRankReduce')
EVENT_TABLES = ('kernel', 'memcpy', 'memset', 'api_call', 'synchronization', 'cuda_event', 'graph_launch', 'range',
                'mark', 'collective', 'external_correlation', 'allocation')
WITNESS_PLUGIN = 2


class Trace:
    """Read once, wholly: the traces of these checks are small."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.db.text_factory = lambda value: value.decode('utf-8', 'replace')
        self.db.row_factory = sqlite3.Row
        self.facts = dict(self.rows('SELECT * FROM trace')[0])
        self.epoch = self.facts['epoch_ns']
        self.strings = {row[0]: row[1] for row in self.rows('SELECT string_id, value FROM string')}
        self.strings[0] = ''
        self.devices = {row['stream_id']: row['device_id'] for row in self.rows('SELECT * FROM stream')}
        self.cache = {}

    def close(self):
        self.db.close()

    def rows(self, query):
        return self.db.execute(query).fetchall()

    def count(self, table):
        return self.rows(f'SELECT COUNT(*) FROM "{table}"')[0][0]

    def integrity(self):
        return self.rows('PRAGMA integrity_check')[0][0]

    def lost(self):
        """What was lost, as texts; rows with count 0 only state a fact."""
        return [f'{row["source"]}: {row["reason"]} ({row["count"]})'
                for row in self.rows('SELECT * FROM loss WHERE count > 0')]

    def notes(self):
        return [f'{row["source"]}: {row["reason"]}' for row in self.rows('SELECT * FROM loss WHERE count = 0')]

    def event_count(self):
        return sum(self.count(table) for table in EVENT_TABLES)

    def span(self, row):
        start = self.epoch + row['start_ns']
        return start, start + row['duration_ns']

    def read(self, name):
        if name not in self.cache:
            self.cache[name] = getattr(self, 'read_' + name)()
        return self.cache[name]

    def kernels(self):
        """In the order of their start."""
        return self.read('kernels')

    def read_kernels(self):
        names = {row['kernel_id']: self.strings[row['name_id']] for row in self.rows('SELECT * FROM kernel_symbol')}
        found = [Kernel(*self.span(row), names[row['kernel_id']], row['stream_id'], self.devices[row['stream_id']],
                        row['correlation_id'], row['graph_id'] or row['graph_node_id'])
                 for row in self.rows('SELECT * FROM kernel')]
        return sorted(found)

    def kernels_named(self, name):
        return [kernel for kernel in self.kernels() if kernel.name == name]

    def copies(self):
        return self.read('copies')

    def read_copies(self):
        return sorted(Copy(*self.span(row), DIRECTIONS.get(row['direction'], 'other'),
                           MEMORIES.get(row['source_memory'], 'unknown'),
                           MEMORIES.get(row['destination_memory'], 'unknown'), row['bytes'],
                           self.devices[row['stream_id']], row['correlation_id'],
                           row['graph_id'] or row['graph_node_id']) for row in self.rows('SELECT * FROM memcpy'))

    def memsets(self):
        return self.read('memsets')

    def read_memsets(self):
        return sorted(Memset(*self.span(row), row['bytes'], self.devices[row['stream_id']], row['correlation_id'],
                             row['graph_id'] or row['graph_node_id']) for row in self.rows('SELECT * FROM memset'))

    def calls(self):
        return self.read('calls')

    def read_calls(self):
        return sorted(Call(*self.span(row), call_name(self.strings[row['name_id']]), row['correlation_id'])
                      for row in self.rows('SELECT * FROM api_call'))

    def ranges(self):
        return self.read('ranges')

    def read_ranges(self):
        return sorted(Range(*self.span(row), self.strings[row['name_id']], self.strings[row['domain_id']],
                            row['is_open']) for row in self.rows('SELECT * FROM range'))

    def collectives(self, witness=None):
        return [one for one in self.read('collectives') if witness in (None, one.witness)]

    def read_collectives(self):
        return [Collective(self.strings[row['operation_id']], row['bytes'], row['witness'], row['external_id'])
                for row in self.rows('SELECT * FROM collective ORDER BY start_ns')]

    def nccl_payloads(self):
        """(operation, bytes) of every range of NCCL whose payload names its message size."""
        found = []
        for row in self.rows('SELECT name_id, domain_id, payload_id FROM range WHERE payload_id != 0'):
            if self.strings[row['domain_id']] != 'NCCL':
                continue
            payload = json.loads(self.strings[row['payload_id']])
            size = payload.get('Message size [bytes]') if isinstance(payload, dict) else None
            if size is not None:
                found.append((self.strings[row['name_id']].replace('nccl', '', 1), size))
        return found

    def external_correlations(self):
        return [(row[0], row[1]) for row in self.rows('SELECT external_id, correlation_id FROM external_correlation')]

    def allocations(self):
        return self.read('allocations')

    def read_allocations(self):
        return sorted(Allocation(self.epoch + row['time_ns'], row['operation'],
                                 MEMORIES.get(row['memory'], 'unknown'), row['bytes'], row['address'])
                      for row in self.rows('SELECT * FROM allocation'))

    def last_ns(self):
        """When the youngest row of any kind ended."""
        ends = [self.rows(f'SELECT MAX(start_ns + duration_ns) FROM "{table}"')[0][0]
                for table in ('kernel', 'memcpy', 'api_call')]
        return self.epoch + max([end for end in ends if end is not None], default=0)


def call_name(name):
    """cudaLaunchKernel_v7000 and cudaLaunchKernel_ptsz_v7000 are cudaLaunchKernel."""
    return re.sub(r'(_ptsz|_ptds)?(_v\d{4,})?$', '', name)


def traces_in(folder):
    return [Trace(path) for path in sorted(glob.glob(os.path.join(folder, '*.db')))]


def demangle(name, cache={}):
    """As c++filt does, by the C++ library that PyTorch needs anyway; without it the name stays."""
    if not name.startswith('_Z'):
        return name
    if 'function' not in cache:
        try:
            cache['function'] = ctypes.CDLL('libstdc++.so.6').__cxa_demangle
            cache['function'].restype = ctypes.c_void_p
            cache['function'].argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
            cache['free'] = ctypes.CDLL(None).free
            cache['free'].argtypes = [ctypes.c_void_p]
        except (OSError, AttributeError):
            cache['function'] = None
    if cache['function'] is None:
        return name
    if name not in cache:
        made = cache['function'](name.encode(), None, None, None)
        cache[name] = ctypes.string_at(made).decode('utf-8', 'replace') if made else name
        if made:
            cache['free'](made)
    return cache[name]


# ---- intervals: sorted lists of disjoint (start, end)


def union(spans):
    found = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        elif end > start:
            found.append([start, end])
    return [(start, end) for start, end in found]


def length(spans):
    return sum(end - start for start, end in spans)


def intersection(left, right):
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if end > start:
            found.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def partition(trace, device):
    """DESIGN's partition of a GPU's time: every nanosecond belongs to compute, comm, copy or idle."""
    def spans(rows):
        return union((row.start, row.end) for row in rows if row.device == device)
    rows = [row for row in trace.kernels() + trace.copies() + trace.memsets() if row.device == device]
    if not rows:
        return None
    compute = spans(kernel for kernel in trace.kernels() if not COMMUNICATION.search(kernel.name))
    comm = spans(kernel for kernel in trace.kernels() if COMMUNICATION.search(kernel.name))
    kernels = union(compute + comm)
    busy = union(kernels + spans(trace.copies()) + spans(trace.memsets()))
    window = max(row.end for row in rows) - min(row.start for row in rows)
    return {'window_ns': window, 'compute_ns': length(compute), 'comm_ns': length(kernels) - length(compute),
            'copy_ns': length(busy) - length(kernels), 'idle_ns': window - length(busy)}
