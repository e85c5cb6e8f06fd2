# SPDX-License-Identifier: MIT
"""Makes small Nsight Systems exports of a given schema version, all with the same content.

Only the columns that a version has are created; content() says what stands in them. Written from the
documented schema, with sqlite3 and nothing else.
"""

import sqlite3
import struct

VM = 1 << 48
PIDS = (501, 502)
LAUNCHER = 500
NONE_32 = 0xffffffff
EPOCH_NS = 1779787126655288414
DURATION_NS = 9_000_000
SECRET = 'hf_secretTokenThatMustNotTravel'


def gpid(pid):
    return VM | pid << 24


def gtid(pid, tid):
    return gpid(pid) | tid


KERNEL_2_9 = '''start end deviceId contextId streamId correlationId globalPid demangledName shortName
    mangledName launchType cacheConfig registersPerThread gridX gridY gridZ blockX blockY blockZ
    staticSharedMemory dynamicSharedMemory localMemoryPerThread localMemoryTotal gridId sharedMemoryExecuted
    graphNodeId sharedMemoryLimitConfig'''.split()
KERNEL_3_24 = '''qmdBulkReleaseDone qmdPreexitDone qmdLastCtaDone graphId clusterX clusterY clusterZ
    clusterSchedulingPolicy maxPotentialClusterSize maxActiveClusters sharedMemoryRequestedPercentage
    tensorSizeMinusOneElements'''.split()
MEMCPY_2_9 = '''start end deviceId contextId streamId correlationId globalPid bytes copyKind deprecatedSrcId
    srcKind dstKind srcDeviceId srcContextId dstDeviceId dstContextId migrationCause graphNodeId
    virtualAddress'''.split()
MEMSET_2_9 = '''start end deviceId contextId streamId correlationId globalPid value bytes graphNodeId
    memKind'''.split()
SYNC_2_9 = '''start end deviceId contextId streamId correlationId globalPid syncType eventId'''.split()
NVTX_2_9 = '''start end eventType rangeId category color text globalTid endGlobalTid textId domainId
    uint64Value int64Value doubleValue uint32Value int32Value floatValue jsonTextId jsonText'''.split()
TEXTS = {'text', 'jsonText', 'binaryData', 'name', 'value@meta', 'tensorSizeMinusOneElements', 'uuid',
         'busLocation', 'label'}


