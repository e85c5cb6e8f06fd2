# SPDX-License-Identifier: MIT
"""What an import must give, computed without it: interval sums of a database in plain integers, the rows of
the real export read beside it, and the rows of the made exports written out by hand."""

import nsys_export as made

DIRECTIONS = {1: 'HtoD', 2: 'DtoH', 8: 'DtoD', 10: 'PtoP'}
MEMORIES = {1: 'Pageable', 2: 'Pinned', 3: 'Device', 5: 'Managed'}


def union(intervals):
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def length(intervals):
    return sum(end - start for start, end in union(intervals))


def intervals(db, table, where='1'):
    return db.execute(f'SELECT start_ns, start_ns + duration_ns FROM "{table}" WHERE {where}').fetchall()


def gpu_numbers(db, device):
    """The columns of expected/gpu.csv that an import decides."""
    of_device = f'stream_id IN (SELECT stream_id FROM stream WHERE device_id = {device})'
    is_nccl = '''kernel_id IN (SELECT kernel_id FROM kernel_symbol JOIN string ON string_id = name_id
        WHERE value LIKE '%ncclDevKernel%' OR value LIKE '%ncclKernel%')'''
    compute = intervals(db, 'kernel', f'{of_device} AND NOT {is_nccl}')
    comm = intervals(db, 'kernel', f'{of_device} AND {is_nccl}')
    copies = intervals(db, 'memcpy', of_device)
    sets = intervals(db, 'memset', of_device)
    everything = compute + comm + copies + sets
    start, end = min(s for s, _ in everything), max(e for _, e in everything)
    busy = union(everything)
    gaps = [after[0] - before[1] for before, after in zip(busy, busy[1:])]
    no_launch = sum(db.execute(
        f'SELECT count(*) FROM "{table}" WHERE {of_device} AND correlation_id NOT IN '
        '(SELECT correlation_id FROM api_call)').fetchone()[0] for table in ('kernel', 'memcpy', 'memset'))
    return {
        'pid': db.execute('SELECT pid FROM trace').fetchone()[0], 'device': device,
        'window_start_ns': start, 'window_end_ns': end, 'window_ns': end - start,
        'compute_ns': length(compute), 'comm_ns': length(compute + comm) - length(compute),
        'copy_ns': length(everything) - length(compute + comm),
        'idle_ns': end - start - length(everything), 'busy_union_ns': length(everything),
        'compute_union_ns': length(compute), 'comm_union_ns': length(comm),
        'copy_union_ns': length(copies + sets),
        'comm_compute_overlap_ns': length(compute) + length(comm) - length(compute + comm),
        'idle_gaps': len(gaps), 'longest_gap_ns': max(gaps), 'gpu_rows': len(everything),
        'kernels': len(compute) + len(comm), 'comm_kernels': len(comm), 'memcpys': len(copies),
        'memsets': len(sets), 'no_launch_rows': no_launch,
        'memset_bytes': db.execute('SELECT sum(bytes) FROM memset').fetchone()[0],
        'memset_ns': sum(e - s for s, e in sets),
    }


def transfers(db):
    rows = []
    groups = db.execute('SELECT DISTINCT direction, source_memory, destination_memory FROM memcpy').fetchall()
    for direction, source, destination in groups:
        where = (f'direction = {direction} AND source_memory = {source} AND '
                 f'destination_memory = {destination}')
        found = intervals(db, 'memcpy', where)
        size = db.execute(f'SELECT sum(bytes) FROM memcpy WHERE {where}').fetchone()[0]
        rows.append((DIRECTIONS[direction], MEMORIES[source], MEMORIES[destination], len(found), size,
                     sum(e - s for s, e in found), length(found)))
    return sorted(rows)


def streams(db):
    rows = []
    for stream_id, device, number in db.execute('SELECT stream_id, device_id, number FROM stream').fetchall():
        parts = [intervals(db, table, f'stream_id = {stream_id}') for table in ('kernel', 'memcpy', 'memset')]
        everything = sum(parts, [])
        if everything:
            rows.append((device, number, len(everything), *map(len, parts), length(everything)))
    return sorted(rows)


