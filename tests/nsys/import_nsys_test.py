#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The importer of Nsight Systems exports (TAP): a real export against numbers computed here independently,
and made exports of five schema versions.

Environment: B (folder of what was built), TRACES (folder with the real export).
"""

import csv
import os
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nsys_export as made          # noqa: E402
import nsys_truth as truth          # noqa: E402
from nsys_driver import Skip, count, edit, equal, losses, main, run    # noqa: E402

TRACES = os.environ.get('TRACES') or os.path.join('..', 'shared', 'traces')
REAL = 'nsys-h100-2gpu-train.sqlite'
VERSIONS = ((2, 9), (3, 4), (3, 13), (3, 24), (3, 28))
TESTS = []


def test(function):
    TESTS.append(function)
    return function


# The real export.

def real_export():
    path = os.path.join(TRACES, REAL)
    if not os.path.exists(path):
        raise Skip(f'no {REAL}')
    return path


def expected(name):
    with open(os.path.join(TRACES, 'expected', name + '.csv'), newline='') as file:
        return [row for row in csv.DictReader(file) if row['file'] == REAL]


@test
def real_export_gives_the_expected_numbers(folder):
    result = run(folder, real_export())
    equal([os.path.basename(path) for path in result.paths],
          [REAL[:-7] + f'-pid{pid}.trace.db' for pid in (148, 149)])
    equal(result.rejected, 0, 'rejected')
    for index, row in enumerate(expected('gpu')):
        got = truth.gpu_numbers(result.open(index), int(row['device']))
        for key, value in got.items():
            equal(value, int(row[key]), f'{row["pid"]} {key}')


@test
def real_export_keeps_transfers_and_streams(folder):
    result = run(folder, real_export())
    for index, pid in enumerate(('148', '149')):
        db = result.open(index)
        equal(truth.transfers(db), sorted(
            (row['direction'], row['source_memory'], row['destination_memory'], int(row['count']),
             int(row['bytes']), int(row['sum_ns']), int(row['union_ns']))
            for row in expected('transfers') if row['pid'] == pid), 'transfers')
        equal(truth.streams(db), sorted(
            (int(row['device']), int(row['stream']), int(row['rows']), int(row['kernels']),
             int(row['memcpys']), int(row['memsets']), int(row['busy_union_ns']))
            for row in expected('streams') if row['pid'] == pid), 'streams')


@test
def real_export_rows_arrive_one_by_one(folder):
    result = run(folder, real_export())
    wanted = {row['table_or_cat']: int(row['count']) for row in expected('events')}
    for table, ours in (('KERNEL', 'kernel'), ('MEMCPY', 'memcpy'), ('MEMSET', 'memset'),
                        ('RUNTIME', 'api_call'), ('SYNCHRONIZATION', 'synchronization')):
        equal(sum(count(result.open(i), ours) for i in range(2)),
              wanted['CUPTI_ACTIVITY_KIND_' + table], ours)
    equal(sum(count(result.open(i), 'range') for i in range(2)), wanted['NVTX_EVENTS'], 'range')
    equal(sum(count(result.open(i), 'overhead') for i in range(2)), wanted['PROFILER_OVERHEAD'], 'overhead')
    source = sqlite3.connect(f'file:{real_export()}?mode=ro&immutable=1', uri=True)
    for index, pid in enumerate((148, 149)):
        for name, theirs, ours in truth.ROW_COMPARISONS:
            equal(sorted(result.open(index).execute(ours)), sorted(source.execute(theirs, (pid,))),
                  f'{pid} {name}')


@test
def real_export_joins_calls_by_process(folder):
    result = run(folder, real_export())
    joined = 'SELECT count(*) FROM kernel JOIN api_call USING (correlation_id)'
    equal(sum(result.open(i).execute(joined).fetchone()[0] for i in range(2)), 3577)
    nccl = '''SELECT count(*) FROM "range" JOIN string ON string_id = domain_id WHERE value = 'NCCL' '''
    equal(sum(result.open(i).execute(nccl).fetchone()[0] for i in range(2)), 420, 'NCCL ranges')


@test
def real_export_does_not_carry_the_environment(folder):
    result = run(folder, real_export())
    source = sqlite3.connect(f'file:{real_export()}?mode=ro&immutable=1', uri=True)
    variables = [value.split('=', 1)[0] for value, in source.execute(
        "SELECT value FROM META_DATA_CAPTURE WHERE name LIKE '%ENVIRONMENT_VARIABLE'")]
    assert len(variables) > 10
    for path in result.paths:
        with open(path, 'rb') as file:
            data = file.read()
        for variable in variables:
            if len(variable) > 5 and (variable + '=').encode() in data:
                raise AssertionError(f'{variable} is in {path}')


# Made exports.

def made_test(version):
    def check(folder):
        path = made.write(os.path.join(folder, 'x.sqlite'), version)
        result = run(folder, path)
        equal([os.path.basename(p) for p in result.paths], ['x-pid501.trace.db', 'x-pid502.trace.db'])
        for index, pid in enumerate(made.PIDS):
            db = result.open(index)
            wanted = truth.made_rows(version, index, pid)
            for name, sql in truth.MADE_QUERIES.items():
                equal(sorted(db.execute(sql)), sorted(wanted[name]), f'{pid} {name}')
        equal(result.rejected, 2, 'rejected: the call and the read of the launcher')
        reasons = losses(result.open(0))
        equal(reasons.get('CUPTI_ACTIVITY_KIND_RUNTIME: of processes without GPU work'), 1)
        equal(reasons.get('OSRT_API: not taken over'), 1)
        equal(reasons.get('Some events may be missing'), 0, 'a warning of the recorder')
        for path in result.paths:
            with open(path, 'rb') as file:
                assert made.SECRET.encode() not in file.read(), 'the environment travelled'
    check.__name__ = 'schema_%d_%d_gives_the_same_rows' % version
    return check


for each in VERSIONS:
    test(made_test(each))


@test
def tables_may_all_be_there_and_empty(folder):
    lazy = run(folder, made.write(os.path.join(folder, 'a.sqlite'), (3, 24), lazy=True))
    full = run(folder, made.write(os.path.join(folder, 'b.sqlite'), (3, 24), lazy=False))
    equal((lazy.rows, lazy.rejected), (full.rows, full.rejected))


def one_process():
    """The content without the second process, and without the launcher's rows."""
    def is_other(row):
        pid = row.get('globalPid', row.get('globalTid', 0)) >> 24 & 0xffffff if (
            row.get('globalPid') or row.get('globalTid')) else row.get('pid', row.get('processId', 501))
        return pid != 501
    return [(table, row) for table, row in made.content() if not is_other(row)]


