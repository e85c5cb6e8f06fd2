# SPDX-License-Identifier: MIT
"""Trace databases whose rows lie as badly as they may: far out of order, nested, overlapping, with hostile names."""

import random
import sqlite3
import subprocess

HOSTILE = ('</script><script>alert(1)</script>', 'quote " backslash \\ tab \t end', 'right \u202eto left',
           '\x01\x1f control', 'x' * 10000, '\u05d0\u05d1\u05d2 name', "' OR 1=1; --")
EPOCH_NS = 1_790_000_000_000_000_123


def make(laggard, path, seed, rows):
    rng = random.Random(seed)
    database = sqlite3.connect(path)
    database.executescript(subprocess.run([laggard, 'schema', '--format', 'sql'], check=True, text=True,
                                          stdout=subprocess.PIPE).stdout)
    columns = {}

    def put(table, **values):
        if table not in columns:
            columns[table] = [(name, '' if kind == 'TEXT' else 0) for _, name, kind, *_ in
                              database.execute(f'PRAGMA table_info("{table}")')]
        row = [values.get(name, other) for name, other in columns[table]]
        database.execute(f'INSERT INTO "{table}" VALUES ({",".join("?" * len(row))})', row)

    put('trace', trace_id=1, source='libtrace', host='made', pid=77, rank=seed, world_size=2, epoch_ns=EPOCH_NS,
        stop_ns=-1)
    put('device', device_id=0, name='</title> GPU "0"')
    names = ['gemm', 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)', 'relu', 'cudaLaunchKernel_v7000', *HOSTILE]
    for number, name in enumerate(names, 1):
        put('string', string_id=number, value=name)
    database.execute('INSERT INTO string VALUES (?, CAST(? AS TEXT))', (len(names) + 1, b'bad \xff\xfe utf-8'))
    for stream in (1, 2, 3):
        put('stream', stream_id=stream, device_id=0, context_id=1, number=6 + stream)
    put('thread', thread_id=77, pid=77, name_id=5)
    for number in range(1, len(names) + 2):
        put('kernel_symbol', kernel_id=number, name_id=number, grid_x=number, grid_y=1, grid_z=1, block_x=64,
            block_y=1, block_z=1)
    work = []
    now = {1: 0, 2: 0, 3: 0}
    host = 0
    for number in range(rows):
        stream = rng.choice((1, 1, 1, 2, 3))
        host += rng.randint(0, 4000)
        length = rng.choice((0, 1, 700, 5000, 20000))
        start = max(host + 1000, now[stream] + rng.choice((-200, 0, 0, 50, 3000)))
        now[stream] = start + length
        work.append((number, stream, start, length, number + 1, rng.randint(1, len(names) + 1)))
        put('api_call', start_ns=host, duration_ns=rng.randint(0, 900), thread_id=77, api=2, name_id=4,
            correlation_id=number + 1)
    # A record may be delivered long after its neighbours, and some last very long.
    work.sort(key=lambda item: item[0] + (rng.random() < 0.01) * rng.randint(0, rows))
    for _, stream, start, length, correlation, kernel in work:
        if rng.random() < 0.0005:
            length = rng.randint(1, host // 3)
        table = rng.choice(('kernel', 'kernel', 'kernel', 'memcpy', 'memset'))
        if table == 'kernel':
            put(table, start_ns=start, duration_ns=length, stream_id=stream, correlation_id=correlation,
                kernel_id=kernel)
        else:
            put(table, start_ns=start, duration_ns=length, stream_id=stream, correlation_id=correlation,
                bytes=4096)
    ranges = []
    for depth, length in enumerate((host, host // 7, host // 100, host // 3000)):
        for start in range(0, host, max(length, 1)):
            ranges.append((start + length - depth, start, length - 2 * depth))
    for _, start, length in sorted(ranges):     # as they end: the outer ones come last
        put('range', start_ns=start, duration_ns=max(length, 0), thread_id=77, kind=1,
            name_id=rng.randint(1, len(names)))
    for _ in range(200):
        put('mark', time_ns=rng.randint(0, host), thread_id=77, name_id=rng.randint(1, len(names)))
        put('sample', time_ns=rng.randint(0, host), device_id=0, counter_id=1, value=rng.randint(-5, 10 ** 12))
    put('range', start_ns=-5000, duration_ns=3 * host, thread_id=77, kind=2, name_id=1, is_open=1)
    database.commit()
    database.close()
    return host