OF_PID = '"globalPid" >> 24 & 0xffffff = ?1'
OF_TID = '"globalTid" >> 24 & 0xffffff = ?1'

# (what, rows of the export of pid ?1, the same rows of the import)
ROW_COMPARISONS = (
    ('kernel',
     'SELECT start, "end" - start, deviceId, contextId, streamId, correlationId, n.value, gridX, gridY, '
     'gridZ, blockX, blockY, blockZ, registersPerThread, staticSharedMemory, dynamicSharedMemory, '
     'localMemoryPerThread, launchType - 1 FROM CUPTI_ACTIVITY_KIND_KERNEL JOIN StringIds AS n '
     f'ON n.id = demangledName WHERE {OF_PID}',
     'SELECT start_ns, duration_ns, device_id, context_id, number, correlation_id, value, grid_x, grid_y, '
     'grid_z, block_x, block_y, block_z, registers, static_shared_bytes, dynamic_shared_bytes, '
     'local_bytes_per_thread, launch_type FROM kernel JOIN stream USING (stream_id) JOIN kernel_symbol AS k '
     'USING (kernel_id) JOIN string ON string_id = k.name_id'),
    ('memcpy',
     'SELECT start, "end" - start, deviceId, streamId, correlationId, bytes, copyKind, srcKind + 1, '
     f'dstKind + 1, copyCount FROM CUPTI_ACTIVITY_KIND_MEMCPY WHERE {OF_PID}',
     'SELECT start_ns, duration_ns, device_id, number, correlation_id, bytes, direction, source_memory, '
     'destination_memory, copy_count FROM memcpy JOIN stream USING (stream_id)'),
    ('memset',
     'SELECT start, "end" - start, deviceId, streamId, correlationId, bytes, value, memKind + 1 FROM '
     f'CUPTI_ACTIVITY_KIND_MEMSET WHERE {OF_PID}',
     'SELECT start_ns, duration_ns, device_id, number, correlation_id, bytes, value, memory FROM memset '
     'JOIN stream USING (stream_id)'),
    ('api_call',
     'SELECT start, "end" - start, globalTid & 0xffffff, 2 - eventClass, value, correlationId, returnValue '
     f'FROM CUPTI_ACTIVITY_KIND_RUNTIME JOIN StringIds ON id = nameId WHERE {OF_TID}',
     'SELECT start_ns, duration_ns, thread_id, api, value, correlation_id, return_value FROM api_call '
     'JOIN string ON string_id = name_id'),
    ('synchronization',
     'SELECT start, "end" - start, syncType, contextId - 1, contextId, CASE streamId WHEN 4294967295 THEN '
     'NULL ELSE streamId END, CASE eventId WHEN 4294967295 THEN -1 ELSE eventId END, eventSyncId, '
     f'correlationId FROM CUPTI_ACTIVITY_KIND_SYNCHRONIZATION WHERE {OF_PID}',
     'SELECT start_ns, duration_ns, kind, s.device_id, s.context_id, number, event_id, event_sync_id, '
     'correlation_id FROM synchronization AS s LEFT JOIN stream USING (stream_id)'),
    ('range',
     'SELECT start, "end" - start, globalTid & 0xffffff, coalesce(text, value), domainId FROM NVTX_EVENTS '
     f'LEFT JOIN StringIds ON id = textId WHERE {OF_TID}',
     'SELECT start_ns, duration_ns, thread_id, n.value, d.value IS NOT NULL FROM "range" JOIN string AS n ON '
     'n.string_id = name_id LEFT JOIN string AS d ON d.string_id = domain_id'),
)

