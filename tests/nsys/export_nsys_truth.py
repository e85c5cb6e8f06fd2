# SPDX-License-Identifier: MIT
"""What an export in the Nsight Systems layout must hold, read from the databases with sqlite3 and nothing else; and
the same rows as they stand in the export. Rows are compared in the order of storage, process by process."""

import re
import sqlite3
import subprocess

NONE_32 = 0xffffffff
TID_MAX = (1 << 24) - 1
EVENTS = (('kernel', 'start_ns'), ('memcpy', 'start_ns'), ('memset', 'start_ns'), ('api_call', 'start_ns'),
          ('synchronization', 'start_ns'), ('graph_launch', 'start_ns'), ('range', 'start_ns'),
          ('gpu_range', 'start_ns'), ('collective', 'start_ns'), ('overhead', 'start_ns'),
          ('mark', 'time_ns'), ('allocation', 'time_ns'), ('sample', 'time_ns'), ('cuda_event', 'time_ns'))
OVERHEADS = {'driver compiler': 2, 'buffer flush': 3, 'instrumentation': 4, 'resource': 5,
             'runtime triggered module loading': 6, 'lazy function loading': 7, 'command buffer full': 8}


def clean(text):
    """Each side counts the pieces of a broken character in its own way."""
    if isinstance(text, bytes):
        text = text.decode('utf-8', 'replace')
    return text and re.sub('\ufffd+', '\ufffd', text)


def known(value, unknown=0):
    return None if value == unknown else value


def memory(kind):
    return kind - 1 if 1 <= kind <= 7 else 7


