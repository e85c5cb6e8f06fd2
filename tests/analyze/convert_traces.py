# SPDX-License-Identifier: MIT
"""Turns trace databases into what other profilers would have written of the same run.

    convert(dialect, captures, folder)      captures: a Capture(path) of each rank; writes into the folder

Dialects (DIALECTS): Kineto's JSON as of today, with and without its records of synchronisation, the one of 2022 and
2023, and exports of Nsight Systems, one a rank or one of all. Each holds only what its profiler has: what the dialect
does not know is lost here as it is there.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'nsys'))

from nsys_export import NONE_32, VM, gpid, gtid, write  # noqa: E402

# Kineto floors the start of its times to multiples of three "chrono months".
BASE_UNIT_NS = 7_889_238 * 10**9
# Calls that Kineto leaves out. Of events it keeps what synchronisation records need, where those are on.
KINETO_SKIPS = ('cudaGetDevice', 'cudaSetDevice', 'cudaGetLastError', 'cudaEventCreate', 'cudaEventCreateWithFlags',
                'cudaEventDestroy')
KINETO_EVENT_SKIPS = ('cudaEventRecord', 'cudaEventSynchronize', 'cudaEventQuery')
MEMORY = ('Unknown', 'Pageable', 'Pinned', 'Device', 'Array', 'Managed', 'Device Static', 'Managed Static')
DIRECTIONS = ('Unknown', 'HtoD', 'DtoH', 'HtoA', 'AtoH', 'AtoA', 'AtoD', 'DtoA', 'DtoD', 'HtoH', 'PtoP')
SYNC_KINDS = {1: 'Event Sync', 2: 'Stream Wait Event', 3: 'Stream Sync', 4: 'Context Sync'}
DATATYPES = {'ncclFloat32': ('Float', 4), 'ncclFloat16': ('Half', 2), 'ncclBfloat16': ('BFloat16', 2)}
COLLECTIVES = {'AllReduce': 'allreduce', 'AllGather': '_allgather_base', 'ReduceScatter': '_reduce_scatter_base',
               'Broadcast': 'broadcast', 'Reduce': 'reduce', 'Send': 'send', 'Recv': 'recv'}
STEP = re.compile(r'step (\d+)$')


class Capture:
    """One trace database, with texts instead of the numbers of texts."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.row_factory = sqlite3.Row
        self.texts = {0: ''}
        self.texts.update(self.db.execute('SELECT string_id, value FROM string').fetchall())
        self.trace = self.rows('trace')[0]
        self.streams = {row['stream_id']: row for row in self.rows('stream')}
        self.symbols = {row['kernel_id']: row for row in self.rows('kernel_symbol')}
        self.records = {row['event_sync_id']: row for row in self.rows('cuda_event')}
        self.communicators = {row['communicator_id']: row for row in self.rows('communicator')}
        self.null_streams = {row['null_stream_number'] for row in self.rows('context')}
        self.ranges = self.rows('range')
        self.calls = self.rows('api_call')
        self.by_correlation = {call['correlation_id']: call for call in self.calls if call['correlation_id']}
        self.names = demangled({row['name'] for row in self.symbols.values()})

    def rows(self, table):
        found = []
        for row in self.db.execute(f'SELECT * FROM "{table}"'):
            row = dict(row)
            for key in [key for key in row if key.endswith('_id')]:
                if key in ('name_id', 'domain_id', 'operation_id', 'datatype_id', 'reduction_id'):
                    row[key[:-3]] = self.texts.get(row[key], '')
            found.append(row)
        return found

    def epoch(self):
        return self.trace['epoch_ns']

    def kernel_name(self, row):
        return self.names[self.symbols[row['kernel_id']]['name']]

    def collectives(self):
        """[(collective, launch)] in the order of the host: the call inside or just after what the library said."""
        calls = sorted((call for call in self.calls if call['name'].startswith('cuLaunch')),
                       key=lambda call: (call['thread_id'], call['start_ns']))
        ranges = {}
        for row in self.ranges:
            if row['domain'] == 'NCCL':
                ranges.setdefault(row['thread_id'], []).append(row)
        found = []
        for row in self.rows('collective'):
            outer = [r for r in ranges.get(row['thread_id'], ())
                     if r['start_ns'] <= row['start_ns'] <= r['start_ns'] + r['duration_ns']]
            start = min((r['start_ns'] for r in outer), default=row['start_ns'])
            launch = next((call for call in calls if call['thread_id'] == row['thread_id'] and
                           start <= call['start_ns'] <= row['start_ns']), None)
            found.append((row, launch))
        return found


