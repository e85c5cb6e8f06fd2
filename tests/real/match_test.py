#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Collectives matched over ranks, against the known numbers of real traces: waits, transfers, spreads, and refusal.
Prints TAP; without the traces it is skipped by name."""

import collections
import csv
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'match_driver')


def run(*patterns):
    paths = [path for pattern in patterns for path in sorted(glob.glob(os.path.join(TRACES, pattern)))]
    result = subprocess.run([DRIVER, *paths], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = collections.defaultdict(list)
    for line in result.stdout.splitlines():
        lines[line.split(' ', 1)[0]].append(line)
    return lines


def fields(line, *names):
    words = line.split()
    return [int(words[words.index(name) + 1]) for name in names]


def table(name, rows_of):
    with open(os.path.join(TRACES, 'expected', name)) as file:
        return [row for row in csv.DictReader(file) if row['set'] == rows_of]


def check_set(lines, name, epoch_ns):
    members = [line for line in lines['member']]
    want = [[int(row['index']), int(row['rank']), int(row['start_ns']) + epoch_ns, int(row['wait_ns']),
             int(row['transfer_ns'])] for row in table('collectives.csv', name)]
    got = [[int(line.split()[1])] + fields(line, 'lane', 'start', 'wait', 'transfer') for line in members]
    if epoch_ns is not None and name.startswith('nsys'):    # its times count from the session's start
        shift = got[0][2] - want[0][2]
        want = [[*row[:2], row[2] + shift, *row[3:]] for row in want]
    assert got == want, next((a, b) for a, b in zip(got + [None], want + [None]) if a != b)
    want = [[int(row['start_spread_ns']), int(row['end_spread_ns']), int(row['wait_sum_ns'])]
            for row in table('collective_summary.csv', name)]
    got = [fields(line, 'start_spread', 'end_spread', 'wait') for line in lines['instance']]
    assert got == want, (got, want)
    for row in table('collective_rank_totals.csv', name):
        mine = [line for line in members if fields(line, 'lane') == [int(row['rank'])]]
        assert sum(fields(line, 'wait')[0] for line in mine) == int(row['wait_sum_ns']), row
        assert sum(fields(line, 'latest')[0] for line in mine) == int(row['times_latest']), row


def check_four_of_eight_ranks():
    lines = run('dlrm-v100-rank*of8.json')
    check_set(lines, 'dlrm-v100 ranks 0-3', 0)
    assert all(fields(line, 'complete') == [0] for line in lines['instance'])
    assert all(' verified ' in line for line in lines['clock'][1:]), lines['clock']


def check_two_gpus_of_one_file():
    lines = run('nsys-h100-2gpu-train.sqlite')
    check_set(lines, 'nsys-h100-2gpu-train', 0)
    assert all(' same ' in line for line in lines['clock']), lines['clock']


def check_sampled_rows_are_refused():
    lines = run('sampled-rank*')
    assert not lines['instance'], lines['instance']
    assert len(lines['group']) == 1 and fields(lines['group'][0], 'worst', 'unmatched') == [134153000, 20]
    assert 'not the same instances' in lines['group'][0]
    assert all(' unknown ' in line for line in lines['clock']), lines['clock']


TESTS = (
    ('collectives of four of eight ranks', check_four_of_eight_ranks),
    ('collectives of two GPUs in one file', check_two_gpus_of_one_file),
    ('sampled rows are refused', check_sampled_rows_are_refused),
)


def main():
    print(f'1..{len(TESTS)}')
    failures = 0
    for number, (name, check) in enumerate(TESTS, 1):
        if not os.path.isdir(TRACES):
            print(f'ok {number} - {name} # SKIP no traces at {TRACES}')
            continue
        try:
            check()
        except Exception as error:    # whatever it is, it is this test that failed
            for line in f'{type(error).__name__}: {error}'.splitlines():
                print(f'# {line}')
            print(f'not ok {number} - {name}')
            failures += 1
            continue
        print(f'ok {number} - {name}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