def schema(version):
    """{table: [columns]} of a version such as (3, 24)."""
    green = ['greenContextId'] if version >= (3, 13) else []
    new = version >= (3, 24)
    tables = {
        'StringIds': ['id', 'value'],
        'PROCESSES': ['globalPid', 'pid', 'name'],
        'ThreadNames': ['nameId', 'priority', 'globalTid'],
        'ANALYSIS_DETAILS': ['globalVid', 'duration', 'startTime', 'stopTime'],
        'TARGET_INFO_SYSTEM_ENV': ['globalVid', 'devStateName', 'name', 'nameEnum', 'value'],
        'TARGET_INFO_SESSION_START_TIME': ['utcEpochNs', 'utcTime', 'localTime'] +
        (['systemClockNs'] if version >= (3, 24) else []) +
        (['sessionStartCntVctNs'] if version >= (3, 28) else []),
        'TARGET_INFO_CUDA_STREAM': ['streamId', 'hwId', 'vmId', 'processId', 'contextId', 'priority', 'flag'],
        'TARGET_INFO_GPU': ['vmId', 'id', 'name', 'busLocation', 'isDiscrete', 'l2CacheSize', 'totalMemory',
                            'memoryBandwidth', 'clockRate', 'smCount', 'uuid', 'asyncEngines', 'computeMajor',
                            'computeMinor', 'smMajor', 'smMinor'] +
        (['numaNodeId'] if version >= (3, 28) else []),
        'TARGET_INFO_CUDA_DEVICE': ['gpuId', 'cudaId', 'pid', 'uuid', 'numMultiprocessors'],
        'CUPTI_ACTIVITY_KIND_KERNEL': KERNEL_2_9 + green + (KERNEL_3_24 if new else []),
        'CUPTI_ACTIVITY_KIND_MEMCPY': MEMCPY_2_9 + green + (['copyCount'] if new else []),
        'CUPTI_ACTIVITY_KIND_MEMSET': MEMSET_2_9 + green,
        'CUPTI_ACTIVITY_KIND_RUNTIME': ['start', 'end', 'eventClass', 'globalTid', 'correlationId', 'nameId',
                                        'returnValue', 'callchainId'],
        'CUPTI_ACTIVITY_KIND_SYNCHRONIZATION': SYNC_2_9 + green +
        (['deprecatedSyncType', 'eventSyncId'] if new else []),
        'PROFILER_OVERHEAD': ['start', 'end', 'globalTid', 'nameId'] + (['overheadType'] if new else []),
        'NVTX_EVENTS': (['eventId'] if version >= (3, 28) else []) + NVTX_2_9 +
        (['binaryData'] if new else []),
        'CUDA_GPU_MEMORY_USAGE_EVENTS': ['start', 'globalPid', 'deviceId', 'contextId', 'address', 'pc',
                                         'bytes', 'memKind', 'memoryOperationType', 'name', 'correlationId',
                                         'streamId'],
        'DIAGNOSTIC_EVENT': ['timestamp', 'timestampType', 'source', 'severity', 'text', 'globalPid'],
        'OSRT_API': ['start', 'end', 'eventClass', 'globalTid', 'nameId', 'returnValue'],
    }
    if version >= (3, 4):
        tables['META_DATA_CAPTURE'] = ['name', 'value']
        tables['META_DATA_EXPORT'] = ['name', 'value']
    else:
        tables['EXPORT_META_DATA'] = ['name', 'value']
    if version >= (3, 13):
        tables['TARGET_INFO_CUDA_CONTEXT_INFO'] = [
            'nullStreamId', 'hwId', 'vmId', 'processId', 'deviceId', 'contextId', 'parentContextId',
            'isGreenContext', 'numMultiprocessors']
        tables['CUPTI_ACTIVITY_KIND_GRAPH_TRACE'] = [
            'start', 'end', 'deviceId', 'contextId', 'greenContextId', 'streamId', 'correlationId',
            'globalPid', 'graphId', 'graphExecId']
    else:
        tables['TARGET_INFO_CUDA_NULL_STREAM'] = ['streamId', 'hwId', 'vmId', 'processId', 'contextId']
    if new:
        tables['CUPTI_ACTIVITY_KIND_OVERHEAD'] = [
            'start', 'end', 'eventClass', 'globalTid', 'correlationId', 'nameId', 'overheadType']
        tables['CUPTI_ACTIVITY_KIND_CUDA_EVENT'] = [
            'timestamp', 'deviceId', 'contextId', 'greenContextId', 'streamId', 'correlationId', 'globalPid',
            'eventId', 'eventSyncId']
        tables['NVTX_PAYLOAD_SCHEMAS'] = ['domainId', 'schemaId', 'name', 'type', 'flags', 'numEntries',
                                          'payloadSize', 'alignTo']
        tables['NVTX_PAYLOAD_SCHEMA_ENTRIES'] = ['domainId', 'schemaId', 'idx', 'flags', 'type', 'name',
                                                 'description', 'arrayOrUnionDetail', 'offset']
        tables['NVTX_PAYLOAD_ENUM_ENTRIES'] = ['domainId', 'schemaId', 'idx', 'name', 'value', 'isFlag']
    return tables


STRINGS = {
    10: 'void gemm<float, (int)4>(float*, int)', 11: 'gemm', 12: '_Z4gemmIfLi4EEvPfi',
    13: 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)',
    14: 'ncclDevKernel_AllReduce_Sum_f32_RING_LL', 20: 'cudaLaunchKernel_v7000', 21: 'cuLaunchKernelEx',
    22: 'cudaMemcpyAsync_v3020', 30: 'ncclAllReduce', 31: 'NCCL', 32: 'ncclCommInitRank', 33: 'ncclSend',
    40: 'python3', 41: 'worker', 50: 'CUPTI Buffer flush', 60: 'read',
}
AR_SCHEMA, INIT_SCHEMA, SEND_SCHEMA, REDUCTION = 16777223, 16777218, 16777225, 16777232


def payload(schema_id, *fields, fmt):
    body = struct.pack(fmt, *fields)
    return struct.pack('<IIIIQQ', 1, 0, schema_id, 0, len(body), 32 + len(body)) + body