class Source:
    """One database of ours."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.db.text_factory = bytes
        self.strings = dict(self.db.execute('SELECT string_id, value FROM string'))
        self.host, self.pid, self.epoch_ns, self.rank = self.db.execute(
            'SELECT host, pid, epoch_ns, rank FROM trace').fetchone()
        self.streams = {row[0]: row[1:] for row in self.db.execute(
            'SELECT stream_id, device_id, context_id, number FROM stream')}
        self.tids = {}
        self.gpid = 1 << 48 | (self.pid if 0 < self.pid <= TID_MAX else 0) << 24
        self.window = None

    def first_ns(self):
        """No further than to the epoch: time 0 lies there, or at an event before it."""
        times = [0]
        for table, column in EVENTS:
            not_timed = f'WHERE {column} <> -1' if table == 'cuda_event' else ''
            value = self.db.execute(f'SELECT min({column}) FROM "{table}" {not_timed}').fetchone()[0]
            times += [] if value is None else [value]
        return min(times)

    def rows(self, table, *columns):
        return self.db.execute(f'SELECT {", ".join(columns)} FROM "{table}" ORDER BY rowid')

    def text(self, string_id):
        return clean(self.strings.get(string_id, b''))

    def touches(self, start, end):
        return self.window is None or (start < self.window[1] and (end > self.window[0] or
                                                                   start >= self.window[0]))

    def work(self, table, *columns):
        """(start, end, device, context, stream, correlation), rest of rows whose stream is known."""
        for row in self.rows(table, 'start_ns', 'duration_ns', 'stream_id', 'correlation_id', *columns):
            start, duration, stream_id, correlation = row[:4]
            if stream_id in self.streams and self.touches(start, start + duration):
                device, context, number = self.streams[stream_id]
                yield (start + self.offset, start + duration + self.offset, device, context, number,
                       known(correlation)), row[4:]


def readable(names):
    mangled = sorted(name for name in names if name.startswith(b'_Z'))
    done = subprocess.run(['c++filt'], input=b''.join(name + b'\n' for name in mangled), check=True,
                          stdout=subprocess.PIPE)
    return dict(zip(mangled, done.stdout.split(b'\n')))


def kernels(source):
    shapes = {row[0]: row[1:] for row in source.rows(
        'kernel_symbol', 'kernel_id', 'name_id', 'launch_type', 'registers', 'grid_x', 'grid_y', 'grid_z',
        'block_x', 'block_y', 'block_z', 'static_shared_bytes', 'dynamic_shared_bytes',
        'local_bytes_per_thread', 'cluster_x', 'cluster_y', 'cluster_z')}
    names = readable({source.strings.get(shape[0], b'') for shape in shapes.values()})
    unknown = (0,) * 15
    for common, (kernel_id, graph, node) in source.work('kernel', 'kernel_id', 'graph_id', 'graph_node_id'):
        shape = shapes.get(kernel_id, unknown)
        name = source.strings.get(shape[0], b'')
        whole = names.get(name, name)
        launch = None if kernel_id not in shapes else shape[1] + 1 if 0 <= shape[1] <= 2 else 0
        yield common + (clean(whole), clean(name) if whole != name else None, launch) + shape[2:] + (
            known(graph), known(node))


def got_kernels(export, gpid):
    for row in export.db.execute(f'''SELECT start, "end", deviceId, contextId, streamId, correlationId, d.value,
            m.value, launchType, registersPerThread, gridX, gridY, gridZ, blockX, blockY, blockZ,
            staticSharedMemory, dynamicSharedMemory, localMemoryPerThread, clusterX, clusterY, clusterZ, graphId,
            graphNodeId FROM CUPTI_ACTIVITY_KIND_KERNEL k JOIN StringIds d ON d.id = demangledName
            LEFT JOIN StringIds m ON m.id = mangledName WHERE globalPid = {gpid} ORDER BY k.rowid'''):
        row = list(row)
        row[6], row[7] = clean(row[6]), clean(row[7])
        yield tuple(row)


def copies(source):
    for common, row in source.work('memcpy', 'bytes', 'direction', 'source_memory', 'destination_memory',
                                   'source_device_id', 'destination_device_id', 'graph_node_id', 'copy_count'):
        yield common + (row[0], row[1], memory(row[2]), memory(row[3]), known(row[4], -1), known(row[5], -1),
                        known(row[6]), known(row[7]))


def sets(source):
    for common, row in source.work('memset', 'value', 'bytes', 'memory', 'graph_node_id'):
        yield common + (row[0], row[1], memory(row[2]), known(row[3]))


def graphs(source):
    for common, row in source.work('graph_launch', 'graph_id'):
        yield common + (row[0], 0)


def calls(source):
    classes = {2: 0, 1: 1}
    for start, duration, thread, api, name, correlation, value in source.rows(
            'api_call', 'start_ns', 'duration_ns', 'thread_id', 'api', 'name_id', 'correlation_id',
            'return_value'):
        if source.touches(start, start + duration):
            yield (start + source.offset, start + duration + source.offset, ('tid', thread), classes.get(api, 26),
                   source.text(name), known(correlation), value)


def waits(source):
    for row in source.rows('synchronization', 'start_ns', 'duration_ns', 'device_id', 'context_id', 'stream_id',
                           'correlation_id', 'kind', 'event_id', 'event_sync_id'):
        start, duration, device, context, stream_id, correlation, kind, event, sync = row
        number = source.streams[stream_id][2] if stream_id in source.streams else NONE_32
        if source.touches(start, start + duration):
            yield (start + source.offset, start + duration + source.offset, max(device, 0), context, number,
                   known(correlation), kind, NONE_32 if event < 0 else event, known(sync))


def events(source):
    for time, event, sync, context, stream_id, correlation in source.rows(
            'cuda_event', 'time_ns', 'event_id', 'event_sync_id', 'context_id', 'stream_id', 'correlation_id'):
        device, _, number = source.streams.get(stream_id, (0, 0, NONE_32))
        if source.window is None if time == -1 else source.touches(time, time):
            yield (0 if time == -1 else time + source.offset, device, context, number, known(correlation),
                   NONE_32 if event < 0 else event, known(sync))


def overheads(source):
    for start, duration, thread, name, correlation in source.rows(
            'overhead', 'start_ns', 'duration_ns', 'thread_id', 'name_id', 'correlation_id'):
        if source.touches(start, start + duration):
            text = source.text(name)
            yield (start + source.offset, start + duration + source.offset, ('tid', thread), known(correlation),
                   text, OVERHEADS.get(text.lower(), 1))


def allocations(source):
    for time, operation, device, kind, address, size, correlation in source.db.execute(
            '''SELECT time_ns, operation, device_id, memory, address, bytes, correlation_id FROM allocation
            WHERE NOT is_framework AND device_id >= 0 AND operation IN (1, 2) ORDER BY rowid'''):
        if source.touches(time, time):
            yield (time + source.offset, device, 0, address, size, memory(kind),
                   operation - 1, known(correlation))


def payload(text):
    return None if text == '' else text


def ranges(source):
    for row in source.rows('range', 'start_ns', 'duration_ns', 'thread_id', 'end_thread_id', 'kind', 'domain_id',
                           'category_id', 'name_id', 'color', 'payload_id', 'is_open'):
        start, duration, thread, end_thread, kind, domain, category, name, color, extra, is_open = row
        if source.touches(start, start + duration):
            yield (start + source.offset, None if is_open == 1 else start + duration + source.offset,
                   60 if kind == 2 else 59, payload(source.text(category)), known(color), payload(source.text(name)),
                   ('tid', thread), ('tid', end_thread) if end_thread not in (0, thread) else None,
                   payload(source.text(domain)), payload(source.text(extra)))
    for time, thread, domain, category, name, color, extra in source.rows(
            'mark', 'time_ns', 'thread_id', 'domain_id', 'category_id', 'name_id', 'color', 'payload_id'):
        if source.touches(time, time):
            yield (time + source.offset, None, 34, payload(source.text(category)), known(color),
                   payload(source.text(name)), ('tid', thread), None, payload(source.text(domain)),
                   payload(source.text(extra)))


def got_ranges(export, gpid):
    """With the names of domains and categories, which rows of their own tell."""
    domains, categories = {0: None}, {}
    for kind, domain, category, text in export.db.execute(
            f'''SELECT eventType, domainId, category, text FROM NVTX_EVENTS WHERE eventType IN (33, 75)
            AND globalTid >> 24 << 24 = {gpid}'''):
        target, key = (domains, domain) if kind == 75 else (categories, (domain, category))
        assert key not in target, f'{key} is told twice'
        target[key] = clean(text)
    for row in export.db.execute(
            f'''SELECT start, "end", eventType, category, color, text, globalTid, endGlobalTid, domainId, int64Value,
            jsonText, coalesce(uint64Value, doubleValue, uint32Value, int32Value, floatValue, textId, rangeId,
            jsonTextId, binaryData) FROM NVTX_EVENTS WHERE eventType NOT IN (33, 75)
            AND globalTid >> 24 << 24 = {gpid} ORDER BY rowid'''):
        start, end, kind, category, color, text, tid, end_tid, domain, number, json, other = row
        assert other is None and (number is None or json is None), row
        yield (start, end, kind, None if category is None else categories[domain, category], color, clean(text),
               ('gtid', tid), None if end_tid is None else ('gtid', end_tid), domains[domain],
               str(number) if number is not None else clean(json))


def losses(source):
    for who, why, number, first in source.rows('loss', 'source', 'reason', '"count"', 'first_ns'):
        if first < 0 or source.touches(first, first):
            text = clean(who) + ': ' + clean(why) + (f' ({number})' if number > 0 else '')
            yield (first + source.offset if first >= 0 else 0, int(first >= 0), 1, 2, text)


# Rows that the layout cannot say: kind of the walk, table, condition, words.
NO_STREAM = 'stream_id NOT IN (SELECT stream_id FROM stream)'
LEFT_OUT = (
    ('kernels', 'kernel', NO_STREAM, 'kernels on a stream that the trace does not know'),
    ('copies', 'memcpy', NO_STREAM, 'copies on a stream that the trace does not know'),
    ('copies', 'memset', NO_STREAM, 'memsets on a stream that the trace does not know'),
    ('kernels', 'graph_launch', NO_STREAM, 'graphs on a stream that the trace does not know'),
    (None, 'context', 'device_id < 0', 'contexts without a device'),
    (None, 'stream', 'number < 0', 'streams without a number'),
    ('counters', 'allocation', 'NOT is_framework AND (device_id < 0 OR operation NOT IN (1, 2))',
     'allocations without a device, or of an unknown kind'),
)


def left_out(source, kinds):
    for kind, table, condition, words in LEFT_OUT:
        if kind is not None and kinds is not None and kind not in kinds:
            continue
        start = {'context': '0', 'stream': '0', 'allocation': 'time_ns'}.get(table, 'start_ns')
        end = f'{start} + duration_ns' if start == 'start_ns' else start
        number = sum(table in ('context', 'stream') or source.touches(*row) for row in source.db.execute(
            f'SELECT {start}, {end} FROM {table} WHERE {condition}'))
        if number > 0:
            yield (0, 0, 1, 2, f'export: {words} ({number})')


WORK = 'start, "end", deviceId, contextId, streamId, correlationId'
# Table, its expectation, columns; '@' before a column: it is a globalTid.
TABLES = (
    ('CUPTI_ACTIVITY_KIND_KERNEL', kernels, got_kernels, 'kernels'),
    ('CUPTI_ACTIVITY_KIND_MEMCPY', copies, WORK + ''', bytes, copyKind, srcKind, dstKind, srcDeviceId, dstDeviceId,
        graphNodeId, copyCount''', 'copies'),
    ('CUPTI_ACTIVITY_KIND_MEMSET', sets, WORK + ', value, bytes, memKind, graphNodeId', 'copies'),
    ('CUPTI_ACTIVITY_KIND_GRAPH_TRACE', graphs, WORK + ', graphId, graphExecId', 'kernels'),
    ('CUPTI_ACTIVITY_KIND_RUNTIME', calls,
     'start, "end", @globalTid, eventClass, $nameId, correlationId, returnValue', 'calls'),
    ('CUPTI_ACTIVITY_KIND_SYNCHRONIZATION', waits, WORK + ', syncType, eventId, eventSyncId', 'sync'),
    ('CUPTI_ACTIVITY_KIND_CUDA_EVENT', events,
     'timestamp, deviceId, contextId, streamId, correlationId, eventId, eventSyncId', 'sync'),
    ('CUPTI_ACTIVITY_KIND_OVERHEAD', overheads,
     'start, "end", @globalTid, correlationId, $nameId, overheadType', 'overhead'),
    ('CUDA_GPU_MEMORY_USAGE_EVENTS', allocations,
     'start, deviceId, contextId, address, bytes, memKind, memoryOperationType, correlationId', 'counters'),
    ('NVTX_EVENTS', ranges, got_ranges, 'ranges'),
    ('DIAGNOSTIC_EVENT', losses, 'timestamp, timestampType, source, severity, text', 'losses'),
)


class Export:
    """The file that was written."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.tables = [name for name, in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def rows(self, table, columns, gpid):
        if table not in self.tables:
            return []
        if callable(columns):
            return list(columns(self, gpid))
        names = [name.strip() for name in columns.split(',')]
        sql = ', '.join(f'(SELECT value FROM StringIds WHERE id = {name[1:]})' if name[0] == '$' else
                        name.lstrip('@') for name in names)
        owner = 'globalPid' if '@globalTid' not in names else 'globalTid >> 24 << 24'
        threads = [index for index, name in enumerate(names) if name[0] == '@']
        rows = []
        for row in self.db.execute(f'SELECT {sql} FROM {table} WHERE {owner} = {gpid} ORDER BY rowid'):
            rows.append(tuple(('gtid', value) if index in threads else
                              clean(value) if isinstance(value, str) else value
                              for index, value in enumerate(row)))
        return rows


