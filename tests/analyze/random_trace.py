# SPDX-License-Identifier: MIT
"""Small random trace databases for the oracle of idle time. One seed, one database."""

import random
import sqlite3
import subprocess

CALLS = ('cudaLaunchKernel_v7000', 'cudaLaunchKernel_v7000', 'cudaLaunchKernel_v7000', 'cuLaunchKernelEx',
         'cudaMemcpyAsync_v3020', 'cudaMemcpy_v3020', 'cudaStreamSynchronize_v3020', 'cudaDeviceSynchronize',
         'cudaMalloc_v3020', 'cuMemFree_v2', 'cuModuleLoadData', 'cudaGraphLaunch_v10000', 'cudaEventQuery',
         'cudaLaunchHostFunc', 'hipLaunchKernel', 'cudaFuncGetAttributes')
RANGES = ('DataLoader.__next__', 'fetch', 'prefetcher', 'gc', 'ncclCommInitRank', 'forward', 'load data',
          'Optimizer.step')
KERNELS = ('gemm', 'relu', 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)', 'ncclKernel_SendRecv')


class Maker:
    def __init__(self, database, seed):
        self.db, self.random = database, random.Random(seed)
        self.strings, self.correlation, self.records = {}, 0, []
        self.unit = self.random.choice((5, 300, 8_000, 50_000, 300_000))
        self.is_orderly = self.random.random() < 0.5
        self.has_records = self.random.random() < 0.6

    def put(self, table, **values):
        columns = ', '.join(f'"{name}"' for name in values)
        kinds = self.db.execute(f'PRAGMA table_info("{table}")').fetchall()
        for _, name, kind, *_ in kinds:
            if name not in values:
                columns += f', "{name}"'
                values[name] = '' if kind == 'TEXT' else 0
        self.db.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(values))})',
                        tuple(values.values()))

    def string(self, text):
        if text not in self.strings:
            self.strings[text] = len(self.strings) + 1
            self.put('string', string_id=self.strings[text], value=text)
        return self.strings[text]

    def length(self):
        factor = self.random.choice((0, 1, 1, 2, 2, 2, 3, 30))
        return self.random.randint(0, factor * self.unit)

    def call(self, thread, name):
        self.correlation += 1
        start = self.host[thread] + self.random.randint(0, self.unit)
        duration = self.length()
        self.put('api_call', start_ns=start, duration_ns=duration, thread_id=thread, api=2, name_id=self.string(name),
                 correlation_id=self.correlation)
        if self.random.random() < 0.2:    # the driver's call inside the runtime's
            self.put('api_call', start_ns=start + duration // 4, duration_ns=duration // 2, thread_id=thread, api=1,
                     name_id=self.string(self.random.choice(CALLS)), correlation_id=self.correlation)
        self.host[thread] = start + (duration if self.is_orderly or self.random.random() < 0.9 else duration // 2)
        return self.correlation

    def work(self, thread, name):
        stream = self.random.randint(1, 5)
        correlation = self.call(thread, name)
        start = max(self.host[thread], self.busy[stream] if self.is_orderly else 0) + \
            self.random.choice((0, 0, self.random.randint(0, 2 * self.unit)))
        if not self.is_orderly and self.random.random() < 0.2:
            start -= self.random.randint(0, 5 * self.unit)
        duration = self.length()
        self.busy[stream] = max(self.busy[stream], start + duration)
        common = dict(start_ns=start, duration_ns=duration, stream_id=stream,
                      correlation_id=self.random.choice((correlation,) * 9 + (0,)))
        if 'emcpy' in name:
            self.put('memcpy', direction=self.random.choice((1, 1, 2, 8, 10)), bytes=self.random.choice((8, 1 << 20)),
                     source_memory=2, destination_memory=3, **common)
        elif 'Graph' in name and self.random.random() < 0.5:
            self.put('graph_launch', graph_id=1, **common)
        elif self.random.random() < 0.1:
            self.put('memset', bytes=64, **common)
        else:
            self.put('kernel', kernel_id=self.random.choice((1, 1, 1, 2, 2, 3, 4, 99)), **common)

    def event(self, thread):
        stream = self.random.randint(1, 5)
        correlation = self.call(thread, self.random.choice(('cudaEventRecord', 'cudaStreamWaitEvent')))
        if self.random.random() < 0.5 or not self.records:
            self.records.append(correlation)
            if self.has_records:
                self.put('cuda_event', time_ns=-1, event_id=1, event_sync_id=correlation, stream_id=stream,
                         correlation_id=correlation)
        else:
            self.put('synchronization', start_ns=self.host[thread], kind=2, stream_id=stream, event_id=1,
                     event_sync_id=self.random.choice(self.records[-3:]), correlation_id=correlation, device_id=-1)

    def launches(self, thread):
        """A host that is slower than its kernels."""
        for _ in range(self.random.randint(6, 30)):
            correlation = self.call(thread, 'cudaLaunchKernel_v7000')
            self.put('kernel', start_ns=self.host[thread] + self.random.randint(0, 3), stream_id=1, kernel_id=1,
                     duration_ns=self.random.randint(1, self.unit // 4 + 1), correlation_id=correlation)

    def item(self):
        thread = self.random.choice((1, 1, 2))
        name = self.random.choice(CALLS)
        start = self.host[thread]
        kind = self.random.random()
        if kind < 0.15:
            self.event(thread)
        elif kind < 0.25:
            self.host[thread] += 3 * self.length()
            self.put('range', start_ns=start, duration_ns=self.host[thread] - start,
                     thread_id=self.random.randint(1, 3),
                     kind=1, name_id=self.string(self.random.choice(RANGES)))
        elif kind < 0.28:
            self.launches(thread)
        elif 'aunch' in name or 'emcpy' in name:
            self.work(thread, name)
        else:
            self.call(thread, name)
            if 'Synchronize' in name and self.random.random() < 0.6:
                self.host[thread] = max(self.host[thread], max(self.busy.values()))

    def make(self):
        self.put('trace', trace_id=1, source='libtrace', host='box', pid=7, rank=0, world_size=1, local_rank=0,
                 epoch_ns=self.random.choice((0, 1_790_000_000_000_000_000)), stop_ns=1)
        for stream in range(1, 6):
            self.put('stream', stream_id=stream, device_id=stream // 5, context_id=1, number=stream)
        for kernel, name in enumerate(KERNELS, 1):
            self.put('kernel_symbol', kernel_id=kernel, name_id=self.string(name), grid_x=1, block_x=32)
        self.host, self.busy = {1: 0, 2: 0}, dict.fromkeys(range(1, 6), 0)
        has_steps = self.random.random() < 0.5
        for step in range(self.random.randint(1, 6)):
            start = self.host[1]
            for _ in range(self.random.randint(1, 40)):
                self.item()
            if has_steps:
                self.put('range', start_ns=start, duration_ns=self.host[1] - start, thread_id=1, kind=3,
                         name_id=self.string(f'ProfilerStep#{step}'))
        self.put('kernel', start_ns=max(self.host.values()), duration_ns=self.unit, stream_id=1, kernel_id=1)
        self.db.commit()


def make(path, seed, schema):
    database = sqlite3.connect(path)
    database.executescript('PRAGMA synchronous=OFF;' + schema)
    Maker(database, seed).make()
    database.close()


def schema(laggard):
    return subprocess.run([laggard, 'schema', '--format', 'sql', '--database', 'trace'], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