def demangled(names):
    names = sorted(names)
    done = subprocess.run(['c++filt'], input='\n'.join(names), stdout=subprocess.PIPE, text=True, check=True)
    return dict(zip(names, done.stdout.split('\n')))


def bare(name):
    """A call's name without the suffix of its version."""
    return re.sub(r'_v\d+$', '', name)


class Kineto:
    """One file of Kineto's JSON."""

    def __init__(self, capture, is_old=False, has_sync=True, has_ranges=True):
        self.capture, self.is_old, self.has_sync, self.has_ranges = capture, is_old, has_sync, has_ranges
        self.base = 0 if is_old else capture.epoch() // BASE_UNIT_NS * BASE_UNIT_NS
        self.events = []
        self.metadata = {}
        if not is_old:
            for row, launch in capture.collectives():
                if launch is not None:
                    self.metadata.setdefault(launch['correlation_id'], row)

    def add(self, category, name, pid, tid, start_ns, duration_ns, **args):
        at = start_ns + self.capture.epoch() - self.base
        if self.is_old:
            ts, dur = at // 1000, duration_ns // 1000
        else:
            ts, dur = Micros(at), Micros(duration_ns)
        self.events.append({'ph': 'X', 'cat': category, 'name': name, 'pid': pid, 'tid': tid, 'ts': ts, 'dur': dur,
                            'args': args})

    def place(self, row):
        stream = self.capture.streams[row['stream_id']]
        return {'device': stream['device_id'], 'context': stream['context_id'], 'stream': stream['number'],
                'correlation': row['correlation_id'] & 0xffffffff}

    def on_gpu(self, category, name, row, **args):
        place = self.place(row)
        self.add(category, name, place['device'], place['stream'], row['start_ns'], row['duration_ns'], **place, **args)

    def collective_args(self, row):
        datatype, size = DATATYPES.get(row['datatype'], ('Byte', 1))
        args = {'Collective name': COLLECTIVES.get(row['operation'], row['operation'].lower()), 'dtype': datatype,
                'In msg nelems': row['bytes'] // size, 'Out msg nelems': row['bytes'] // size}
        communicator = self.capture.communicators.get(row['communicator_id'])
        if communicator is not None:
            args['Group size'] = communicator['rank_count']
            args['Process Group Name'] = str(abs(communicator['hash']) % 1000)
            args['Process Group Description'] = 'default_pg'
        if row['peer'] >= 0 and row['operation'] in ('Send', 'Recv'):
            args['Dst Rank' if row['operation'] == 'Send' else 'Src Rank'] = row['peer']
        return args

    def kernels(self):
        for row in self.capture.rows('kernel'):
            symbol = self.capture.symbols[row['kernel_id']]
            name, args = self.capture.kernel_name(row), {}
            if self.is_old:
                name = re.sub(r'ncclDevKernel_(\w+?)_(\w+?)_(\w+?)_(\w+?)_(\w+?)\(.*',
                              r'ncclKernel_\1_\4_\5_\2_\3(ncclWorkElem)', name)
            elif row['correlation_id'] in self.metadata:
                args = self.collective_args(self.metadata[row['correlation_id']])
                args['External id'] = row['correlation_id'] & 0xffffffff
            self.on_gpu('kernel', name, row, queued=0, **{
                'registers per thread': symbol['registers'], 'shared memory': symbol['static_shared_bytes'],
                'grid': [symbol['grid_x'], symbol['grid_y'], symbol['grid_z']],
                'block': [symbol['block_x'], symbol['block_y'], symbol['block_z']]}, **args)

    def copies(self):
        for row in self.capture.rows('memcpy'):
            name = (f'Memcpy {DIRECTIONS[row["direction"]]} ({MEMORY[row["source_memory"]]} -> '
                    f'{MEMORY[row["destination_memory"]]})')
            self.on_gpu('gpu_memcpy', name, row, bytes=row['bytes'])
        for row in self.capture.rows('memset'):
            self.on_gpu('gpu_memset', 'Memset (Device)', row, bytes=row['bytes'])

    def calls(self):
        skips = KINETO_SKIPS + (() if self.has_sync else KINETO_EVENT_SKIPS)
        pid = self.capture.trace['pid']
        for row in self.capture.calls:
            name = bare(row['name'])
            if name in skips or (row['api'] == 1 and not name.startswith('cuLaunchKernel')):
                continue
            self.add('cuda_driver' if row['api'] == 1 else 'cuda_runtime', name, pid, row['thread_id'],
                     row['start_ns'], row['duration_ns'], cbid=211, correlation=row['correlation_id'] & 0xffffffff)

    def operators(self):
        """record_param_comms: what carries the metadata on the host."""
        for correlation, row in self.metadata.items():
            launch = self.capture.by_correlation[correlation]
            self.add('cpu_op', 'record_param_comms', self.capture.trace['pid'], launch['thread_id'],
                     launch['start_ns'] - 600, launch['duration_ns'] + 1200,
                     **self.collective_args(row), **{'External id': correlation & 0xffffffff})

    def annotations(self):
        for row in self.capture.ranges:
            if row['domain'] == 'NCCL' or row['is_open']:
                continue
            step = STEP.match(row['name'])
            name = f'ProfilerStep#{step.group(1)}' if step else row['name']
            self.add('user_annotation', name, self.capture.trace['pid'], row['thread_id'], row['start_ns'],
                     row['duration_ns'])

    def synchronizations(self):
        for row in self.capture.rows('synchronization'):
            stream = self.capture.streams.get(row['stream_id'])
            kind = SYNC_KINDS.get(row['kind'], 'Unknown')
            args = {'cuda_sync_kind': kind, 'stream': -1 if stream is None else stream['number'],
                    'correlation': row['correlation_id'] & 0xffffffff, 'device': 0, 'context': row['context_id']}
            record = self.capture.records.get(row['event_sync_id'])
            if row['kind'] in (1, 2):
                source = None if record is None else self.capture.streams[record['stream_id']]['number']
                args.update({'wait_on_stream': -1 if record is None else source,
                             'wait_on_cuda_event_record_corr_id':
                                 -1 if record is None else record['correlation_id'] & 0xffffffff,
                             'wait_on_cuda_event_id': row['event_id']})
            self.add('cuda_sync', kind, 0, args['stream'], row['start_ns'], row['duration_ns'], **args)

    def document(self):
        capture = self.capture
        self.kernels()
        self.copies()
        self.calls()
        self.operators()
        if self.has_ranges:
            self.annotations()
        if self.has_sync:
            self.synchronizations()
        top = {'schemaVersion': 1, 'deviceProperties': [
            {'id': row['device_id'], 'name': row['name'], 'totalGlobalMem': row['memory_bytes'],
             'computeMajor': row['compute_major'], 'computeMinor': row['compute_minor'], 'numSms': row['sm_count']}
            for row in capture.rows('device')]}
        if capture.trace['rank'] >= 0:
            top['distributedInfo'] = {'backend': 'nccl', 'rank': capture.trace['rank'],
                                      'world_size': capture.trace['world_size']}
        if not self.is_old:
            top['host_name'] = capture.trace['host']
            top['baseTimeNanoseconds'] = self.base
            top['displayTimeUnit'] = 'ms'
        top['traceEvents'] = self.events
        return top


class Micros(float):
    """Nanoseconds that JSON shows as microseconds, exactly."""

    def __new__(cls, nanoseconds):
        self = super().__new__(cls, nanoseconds / 1000)
        self.nanoseconds = nanoseconds
        return self

    def __repr__(self):
        return f'{self.nanoseconds // 1000}.{self.nanoseconds % 1000:03}'


def write_json(path, document):
    """json.dump() writes floats by float.__repr__, which knows nothing of Micros."""
    with open(path, 'w', encoding='utf-8') as file:
        events = document.pop('traceEvents')
        head = json.dumps(document)
        file.write(head[:-1] + ', "traceEvents": [\n')
        for number, event in enumerate(events):
            times = {key: event.pop(key) for key in ('ts', 'dur')}
            text = json.dumps(event)
            file.write((',\n' if number else '') + text[:-1] +
                       ''.join(f', "{key}": {value!r}' for key, value in times.items()) + '}')
        file.write('\n]}\n')


def write_kineto(captures, folder, **options):
    for capture in captures:
        name = f'rank{capture.trace["rank"]}_{capture.trace["pid"]}.pt.trace.json'
        write_json(os.path.join(folder, name), Kineto(capture, **options).document())


class Nsys:
    """The rows of one export, of one process or several."""

    def __init__(self, captures, version):
        self.version, self.rows, self.strings = version, [], {}
        self.start_ns = min(capture.epoch() + (first_of(capture) or 0) for capture in captures) - 10_000_000
        self.end_ns = 0
        for name, value in (('EXPORT_PRODUCT_NAME', 'NVIDIA Nsight Systems'), ('EXPORT_SCHEMA_VERSION', 'VERSION')):
            self.add('META_DATA_EXPORT', name=name, value=value)
        self.add('META_DATA_CAPTURE', name='PROCESS_0:COMMAND', value='python3')
        if len(captures) == 1:
            trace = captures[0].trace
            for name in ('rank', 'world_size', 'local_rank'):
                if trace[name] >= 0:
                    self.add('META_DATA_CAPTURE', name='PROCESS_0:ENVIRONMENT_VARIABLE',
                             value=f'{name.upper()}={trace[name]}')
        self.add('TARGET_INFO_SESSION_START_TIME', utcEpochNs=self.start_ns, utcTime='', localTime='', systemClockNs=5)
        self.add('TARGET_INFO_SYSTEM_ENV', globalVid=VM, devStateName='', name='Hostname', nameEnum=1,
                 value=captures[0].trace['host'])
        self.add_gpus(captures)
        for capture in captures:
            self.add_process(capture)
        self.add('ANALYSIS_DETAILS', globalVid=VM, duration=self.end_ns, startTime=0, stopTime=self.end_ns)
        for text, number in self.strings.items():
            self.add('StringIds', id=number, value=text)

    def add(self, table, **row):
        self.rows.append((table, row))

    def text(self, text):
        return self.strings.setdefault(text, len(self.strings) + 1)

    def add_gpus(self, captures):
        uuids = {}
        for capture in captures:
            for row in capture.rows('device'):
                number = uuids.setdefault(row['uuid'], len(uuids))
                bus = row['pci_bus_id'].replace('00000000:', '0000:')
                if number == len(uuids) - 1:
                    self.add('TARGET_INFO_GPU', vmId=VM, id=number, name=row['name'], busLocation=bus,
                             totalMemory=row['memory_bytes'], memoryBandwidth=row['memory_bandwidth_bytes_per_s'],
                             smCount=row['sm_count'], uuid=row['uuid'].replace('GPU-', ''),
                             asyncEngines=row['copy_engines'], computeMajor=row['compute_major'],
                             computeMinor=row['compute_minor'], l2CacheSize=row['l2_bytes'])
                self.add('TARGET_INFO_CUDA_DEVICE', gpuId=number, cudaId=row['device_id'], pid=capture.trace['pid'],
                         numMultiprocessors=row['sm_count'], uuid=row['uuid'].replace('GPU-', ''))

    def add_process(self, capture):
        pid, shift = capture.trace['pid'], capture.epoch() - self.start_ns

        def times(row):
            start = row['start_ns'] + shift
            self.end_ns = max(self.end_ns, start + row['duration_ns'])
            return {'start': start, 'end': start + row['duration_ns']}

        def place(row):
            stream = capture.streams.get(row['stream_id'])
            return {'deviceId': stream['device_id'] if stream else 0,
                    'contextId': stream['context_id'] if stream else 1,
                    'streamId': stream['number'] if stream else NONE_32, 'globalPid': gpid(pid), 'greenContextId': 0,
                    'correlationId': row['correlation_id'] & 0xffffffff}
        self.add('PROCESSES', globalPid=gpid(pid), pid=pid, name='python3')
        for row in capture.rows('thread'):
            self.add('ThreadNames', nameId=self.text(row['name']), priority=20, globalTid=gtid(pid, row['thread_id']))
        for row in capture.rows('context'):
            self.add('TARGET_INFO_CUDA_CONTEXT_INFO', nullStreamId=row['null_stream_number'], hwId=0, vmId=1,
                     processId=pid, deviceId=row['device_id'], contextId=row['context_id'])
        for row in capture.streams.values():
            self.add('TARGET_INFO_CUDA_STREAM', streamId=row['number'], hwId=0, vmId=1, processId=pid,
                     contextId=row['context_id'], priority=row['priority'], flag=row['flag'])
        for row in capture.rows('kernel'):
            symbol, name = capture.symbols[row['kernel_id']], capture.kernel_name(row)
            self.add('CUPTI_ACTIVITY_KIND_KERNEL', **times(row), **place(row), demangledName=self.text(name),
                     shortName=self.text(short(name)), mangledName=self.text(symbol['name']), launchType=1,
                     gridX=symbol['grid_x'], gridY=symbol['grid_y'], gridZ=symbol['grid_z'], blockX=symbol['block_x'],
                     blockY=symbol['block_y'], blockZ=symbol['block_z'], registersPerThread=symbol['registers'],
                     staticSharedMemory=symbol['static_shared_bytes'], tensorSizeMinusOneElements='[]',
                     dynamicSharedMemory=symbol['dynamic_shared_bytes'], localMemoryPerThread=0, localMemoryTotal=0,
                     gridId=1)
        for row in capture.rows('memcpy'):
            self.add('CUPTI_ACTIVITY_KIND_MEMCPY', **times(row), **place(row), bytes=row['bytes'],
                     copyKind=row['direction'], srcKind=(row['source_memory'] - 1) % 8,
                     dstKind=(row['destination_memory'] - 1) % 8)
        for row in capture.rows('memset'):
            self.add('CUPTI_ACTIVITY_KIND_MEMSET', **times(row), **place(row), value=row['value'], bytes=row['bytes'],
                     memKind=2)
        for row in capture.calls:
            self.add('CUPTI_ACTIVITY_KIND_RUNTIME', **times(row), eventClass=int(row['api'] == 1),
                     globalTid=gtid(pid, row['thread_id']), correlationId=row['correlation_id'] & 0xffffffff,
                     nameId=self.text(row['name']), returnValue=0)
        for row in capture.rows('synchronization'):
            event = row['event_id'] if row['event_id'] >= 0 else NONE_32
            self.add('CUPTI_ACTIVITY_KIND_SYNCHRONIZATION', **times(row), **place(row), syncType=row['kind'],
                     eventId=event, eventSyncId=row['event_sync_id'])
        for row in capture.rows('cuda_event'):
            self.add('CUPTI_ACTIVITY_KIND_CUDA_EVENT', timestamp=0, **place(row), eventId=row['event_id'],
                     eventSyncId=row['event_sync_id'])
        self.add_ranges(capture, times)

    def add_ranges(self, capture, times):
        """Ranges of the default domain hold their text, NCCL's a registered one; payloads are not exported."""
        pid = capture.trace['pid']
        self.add('NVTX_EVENTS', start=0, eventType=75, textId=self.text('NCCL'), domainId=1, globalTid=gtid(pid, pid))
        for row in capture.ranges:
            own = {'textId': self.text(row['name']), 'domainId': 1} if row['domain'] == 'NCCL' else \
                {'text': row['name'], 'domainId': 0}
            self.add('NVTX_EVENTS', **times(row), eventType=59, globalTid=gtid(pid, row['thread_id']), **own)


def first_of(capture):
    return capture.db.execute('SELECT min(start_ns) FROM (SELECT min(start_ns) AS start_ns FROM api_call UNION '
                              'SELECT min(start_ns) FROM kernel)').fetchone()[0]


def short(name):
    return re.sub(r'[<(].*', '', name.split('::')[-1]) or name


def write_nsys(captures, folder, version, is_together):
    for group in [captures] if is_together else [[capture] for capture in captures]:
        name = 'all' if is_together else f'rank{group[0].trace["rank"]}_{group[0].trace["pid"]}'
        write(os.path.join(folder, name + '.sqlite'), version, Nsys(group, version).rows)


DIALECTS = {
    'kineto': write_kineto,
    'kineto-no-sync': lambda captures, folder: write_kineto(captures, folder, has_sync=False),
    'kineto-2022': lambda captures, folder: write_kineto(captures, folder, is_old=True, has_sync=False),
    'nsys': lambda captures, folder: write_nsys(captures, folder, (3, 24), False),
    'nsys-2023': lambda captures, folder: write_nsys(captures, folder, (3, 4), False),
    'nsys-together': lambda captures, folder: write_nsys(captures, folder, (3, 24), True),
}


def convert(dialect, captures, folder):
    os.makedirs(folder, exist_ok=True)
    DIALECTS[dialect](captures, folder)


if __name__ == '__main__':
    convert(sys.argv[1], [Capture(path) for path in sys.argv[3:]], sys.argv[2])