def content():
    """[(table, row)], a row being a dict. Both processes use their device 0: two GPUs of the machine."""
    rows = []

    def add(table, **row):
        rows.append((table, row))
    for number, text in STRINGS.items():
        add('StringIds', id=number, value=text)
    for name, value in (('EXPORT_PRODUCT_NAME', 'NVIDIA Nsight Systems'), ('EXPORT_PRODUCT_VERSION', '1.2.3'),
                        ('EXPORT_SCHEMA_VERSION', 'VERSION')):
        add('META_DATA_EXPORT', name=name, value=value)
        add('EXPORT_META_DATA', name=name, value=value)
    for name, value in (('PROCESS_0:COMMAND', 'torchrun'), ('PROCESS_0:ARGUMENT_0', '--nproc-per-node=2'),
                        ('PROCESS_0:ARGUMENT_1', 'train.py'), ('PROCESS_0:PID', '0'),
                        ('PROCESS_0:ENVIRONMENT_VARIABLE', 'RANK="7"'),
                        ('PROCESS_0:ENVIRONMENT_VARIABLE', 'WORLD_SIZE=16'),
                        ('PROCESS_0:ENVIRONMENT_VARIABLE', 'HF_TOKEN=' + SECRET),
                        ('PROFILING_SESSION_UUID', '8a7c963f-0000-0000-0000-000000000001')):
        add('META_DATA_CAPTURE', name=name, value=value)
    add('ANALYSIS_DETAILS', globalVid=VM, duration=DURATION_NS, startTime=0, stopTime=DURATION_NS)
    add('TARGET_INFO_SESSION_START_TIME', utcEpochNs=EPOCH_NS, utcTime='', localTime='', systemClockNs=5)
    for name, value in (('Hostname', 'box'), ('NvDriverVersion', '550.54'), ('CudaDriverVersion', '12040'),
                        ('DeviceEnvironment', 'HF_TOKEN=' + SECRET)):
        add('TARGET_INFO_SYSTEM_ENV', globalVid=VM, devStateName='', name=name, nameEnum=1, value=value)
    for gpu in range(2):
        add('TARGET_INFO_GPU', vmId=VM, id=gpu, name=f'RTX 409{gpu}', busLocation=f'0000:0{gpu + 1}:00.0',
            totalMemory=24 << 30, memoryBandwidth=1008000000000, clockRate=2520000000, smCount=128,
            uuid=f'0000000{gpu}-aaaa-bbbb-cccc-000000000000', asyncEngines=2, computeMajor=8, computeMinor=9,
            l2CacheSize=72 << 20)
    # The launcher's rows come first and belong to no GPU process.
    add('PROCESSES', globalPid=gpid(LAUNCHER), pid=LAUNCHER, name='torchrun')
    add('CUPTI_ACTIVITY_KIND_RUNTIME', start=5, end=6, eventClass=0, globalTid=gtid(LAUNCHER, LAUNCHER),
        correlationId=1, nameId=20, returnValue=0)
    add('OSRT_API', start=5, end=6, eventClass=27, globalTid=gtid(LAUNCHER, LAUNCHER), nameId=60,
        returnValue=0)
    for rank, pid in enumerate(PIDS):
        add_process(add, rank, pid)
    add_layouts(add)
    return rows


