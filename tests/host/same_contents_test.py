#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Same scenario, same contents (TAP): one training recorded by libtrace.so through every CUPTI layout, every version
of NCCL's profiler interface (and none), and both generations of NVTX must leave the same rows in every table.

One recording is the measure, and is itself held against the scenario's oracle; of all others each table is compared
with it row for row. What an interface does not say is written down here (ALLOWED, unsaid) and may be unknown, never
wrong. Each dimension is gone through with the others at their default; with --pairs, more of the product.
Every kernel of NCCL must show in an export the operation, bytes and number of operations that the scenario says.
The NVTX v2 library and all of CUPTI and NCCL are doubles (tests/rig)."""

import collections
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

import guest
from guest import Tap, environment
from rig_capture_test import Run

TRUTH = os.path.join(guest.ROOT, 'tests', 'rig', 'truth.py')
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')

# Two processes with two GPUs each; two communicators that overlap; groups, messages, every kind of payload.
SCENARIO = '''
scenario same
seed 11
gpus 4
processes 2
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32 dynamic=1024
kernel fill "_Z4fillPf" grid=64,1,1 block=128,1,1 regs=16
thread_name name="trainer"
stream_name stream=13 name="communication"
category id=3 name="phases" domain=app
open stream=13 priority=-1
comm id=0
comm id=1 unit=0,2
malloc id=1 bytes=1Mi
repeat count=2
	push name="step {step}"
	push name="forward" domain=app category=3 color=0xff00ff00 registered
	mark name="begin" payload=u64:{step}
	mark name="loss" domain=app payload=f64:0.25
	copy dir=h2d bytes=64Ki src=pinned
	launch kernel=work dur=40us~100
	launch kernel=fill dur=5us stream=13
	rstart id=5 name="overlap" domain=app
	record id=2 stream=7
	wait id=2 stream=13
	graph id=9 nodes=work:3000,fill:2000
	pop domain=app
	coll op=AllReduce bytes=1Mi dtype=bf16 id=0 stream=13 dur=80us~200 skew=300
	coll op=AllReduce bytes=256Ki dtype=f32 id=0 stream=13 fused=3 dur=60us
	coll op=ReduceScatter bytes=64Ki dtype=f32 id=0 stream=13 dur=30us
	coll op=AllGather bytes=64Ki dtype=f32 id=0 stream=13 dur=30us
	coll op=Broadcast bytes=4Ki dtype=u8 id=0 stream=13 root=1 dur=10us
	coll op=Reduce bytes=8Ki dtype=f64 id=0 stream=13 root=2 dur=10us
	coll op=AllReduce bytes=32 dtype=u8 id=1 stream=13 unit=0,2 dur=9us
	coll op=SendRecv bytes=16Ki dtype=f16 id=0 stream=13 dur=12us
	rend id=5 domain=app
	memset bytes=4096 value=7
	copy dir=d2h bytes=4Ki blocking
	sync name=stream stream=13
	sync name=device
	push name="extended" domain=app payload=ext:12,0.5,1
	pop domain=app
	pop
end
free id=1
uncomm id=1 unit=0,2
uncomm id=0
'''
MEASURE = ('13.0', 'v5', 'own')
CUPTI = [(version, 'v5', 'own') for version in guest.VERSIONS if version != '13.0']
NCCL = [('13.0', f'v{version}', 'own') for version in (0, 1, 2, 3, 4, 6, 7)]
NVTX = [('13.0', 'v5', 'real'), ('13.0', 'v5', 'v2')]
PAIRS = [('11.8', 'v1', 'v2'), ('11.8', 'v4', 'real'), ('12.4', 'v7', 'v2'), ('12.4', 'v3', 'own'),
         ('13.4', 'v6', 'real'),
         ('13.4', 'v0', 'own'), ('13.4', 'v2', 'v2'), ('11.8', 'v0', 'real')]

# Read from elsewhere than the recorded events: clocks, the host, counters.
OTHER_TABLES = {'trace', 'clock', 'string', 'sample', 'host_sample', 'loss', 'overhead', 'capture_gap'}
# Columns that the older CUPTI layouts do not have.
OLD_LACK = {('memcpy', 'copy_count'), ('cuda_event', 'event_sync_id'), ('cuda_event', 'time_ns'),
            ('synchronization', 'event_sync_id')}
ALLOWED = {'11.8': OLD_LACK, '12.4': OLD_LACK}


def numbered(values):
    return {value: place for place, value in enumerate(values)}


class Contents:
    """One database, its ids replaced by what they stand for; times are those of the scenario."""

    def __init__(self, path, epoch):
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.db.row_factory = sqlite3.Row
        trace = self.db.execute('SELECT * FROM trace').fetchone()
        self.rank = trace['rank']
        self.shift = trace['epoch_ns'] - epoch
        self.strings = dict(self.db.execute('SELECT string_id, value FROM string').fetchall())
        self.maps = {}
        self.maps = {
            'stream_id': {row[0]: tuple(row[1:]) for row in self.db.execute(
                'SELECT stream_id, device_id, number FROM stream')},
            'kernel_id': {row['kernel_id']: self.row('kernel_symbol', row, ('kernel_id',))
                          for row in self.db.execute('SELECT * FROM kernel_symbol')},
            'communicator_id': {row[0]: row[1] for row in self.db.execute(
                'SELECT communicator_id, hash FROM communicator')},
        }
        threads = self.db.execute('SELECT thread_id, MIN(start_ns) FROM (SELECT thread_id, start_ns FROM api_call '
                                  'UNION ALL SELECT thread_id, start_ns FROM range) GROUP BY thread_id '
                                  'ORDER BY 2').fetchall()
        self.maps['thread_id'] = self.maps['end_thread_id'] = numbered(row[0] for row in threads)
        # A correlation id stands for the call that has it.
        self.maps['correlation_id'] = {row[0]: (self.strings[row[1]], row[2] + self.shift) for row in self.db.execute(
            'SELECT correlation_id, name_id, start_ns FROM api_call')}

    def tables(self):
        return sorted(row[0] for row in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                      if row[0] not in OTHER_TABLES and not row[0].startswith('sqlite_'))

    def value(self, column, value):
        if column in self.maps:
            return self.maps[column].get(value, value if value in (0, -1) else 'nobody')
        if column in ('start_ns', 'time_ns'):
            return value if value == -1 else value + self.shift
        if column.endswith('_id') and isinstance(value, int) and self.is_text(column):
            return self.strings.get(value, '')
        return value

    @staticmethod
    def is_text(column):
        return column in ('name_id', 'domain_id', 'category_id', 'payload_id', 'operation_id', 'datatype_id',
                          'reduction_id', 'algorithm_id', 'protocol_id', 'counter_id')

    def row(self, table, row, without):
        return tuple((column, self.value(column, row[column])) for column in row.keys()
                     if column not in without and not (table in ('stream', 'thread') and column == table + '_id'))

    def rows(self, table, without=()):
        """Rows as tuples of values, the columns `without` and keys that are mere numbers left out."""
        keys = {'kernel_symbol': 'kernel_id', 'communicator': 'communicator_id'}
        drop = set(without) | {keys.get(table), 'external_id', 'pid', 'address'}
        found = self.db.execute(f'SELECT * FROM "{table}"').fetchall()
        if table == 'thread':
            return collections.Counter(self.strings.get(row['name_id'], '') for row in found
                                       if row['thread_id'] in self.maps['thread_id'])
        return collections.Counter(tuple(value for _, value in self.row(table, row, drop)) for row in found)


# What a version of the profiler interface (0: NVTX alone) does not say of an operation.
def unsaid(version):
    if version > 0:
        return set()
    return {'witness', 'count', 'datatype_id', 'sequence', 'algorithm_id', 'protocol_id', 'channels', 'warps',
            'communicator_id'}  # up to 2.24 nor does NVTX


def collectives(contents, version, without):
    """Operations without their times: those of the call where NVTX alone tells of it, else of the enqueue."""
    found = collections.Counter()
    for row in contents.db.execute('SELECT * FROM collective'):
        values = dict(contents.row('collective', row, {'external_id', 'start_ns', 'duration_ns'} | without))
        if version < 5 and values['operation_id'] in ('AllGather', 'Broadcast'):
            values['count'], values['datatype_id'] = -1, ''     # NCCL says bytes; the call's own event is missing
        if version < 4 and values['operation_id'] in ('Send', 'Recv'):
            values['channels'] = 0
        found[tuple(sorted(values.items()))] += 1
    return found


def communicators(contents, version):
    """(hash, rank, ranks, device, parent), hosts and name only from v4 on."""
    columns = ('hash', 'rank', 'rank_count', 'device_id', 'parent_hash')
    columns += ('node_count', 'name') if version > 3 else ()
    return sorted(tuple(row[column] for column in columns) for row in contents.db.execute('SELECT * FROM communicator'))


def communicators_difference(measure, other, version):
    """Up to 2.24 (v2) NVTX knows the numbers and the plugin the hash, and both only where the rank leaves no doubt."""
    wanted, got = communicators(measure, version), communicators(other, version)
    if version > 2:
        return '' if wanted == got else f'communicator: {got} instead of {wanted}'
    if version == 0:
        known = {row[1:] for row in wanted}
        return '' if got and all(row[0] == 0 and row[1:] in known for row in got) else f'communicator: {got}'
    members = {row[:2]: row for row in wanted}
    found = {row[:2]: row for row in got if row[0] != 0}
    wrong = [row for key, row in found.items() if row not in (members[key], (*key, -1, -1, 0))]
    return '' if set(found) == set(members) and not wrong else f'communicator: {got} instead of {wanted}'


class Recording:
    def __init__(self, combination):
        cupti, nccl, nvtx = combination
        text = SCENARIO if nvtx != 'v2' else SCENARIO.replace(' payload=ext:12,0.5,1', '')
        self.name = f'CUPTI {cupti}, NCCL {nccl}, NVTX {nvtx}'
        self.run = Run(text, version=cupti, RIG_NCCL=nccl, RIG_NVTX=nvtx, LAGGARD_NVML='off')
        self.cupti, self.nccl, self.has_payload = cupti, int(nccl[1:]), nvtx != 'v2'
        self.problem = '' if self.run.result.status == 0 and not self.run.result.err else self.run.result.text()
        self.lost = {reason: count for reason, count in self.run.loss().items() if count}
        first = self.run.rows('SELECT t.epoch_ns + (SELECT MIN(start_ns) FROM kernel) FROM trace t WHERE t.rank = 0')
        self.contents = {}
        if first:
            shift = first[0][0] - min(op['start'] for op in operations() if op['op'] == 'kernel' and op['unit'] < 2)
            self.contents = {one.rank: one for one in (Contents(path, shift) for path in self.run.databases())}

    def end(self):
        self.run.__exit__()


def operations(cache={}):
    """What the oracle says, of both processes. (The payload changes no time.)"""
    if not cache:
        with tempfile.NamedTemporaryFile('w', suffix='.scn') as file:
            file.write(SCENARIO)
            file.flush()
            for process in ('0', '1'):
                done = subprocess.run([sys.executable, TRUTH, file.name, '--dump', '--process', process],
                                      stdout=subprocess.PIPE, check=True, text=True)
                cache[process] = [json.loads(line) for line in done.stdout.splitlines() if line]
    return cache['0'] + cache['1']


def comparable(rows, recording):
    """Up to 2.24 NCCL's payloads name no communicator; NVTX v2 has no payloads."""
    found = collections.Counter()
    for row, count in rows.items():
        is_left_out = ('NCCL' in row and recording.nccl < 3) or ('extended' in row and not recording.has_payload)
        found[tuple('' if is_left_out and str(value).startswith('{') else value for value in row)] += count
    return found


