#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kinds of records beside work, calls and waits (TAP): pools of memory, compiled code, host functions on streams,
unified memory. Each row is compared with what the scenario's oracle says, for every CUPTI layout; what a version
does not have must be said in the table loss."""

import collections
import json
import os
import sqlite3
import subprocess
import sys

import guest
from guest import Tap
from rig_capture_test import Run

SCENARIO = os.path.join(guest.SCENARIOS, 'kinds.scn')
TRUTH = os.path.join(guest.ROOT, 'tests', 'rig', 'truth.py')
JIT = {1: 'JIT Cache Load', 2: 'JIT Cache Store', 3: 'JIT Compilation'}
COUNTERS = {3: 'cpu_page_faults', 4: 'gpu_page_faults'}
INT64_MAX = (1 << 63) - 1
MANAGED = 5
WITH_HOST_FUNCTIONS = ('13.4',)
WITH_EVENT_STAMPS = ('13.0', '13.4')


def expected(process, has_unified, version):
    """{table: rows}, times as the scenario has them."""
    done = subprocess.run([sys.executable, TRUTH, SCENARIO, '--dump', '--process', str(process)],
                          stdout=subprocess.PIPE, check=True)
    ops = [json.loads(line) for line in done.stdout.decode().splitlines()]
    calls = {op['corr']: op['name'] for op in ops if op['op'] == 'api'}
    rows = collections.defaultdict(collections.Counter)
    for op in ops:
        if op['op'] == 'pool' or op['op'] == 'memory' and 'pool' in op:
            kind = op['type'] if op['op'] == 'pool' else op['type'] + 3
            rows['memory_pool'][op['start'], kind, op['pool'], op['pool_bytes'], op['pool_used'],
                                min(op['threshold'], INT64_MAX), calls[op['corr']]] += 1
        elif op['op'] == 'jit':
            rows['overhead'][op['start'], op['end'] - op['start'], JIT[op['type']]] += 1
        elif op['op'] == 'host' and version in WITH_HOST_FUNCTIONS:
            rows['gpu_range'][op['start'], op['end'] - op['start'], op['stream'], 'host function'] += 1
        elif op['op'] == 'event':
            at = op['start'] if version in WITH_EVENT_STAMPS else None
            rows['cuda_event'][at, op['event'], op['stream']] += 1
        elif op['op'] == 'unified' and has_unified and op['type'] in COUNTERS:
            is_cpu = op['type'] == 3
            rows['sample'][op['start'], -1 if is_cpu else 0, COUNTERS[op['type']], 1 if is_cpu else op['value']] += 1
        elif op['op'] == 'unified' and has_unified:
            rows['memcpy'][op['start'], op['end'] - op['start'], op['type'], op['value'], 'unified memory'] += 1
    return rows


QUERIES = {
    'memory_pool': "SELECT time_ns, operation, address, bytes, used_bytes, release_threshold_bytes, "
                   "(SELECT s.value FROM api_call a JOIN string s ON s.string_id = a.name_id WHERE "
                   "a.correlation_id = p.correlation_id), device_id, kind FROM memory_pool p",
    'overhead': 'SELECT start_ns, duration_ns, value FROM overhead JOIN string ON string_id = name_id',
    'cuda_event': 'SELECT time_ns, event_id, number FROM cuda_event JOIN stream USING (stream_id)',
    'gpu_range': 'SELECT start_ns, duration_ns, number, value FROM gpu_range g JOIN stream USING (stream_id) '
                 'JOIN string ON string_id = g.name_id',
    'sample': 'SELECT x.time_ns, x.device_id, n.value, x.value FROM sample x JOIN string n ON '
              'n.string_id = x.counter_id',
    'memcpy': f'SELECT start_ns, duration_ns, direction, bytes, n.value FROM memcpy m JOIN stream t USING (stream_id) '
              f'LEFT JOIN string n ON n.string_id = t.name_id WHERE source_memory = {MANAGED} AND '
              f'destination_memory = {MANAGED} AND m.correlation_id = 0 AND t.device_id = 0',
}


def got(run, rank):
    """{table: rows} of one rank, times moved to the scenario's by its first call."""
    rows = collections.defaultdict(collections.Counter)
    for path in run.databases():
        db = sqlite3.connect(path)
        if db.execute('SELECT rank FROM trace').fetchone()[0] != rank:
            continue
        # The first call of the scenario begins at 0.
        shift = db.execute('SELECT MIN(start_ns) FROM api_call').fetchone()[0]
        for table, query in QUERIES.items():
            for row in db.execute(query):
                row = list(row)
                row[0] = None if row[0] == -1 else row[0] - shift
                if table == 'memory_pool':
                    if row[-2:] != [0, 1]:
                        rows[table]['device or kind', *row] += 1
                        continue
                    row = row[:-2]
                    row[6] = row[6].split('_v')[0] if row[6] else row[6]
                rows[table][tuple(row)] += 1
        db.close()
    return rows