def add_process(add, rank, pid):
    at = 1000 + 10 * rank
    context = rank + 1
    gpu = {'deviceId': 0, 'contextId': context, 'globalPid': gpid(pid), 'greenContextId': 0}
    shape = dict(gridX=4, gridY=2, gridZ=1, blockX=128, blockY=1, blockZ=1, registersPerThread=32,
                 staticSharedMemory=16, dynamicSharedMemory=1024, localMemoryPerThread=8, localMemoryTotal=0,
                 gridId=1, tensorSizeMinusOneElements='[]')
    add('PROCESSES', globalPid=gpid(pid), pid=pid, name='python3')
    add('ThreadNames', nameId=40, priority=20, globalTid=gtid(pid, pid))
    add('TARGET_INFO_CUDA_DEVICE', gpuId=rank, cudaId=0, pid=pid, numMultiprocessors=128,
        uuid=f'0000000{rank}-aaaa-bbbb-cccc-000000000000')
    add('TARGET_INFO_CUDA_STREAM', streamId=13, hwId=0, vmId=1, processId=pid, contextId=context, priority=-1,
        flag=2)
    add('TARGET_INFO_CUDA_CONTEXT_INFO', nullStreamId=7, hwId=0, vmId=1, processId=pid, deviceId=0,
        contextId=context)
    add('TARGET_INFO_CUDA_NULL_STREAM', streamId=7, hwId=0, vmId=1, processId=pid, contextId=context)
    # Equal correlation ids in both processes: they are unique per process only.
    add('CUPTI_ACTIVITY_KIND_KERNEL', start=at, end=at + 500, streamId=7, correlationId=100, demangledName=10,
        shortName=11, mangledName=12, launchType=1, clusterX=2, clusterY=1, clusterZ=1, graphId=None,
        **gpu, **shape)
    add('CUPTI_ACTIVITY_KIND_KERNEL', start=at + 300, end=at + 900, streamId=13, correlationId=101,
        demangledName=13, shortName=14, mangledName=None, launchType=2, graphNodeId=77, graphId=5, **gpu,
        **shape)
    add('CUPTI_ACTIVITY_KIND_MEMCPY', start=at + 1000, end=at + 1100, streamId=7, correlationId=102,
        bytes=4096, copyKind=1, srcKind=0, dstKind=2, copyCount=1, **gpu)
    add('CUPTI_ACTIVITY_KIND_MEMCPY', start=at + 1100, end=at + 1300, streamId=13, correlationId=103,
        bytes=8192, copyKind=10, srcKind=2, dstKind=2, srcDeviceId=0, dstDeviceId=1, copyCount=3, **gpu)
    add('CUPTI_ACTIVITY_KIND_MEMCPY', start=at + 1300, end=at + 1310, streamId=7, correlationId=104,
        bytes=65536, copyKind=12, srcKind=4, dstKind=7, **gpu)
    add('CUPTI_ACTIVITY_KIND_MEMSET', start=at + 1400, end=at + 1400, streamId=7, correlationId=105,
        value=255, bytes=512, memKind=2, **gpu)
    add('CUPTI_ACTIVITY_KIND_GRAPH_TRACE', start=at + 1500, end=at + 1600, streamId=7, correlationId=106,
        graphId=9, graphExecId=10, **gpu)
    for number, (name, kind) in enumerate(((20, 0), (21, 1), (22, 0))):
        add('CUPTI_ACTIVITY_KIND_RUNTIME', start=at - 100 + 10 * number, end=at - 95 + 10 * number,
            eventClass=kind, globalTid=gtid(pid, pid + number % 2), correlationId=100 + number, nameId=name,
            returnValue=number)
    add('CUPTI_ACTIVITY_KIND_SYNCHRONIZATION', start=at + 1700, end=at + 1800, streamId=7, correlationId=107,
        syncType=3, eventId=NONE_32, eventSyncId=0, **gpu)
    add('CUPTI_ACTIVITY_KIND_SYNCHRONIZATION', start=at + 1800, end=at + 1900, streamId=NONE_32,
        correlationId=108, syncType=1, eventId=44, eventSyncId=17, **gpu)
    add('CUPTI_ACTIVITY_KIND_CUDA_EVENT', timestamp=0, streamId=7, correlationId=109, eventId=44,
        eventSyncId=17, **gpu)
    add('CUPTI_ACTIVITY_KIND_OVERHEAD', start=at, end=at + 5, eventClass=103, globalTid=gtid(pid, pid),
        correlationId=110, nameId=50, overheadType=7)
    add('PROFILER_OVERHEAD', start=at, end=at + 6, globalTid=gtid(pid, pid), nameId=50, overheadType=1)
    for operation, name in ((0, 'alloc'), (1, 'free')):
        add('CUDA_GPU_MEMORY_USAGE_EVENTS', start=at + operation, address=0x7000, pc=0, bytes=1 << 20,
            memKind=2, memoryOperationType=operation, name=name, correlationId=111, streamId=0, deviceId=0,
            contextId=context, globalPid=gpid(pid))
    add('DIAGNOSTIC_EVENT', timestamp=77, timestampType=1, source=1, severity=2,
        text='Some events may be missing', globalPid=gpid(pid))
    add('DIAGNOSTIC_EVENT', timestamp=78, timestampType=1, source=1, severity=1, text='All is well',
        globalPid=gpid(pid))
    add_annotations(add, rank, pid, at)


