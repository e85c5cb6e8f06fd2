#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `laggard analyze` says of the collectives of real traces (TAP): every start, wait and spread as in the
expected tables, which other programs computed, and no word more than the captured ranks allow. Without the traces
all of it is skipped by name."""

import csv
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
LAGGARD = os.path.join(os.environ.get('B', 'build'), 'bin', 'laggard')
ACCUSATIONS = ('straggler', 'co-straggler', 'late')
DLRM, NSYS = 'dlrm-v100 ranks 0-3', 'nsys-h100-2gpu-train'


def report(pattern):
    files = sorted(glob.glob(os.path.join(TRACES, pattern)))
    done = subprocess.run([LAGGARD, 'analyze', '--window', 'all', '--format', 'json', *files], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f'exit status {done.returncode}: {done.stderr}')
    return json.loads(done.stdout)


def table(name, key):
    with open(os.path.join(TRACES, 'expected', name), newline='') as file:
        return [row for row in csv.DictReader(file) if row['set'].startswith(key)]


def equal(got, want, what):
    if got != want:
        raise AssertionError(f'{what}: got {got!r}, want {want!r}')


def check_instances(found, key):
    """Every collective and every member of it."""
    summary, members = table('collective_summary.csv', key), table('collectives.csv', key)
    instances = found['collective_instances']
    equal(len(instances), len(summary), 'collectives')
    for instance, want in zip(instances, summary):
        what = f"collective {want['index']}"
        equal('+'.join(str(gpu) for gpu in instance['latest_gpus']), want['latest_starter'], f'{what}: latest')
        for column in ('start_spread_ns', 'end_spread_ns'):
            equal(instance[column], int(want[column]), f'{what}: {column}')
        equal(instance['wait_ns'], int(want['wait_sum_ns']), f'{what}: wait')
        equal(sum(member['wait_ns'] for member in instance['members']), instance['wait_ns'], f'{what}: sum of waits')
        equal(instance['is_wait_known'], True, f'{what}: is_wait_known')
        for row in (row for row in members if row['index'] == want['index']):
            member = instance['members'][int(row['rank'])]
            equal((member['gpu'], member['duration_ns'], member['wait_ns'], member['transfer_ns']),
                  tuple(int(row[name]) for name in ('rank', 'dur_ns', 'wait_ns', 'transfer_ns')),
                  f"{what}, rank {row['rank']}")


def check_totals(found, key):
    """Waits by rank; each in the parts of its GPU as far as nothing computes meanwhile."""
    for row in table('collective_rank_totals.csv', key):
        rank = int(row['rank'])
        waits = sum(instance['members'][rank]['wait_ns'] for instance in found['collective_instances'])
        equal(waits, int(row['wait_sum_ns']), f'rank {rank}: sum of waits')
        latest = sum(rank in instance['latest_gpus'] for instance in found['collective_instances'])
        equal(latest, int(row['times_latest']), f'rank {rank}: times latest')
        gpu = found['gpus'][rank]
        equal(gpu['comm_wait_ns'] + gpu['comm_transfer_ns'], gpu['comm_ns'], f'rank {rank}: wait + transfer')
        equal(gpu['comm_wait_ns'] <= waits, True, f'rank {rank}: no more exposed than waited')


def check_nobody_named(found):
    equal(found['stragglers']['set'], [], 'set of culprits')
    equal([row['gpu'] for row in found['blame'] if row['is_named']], [], 'named ranks')
    for finding in found['findings']:
        accused = finding['id'] if any(word in finding['id'] for word in ACCUSATIONS) else None
        if accused and finding['gpu'] is not None:
            raise AssertionError(f"{finding['id']} accuses GPU {finding['gpu']}: {finding['text']}")


def check_dlrm():
    found = report('dlrm-v100-rank*.json')
    check_instances(found, DLRM)
    check_totals(found, DLRM)
    equal(found['stragglers']['verdict'], 'limited', 'verdict')
    equal(bool(found['stragglers']['reason']), True, 'a reason')
    equal(found['stragglers']['missing'], 4, 'missing ranks')
    equal([instance['is_complete'] for instance in found['collective_instances']], [False] * 8, 'is_complete')
    check_nobody_named(found)


def check_sampled():
    found = report('sampled-rank*.json.gz')
    equal(found['collective_instances'], [], 'instances')
    for gpu in found['gpus']:
        equal((gpu['comm_wait_ns'], gpu['comm_transfer_ns']), (None, None), f"GPU {gpu['gpu']}: wait and transfer")
        equal(gpu['comm_unmatched_kernels'], 10, f"GPU {gpu['gpu']}: unmatched kernels")
    for group in found['collectives']:
        equal((group['matched'], group['wait_ns'], group['is_wait_known']), (0, 0, False), 'group')
        equal('134.153 ms' in group['reason'], True, f"reason: {group['reason']}")
    equal(found['stragglers']['verdict'], 'unknown', 'verdict')
    equal('134.153 ms' in found['stragglers']['reason'], True, f"reason: {found['stragglers']['reason']}")
    check_nobody_named(found)


def check_nsys():
    found = report('nsys-h100-2gpu-train.sqlite')
    equal(len(found['collective_instances']), 31, 'pairs')
    check_instances(found, NSYS)
    check_totals(found, NSYS)
    equal(max(row['start_spread_ns'] for row in found['collective_instances']), 7_031_585, 'largest start spread')
    equal(max(row['end_spread_ns'] for row in found['collective_instances']), 17_558, 'largest end spread')
    waits = [gpu['comm_wait_ns'] for gpu in found['gpus']]
    equal(waits, [4_266_638, 18_218_556], 'waits, all of them exposed')
    check_nobody_named(found)


def main():
    checks = (('dlrm, 4 of 8 ranks: every wait and spread; limited, nobody accused', check_dlrm),
              ('sampled ranks: no claim about waiting, and why', check_sampled),
              ('nsys pair: every wait and spread; nobody named', check_nsys))
    print(f'1..{len(checks)}')
    failed = 0
    for number, (name, check) in enumerate(checks, 1):
        if not os.path.isdir(TRACES):
            print(f'ok {number} - {name} # SKIP no traces at {TRACES}')
            continue
        try:
            check()
        except Exception as error:    # anything at all is a failed test, never the end of the others
            failed += 1
            for line in f'{type(error).__name__}: {error}'.splitlines():
                print(f'# {line}')
            print('not ', end='')
        print(f'ok {number} - {name}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
