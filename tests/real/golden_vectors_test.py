#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden vector G1 (partition and imbalance of one step on four GPUs), played through a PyTorch trace a rank.
Prints TAP; without the vectors it is skipped by name."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.environ.get('VECTORS', os.path.join(HERE, '..', '..', '..', 'shared', 'facts', 'golden-vectors.json'))
LAGGARD = os.path.join(os.environ.get('B', 'build'), 'bin', 'laggard')
NAMES = {'compute': 'gemm', 'comm': 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)'}
STREAMS = {'compute': 7, 'comm': 20}


def microseconds(ns):
    return f'{ns // 1000}.{ns % 1000:03d}'


def write_trace(path, rank, world_size, gpu):
    """A Kineto trace with the GPU's intervals; numbers as text, so that nothing passes through a float."""
    events = []
    for kind, name in NAMES.items():
        for start, end in gpu[kind]:
            events.append(f'{{"ph":"X","cat":"kernel","name":"{name}","pid":{rank},"tid":{STREAMS[kind]},'
                          f'"ts":{microseconds(start)},"dur":{microseconds(end - start)},'
                          f'"args":{{"device":{rank},"context":1,"stream":{STREAMS[kind]},"correlation":0}}}}')
    with open(path, 'w') as file:
        file.write('{"schemaVersion":1,'
                   f'"distributedInfo":{{"backend":"nccl","rank":{rank},"world_size":{world_size}}},'
                   f'"baseTimeNanoseconds":1700000000000000000,"traceEvents":[{",".join(events)}]}}')


def check(vector):
    inputs, expected = vector['inputs'], vector['expected']
    assert all(not gpu['copy'] for gpu in inputs['gpus']), 'copies are not played'
    with tempfile.TemporaryDirectory() as folder:
        for rank, gpu in enumerate(inputs['gpus']):
            write_trace(os.path.join(folder, f'rank{rank}.json'), rank, len(inputs['gpus']), gpu)
        start, end = inputs['window_ns']
        result = subprocess.run([LAGGARD, 'analyze', '--format', 'json', '--window', f'{start}..{end}', folder],
                                capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    gpus = report['gpus']
    comm = [wait + transfer for wait, transfer in zip(expected['comm_wait_ns'], expected['comm_transfer_ns'])]
    for member, want in (('compute_ns', expected['compute_ns']), ('comm_ns', comm),
                         ('copy_ns', expected['copy_ns']), ('idle_ns', expected['idle_ns'])):
        got = [gpu[member] for gpu in gpus]
        assert got == want, f'{member}: {got}, not {want}'
    assert abs(report['balance']['lambda'] - expected['lambda']['value']) < 1e-9, report['balance']
    assert abs(report['balance']['cov'] - expected['cov_population']) < 1e-9, report['balance']


def main():
    print('1..1')
    name = 'golden vector G1: partition and imbalance'
    if not os.path.exists(VECTORS):
        print(f'ok 1 - {name} # SKIP no vectors at {VECTORS}')
        return 0
    with open(VECTORS) as file:
        vectors = {vector['id']: vector for vector in json.load(file)['vectors']}
    try:
        check(vectors['G1'])
    except Exception as error:    # whatever it is, it is this test that failed
        for line in f'{type(error).__name__}: {error}'.splitlines():
            print(f'# {line}')
        print(f'not ok 1 - {name}')
        return 1
    print(f'ok 1 - {name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