def is_same(want, got, source):
    """Equal, where a thread number that 24 bits cannot hold may be any other, but always the same."""
    if len(want) != len(got):
        return False
    for one, other in zip(want, got):
        if isinstance(one, tuple) and isinstance(other, tuple):
            tid = other[1] - source.gpid
            if 0 <= one[1] <= TID_MAX:
                tid_wanted = one[1]
            else:
                tid_wanted = source.tids.setdefault(one[1], tid)
            if tid != tid_wanted:
                return False
        elif one != other:
            return False
    return True


def place(sources):
    """Time 0 of the session; sets the offsets."""
    base = min(source.epoch_ns + source.first_ns() for source in sources)
    for source in sources:
        source.offset = source.epoch_ns - base
    return base


def differences(sources, export, kinds=None):
    """Complaints, and how many rows were compared."""
    complaints, compared = [], 0
    for table, expectation, columns, kind in TABLES:
        for source in sources:
            want = list(expectation(source)) if kinds is None or kind in kinds else []
            if kind == 'losses' and (kinds is None or kind in kinds):
                want += left_out(source, kinds)
            got = export.rows(table, columns, source.gpid)
            compared += len(want)
            if len(want) != len(got):
                complaints.append(f'{table} of {source.path}: {len(got)} rows, wanted {len(want)}')
            wrong = [pair for pair in zip(want, got) if not is_same(*pair, source)]
            if wrong:
                complaints.append(f'{table} of {source.path}: {len(wrong)} rows differ, such as '
                                  f'{repr(wrong[0][1])[:400]}, wanted {repr(wrong[0][0])[:400]}')
        owners = {source.gpid for source in sources}
        if table in export.tables:
            owner = 'globalTid >> 24 << 24' if 'globalPid' not in table_columns(export, table) else 'globalPid'
            others = {value for value, in export.db.execute(f'SELECT DISTINCT {owner} FROM {table}')} - owners
            if others:
                complaints.append(f'{table}: rows of nobody: {others}')
    return complaints, compared


def table_columns(export, table):
    return [row[1] for row in export.db.execute(f'PRAGMA table_info("{table}")')]