MADE_QUERIES = {
    'trace': 'SELECT source, host, pid, command, "rank", world_size, epoch_ns, stop_ns, driver_version, '
             'cuda_driver_version, tool_version FROM trace',
    'device': 'SELECT device_id, name, uuid, pci_bus_id, compute_major, compute_minor, sm_count, '
              'memory_bytes, memory_bandwidth_bytes_per_s, l2_bytes, copy_engines, clock_sm_max_mhz '
              'FROM device',
    'context': 'SELECT context_id, device_id, null_stream_number FROM context',
    'stream': 'SELECT device_id, context_id, number, priority, flag FROM stream',
    'thread': 'SELECT thread_id, pid, value FROM thread LEFT JOIN string ON string_id = name_id',
    'kernel': 'SELECT start_ns, duration_ns, device_id, context_id, number, correlation_id, graph_id, '
              'graph_node_id, value, grid_x, grid_y, grid_z, block_x, block_y, block_z, cluster_x, '
              'registers, static_shared_bytes, dynamic_shared_bytes, local_bytes_per_thread, '
              'launch_type FROM kernel JOIN stream USING (stream_id) JOIN kernel_symbol AS k '
              'USING (kernel_id) JOIN string ON string_id = k.name_id',
    'memcpy': 'SELECT start_ns, duration_ns, number, direction, source_memory, destination_memory, bytes, '
              'source_device_id, destination_device_id, is_async, copy_count, correlation_id FROM memcpy '
              'JOIN stream USING (stream_id)',
    'memset': 'SELECT start_ns, duration_ns, number, memory, value, bytes, correlation_id FROM memset '
              'JOIN stream USING (stream_id)',
    'graph_launch': 'SELECT start_ns, duration_ns, number, graph_id, correlation_id FROM graph_launch '
                    'JOIN stream USING (stream_id)',
    'api_call': 'SELECT start_ns, duration_ns, thread_id, api, value, correlation_id, return_value '
                'FROM api_call JOIN string ON string_id = name_id',
    'synchronization': 'SELECT start_ns, duration_ns, kind, s.device_id, s.context_id, number, event_id, '
                       'event_sync_id, correlation_id FROM synchronization AS s '
                       'LEFT JOIN stream USING (stream_id)',
    'cuda_event': 'SELECT time_ns, event_id, event_sync_id, context_id, correlation_id FROM cuda_event',
    'overhead': 'SELECT start_ns, duration_ns, thread_id, value, correlation_id FROM overhead '
                'JOIN string ON string_id = name_id',
    'allocation': 'SELECT time_ns, operation, device_id, memory, address, bytes, correlation_id '
                  'FROM allocation',
    'range': 'SELECT start_ns, duration_ns, thread_id, end_thread_id, kind, coalesce(d.value, \'\'), '
             'coalesce(c.value, \'\'), n.value, color, coalesce(p.value, \'\'), is_open FROM "range" '
             'JOIN string AS n ON n.string_id = name_id LEFT JOIN string AS d ON d.string_id = domain_id '
             'LEFT JOIN string AS c ON c.string_id = category_id '
             'LEFT JOIN string AS p ON p.string_id = payload_id',
    'mark': 'SELECT time_ns, thread_id, n.value, coalesce(p.value, \'\') FROM mark JOIN string AS n '
            'ON n.string_id = name_id LEFT JOIN string AS p ON p.string_id = payload_id',
    'communicator': 'SELECT hash, "rank", rank_count, device_id, parent_hash FROM communicator',
    'collective': 'SELECT start_ns, duration_ns, thread_id, witness, c.hash, o.value, bytes, '
                  'coalesce(r.value, \'\'), peer FROM collective JOIN string AS o ON '
                  'o.string_id = operation_id LEFT JOIN string AS r ON r.string_id = reduction_id '
                  'LEFT JOIN communicator AS c USING (communicator_id)',
}

HASH = 0xfedcba9876543210 - (1 << 64)
HASH_TEXT = '0xfedcba9876543210'


def made_gpu_rows(version, at, context):
    new = version >= (3, 24)
    shape = (4, 2, 1, 128, 1, 1)
    rest = (32, 16, 1024, 8)
    return {
        'kernel': [
            (at, 500, 0, context, 7, 100, 0, 0, made.STRINGS[10], *shape, 2 if new else 0, *rest, 0),
            (at + 300, 600, 0, context, 13, 101, 5 if new else 0, 77, made.STRINGS[13], *shape, 0, *rest, 1)],
        'memcpy': [
            (at + 1000, 100, 7, 1, 1, 3, 4096, -1, -1, -1, 1 if new else 0, 102),
            (at + 1100, 200, 13, 10, 3, 3, 8192, 0, 1, -1, 3 if new else 0, 103),
            (at + 1300, 10, 7, 2, 5, 5, 65536, -1, -1, -1, 0, 104)],
        'memset': [(at + 1400, 0, 7, 3, 255, 512, 105)],
        'graph_launch': [(at + 1500, 100, 7, 9, 106)] if version >= (3, 13) else [],
        'synchronization': [
            (at + 1700, 100, 3, 0, context, 7, -1, 0, 107),
            (at + 1800, 100, 1, 0, context, None, 44, 17 if new else 0, 108)],
        'cuda_event': [(-1, 44, 17, context, 109)] if new else [],
        'allocation': [(at, 1, 0, 3, 0x7000, 1 << 20, 111), (at + 1, 2, 0, 3, 0x7000, 1 << 20, 111)],
    }


