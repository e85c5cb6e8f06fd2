#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Analyses the real traces with `laggard analyze` and compares every integer of the report with the expected
tables, which were computed by other programs. Prints TAP; without the traces all of it is skipped by name."""

import csv
import glob
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
LAGGARD = os.path.join(os.environ.get('B', 'build'), 'bin', 'laggard')

# Columns of gpu.csv that are called the same in the report.
SAME = ('window_ns', 'compute_ns', 'comm_ns', 'copy_ns', 'idle_ns', 'busy_union_ns', 'compute_union_ns',
        'comm_union_ns', 'copy_union_ns', 'comm_compute_overlap_ns', 'idle_gaps', 'longest_gap_ns', 'gpu_rows',
        'kernels', 'comm_kernels', 'memcpys', 'memsets', 'streams', 'memset_bytes', 'memset_ns', 'zero_dur_rows',
        'no_launch_rows', 'before_launch_rows', 'same_stream_overlaps', 'same_stream_overlap_max_ns')
DIRECTIONS = {'h2d': 'HtoD', 'd2h': 'DtoH', 'd2d': 'DtoD', 'p2p': 'PtoP'}
TRANSFER = {'count': 'count', 'bytes': 'bytes', 'sum_ns': 'sum_ns', 'union_ns': 'busy_ns'}

results = []


def integer(text):
    return None if text == '' else int(text)


def table(name):
    with open(os.path.join(TRACES, 'expected', name), newline='') as file:
        return list(csv.DictReader(file))


def analyze(*arguments):
    result = subprocess.run([LAGGARD, 'analyze', *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f'exit status {result.returncode}: {result.stderr.strip()}')
    return result.stdout


def report(names):
    return json.loads(analyze('--window', 'all', '--format', 'json',
                              *(os.path.join(TRACES, name) for name in names)))


def find_gpu(got, row):
    """The report's GPU of a row of an expected table: by file, device and, where known, process."""
    found = [gpu for gpu in got['gpus']
             if os.path.basename(got['traces'][gpu['trace']]['path']) == row['file'] and
             gpu['device'] == integer(row['device']) and
             (row['pid'] == '' or gpu['pid'] == integer(row['pid']))]
    if len(found) != 1:
        raise AssertionError(f"{row['file']} device {row['device']}: {len(found)} GPUs in the report")
    return found[0]


def compare(differences, what, got, want):
    if got != want:
        differences.append(f'{what}: got {got!r}, want {want!r}')


def compare_gpu(differences, got, row):
    gpu = find_gpu(got, row)
    trace = got['traces'][gpu['trace']]
    what = f"{row['file']} device {row['device']}"
    for column in SAME:
        compare(differences, f'{what} {column}', gpu[column], integer(row[column]))
    compare(differences, f'{what} copies', gpu['copies'], integer(row['memcpys']) + integer(row['memsets']))
    compare(differences, f'{what} rank', gpu['rank'], integer(row['rank']))
    compare(differences, f'{what} world_size', trace['world_size'], integer(row['world_size']))
    if row['file'].endswith(('.json', '.json.gz')):
        compare(differences, f'{what} window_start_ns', gpu['window_start_ns'],
                integer(row['base_ns']) + integer(row['window_start_ns']))
    compare(differences, f'{what} sum of the parts', gpu['window_ns'],
            gpu['compute_ns'] + gpu['comm_ns'] + gpu['copy_ns'] + gpu['idle_ns'])
    nothing = dict(count=0, bytes=0, sum_ns=0, busy_ns=0)
    directions = {direction['direction']: direction for direction in gpu['directions']}
    for short, name in DIRECTIONS.items():
        direction = directions.get(name, nothing)
        for suffix, member in (('n', 'count'), ('bytes', 'bytes'), ('ns', 'sum_ns'), ('union_ns', 'busy_ns')):
            compare(differences, f'{what} {short}_{suffix}', direction[member], integer(row[f'{short}_{suffix}']))


