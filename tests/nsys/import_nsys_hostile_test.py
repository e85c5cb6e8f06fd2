#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The importer of Nsight Systems exports (TAP) against exports that are cut, odd, damaged or made to harm.

Environment: B (folder of what was built), FLIPS (how many damaged copies to try).
"""

import json
import os
import random
import shutil
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nsys_export as made          # noqa: E402
import nsys_truth as truth          # noqa: E402
from nsys_driver import Result, count, edit, equal, fails, losses, main, run    # noqa: E402

FLIPS = int(os.environ.get('FLIPS') or 80)     # damaged copies a run
TESTS = []


def test(function):
    TESTS.append(function)
    return function


KERNEL = 'CUPTI_ACTIVITY_KIND_KERNEL'


@test
def rows_with_bad_times_are_counted_with_their_reason(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    columns = 'deviceId, contextId, streamId, globalPid, demangledName, shortName'
    values = f'0, 1, 7, {made.gpid(501)}, 10, 11'
    bad = {'end before start': ('50', '49'), 'no start time': ("'soon'", '50'), 'no end time': ('50', 'NULL'),
           'start time out of range': (str(2 ** 63 - 1), str(2 ** 63 - 1)),
           'end time out of range': ('50', str(2 ** 62))}
    good = {('-5', '5'): (-5, 10), ('7.0', '8'): (7, 1)}
    for start, end in list(bad.values()) + list(good):
        edit(path, f'INSERT INTO {KERNEL} (start, "end", {columns}) VALUES ({start}, {end}, {values})')
    edit(path, f'INSERT INTO {KERNEL} (start, "end", {columns}) VALUES (9.5, 10, {values})')
    result = run(folder, path)
    reasons = losses(result.open(0))
    for reason in bad:
        equal(reasons.get(f'{KERNEL}: {reason}'), 2 if reason == 'no start time' else 1, reason)
    times = result.open(0).execute('SELECT start_ns, duration_ns FROM kernel').fetchall()
    equal(sorted(times), sorted([(1000, 500), (1300, 600)] + list(good.values())))
    equal(result.rejected, 2 + 6)


@test
def rows_without_a_device_are_counted(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, f'UPDATE {KERNEL} SET deviceId = NULL WHERE globalPid = {made.gpid(501)}',
         f'UPDATE {KERNEL} SET deviceId = -9223372036854775808 WHERE globalPid = {made.gpid(502)}')
    result = run(folder, path)
    for index in range(2):
        equal(losses(result.open(index)).get(f'{KERNEL}: no device'), 2)
        equal(count(result.open(index), 'kernel'), 0)


@test
def nulls_everywhere_are_no_crash(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    db = sqlite3.connect(path)
    tables = [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")') if row[5] == 0]
        if not columns:
            continue
        db.execute(f'INSERT INTO "{table}" ({",".join(chr(34) + c + chr(34) for c in columns)}) '
                   f'VALUES ({",".join(["NULL"] * len(columns))})')
        for value in ("'text'", "x'00ff'", '-1', '9223372036854775807', '-9223372036854775808', '1e300'):
            db.execute(f'INSERT INTO "{table}" ({",".join(chr(34) + c + chr(34) for c in columns)}) '
                       f'VALUES ({",".join([value] * len(columns))})')
    db.commit()
    db.close()
    result = run(folder, path)
    kernels = {os.path.basename(p): count(result.open(i), 'kernel') for i, p in enumerate(result.paths)}
    equal((kernels['x-pid501.trace.db'], kernels['x-pid502.trace.db']), (2, 2))


@test
def missing_names_are_told(folder):
    for name, statements, skip in (('none', (), ('StringIds',)), ('empty', ('DELETE FROM StringIds',), ()),
                                   ('null', ('UPDATE StringIds SET value = x\'00\'',), ())):
        path = made.write(os.path.join(folder, name + '.sqlite'), (3, 24), skip=skip)
        edit(path, *statements)
        db = run(folder, path).open(0)
        equal(count(db, 'kernel'), 2)
        assert losses(db)['names that StringIds does not hold'] > 5


@test
def names_are_found_without_a_key(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, 'CREATE TABLE copy AS SELECT * FROM StringIds', 'DROP TABLE StringIds',
         'ALTER TABLE copy RENAME TO StringIds')
    result = run(folder, path)
    equal(sorted(result.open(0).execute(truth.MADE_QUERIES['kernel'])),
          sorted(truth.made_rows((3, 24), 0, 501)['kernel']))


@test
def cut_window_needs_no_partners(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, 'DELETE FROM CUPTI_ACTIVITY_KIND_RUNTIME',
         'DELETE FROM NVTX_EVENTS WHERE eventType IN (33, 75)',
         'UPDATE NVTX_EVENTS SET "end" = NULL WHERE text = \'step 1\'', 'DELETE FROM TARGET_INFO_CUDA_STREAM')
    db = run(folder, path).open(0)
    equal(count(db, 'kernel'), 2)
    equal(db.execute('''SELECT start_ns + duration_ns FROM "range" WHERE is_open = 1''').fetchall(),
          [(made.DURATION_NS,)] * 2)
    equal(db.execute('''SELECT count(*) FROM "range" JOIN string ON string_id = domain_id
                        WHERE value = 'NCCL' ''').fetchone()[0], 3)


def swap(path, sql, *arguments):
    edit(path, f'ALTER TABLE {KERNEL} RENAME TO away', sql.format(*arguments))


@test
def views_and_virtual_tables_are_refused(folder):
    path = made.write(os.path.join(folder, 'view.sqlite'), (3, 24))
    swap(path, f'CREATE VIEW {KERNEL} AS SELECT * FROM away')
    fails(folder, path, KERNEL, 'not a plain table')
    path = made.write(os.path.join(folder, 'virtual.sqlite'), (3, 24))
    try:
        swap(path, f'CREATE VIRTUAL TABLE {KERNEL} USING fts5(start, "end", deviceId, streamId)')
    except sqlite3.OperationalError:
        return
    fails(folder, path, KERNEL, 'not a plain table')


@test
def missing_columns_are_named(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24), without=[(KERNEL, 'deviceId')])
    fails(folder, path, KERNEL, 'deviceId')
    path = made.write(os.path.join(folder, 'y.sqlite'), (3, 24), without=[(KERNEL, 'streamId')])
    edit(path, f'ALTER TABLE {KERNEL} ADD COLUMN streamId INTEGER AS (abs(deviceId)) VIRTUAL')
    fails(folder, path, KERNEL, 'streamId')


@test
def newer_schemas_are_read_with_a_note(folder):
    for version in ((3, 99), (4, 0)):
        db = run(folder, made.write(os.path.join(folder, '%d.%d.sqlite' % version), version)).open(0)
        note = [reason for reason in losses(db) if 'newer than 3.28' in reason]
        equal(len(note), 1)
        equal(count(db, 'kernel'), 2)


@test
def foreign_and_broken_files_are_one_clear_line(folder):
    def file(name, data=b''):
        path = os.path.join(folder, name)
        with open(path, 'wb') as out:
            out.write(data)
        return path
    fails(folder, file('empty'), 'empty')
    fails(folder, file('text', b'hello world, this is a text and no database at all'))
    fails(folder, os.path.join(folder, 'missing.sqlite'), 'No such file')
    os.mkdir(os.path.join(folder, 'folder'))
    fails(folder, os.path.join(folder, 'folder'), 'folder')
    other = os.path.join(folder, 'other.sqlite')
    edit(other, 'CREATE TABLE t (a)')
    fails(folder, other, 'no Nsight Systems export')
    good = made.write(os.path.join(folder, 'good.sqlite'), (3, 24))
    result = run(folder, good)
    fails(folder, result.paths[0], 'trace database already')
    shutil.copy(good, os.path.join(folder, 'unfinished.sqlite'))
    file('unfinished.sqlite-journal', b'x' * 600)
    fails(folder, os.path.join(folder, 'unfinished.sqlite'), 'not finished')


@test
def exports_without_gpu_work_say_so(folder):
    rows = [(t, r) for t, r in made.content() if not t.startswith(('CUPTI', 'CUDA'))]
    for lazy in (True, False):
        path = made.write(os.path.join(folder, f'{lazy}.sqlite'), (3, 24), rows, lazy=lazy)
        fails(folder, path, 'no GPU activity recorded')


@test
def truncated_exports_leave_nothing(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    with open(path, 'rb') as file:
        data = file.read()
    for part in (1, 50, 100, 4096, len(data) // 2, len(data) - 1):
        cut = os.path.join(folder, f'cut{part}.sqlite')
        with open(cut, 'wb') as file:
            file.write(data[:part])
        fails(folder, cut)


@test
def damaged_exports_are_no_crash(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    with open(path, 'rb') as file:
        data = file.read()
    for seed in range(FLIPS):
        chance = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 4, 40, 400))):
            damaged[chance.randrange(16, len(damaged))] = chance.randrange(256)
        victim = os.path.join(folder, 'damaged.sqlite')
        with open(victim, 'wb') as file:
            file.write(damaged)
        out = os.path.join(folder, f'out{seed}')
        try:
            Result(victim, out)
        except AssertionError as error:
            raise AssertionError(f'seed {seed}: {error}') from error
        shutil.rmtree(out)


@test
def pages_that_loop_come_to_an_end(folder):
    """An inner page of the kernel table whose children are all the same page, and that page is itself."""
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, *[f'INSERT INTO {KERNEL} SELECT * FROM {KERNEL}'] * 9)
    root = sqlite3.connect(path).execute('SELECT rootpage FROM sqlite_master WHERE name = ?',
                                         (KERNEL,)).fetchone()[0]
    with open(path, 'r+b') as file:
        base = (root - 1) * 4096
        file.seek(base)
        page = file.read(4096)
        assert page[0] == 5
        cells = int.from_bytes(page[3:5], 'big')
        child = page[8:12]
        for cell in range(cells):
            at = int.from_bytes(page[12 + 2 * cell:14 + 2 * cell], 'big')
            file.seek(base + at)
            file.write(child if cell % 2 else root.to_bytes(4, 'big'))
    result = Result(path, os.path.join(folder, 'out'))
    equal(result.status, 3)


@test
def existing_databases_are_not_overwritten(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    os.mkdir(os.path.join(folder, 'out'))
    kept = os.path.join(folder, 'out', 'x-pid502.trace.db')
    with open(kept, 'w') as file:
        file.write('mine')
    result = run(folder, path, 3)
    assert 'x-pid502.trace.db' in result.stderr
    with open(kept) as file:
        equal(file.read(), 'mine')
    equal(os.listdir(os.path.join(folder, 'out')), ['x-pid502.trace.db'])


@test
def odd_paths_and_journals_are_read(folder):
    odd = os.path.join(folder, 'a?b#c%41 d.sqlite')
    equal(len(run(folder, made.write(odd, (3, 24))).paths), 2)
    path = made.write(os.path.join(folder, 'wal.sqlite'), (3, 24))
    writer = sqlite3.connect(path)
    writer.execute('PRAGMA journal_mode=WAL')
    writer.execute(f'DELETE FROM {KERNEL} WHERE streamId = 13')
    writer.commit()
    result = run(folder, path)
    equal([count(result.open(i), 'kernel') for i in range(2)], [1, 1])
    writer.close()


@test
def payloads_that_are_not_understood_are_counted(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    good = made.payload(made.AR_SCHEMA, 5, 99, 2, fmt='<QQi4x')
    blobs = (good[:-1], good[:20], b'', b'\xff' * 40, made.payload(999, 1, fmt='<Q'), good.hex().encode(),
             good + good)
    db = sqlite3.connect(path)
    for number, blob in enumerate(blobs):
        value = blob.decode() if number == 5 else blob
        db.execute('INSERT INTO NVTX_EVENTS (start, "end", eventType, textId, domainId, globalTid, '
                   'binaryData) VALUES (1, 2, 59, 30, 1, ?, ?)', (made.gtid(501, 501), value))
    db.commit()
    db.close()
    db = run(folder, path).open(0)
    equal(losses(db).get('NVTX_EVENTS: payload without a known layout'), 4)
    equal(db.execute('SELECT bytes, r.value FROM collective JOIN string AS r ON r.string_id = reduction_id '
                     'WHERE start_ns = 1').fetchall(), [(99, 'Max')] * 2)
    equal(count(db, 'range'), 6 + len(blobs))


@test
def calls_of_later_releases_and_own_operators_are_collectives(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    db = sqlite3.connect(path)
    for number, name in enumerate(('ncclAllReduceConfig', 'ncclAllToAll', 'ncclBcast', 'ncclOther',
                                   'AllReduce')):
        db.execute('INSERT INTO NVTX_EVENTS (start, "end", eventType, text, domainId, globalTid, binaryData) '
                   'VALUES (?, 50, 59, ?, 1, ?, ?)', (
                       number, name, made.gtid(501, 501),
                       made.payload(made.AR_SCHEMA, 5, 99, 7 + number, fmt='<QQi4x')))
    db.commit()
    db.close()
    db = run(folder, path).open(0)
    equal(db.execute('SELECT o.value, r.value FROM collective JOIN string AS o ON o.string_id = operation_id '
                     'JOIN string AS r ON r.string_id = reduction_id WHERE bytes = 99').fetchall(),
          [('AllReduce', '7'), ('AlltoAll', '8'), ('Broadcast', '9')])


@test
def payload_texts_are_json_whatever_the_export_holds(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    texts = ('[' * 64 + ']' * 64, '1e5', '', '[' * 65 + ']' * 65, '[' * 100000, '{"a":1}x', '{"a":1,}',
             '\u2603', 'NaN')
    db = sqlite3.connect(path)
    for text in texts:
        db.execute('INSERT INTO NVTX_EVENTS (start, eventType, text, globalTid, jsonText) '
                   "VALUES (1, 34, 'odd', ?, ?)", (made.gtid(501, 501), text))
    for column, value in (('uint64Value', -1), ('uint64Value', 5), ('doubleValue', 9e999),
                          ('floatValue', 0.1)):
        db.execute(f'INSERT INTO NVTX_EVENTS (start, eventType, text, globalTid, {column}) '
                   "VALUES (1, 34, 'odd', ?, ?)", (made.gtid(501, 501), value))
    db.commit()
    db.close()
    found = [value for value, in run(folder, path).open(0).execute(
        'SELECT coalesce(p.value, \'\') FROM mark LEFT JOIN string AS p ON p.string_id = payload_id '
        'WHERE time_ns = 1 ORDER BY mark.rowid')]
    values = [json.loads(text) if text else None for text in found]
    equal(values[:3], [json.loads(texts[0]), 1e5, None], 'good ones')
    equal(values[3:9], list(texts[3:]), 'bad ones')
    equal(values[9:], ['18446744073709551615', 5, 'Infinity', 0.1], 'numbers')


@test
def layouts_that_contradict_each_other_are_not_used(folder):
    path = made.write(os.path.join(folder, 'x.sqlite'), (3, 24))
    edit(path, 'INSERT INTO NVTX_PAYLOAD_SCHEMA_ENTRIES (domainId, schemaId, idx, type, name, offset) '
         f"VALUES (1, {made.AR_SCHEMA}, 1, 22, 'Message size [bytes]', 4)")
    db = run(folder, path).open(0)
    equal(losses(db).get('NVTX_EVENTS: payload without a known layout'), 1)
    equal(count(db, 'collective'), 1)


if __name__ == '__main__':
    main(TESTS)