def made_annotations(version, rank, pid, at):
    new = version >= (3, 24)
    end = made.DURATION_NS
    comm = f'{{"NCCL communicator ID":"{HASH_TEXT}",'
    reduce = comm + '"Message size [bytes]":4194304,"Reduction operation":"Sum"}' if new else ''
    send = comm + f'"Message size [bytes]":1024,"Peer rank":{1 - rank}}}' if new else ''
    init = comm + f'"No. of ranks":2,"Rank":{rank},"CUDA device":0}}' if new else ''
    return {
        'range': [
            (at, 2000, pid, pid, 1, '', 'io', 'step 1', 0xff00ff00, '', 0),
            (at + 1, 49, pid, pid + 1, 2, '', '', 'load', 0, '-3', 0),
            (at + 2, end - at - 2, pid, pid, 2, '', '', 'never closed', 0, '', 1),
            (at + 10, 10, pid, pid, 1, 'NCCL', '', 'ncclAllReduce', 0, reduce, 0),
            (at + 21, 8, pid, pid, 1, 'NCCL', '', 'ncclSend', 0, send, 0),
            (at - 50, 10, pid, pid, 1, 'NCCL', '', 'ncclCommInitRank', 0, init, 0)],
        'mark': [
            (at + 3, pid, 'mark \u2603 "quoted"', '0.5'), (at + 4, pid, 'json', '{"a": [1, 2]}'),
            (at + 5, pid, 'bad json', '"{\\"a\\": NaN"')],
        'communicator': [(HASH, rank, 2, 0, 0)] if new else [],
        'collective': [
            (at + 10, 10, pid, 1, HASH, 'AllReduce', 4194304, 'Sum', -1),
            (at + 21, 8, pid, 1, HASH, 'Send', 1024, '', 1 - rank)] if new else [],
    }


def made_rows(version, rank, pid):
    """{name of a query: its rows} for one process of nsys_export.content()."""
    at, context, new = 1000 + 10 * rank, rank + 1, version >= (3, 24)
    ranks = (rank, 2) if new else (-1, -1)
    command = 'torchrun --nproc-per-node=2 train.py' if version >= (3, 4) else 'python3'
    rows = {
        'trace': [('nsys', 'box', pid, command, *ranks, made.EPOCH_NS, made.DURATION_NS, '550.54', '12.4',
                   'driver')],
        'device': [(0, f'RTX 409{rank}', f'GPU-0000000{rank}-aaaa-bbbb-cccc-000000000000',
                    f'00000000:0{rank + 1}:00.0', 8, 9, 128, 24 << 30, 1008000000000, 72 << 20, 2, 2520)],
        'context': [(context, 0, 7)],
        'stream': [(0, context, 7, 0, 3), (0, context, 13, -1, 2)],
        'thread': [(pid, pid, 'main loop'), (pid + 1, pid, None)],
        'api_call': [
            (at - 100, 5, pid, 2, made.STRINGS[20], 100, 0),
            (at - 90, 5, pid + 1, 1, made.STRINGS[21], 101, 1),
            (at - 80, 5, pid, 2, made.STRINGS[22], 102, 2)],
        'overhead': [(at, 6, pid, 'CUPTI Buffer flush', 0)] +
        ([(at, 5, pid, 'Lazy Function Loading', 110)] if new else []),
    }
    rows.update(made_gpu_rows(version, at, context))
    rows.update(made_annotations(version, rank, pid, at))
    return rows