def table_difference(table, measure, other, recording):
    """'' or what differs in one table of one rank."""
    if table == 'external_correlation':
        return ''   # numbers of ours; compared through the kernels that they join
    if table == 'communicator':
        return communicators_difference(measure, other, recording.nccl)
    if table == 'collective':
        wanted, got = (collectives(one, recording.nccl, unsaid(recording.nccl)) for one in (measure, other))
    else:
        without = {column for name, column in ALLOWED.get(recording.cupti, ()) if name == table}
        wanted, got = measure.rows(table, without), other.rows(table, without)
    if table == 'range':
        wanted, got = comparable(wanted, recording), comparable(got, recording)
    if wanted == got:
        return ''
    missing, surplus = wanted - got, got - wanted
    return f'{table}: missing {list(missing.items())[:2]}\n{table}: surplus {list(surplus.items())[:2]}'


def compare(tap, measure, recording):
    found = [recording.problem] if recording.problem else []
    if sorted(recording.contents) != [0, 1] or recording.lost:
        found.append(f'ranks {sorted(recording.contents)}, lost {recording.lost}')
    for rank, wanted in measure.contents.items():
        got = recording.contents.get(rank)
        if got is None:
            continue
        if got.tables() != wanted.tables():
            found.append(f'tables {got.tables()}')
        for table in wanted.tables():
            difference = table_difference(table, wanted, got, recording)
            if difference:
                found.append(f'rank {rank}: {difference}')
    tap.check(not found, f'{recording.name}: the contents of all tables are the same', '\n'.join(found))