def compare_transfers(differences, got, names):
    wanted = {}
    for row in table('transfers.csv'):
        if row['file'] in names:
            key = (find_gpu(got, row)['gpu'], row['direction'], row['source_memory'], row['destination_memory'])
            wanted[key] = {member: integer(row[column]) for column, member in TRANSFER.items()}
    found = {}
    for transfer in got['transfers']:
        key = (transfer['gpu'], transfer['direction'], transfer['source_memory'], transfer['destination_memory'])
        found[key] = {member: transfer[member] for member in TRANSFER.values()}
        rate = transfer['gb_per_s']
        if transfer['bytes'] and abs(rate - transfer['bytes'] / transfer['busy_ns']) > 1e-5:
            differences.append(f'{key}: {rate} GB/s')
    compare(differences, 'transfers', found, wanted)


def compare_files(names):
    differences = []
    got = report(names)
    compare(differences, 'format', (got['format'], got['version']), ('laggard-report', 1))
    rows = [row for row in table('gpu.csv') if row['file'] in names]
    compare(differences, 'GPUs', len(got['gpus']), len(rows))
    for row in rows:
        compare_gpu(differences, got, row)
    compare_transfers(differences, got, names)
    if differences:
        raise AssertionError('\n'.join(differences))
    return got


def check_one(name):
    compare_files([name])


def check_ranks_together():
    names = [f'dlrm-v100-rank{rank}of8.json' for rank in range(4)]
    got = compare_files(names)
    compute = [gpu['compute_ns'] for gpu in got['gpus']]
    mean = sum(compute) / 4
    deviation = (sum((value - mean) ** 2 for value in compute) / 4) ** 0.5
    assert abs(got['balance']['lambda'] - (max(compute) / mean - 1)) < 1e-9, got['balance']
    assert abs(got['balance']['cov'] - deviation / mean) < 1e-9, got['balance']
    assert [gpu['gpu'] for gpu in got['gpus']] == [0, 1, 2, 3]
    assert got['ranks'] == {'world_size': 8, 'captured': 4, 'missing_count': 4, 'missing': [4, 5, 6, 7]}, got['ranks']
    text = analyze(*(os.path.join(TRACES, name) for name in names))
    assert '4 of 8 ranks captured, missing: 4-7' in text, text
    for word in ('culprit', 'straggler', 'blame'):
        assert word not in text.lower(), f'the report accuses: {word}'


def check_windows():
    """Two windows that meet sum to the whole, part by part."""
    names = [os.path.join(TRACES, 'a100-rank0of2-ns.json.gz')]
    whole = json.loads(analyze('--format', 'json', *names))['gpus'][0]
    cut = 123_456_789
    parts = [json.loads(analyze('--format', 'json', '--window', window, *names))['gpus'][0]
             for window in (f'0..{cut}', f'{cut}..{whole["window_ns"]}')]
    for member in ('window_ns', 'compute_ns', 'comm_ns', 'copy_ns', 'idle_ns', 'compute_union_ns', 'comm_union_ns',
                   'copy_union_ns', 'comm_compute_overlap_ns'):
        got = sum(part[member] for part in parts)
        assert got == whole[member], f'{member}: {got} in two windows, {whole[member]} in one'


def run(name, function, *arguments):
    number = len(results) + 1
    if not os.path.isdir(TRACES):
        results.append(True)
        print(f'ok {number} - {name} # SKIP no traces at {TRACES}')
        return
    try:
        function(*arguments)
    except Exception as error:    # anything at all is a failed test, never the end of the others
        for line in f'{type(error).__name__}: {error}'.splitlines():
            print(f'# {line}')
        results.append(False)
    else:
        results.append(True)
    print(f"{'' if results[-1] else 'not '}ok {number} - {name}", flush=True)


def main():
    files = sorted(os.path.basename(path) for path in glob.glob(os.path.join(TRACES, '*'))
                   if re.search(r'\.(json|json\.gz|sqlite)$', path)) or ['all traces']
    print(f'1..{len(files) + 2}')
    for name in files:
        run(f'{name}: every integer as expected', check_one, name)
    run('dlrm ranks together: every integer, balance, missing ranks, no accusation', check_ranks_together)
    run('windows that meet sum to the whole', check_windows)
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
