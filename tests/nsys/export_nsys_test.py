#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard export --format nsys` (TAP): made, real and rig traces, row by row against the databases, imported again,
and asked what the stats scripts of Nsight Systems ask.

Environment: B (folder of what was built), TRACES (folder with real traces).
"""

import collections
import glob
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'browser'), os.path.join(HERE, '..', 'host')]
import export_nsys_truth as truth               # noqa: E402
import guest                                    # noqa: E402
import synthetic                                # noqa: E402
from nsys_driver import Skip, equal, main       # noqa: E402

BUILD = os.path.abspath(os.environ.get('B', 'build'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
RIG = os.path.join(BUILD, 'rig', 'bin', 'rig-run')
SCENARIO = os.path.join(HERE, '..', 'scenarios', 'ddp4.scn')
TRACES = os.environ.get('TRACES') or os.path.join('..', 'shared', 'traces')
REAL = os.path.join(TRACES, 'nsys-h100-2gpu-train.sqlite')
TESTS = []
CASES = {}


def test(function):
    TESTS.append(function)
    return function


def laggard(*arguments, status=0):
    done = subprocess.run([LAGGARD, *arguments], capture_output=True, check=False)
    equal(done.returncode, status, f'status of {arguments}: {done.stderr.decode("utf-8", "replace")}')
    return done


def export(output, databases, *options):
    laggard('export', '-q', '--format', 'nsys', '--analysis', 'none', '-o', output, *options, *databases)
    return truth.Export(output) if output.endswith('.sqlite') else None


def made(folder):
    """Everything there is, hostile names, damaged references; two ranks."""
    paths = []
    for rank in range(2):
        paths.append(os.path.join(folder, f'made{rank}.db'))
        synthetic.make(LAGGARD, paths[-1], seed=rank + 5, rank=rank)
    return paths


def rig(folder):
    if not os.access(RIG, os.X_OK):
        raise Skip(f'{RIG} is not built')
    target = os.path.join(folder, 'rig')
    if guest.RUNTIME:
        os.mkdir(target)
        subprocess.run([RIG, SCENARIO], check=True, capture_output=True,
                       env=guest.environment(True, is_rig=True, LAGGARD_OUTPUT=target))
    else:
        laggard('run', '-o', target, '--', RIG, SCENARIO)
    return sorted(glob.glob(os.path.join(target, '*.db')))


def real(pattern):
    def databases(folder):
        sources = sorted(glob.glob(os.path.join(TRACES, pattern)))
        if not sources:
            raise Skip(f'no {pattern}')
        return laggard('import', '-o', os.path.join(folder, 'import'), *sources).stdout.decode().splitlines()
    return databases


def is_gpu_trace(source):
    return any(source.db.execute(f'SELECT 1 FROM {table} WHERE stream_id IN (SELECT stream_id FROM stream) LIMIT 1')
               .fetchone() for table in ('kernel', 'memcpy', 'memset', 'graph_launch'))


def add_case(name, databases):
    """Three tests: the rows of the export, the schema, and the way back."""
    def check(folder):
        paths = databases(folder)
        output = os.path.join(folder, 'x.sqlite')
        written = export(output, paths)
        sources = [truth.Source(path) for path in paths]
        base = truth.place(sources)
        complaints, compared = truth.differences(sources, written)
        if complaints:
            raise AssertionError('\n'.join(complaints))
        print(f'# {name}: {compared} rows compared')
        if sources[0].epoch_ns > 1 << 58:
            equal(written.db.execute('SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME').fetchall(),
                  [(base,)], 'start of the session')
        equal(written.db.execute('PRAGMA integrity_check').fetchall(), [('ok',)])
        check_schema(written)
        check_statistics(sources, written)
        if any(is_gpu_trace(source) for source in sources):
            check_way_back(folder, sources, output)
    check.__name__ = 'export_of_' + name
    TESTS.append(check)


def check_schema(written):
    """Columns, types, NOT NULL and order of each table that a real export of schema 3.25 has, too."""
    if not os.path.exists(REAL):
        return
    theirs = truth.Export(REAL)
    common = set(written.tables) & set(theirs.tables)
    assert len(common) >= 24, common
    for table in common:
        info = f'PRAGMA table_info("{table}")'
        equal(written.db.execute(info).fetchall(), theirs.db.execute(info).fetchall(), table)
        if table.startswith('ENUM_'):
            rows = f'SELECT * FROM {table} ORDER BY id'
            equal(written.db.execute(rows).fetchall(), theirs.db.execute(rows).fetchall(), table)


def grouped(rows):
    """{key: (count, sum of the durations, longest)}"""
    result = collections.defaultdict(lambda: [0, 0, 0])
    for key, value in rows:
        entry = result[key]
        entry[0] += 1
        entry[1] += value
        entry[2] = max(entry[2], value)
    return {key: tuple(entry) for key, entry in result.items()}


def asked(written, table, sql):
    if table not in written.tables:
        return {}
    return {truth.clean(row[0]): tuple(row[1:]) for row in written.db.execute(sql)}


SUMS = 'count(*), sum("end" - start), max("end" - start)'


def check_statistics(sources, written):
    rows = [row for source in sources for row in truth.kernels(source)]
    equal(asked(written, 'CUPTI_ACTIVITY_KIND_KERNEL', f'''WITH k AS (SELECT *, demangledName AS nameId FROM
        CUPTI_ACTIVITY_KIND_KERNEL) SELECT value, {SUMS} FROM k JOIN StringIds ON id = nameId GROUP BY value'''),
          grouped((row[6], row[1] - row[0]) for row in rows), 'kernel sums')
    labels = dict(written.db.execute('SELECT id, label FROM ENUM_CUDA_MEMCPY_OPER'))
    rows = [row for source in sources for row in truth.copies(source)]
    equal(asked(written, 'CUPTI_ACTIVITY_KIND_MEMCPY', f'''SELECT label, {SUMS} FROM CUPTI_ACTIVITY_KIND_MEMCPY
        JOIN ENUM_CUDA_MEMCPY_OPER ON id = copyKind GROUP BY label'''),
          grouped((labels[row[7]], row[1] - row[0]) for row in rows), 'copy sums')
    equal(asked(written, 'CUPTI_ACTIVITY_KIND_MEMCPY', '''SELECT label, count(*), sum(bytes), max(bytes)
        FROM CUPTI_ACTIVITY_KIND_MEMCPY JOIN ENUM_CUDA_MEMCPY_OPER ON id = copyKind GROUP BY label'''),
          grouped((labels[row[7]], row[6]) for row in rows), 'copy sizes')
    rows = [row for source in sources for row in truth.calls(source)]
    equal(asked(written, 'CUPTI_ACTIVITY_KIND_RUNTIME', f'''SELECT value, {SUMS} FROM CUPTI_ACTIVITY_KIND_RUNTIME
        JOIN StringIds ON id = nameId GROUP BY value'''),
          grouped((row[4], row[1] - row[0]) for row in rows), 'API sums')
    rows = [row for source in sources for row in truth.ranges(source) if row[1] is not None]
    equal(asked(written, 'NVTX_EVENTS', f'''SELECT coalesce(text, value), {SUMS} FROM NVTX_EVENTS LEFT JOIN StringIds
        ON id = textId WHERE eventType IN (59, 60) AND "end" IS NOT NULL GROUP BY coalesce(text, value)'''),
          grouped((row[5], row[1] - row[0]) for row in rows), 'NVTX sums')
    check_launches(sources, written)


def check_launches(sources, written):
    """Kernels joined with the calls that launched them, within the process."""
    want = sum(source.db.execute('''SELECT count(*) FROM kernel JOIN stream USING (stream_id)
        JOIN api_call USING (correlation_id) WHERE correlation_id <> 0''').fetchone()[0] for source in sources)
    if {'CUPTI_ACTIVITY_KIND_KERNEL', 'CUPTI_ACTIVITY_KIND_RUNTIME'} - set(written.tables):
        equal(want, 0, 'launches')
        return
    # Without an index of its own SQLite makes one for the join; the real files have none either.
    equal(written.db.execute('''SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL k JOIN CUPTI_ACTIVITY_KIND_RUNTIME r
        ON k.correlationId = r.correlationId AND k.globalPid = (r.globalTid & ~0xffffff)''').fetchone()[0],
          want, 'launches')


def in_time(rows, source):
    return sorted((row[0] - source.offset, *row[1:]) for row in rows)


def check_way_back(folder, sources, output):
    """What the importer makes of it is what was there, but for what the layout has no place for."""
    back = laggard('import', '-o', os.path.join(folder, 'back'), output).stdout.decode().splitlines()
    again = {source.gpid: source for source in map(truth.Source, back)}
    mine = [source for source in sources if is_gpu_trace(source)]
    equal(sorted(again), sorted(source.gpid for source in mine), 'processes')
    for source in mine:
        other = again[source.gpid]
        source_base = source.epoch_ns - source.offset
        other.offset = other.epoch_ns - source_base if other.epoch_ns else 0
        for name, rows in (('kernels', truth.kernels), ('copies', truth.copies), ('sets', truth.sets),
                           ('graphs', truth.graphs), ('calls', truth.calls), ('ranges', truth.ranges)):
            want, got = list(map(back_row(name, source), rows(source))), list(map(back_row(name, other), rows(other)))
            if name == 'ranges':
                want, got = sorted(want, key=repr), sorted(got, key=repr)
            equal(len(got), len(want), f'{source.path}: {name}')
            for one, two in zip(want, got):
                equal(two, one, f'{source.path}: {name}')
    check_analysis(folder, [source.path for source in mine], back)


def back_row(name, source):
    """Without what the layout does not keep."""
    def row_of(row):
        if name == 'kernels':
            # A name that was recorded mangled comes back readable.
            return row[:7] + row[9:]
        if name == 'copies':
            # Devices count between two GPUs only.
            return row[:10] + row[12:]
        if name == 'calls':
            return row[:2] + row[3:]
        if name == 'ranges':
            # An open range ends with the trace, whenever that is; the order of marks is another.
            return row[:6] + row[8:]
        return row
    return row_of


def check_analysis(folder, before, after):
    numbers = []
    for number, paths in enumerate((before, after)):
        report = os.path.join(folder, f'report{number}.json')
        laggard('analyze', '--window', 'all', '--database', 'none', '--format', 'json', '-o', report, *paths)
        with open(report, encoding='utf-8') as file:
            gpus = json.load(file)['gpus']
        numbers.append(sorted(json.dumps({key: value for key, value in gpu.items() if key in GPU_KEYS},
                                         sort_keys=True) for gpu in gpus))
    equal(GPU_KEYS - set(gpus[0]), set(), 'keys')
    equal(numbers[1], numbers[0], 'analysis')


GPU_KEYS = set('''pid device window_ns compute_ns comm_ns copy_ns idle_ns busy_union_ns compute_union_ns comm_union_ns
    copy_union_ns comm_compute_overlap_ns idle_gaps longest_gap_ns graph_only_ns gpu_rows kernels comm_kernels copies
    memcpys memsets memset_bytes memset_ns graphs zero_dur_rows no_launch_rows before_launch_rows same_stream_overlaps
    same_stream_overlap_max_ns'''.split())

add_case('made_traces', made)
add_case('a_rig_run', rig)
for pattern in ('nsys-h100*', 'dlrm-*', 'a100-alexnet*', 'a100-rank0*', 'a100-rank3*', 'mi250*', 'old-dialect*',
                'sampled-rank0*', 'sync-records-before*', 'sync-records-after*'):
    add_case(pattern.strip('*-'), real(pattern))


def same_bytes(one, other, what):
    with open(one, 'rb') as a, open(other, 'rb') as b:
        assert a.read() == b.read(), what


@test
def equal_traces_give_equal_bytes(folder):
    paths = made(folder)
    for name in ('a', 'b'):
        os.mkdir(os.path.join(folder, name))
        export(os.path.join(folder, name, 'x.sqlite'), paths)
    same_bytes(os.path.join(folder, 'a', 'x.sqlite'), os.path.join(folder, 'b', 'x.sqlite'), 'two exports')


@test
def beside_its_traces_an_export_is_no_further_trace(folder):
    """In a folder, or among the files that a shell fills in, it would count all work twice."""
    traces = os.path.join(folder, 'traces')
    os.mkdir(traces)
    paths = made(traces)

    def ranks(*arguments):
        report = json.loads(laggard('analyze', '--window', 'all', '--format', 'json', *arguments).stdout)
        return [(trace['rank'], trace['world_size']) for trace in report['traces']]
    before = ranks(traces)
    output = os.path.join(traces, 'x.sqlite')
    export(output, paths)
    equal(ranks(traces), before, 'a folder')
    equal(ranks(*paths, output), before, 'names')
    # Alone it is what there is, and has kept the ranks.
    equal(ranks(output), before, 'the export by its name')
    alone = os.path.join(folder, 'alone')
    os.mkdir(alone)
    shutil.move(output, alone)
    equal(ranks(alone), before, 'the export in a folder')


@test
def collectives_come_back(folder):
    """NCCL's payloads are JSON in the export, and are read again: operation, bytes, communicator, peer."""
    paths = rig(folder)
    output = os.path.join(folder, 'x.sqlite')
    export(output, paths)
    back = laggard('import', '-o', os.path.join(folder, 'back'), output).stdout.decode().splitlines()
    sql = """SELECT o.value, bytes, peer, r.value, hash, k.rank, k.rank_count FROM collective c
        LEFT JOIN string o ON o.string_id = operation_id LEFT JOIN string r ON r.string_id = reduction_id
        LEFT JOIN communicator k USING (communicator_id) WHERE witness <> 3"""
    count = 0
    for one, other in zip(sorted(paths, key=rank_of), sorted(back, key=rank_of)):
        # There each has one row of both witnesses, here NVTX's only.
        want, got = (sorted(sqlite3.connect(path).execute(sql).fetchall(), key=repr) for path in (one, other))
        equal(got, want, f'collectives of {one}')
        count += len(want)
    assert count > 100, count