def kernels_shown(recording, rank):
    """{(start, device): (operation, bytes, operations)} of NCCL's kernels in an export."""
    path = next(path for path in recording.run.databases()
                if sqlite3.connect(path).execute('SELECT rank FROM trace').fetchone()[0] == rank)
    out = os.path.join(recording.run.folder, 'out.json')
    subprocess.run([LAGGARD, 'export', '--format', 'chrome', '--analysis', 'none', '-o', out, path], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(False, False))
    with open(out, encoding='utf-8') as file:
        events = json.load(file)['traceEvents']
    shown = {event['args'].get('correlation'): event['args'] for event in events
             if event.get('cat') == 'kernel' and 'nccl' in event['name'].lower()}
    contents, found = recording.contents[rank], {}
    for row in contents.db.execute('SELECT start_ns, stream_id, correlation_id FROM kernel'):
        arguments = shown.get(row['correlation_id'])
        if arguments is not None:
            found[row['start_ns'] + contents.shift, contents.maps['stream_id'][row['stream_id']][0]] = (
                arguments.get('operation'), arguments.get('bytes'), arguments.get('operations', 1))
    return found


def kernels_expected(rank):
    found = {}
    for op in operations():
        if op['op'] == 'coll' and op['unit'] // 2 == rank:
            is_pair = op['name'] == 'SendRecv'
            found[op['kernel_start'], op['unit'] % 2] = ('Send' if is_pair else op['name'], op['bytes'],
                                                         2 if is_pair else op['fused'])
    return found