def add_annotations(add, rank, pid, at):
    own = {'globalTid': gtid(pid, pid)}
    add('NVTX_EVENTS', start=0, eventType=75, textId=31, domainId=1, **own)
    add('NVTX_EVENTS', start=0, eventType=33, text='io', category=3, domainId=0, **own)
    add('NVTX_EVENTS', start=0, eventType=39, text='main loop', **own)
    add('NVTX_EVENTS', start=at, end=at + 2000, eventType=59, text='step 1', color=-16711936, category=3,
        domainId=0, **own)
    add('NVTX_EVENTS', start=at + 1, end=at + 50, eventType=60, text='load', rangeId=5, int64Value=-3,
        endGlobalTid=gtid(pid, pid + 1), **own)
    add('NVTX_EVENTS', start=at + 2, end=None, eventType=60, text='never closed', **own)
    add('NVTX_EVENTS', start=at + 3, eventType=34, text='mark \u2603 "quoted"', doubleValue=0.5, **own)
    add('NVTX_EVENTS', start=at + 4, eventType=34, text='json', jsonText='{"a": [1, 2]}', **own)
    add('NVTX_EVENTS', start=at + 5, eventType=34, text='bad json', jsonText='{"a": NaN', **own)
    add('NVTX_EVENTS', start=at + 10, end=at + 20, eventType=59, textId=30, domainId=1,
        binaryData=payload(AR_SCHEMA, 0xfedcba9876543210, 4194304, 0, fmt='<QQi4x'), **own)
    add('NVTX_EVENTS', start=at + 21, end=at + 29, eventType=59, textId=33, domainId=1,
        binaryData=payload(SEND_SCHEMA, 0xfedcba9876543210, 1024, 1 - rank, fmt='<QQi4x'), **own)
    # The communicator is told after its use: the order of rows says nothing.
    add('NVTX_EVENTS', start=at - 50, end=at - 40, eventType=59, textId=32, domainId=1,
        binaryData=payload(INIT_SCHEMA, 0xfedcba9876543210, 2, rank, 0, fmt='<Qiii4x'), **own)


def add_layouts(add):
    layouts = {
        AR_SCHEMA: (('NCCL communicator ID', 18, None), ('Message size [bytes]', 22, 8),
                    ('Reduction operation', REDUCTION, 16)),
        SEND_SCHEMA: (('NCCL communicator ID', 18, None), ('Message size [bytes]', 22, 8),
                      ('Peer rank', 5, 16)),
        INIT_SCHEMA: (('NCCL communicator ID', 18, None), ('No. of ranks', 5, 8), ('Rank', 5, 12),
                      ('CUDA device', 5, 16)),
    }
    for _ in PIDS:      # every process repeats them, and no column says which
        for schema_id, fields in layouts.items():
            add('NVTX_PAYLOAD_SCHEMAS', domainId=1, schemaId=schema_id, type=1, numEntries=len(fields),
                payloadSize=24)
            for index, (name, kind, offset) in enumerate(fields):
                add('NVTX_PAYLOAD_SCHEMA_ENTRIES', domainId=1, schemaId=schema_id, idx=index, type=kind,
                    name=name, offset=offset)
        add('NVTX_PAYLOAD_ENUM_ENTRIES', domainId=1, schemaId=REDUCTION, idx=0, name='Sum', value=0, isFlag=0)


def column_sql(table, column):
    if table == 'StringIds' and column == 'id' or column == 'eventId' and table == 'NVTX_EVENTS':
        return f'"{column}" INTEGER NOT NULL PRIMARY KEY'
    is_text = column in TEXTS or column == 'value' and table not in (
        'CUPTI_ACTIVITY_KIND_MEMSET', 'NVTX_PAYLOAD_ENUM_ENTRIES')
    is_real = column in ('doubleValue', 'floatValue')
    return f'"{column}" {"REAL" if is_real else "TEXT" if is_text else "INTEGER"}'


def write(path, version, rows=None, lazy=None, skip=(), without=()):
    """An export of `version` (major, minor). lazy: only tables with rows.

    skip: tables; without: (table, column).
    """
    rows = content() if rows is None else rows
    lazy = version >= (3, 0) if lazy is None else lazy
    tables = {table: [column for column in columns if (table, column) not in without]
              for table, columns in schema(version).items() if table not in skip}
    used = {table for table, _ in rows}
    db = sqlite3.connect(path)
    for table, columns in tables.items():
        if not lazy or table in used:
            db.execute(f'CREATE TABLE "{table}" ({", ".join(column_sql(table, c) for c in columns)})')
    event_id = 0
    for table, row in rows:
        if table not in tables:
            continue
        row = dict(row)
        if table in ('META_DATA_EXPORT', 'EXPORT_META_DATA') and row.get('value') == 'VERSION':
            row['value'] = '.'.join(map(str, version)) + '.1'
        if table == 'NVTX_EVENTS' and 'eventId' in tables[table]:
            event_id += 1
            row['eventId'] = event_id
        columns = [column for column in row if column in tables[table]]
        names = ','.join(f'"{column}"' for column in columns)
        db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({",".join("?" * len(columns))})',
                   [row[column] for column in columns])
    db.commit()
    db.close()
    return path