def rank_of(path):
    return sqlite3.connect(path).execute('SELECT rank FROM trace').fetchone()


@test
def standard_output_and_compression_hold_the_same_file(folder):
    paths = made(folder)
    plain = os.path.join(folder, 'x.sqlite')
    export(plain, paths)
    with open(plain, 'rb') as file:
        whole = file.read()
    export(plain + '.gz', paths)
    with gzip.open(plain + '.gz') as file:
        assert file.read() == whole, '.gz'
    done = laggard('export', '-q', '--format', 'nsys', '--analysis', 'none', '-o', '-', *paths)
    assert done.stdout == whole, 'standard output'


@test
def nothing_is_left_after_a_failure(folder):
    paths = made(folder)
    out = os.path.join(folder, 'out')
    os.mkdir(out)
    broken = os.path.join(folder, 'broken.db')
    shutil.copy(paths[0], broken)
    size = os.path.getsize(broken)
    with open(broken, 'r+b') as file:       # the tables are there, but their rows are no more
        file.seek(size // 3)
        file.write(b'\xa5' * (size // 2))
    output = os.path.join(out, 'x.sqlite')
    with open(output, 'wb') as file:
        file.write(b'what was there')
    done = laggard('export', '--format', 'nsys', '--analysis', 'none', '-o', output, broken, status=3)
    equal(len(done.stderr.decode('utf-8', 'replace').strip().splitlines()), 1, 'lines of the error')
    equal(os.listdir(out), ['x.sqlite'])
    with open(output, 'rb') as file:
        equal(file.read(), b'what was there')
    for target, word in ((os.path.join(folder, 'none', 'x.sqlite'), b'No such file'), ('/dev/full', b'No space')):
        done = laggard('export', '--format', 'nsys', '--analysis', 'none', '-o', target, *paths, status=3)
        assert word in done.stderr and done.stderr.count(b'\n') == 1, done.stderr
    done = laggard('export', '--format', 'nsys', '--analysis', 'none', '--max-size', '1M', '-o', output, *paths,
                   status=2)
    assert b'nsys cannot be divided' in done.stderr, done.stderr
    equal(sorted(os.listdir(folder)), ['broken.db', 'made0.db', 'made1.db', 'out'])


@test
def windows_kinds_and_ranks_choose_rows(folder):
    paths = made(folder)
    sources = [truth.Source(path) for path in paths]
    base = truth.place(sources)
    first = min(row[0] for source in sources for rows in (truth.kernels, truth.copies, truth.sets)
                for row in rows(source))
    for index, (start, end) in enumerate(((0, 100_000), (50_000, 50_001), (200_000, 1 << 60))):
        for source in sources:
            source.window = (first + start - source.offset, first + end - source.offset)
        until = '' if end == 1 << 60 else f'{end}ns'
        written = export(os.path.join(folder, f'window{index}.sqlite'), paths, '--window', f'{start}ns..{until}')
        complaints, compared = truth.differences(sources, written)
        equal((complaints, compared > 5), ([], True), f'window {start}..{end}')
        equal(written.db.execute('SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME').fetchall(), [(base,)])
    for source in sources:
        source.window = None
    for index, kinds in enumerate(('kernels', 'copies,calls', 'ranges,losses', 'sync,overhead,counters')):
        written = export(os.path.join(folder, f'kinds{index}.sqlite'), paths, '--kinds', kinds)
        complaints, compared = truth.differences(sources, written, kinds.split(','))
        equal((complaints, compared > 30), ([], True), kinds)
    truth.place(sources[1:])
    written = export(os.path.join(folder, 'rank.sqlite'), paths, '--ranks', '1')
    complaints, compared = truth.differences(sources[1:], written)
    equal((complaints, compared > 30), ([], True), 'rank 1')


def edited(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


@test
def processes_of_one_pid_and_other_hosts_stay_apart(folder):
    """pid 4000 on two hosts, once more on the first, and a trace that does not know its pid."""
    paths = []
    for rank, (host, pid) in enumerate((('a', 4000), ('b', 4000), ('a', 4000), ('a', -1))):
        paths.append(os.path.join(folder, f'{rank}.db'))
        synthetic.make(LAGGARD, paths[-1], seed=9, rank=rank)
        edited(paths[-1], f"UPDATE trace SET host = '{host}', pid = {pid}")
    sources = [truth.Source(path) for path in paths]
    truth.place(sources)
    for source, ids in zip(sources, ((0, 1, 4000), (0, 2, 4000), (1, 1, 4000), (0, 1, 0))):
        source.gpid = ids[0] << 56 | ids[1] << 48 | ids[2] << 24
    written = export(os.path.join(folder, 'x.sqlite'), paths)
    complaints, _ = truth.differences(sources, written)
    equal(complaints, [])
    equal(sorted(row[0] for row in written.db.execute('SELECT globalPid FROM PROCESSES')),
          sorted(source.gpid for source in sources))
    equal(sorted(written.db.execute("SELECT globalVid, value FROM TARGET_INFO_SYSTEM_ENV WHERE name = 'Hostname'")),
          [(1 << 48, 'a'), (2 << 48, 'b')])


@test
def threads_that_do_not_fit_keep_apart(folder):
    path = made(folder)[0]
    edited(path, 'UPDATE api_call SET thread_id = thread_id + 0x7fff00000000 WHERE rowid % 3 = 0',
           'UPDATE "range" SET thread_id = -5 WHERE rowid % 7 = 0')
    source = truth.Source(path)
    truth.place([source])
    written = export(os.path.join(folder, 'x.sqlite'), [path])
    complaints, _ = truth.differences([source], written)
    equal(complaints, [])
    equal((len(source.tids) > 1, len(set(source.tids.values()))), (True, len(source.tids)), 'distinct threads')
    small = {thread for thread, in source.db.execute('SELECT thread_id FROM api_call') if 0 <= thread < 1 << 24}
    assert not small & set(source.tids.values()), 'a number is taken twice'


@test
def hostile_names_are_texts_that_readers_take(folder):
    """Every text decodes as UTF-8, also where the database holds something else."""
    written = export(os.path.join(folder, 'x.sqlite'), made(folder))
    written.db.text_factory = lambda raw: raw.decode('utf-8', 'strict')
    texts = set()
    for table in written.tables:
        for row in written.db.execute(f'SELECT * FROM "{table}"'):
            texts |= {value for value in row if isinstance(value, str)}
    for text in synthetic.HOSTILE:
        if isinstance(text, str) and text:
            assert text in texts, text
    assert any('\ufffd' in text for text in texts)


@test
def facts_of_machine_gpus_and_streams(folder):
    paths = made(folder)
    written = export(os.path.join(folder, 'x.sqlite'), paths)
    sources = [truth.Source(path) for path in paths]
    want = sorted((source.pid, *row) for source in sources for row in source.db.execute(
        'SELECT number, context_id, priority, flag FROM stream WHERE number >= 0'))
    equal(sorted(written.db.execute(
        'SELECT processId, streamId, contextId, priority, flag FROM TARGET_INFO_CUDA_STREAM')), want, 'streams')
    want = [(device, truth.clean(name), truth.clean(uuid)) for source in sources
            for device, name, uuid in source.db.execute('SELECT device_id, name, uuid FROM device')]
    got = written.db.execute("""SELECT cudaId, name, d.uuid FROM TARGET_INFO_CUDA_DEVICE d
        LEFT JOIN TARGET_INFO_GPU g ON g.id = coalesce(gpuId, cudaId)""").fetchall()
    equal(sorted(((row[0], row[1] or '', 'GPU-' + row[2] if row[2] else '') for row in got)),
          sorted((device, name, uuid if uuid.startswith('GPU-') or not uuid else 'GPU-' + uuid)
                 for device, name, uuid in want), 'devices')
    exported = dict(written.db.execute('SELECT name, value FROM META_DATA_EXPORT'))
    equal((exported['EXPORT_PRODUCT_NAME'], exported['EXPORT_SCHEMA_VERSION']), ('laggard', '3.25.0'))
    # A thread whose number does not fit is called by it.
    want = sorted(truth.clean(name) for source in sources for name, in source.db.execute(
        """SELECT coalesce(value, CAST('thread ' || thread_id AS BLOB)) FROM thread
        LEFT JOIN string ON string_id = name_id WHERE value IS NOT NULL OR thread_id NOT BETWEEN 0 AND 16777215"""))
    equal(sorted(truth.clean(name) for name, in written.db.execute(
        'SELECT value FROM ThreadNames JOIN StringIds ON id = nameId')), want, 'threads')


if __name__ == '__main__':
    main(TESTS)
