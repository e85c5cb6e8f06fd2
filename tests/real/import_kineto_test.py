#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Imports the real PyTorch traces and compares what stands in the database with the expected
tables, which were computed by other programs. Prints TAP; without the traces all of it is skipped
by name."""

import csv
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'import_driver')
GPU_CATEGORIES = {'kernel': 'kernel', 'gpu_memcpy': 'memcpy', 'memcpy': 'memcpy',
                  'gpu_memset': 'memset', 'memset': 'memset'}
DIRECTIONS = {1: 'HtoD', 2: 'DtoH', 8: 'DtoD', 9: 'HtoH', 10: 'PtoP'}
MEMORY = {0: 'Unknown', 1: 'Pageable', 2: 'Pinned', 3: 'Device', 8: 'Host'}
COMMUNICATION = re.compile(r'nccl(Dev)?Kernel')

tests = []


def test(function):
    tests.append((function.__name__.replace('_', ' '), function))
    return function


class Skip(Exception):
    pass


def equal(got, want, what):
    if got != want:
        raise AssertionError(f'{what}: got {got!r}, want {want!r}')


def table(name):
    with open(os.path.join(TRACES, 'expected', name), newline='') as file:
        return [row for row in csv.DictReader(file) if '.json' in row['file']]


def run_import(path, folder):
    return subprocess.run([DRIVER, path, folder], capture_output=True, text=True)


databases = {}


def database(name):
    """The database of a trace, imported once."""
    if name not in databases:
        result = run_import(os.path.join(TRACES, name), scratch)
        equal((result.returncode, result.stderr), (0, ''), f'import of {name}')
        paths = result.stdout.split('\n')[:-1]
        equal(len(paths), 1, f'databases of {name}')
        databases[name] = sqlite3.connect(paths[0])
    return databases[name]


def union(intervals):
    """Merged, touching ones too, those without length left out."""
    merged = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def length(intervals):
    return sum(end - start for start, end in intervals)


def gpu_rows(db):
    """(class, device, stream number, start, end, correlation), times in Unix ns."""
    epoch = db.execute('SELECT epoch_ns FROM trace').fetchone()[0]
    rows = []
    for device, stream, start, duration, name, correlation in db.execute(
            'SELECT s.device_id, s.number, k.start_ns, k.duration_ns, n.value, k.correlation_id '
            'FROM kernel k JOIN stream s USING (stream_id) JOIN kernel_symbol y USING (kernel_id) '
            'JOIN string n ON n.string_id = y.name_id'):
        kind = 'comm' if COMMUNICATION.search(name) else 'compute'
        rows.append((kind, device, stream, epoch + start, epoch + start + duration, correlation))
    for kind in 'memcpy', 'memset':
        for device, stream, start, duration, correlation in db.execute(
                'SELECT s.device_id, s.number, c.start_ns, c.duration_ns, c.correlation_id '
                f'FROM {kind} c JOIN stream s USING (stream_id)'):
            begin = epoch + start
            rows.append((kind, device, stream, begin, begin + duration, correlation))
    return rows


def of(rows, *kinds):
    return union([row[3:5] for row in rows if row[0] in kinds])


def count(rows, *kinds):
    return sum(row[0] in kinds for row in rows)


def same_stream_overlaps(rows):
    count, largest, ends = 0, 0, {}
    for row in sorted(rows, key=lambda row: (row[3], row[4])):
        end = ends.get(row[2], row[3])
        if row[3] < end:
            count += 1
            largest = max(largest, min(end, row[4]) - row[3])
        ends[row[2]] = max(end, row[4])
    return count, largest


def window_facts(rows):
    start, end = min(row[3] for row in rows), max(row[4] for row in rows)
    compute, comm, copy = of(rows, 'compute'), of(rows, 'comm'), of(rows, 'memcpy', 'memset')
    both, all_ = union(compute + comm), union(compute + comm + copy)
    gaps = [b[0] - a[1] for a, b in zip(all_, all_[1:])]
    return {
        'window_ns': end - start,
        'compute_ns': length(compute),
        'comm_ns': length(both) - length(compute),
        'copy_ns': length(all_) - length(both),
        'idle_ns': end - start - length(all_),
        'busy_union_ns': length(all_),
        'compute_union_ns': length(compute),
        'comm_union_ns': length(comm),
        'copy_union_ns': length(copy),
        'comm_compute_overlap_ns': length(compute) + length(comm) - length(both),
        'idle_gaps': len(gaps),
        'longest_gap_ns': max(gaps, default=0),
    }


def launch_facts(db, rows):
    epoch = db.execute('SELECT epoch_ns FROM trace').fetchone()[0]
    launches = {correlation: epoch + start for correlation, start in db.execute(
        'SELECT correlation_id, min(start_ns) FROM api_call WHERE correlation_id <> 0 GROUP BY 1')}
    return {
        'no_launch_rows': sum(row[5] not in launches for row in rows),
        'before_launch_rows': sum(row[3] < launches.get(row[5], row[3]) for row in rows),
    }


@test
def every_gpu_has_the_expected_window_unions_and_counts():
    for want in table('gpu.csv'):
        db = database(want['file'])
        rows = [row for row in gpu_rows(db) if row[1] == int(want['device'])]
        start, end = min(row[3] for row in rows), max(row[4] for row in rows)
        got = window_facts(rows)
        got.update(launch_facts(db, rows))
        base = int(want['base_ns'])
        got.update(
            window_start_ns=start - base, window_end_ns=end - base, gpu_rows=len(rows),
            kernels=sum(row[0] in ('compute', 'comm') for row in rows),
            comm_kernels=sum(row[0] == 'comm' for row in rows),
            memcpys=sum(row[0] == 'memcpy' for row in rows),
            memsets=sum(row[0] == 'memset' for row in rows), streams=len({row[2] for row in rows}),
            zero_dur_rows=sum(row[3] == row[4] for row in rows))
        overlaps, largest = same_stream_overlaps(rows)
        got.update(same_stream_overlaps=overlaps, same_stream_overlap_max_ns=largest)
        for key, value in got.items():
            equal(value, int(want[key]), f'{want["file"]} device {want["device"]} {key}')
        memsets = db.execute('SELECT ifnull(sum(bytes), 0), ifnull(sum(duration_ns), 0) '
                             'FROM memset')
        equal(memsets.fetchone(), (int(want['memset_bytes']), int(want['memset_ns'])),
              f'{want["file"]} memsets')


@test
def there_are_no_other_gpus_and_ranks_are_as_told():
    expected = {}
    for want in table('gpu.csv'):
        expected.setdefault(want['file'], []).append(want)
    for name, gpus in expected.items():
        db = database(name)
        equal([row[0] for row in db.execute('SELECT device_id FROM device ORDER BY 1')],
              sorted(int(gpu['device']) for gpu in gpus), f'devices of {name}')
        equal(db.execute('SELECT rank, world_size FROM trace').fetchone(),
              (int(gpus[0]['rank'] or -1), int(gpus[0]['world_size'] or -1)), name)


@test
def transfers_have_the_expected_kinds_bytes_and_times():
    got, want = {}, {}
    for row in table('transfers.csv'):
        key = (row['file'], int(row['device']), row['direction'], row['source_memory'],
               row['destination_memory'])
        want[key] = tuple(int(row[column]) for column in ('count', 'bytes', 'sum_ns', 'union_ns'))
    for name in {row['file'] for row in table('gpu.csv')}:
        db = database(name)
        for device, direction, source, destination, start, duration, bytes_ in db.execute(
                'SELECT device_id, direction, source_memory, destination_memory, start_ns, '
                'duration_ns, bytes FROM memcpy JOIN stream USING (stream_id)'):
            key = (name, device, DIRECTIONS[direction], MEMORY[source], MEMORY[destination])
            got.setdefault(key, []).append((start, start + duration, bytes_))
    equal({key: (len(rows), sum(row[2] for row in rows), sum(row[1] - row[0] for row in rows),
                 length(union([row[:2] for row in rows]))) for key, rows in got.items()},
          want, 'transfers')


@test
def streams_have_the_expected_rows():
    want = {(row['file'], int(row['device']), int(row['stream'])):
            tuple(int(row[column]) for column in ('rows', 'kernels', 'comm_kernels', 'memcpys',
                                                  'memsets', 'busy_union_ns'))
            for row in table('streams.csv')}
    got = {}
    for name in {row['file'] for row in table('gpu.csv')}:
        for row in gpu_rows(database(name)):
            got.setdefault((name, row[1], row[2]), []).append(row)
    equal({key: (len(rows), count(rows, 'compute', 'comm'), count(rows, 'comm'),
                 count(rows, 'memcpy'), count(rows, 'memset'),
                 length(union([row[3:5] for row in rows])))
           for key, rows in got.items()}, want, 'streams')


def table_of(category, phase):
    """The table that takes the events of a category; '' for those that are not kept."""
    if phase == 'i':
        return 'mark'
    if phase != 'X':
        return ''
    name = category.lower()
    return GPU_CATEGORIES.get(name) or {
        'cuda_runtime': 'api_call', 'runtime': 'api_call', 'cuda_sync': 'synchronization',
        'gpu_user_annotation': 'gpu_range'}.get(name, 'range')


@test
def every_event_of_every_category_is_a_row():
    want = {}
    for row in table('events.csv'):
        name = table_of(row['table_or_cat'], row['ph'])
        if name:
            key = (row['file'], name)
            want[key] = want.get(key, 0) + int(row['count'])
    for name in {row['file'] for row in table('gpu.csv')}:
        want[name, 'loss'] = 0
    for (name, kind), rows in want.items():
        db = database(name)
        equal(db.execute(f'SELECT count(*) FROM "{kind}"').fetchone()[0], rows, f'{name} {kind}')


def read_json(name):
    path = os.path.join(TRACES, name)
    opened = gzip.open(path, 'rt') if name.endswith('.gz') else open(path)
    with opened as file:
        return json.load(file, parse_float=str)


@test
def collectives_with_metadata_are_told_once_with_their_kernels():
    name = 'a100-rank0of2-ns.json.gz'
    db = database(name)
    want = [(event['args']['correlation'], event['args']['In msg nelems'], event['args']['dtype'])
            for event in read_json(name)['traceEvents']
            if event.get('cat') == 'kernel' and 'Collective name' in event['args']]
    types = {'Float': ('ncclFloat32', 4), 'Long': ('ncclInt64', 8)}
    want = sorted((correlation, count, types[dtype][0], count * types[dtype][1])
                  for correlation, count, dtype in want)
    got = sorted(db.execute('SELECT correlation_id, count, value, bytes FROM collective '
                            'JOIN string ON string_id = datatype_id WHERE thread_id <> 0'))
    equal(got, want, 'collectives')
    equal(db.execute('SELECT name, rank, rank_count, device_id FROM communicator').fetchall(),
          [('0', 0, 2, 0)], 'communicators')
    equal(sorted(db.execute('SELECT value, count(*) FROM collective JOIN string '
                            'ON string_id = operation_id GROUP BY 1')),
          [('AllReduce', 15), ('Broadcast', 6)], 'operations')


@test
def waits_keep_what_they_waited_for():
    for name, filled in (('sync-records-before.json', False), ('sync-records-after.json', True)):
        db = database(name)
        waits = db.execute('SELECT kind, event_id, event_sync_id, correlation_id '
                           'FROM synchronization')
        equal(sorted(waits), [(1, 7777, 100 if filled else 0, 300),
                              (2, 7777, 100 if filled else 0, 200)], name)
        records = db.execute('SELECT event_sync_id, number FROM cuda_event '
                             'JOIN stream USING (stream_id)')
        equal(records.fetchall(), [(100, 1)] if filled else [], name)


@test
def kernel_names_and_shapes_are_those_of_the_file():
    name = 'mi250-mini.json.gz'
    nothing = [0, 0, 0]
    kernels = [event for event in read_json(name)['traceEvents'] if event.get('cat') == 'kernel']
    want = sorted((event['name'], *event['args'].get('grid', nothing),
                   *event['args'].get('block', nothing), event['args']['correlation'])
                  for event in kernels)
    got = sorted(database(name).execute(
        'SELECT value, grid_x, grid_y, grid_z, block_x, block_y, block_z, correlation_id '
        'FROM kernel JOIN kernel_symbol USING (kernel_id) JOIN string ON string_id = name_id'))
    equal(got, want, name)


@test
def a_real_trace_cut_anywhere_is_one_error_and_leaves_nothing():
    for name in 'sync-records-after.json', 'mi250-mini.json.gz':
        with open(os.path.join(TRACES, name), 'rb') as file:
            whole = file.read()
        for part in range(1, 40):
            folder = os.path.join(scratch, 'cut')
            os.mkdir(folder)
            path = os.path.join(folder, name)
            with open(path, 'wb') as file:
                file.write(whole[:len(whole) * part // 40 - 1])
            result = run_import(path, folder)
            equal((result.returncode, result.stdout, result.stderr.count('\n')), (3, '', 1),
                  result.stderr)
            assert name in result.stderr and 'byte' in result.stderr, result.stderr
            equal(os.listdir(folder), [name], 'files left')
            shutil.rmtree(folder)


def peak_memory(path):
    """KiB of one import in a process of its own."""
    code = ('import resource, subprocess, sys; '
            'subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); '
            'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)')
    folder = tempfile.mkdtemp(dir=scratch)
    result = subprocess.run([sys.executable, '-c', code, DRIVER, path, folder], capture_output=True,
                            text=True)
    return int(result.stdout)


@test
def memory_does_not_grow_with_the_file():
    if os.environ.get('SAN'):
        raise Skip('a sanitizer has its own memory')
    with gzip.open(os.path.join(TRACES, 'a100-rank3of8-2022.json.gz'), 'rb') as file:
        text = file.read()
    begin = text.index(b'[', text.index(b'"traceEvents"')) + 1
    end = text.rindex(b']')
    events = text[begin:end].rstrip().rstrip(b',')
    peaks = []
    for copies in 1, 4:
        path = os.path.join(scratch, f'copies{copies}.json')
        with open(path, 'wb') as file:
            file.write(text[:begin] + b','.join([events] * copies) + text[end:])
        peaks.append(peak_memory(path))
        os.unlink(path)
    print(f'# {peaks[0]} KiB for 35 MB of JSON, {peaks[1]} KiB for 139 MB')
    assert peaks[1] < peaks[0] + 16 * 1024, f'{peaks} KiB'


def main():
    global scratch
    print(f'1..{len(tests)}')
    failed = False
    present = os.path.isdir(os.path.join(TRACES, 'expected'))
    with tempfile.TemporaryDirectory(prefix='laggard-kineto-') as scratch:
        for number, (name, function) in enumerate(tests, 1):
            try:
                if not present:
                    raise Skip('the real traces are not here')
                function()
                print(f'ok {number} - {name}', flush=True)
            except Skip as skip:
                print(f'ok {number} - {name} # SKIP {skip}', flush=True)
            except Exception as error:
                failed = True
                for line in f'{type(error).__name__}: {error}'[:2000].splitlines():
                    print(f'# {line}')
                print(f'not ok {number} - {name}', flush=True)
        for db in databases.values():
            db.close()
    sys.exit(failed)


if __name__ == '__main__':
    main()