def check_kernels(tap, recording):
    wrong = []
    for rank in (0, 1):
        wanted, got = kernels_expected(rank), kernels_shown(recording, rank)
        wrong += [f'rank {rank}, kernel at {key}: {got.get(key)} instead of {value}' for key, value in wanted.items()
                  if got.get(key) != value]
        if len(wanted) < 20 or set(got) != set(wanted):
            wrong.append(f'rank {rank}: {len(got)} kernels, {len(wanted)} expected')
    tap.check(not wrong, f'{recording.name}: every kernel of NCCL shows what it ran', '\n'.join(wrong[:8]))


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    measure = Recording(MEASURE)
    problems = measure.run.problems()
    tap.check(not problems and not measure.problem, f'{measure.name}: every row is exact', problems)
    check_kernels(tap, measure)
    names = [one.db.execute("SELECT device_id, number, priority, value FROM stream JOIN string ON string_id = name_id "
                            "WHERE name_id != 0").fetchall() for one in measure.contents.values()]
    tap.check([[tuple(row) for row in rows] for rows in names] == [[(0, 13, -1, 'communication')]] * 2,
              f'{measure.name}: a stream has the name that NVTX gave it, and its priority', names)
    for combination in CUPTI + NCCL + NVTX + (PAIRS if '--pairs' in sys.argv else []):
        recording = Recording(combination)
        compare(tap, measure, recording)
        if recording.nccl != measure.nccl:
            check_kernels(tap, recording)
        recording.end()
    measure.end()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
