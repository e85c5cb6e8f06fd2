# SPDX-License-Identifier: MIT
"""Trace databases with a bit of everything: every table, overlaps, hostile names, damaged references. Made from
the layout that `laggard schema` prints; equal seeds give equal databases."""

import random
import sqlite3
import subprocess

HOSTILE = (
    'quote " and \\ backslash',
    'line\nbreak\ttab \x01 control \x7f',
    '</script><script>alert(1)</script><!--',
    'right \u202e to left \u05d0\u05d1, emoji \U0001f600, zero\u200bwidth',
    'x' * 10000,
    b'bad \xff\xfe utf-8 \xc3( \xed\xa0\x80 end',
    '',
    '{"json": [1, 2, {"x": null}]}',
    '%s%n%d %.3f',
    'ends with backslash \\',
)
KERNELS = (
    'void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>, '
    'std::array<char*, 1ul> >(int, at::native::FillFunctor<float>, std::array<char*, 1ul>)',
    '_Z6vecaddPKfS0_Pfi',
    'ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)',
    'triton_poi_fused_0',
)
CALLS = ('cudaLaunchKernel_v7000', 'cuLaunchKernelEx', 'cudaMemcpyAsync_v3020', 'cudaGraphLaunch_v10000')


class Database:
    def __init__(self, laggard, path):
        self.connection = sqlite3.connect(path)
        schema = subprocess.run([laggard, 'schema', '--format', 'sql'], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        self.connection.executescript(schema)
        self.columns = {}
        self.strings = {}

    def put(self, table, **values):
        if table not in self.columns:
            info = self.connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            self.columns[table] = [(row[1], row[2]) for row in info]
        known = [name for name, _ in self.columns[table]]
        assert set(values) <= set(known), (table, set(values) - set(known))
        row = [values.get(name, '' if kind == 'TEXT' else 0) for name, kind in self.columns[table]]
        self.connection.execute(f'INSERT INTO "{table}" VALUES ({",".join("?" * len(row))})', row)

    def text(self, value):
        """Id of a text; bytes need not be UTF-8."""
        if value in ('', b''):
            return 0
        if value not in self.strings:
            self.strings[value] = len(self.strings) + 1
            if isinstance(value, bytes):
                self.connection.execute('INSERT INTO string VALUES (?, CAST(? AS TEXT))',
                                        (self.strings[value], value))
            else:
                self.put('string', string_id=self.strings[value], value=value)
        return self.strings[value]

    def close(self):
        self.connection.commit()
        self.connection.close()


def put_facts(database, rank):
    database.put('trace', trace_id=1, source='libtrace', host='node "7" <b>', pid=4000 + rank, rank=rank,
                 world_size=2, local_rank=rank, epoch_ns=1790000000123456789 + rank * 1001, stop_ns=-1,
                 command='python train.py --x="1"', framework='PyTorch 2.9')
    for device in range(2):
        database.put('device', device_id=device, name='NVIDIA GeForce RTX 4090')
        database.put('context', context_id=device + 1, device_id=device, null_stream_number=7)
    # Stream 7 of device 0 exists in two contexts.
    for stream, device, context, number in ((1, 0, 1, 7), (2, 0, 1, 20), (3, 1, 2, 7), (4, 0, 5, 7)):
        database.put('stream', stream_id=stream, device_id=device, context_id=context, number=number,
                     name_id=database.text('side') if stream == 2 else 0)
    for thread in (4000 + rank, 4100, -17, 1 << 40):
        database.put('thread', thread_id=thread, pid=4000 + rank,
                     name_id=database.text('pt_main_thread') if thread < 4100 else 0)
    # The ids of one rank mean other kernels than those of the next.
    names = KERNELS + HOSTILE if rank == 0 else HOSTILE + KERNELS
    for number, name in enumerate(names, 1):
        database.put('kernel_symbol', kernel_id=number, name_id=database.text(name), grid_x=number,
                     grid_y=2, grid_z=1, block_x=128, block_y=1, block_z=1, registers=32,
                     dynamic_shared_bytes=number * 16)


def put_work(database, chance, correlation, time, last_starts):
    """One launch and what it launched; returns the next time. Calls of a thread may nest and touch, but never
    start together: no thread can do that, and an arrow could not say which of the two it leaves from."""
    thread = chance.choice((4000, 4100, -17, 1 << 40))
    start = max(time + chance.randrange(3), last_starts.get(thread, 0) + 1)
    last_starts[thread] = start
    duration = chance.choice((0, 1, 2, 500, 900))
    if chance.random() < 0.9:       # some launches are not in the trace
        database.put('api_call', start_ns=start, duration_ns=duration, thread_id=thread,
                     api=chance.choice((1, 2)), name_id=database.text(chance.choice(CALLS)),
                     correlation_id=correlation, return_value=chance.choice((0, 0, 700)))
    # Mostly later, sometimes before its call, sometimes at the very start of it.
    begin = start + chance.choice((-2000, -3, 0, 0, 5, 1000, 5000))
    for _ in range(chance.choice((1, 1, 1, 4))):
        length = chance.choice((0, 0, 1, 3, 1000, 2500))
        if length == 0 and begin == start:
            begin += 1
        stream = chance.choice((1, 1, 1, 2, 3, 4, 99))
        kind = chance.randrange(10)
        common = dict(start_ns=begin, duration_ns=length, stream_id=stream, correlation_id=correlation,
                      graph_id=chance.choice((0, 0, 3)))
        if kind < 7:
            database.put('kernel', kernel_id=chance.randrange(1, len(KERNELS + HOSTILE) + 2), **common)
        elif kind < 9:
            database.put('memcpy', direction=chance.choice((1, 2, 8, 10)), source_memory=chance.randrange(9),
                         destination_memory=3, bytes=chance.choice((0, 4096, 1 << 28)),
                         source_device_id=-1, destination_device_id=-1, is_async=1, **common)
        else:
            database.put('memset', memory=3, value=0, bytes=4096, **common)
        begin += chance.choice((0, length, length, length, 1))
    return time + chance.choice((0, 0, 1, 900, 1000, 3000))


def put_ranges(database, chance, rank):
    names = [name for name in HOSTILE] + ['forward', 'backward']
    for _ in range(300):
        kind = chance.choice((1, 2, 3))
        domain = chance.choice(('', 'NCCL', 'aten "x"'))
        database.put('range', start_ns=chance.randrange(0, 400000, 50),
                     duration_ns=chance.choice((0, 50, 50, 1000, 20000)),
                     thread_id=chance.choice((4000 + rank, 4100)), end_thread_id=4100, kind=kind,
                     domain_id=database.text(domain), category_id=database.text('loading'),
                     name_id=database.text(chance.choice(names)), color=chance.choice((0, 0xff00ff00)),
                     payload_id=database.text('{"bytes": 12}'), is_open=chance.randrange(2))
    for _ in range(40):
        database.put('mark', time_ns=chance.randrange(400000), thread_id=chance.choice((4100, 4000)),
                     domain_id=database.text(chance.choice(('', 'NCCL'))),
                     name_id=database.text(chance.choice(names)))
    for _ in range(30):
        database.put('gpu_range', start_ns=chance.randrange(400000), duration_ns=chance.randrange(9000),
                     stream_id=chance.choice((1, 2)), name_id=database.text('forward'))


def put_rest(database, chance, correlations):
    for number in range(40):
        database.put('synchronization', start_ns=chance.randrange(400000), duration_ns=chance.randrange(9000),
                     kind=number % 6, device_id=0, context_id=1, stream_id=chance.choice((0, 1, 2)),
                     event_id=-1, correlation_id=number)
        database.put('cuda_event', time_ns=chance.choice((-1, number * 1000)), event_id=number,
                     context_id=1, stream_id=1, correlation_id=number)
        database.put('overhead', start_ns=chance.randrange(400000), duration_ns=chance.randrange(900),
                     thread_id=chance.choice((0, 4100)), name_id=database.text('Buffer Flush'))
        database.put('allocation', time_ns=number * 3000, operation=1 + number % 2, device_id=number % 2,
                     memory=chance.choice((1, 2, 3, 5, 8)), bytes=1 << 20, is_framework=number % 3 == 0,
                     total_bytes=-1, reserved_bytes=-1 if number % 2 else 1 << 24)
        database.put('sample', time_ns=400000 - number * 5000, device_id=chance.choice((0, 1, 6)),
                     counter_id=database.text(chance.choice(('power_mw', 'clock_sm_mhz', 'odd'))),
                     value=number)
    for number, reason in enumerate(HOSTILE):
        if isinstance(reason, str):
            database.put('loss', source='cupti', reason=reason, count=number, first_ns=number * 9000 - 1,
                         last_ns=number * 9001)
    for number in range(12):
        database.put('graph_launch', start_ns=number * 20000, duration_ns=chance.choice((100, 30000)),
                     stream_id=1, graph_id=number % 3, correlation_id=correlations[number])
    database.put('communicator', communicator_id=1, hash=-5, name='default_pg', rank=0, rank_count=2,
                 node_count=1, device_id=0)
    for number in range(60):
        database.put('collective', start_ns=number * 5000, duration_ns=chance.randrange(7000),
                     thread_id=4100, witness=1 + number % 3, communicator_id=number % 2,
                     operation_id=database.text('AllReduce'), bytes=number << 20, count=-1, peer=-1,
                     sequence=number, datatype_id=database.text('ncclFloat32'), external_id=number // 2,
                     correlation_id=correlations[number] if number % 3 == 2 else 0)
        database.put('external_correlation', external_id=number // 2,
                     correlation_id=correlations[number])


def make(laggard, path, seed, rank=0, launches=700):
    chance = random.Random(seed)
    database = Database(laggard, path)
    put_facts(database, rank)
    correlations = [(1 << 32 | number) if number > 500 else number for number in range(1, launches + 1)]
    time, last_starts = 3000, {}
    shuffled = correlations[:]
    for at in range(0, len(shuffled) - 1, 7):       # records come nearly in order, not quite
        shuffled[at], shuffled[at + 1] = shuffled[at + 1], shuffled[at]
    for correlation in shuffled:
        time = put_work(database, chance, correlation, time, last_starts)
    put_ranges(database, chance, rank)
    put_rest(database, chance, correlations)
    database.close()