@test
def one_process_needs_no_pid_in_the_name_and_takes_rank_from_the_environment(folder):
    result = run(folder, made.write(os.path.join(folder, 'x.sqlite'), (3, 25), one_process()))
    equal([os.path.basename(path) for path in result.paths], ['x.trace.db'])
    equal(result.open().execute('SELECT pid, "rank", world_size FROM trace').fetchall(), [(501, 7, 16)])


@test
def rows_without_a_process_belong_to_the_only_one(folder):
    for number, without in enumerate(((), [(table, 'globalPid') for table in made.schema((3, 24))])):
        rows = [(table, dict(row, globalPid=None) if 'globalPid' in row and table.startswith('CU') else row)
                for table, row in one_process()]
        path = made.write(os.path.join(folder, f'x{number}.sqlite'), (3, 24), rows, without=without)
        result = run(folder, path)
        db = result.open()
        equal((len(result.paths), result.rejected), (1, 0))
        equal([count(db, t) for t in ('kernel', 'memcpy', 'api_call', 'synchronization')], [2, 3, 3, 2])
        equal(db.execute('SELECT pid FROM trace').fetchone()[0], 501)


@test
def rows_without_a_process_among_several_get_a_database_of_their_own(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, 'UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET globalPid = NULL WHERE streamId = 13')
    result = run(folder, path)
    equal([os.path.basename(p) for p in result.paths],
          ['x-pid-unknown.trace.db', 'x-pid501.trace.db', 'x-pid502.trace.db'])
    equal([count(result.open(i), 'kernel') for i in range(3)], [2, 1, 1])


@test
def many_processes_are_read_in_turns(folder):
    rows = [(t, r) for t, r in one_process() if 'globalPid' not in r and 'globalTid' not in r]
    pids = list(range(1001, 1075))
    for pid in reversed(pids):
        rows.append(('CUPTI_ACTIVITY_KIND_MEMSET', dict(
            start=pid, end=pid + 5, deviceId=0, contextId=1, streamId=7, globalPid=made.gpid(pid), value=0,
            bytes=pid)))
        rows.append(('NVTX_EVENTS', dict(start=1, end=2, eventType=59, text=f'own {pid}',
                                         globalTid=made.gtid(pid, pid))))
    rows.append(('NVTX_EVENTS', dict(start=1, end=2, eventType=59, text='x', globalTid=made.gtid(5, 5))))
    result = run(folder, made.write(os.path.join(folder, 'x.sqlite'), (3, 25), rows))
    equal(result.rejected, 1)
    for index, pid in enumerate(pids):
        db = result.open(index)
        equal(db.execute('SELECT start_ns, bytes FROM memset').fetchall(), [(pid, pid)])
        equal(db.execute('SELECT pid FROM trace').fetchall(), [(pid,)])
        equal(db.execute('SELECT value FROM "range" JOIN string ON name_id = string_id').fetchall(),
              [(f'own {pid}',)])


@test
def no_row_is_lost_in_silence(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    source = sqlite3.connect(path)
    theirs = sum(count(source, table) for table in (
        'CUPTI_ACTIVITY_KIND_KERNEL', 'CUPTI_ACTIVITY_KIND_MEMCPY', 'CUPTI_ACTIVITY_KIND_MEMSET',
        'CUPTI_ACTIVITY_KIND_RUNTIME', 'CUPTI_ACTIVITY_KIND_SYNCHRONIZATION', 'PROFILER_OVERHEAD',
        'CUPTI_ACTIVITY_KIND_OVERHEAD', 'CUPTI_ACTIVITY_KIND_CUDA_EVENT', 'CUPTI_ACTIVITY_KIND_GRAPH_TRACE',
        'CUDA_GPU_MEMORY_USAGE_EVENTS', 'OSRT_API'))
    theirs += source.execute('SELECT count(*) FROM NVTX_EVENTS WHERE eventType IN (34, 59, 60)').fetchone()[0]
    result = run(folder, path)
    ours = sum(count(result.open(i), table) for i in range(2) for table in (
        'kernel', 'memcpy', 'memset', 'graph_launch', 'api_call', 'synchronization', 'cuda_event',
        'overhead', 'allocation', 'range', 'mark'))
    equal(ours + result.rejected, theirs)


if __name__ == '__main__':
    main(TESTS)