def difference(wanted, found):
    problems = []
    for table in QUERIES:
        if wanted[table] != found[table]:
            problems.append(f'{table}: missing {list((wanted[table] - found[table]).items())[:3]}\n'
                            f'{table}: surplus {list((found[table] - wanted[table]).items())[:3]}')
    return problems


def check_version(tap, version):
    for unified in ('off', 'on'):
        with Run(SCENARIO, version=version, LAGGARD_NVML='off', LAGGARD_UNIFIED_MEMORY=unified) as run:
            problems = [] if run.result.status == 0 and not run.result.err else [run.result.text()]
            for rank in (0, 1):
                wanted = expected(rank, unified == 'on', version)
                tables = {'memory_pool', 'overhead'} | ({'sample', 'memcpy'} if unified == 'on' else set())
                if any(not wanted[table] for table in tables):
                    problems.append('the scenario tells nothing')
                problems += difference(wanted, got(run, rank))
            losses = run.loss()
            if any(losses.values()) or any(reason.startswith('cupti') for reason in losses):
                problems.append(str(losses))
            tap.check(not problems, f'CUPTI {version}, unified memory {unified}: every row is exact',
                      '\n'.join(problems))


def check_refusals(tap):
    # Several GPUs without peer access: what a box of RTX 4090 says.
    with Run(SCENARIO, LAGGARD_NVML='off', LAGGARD_UNIFIED_MEMORY='on', RIG_FAULTS='unified=30') as run:
        found, wanted = got(run, 0), expected(0, False, '13.0')
        reasons = [reason for reason in run.loss() if 'LAGGARD_UNIFIED_MEMORY' in reason]
        tap.check(not difference(wanted, found) and len(reasons) == 1 and 'NON_P2P' in reasons[0] and
                  not run.result.err, 'CUPTI refuses unified memory: said, and all the rest is there',
                  f'{reasons} {difference(wanted, found)}')
    # The driver is not ready inside cuInit: the first context brings them.
    with Run(SCENARIO, LAGGARD_NVML='off', LAGGARD_UNIFIED_MEMORY='on',
             RIG_FAULTS='fail=cuptiActivityConfigureUnifiedMemoryCounter:1:15') as run:
        problems = difference(expected(0, True, '13.0'), got(run, 0))
        tap.check(not problems and not any('UNIFIED' in reason for reason in run.loss()),
                  'refused inside cuInit: switched on with the first context', f'{problems} {run.loss()}')
    with Run(SCENARIO, LAGGARD_NVML='off', LAGGARD_MEMORY_EVENTS='off') as run:
        tap.check(run.count('memory_pool') == 0 and run.count('allocation') == 0 and run.count('kernel') > 0,
                  'LAGGARD_MEMORY_EVENTS=off leaves pools out, too')


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    for version in guest.VERSIONS:
        check_version(tap, version)
    check_refusals(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
