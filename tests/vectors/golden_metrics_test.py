#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics against the golden vectors, to the tolerance that each vector states. Prints TAP; a vector that is
not there is skipped by name.

To add one: a function in metrics_driver.c that reads integers and prints rows of integers, and here a
`check_<id in lower case>(inputs, expected)` that raises AssertionError; its docstring is the test's name.

Environment: VECTORS (golden-vectors.json), B (folder of what was built)
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.environ.get('VECTORS', os.path.join(HERE, '..', '..', '..', 'shared', 'facts', 'golden-vectors.json'))
DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'metrics_driver')
E12 = 10 ** 12


def drive(metric, *numbers):
    """Rows of integers that the metric prints for these, which may be numbers or lists of them."""
    text = ' '.join(str(number) for part in numbers for number in (part if isinstance(part, list) else [part]))
    result = subprocess.run([DRIVER, metric], input=text, capture_output=True, text=True)
    assert result.returncode == 0, f'{metric}: {result.stderr}'
    return [[int(number) for number in line.split()] for line in result.stdout.splitlines()]


def equal(what, got, want):
    assert got == want, f'{what} is {got}, not {want}'


def equal_ratio(what, got_e12, want):
    """A fixed-point ratio within 1e-9 of num / den, compared as integers."""
    assert abs(got_e12 * want['den'] - want['num'] * E12) <= want['den'] * 1000, f'{what} is {got_e12}e-12, not {want}'


def check_g1(inputs, expected):
    """efficiency chain, balance, blame and fix-sets"""
    start, end = inputs['window_ns']
    parts = zip(expected['compute_ns'], expected['copy_ns'], expected['comm_transfer_ns'], expected['comm_wait_ns'])
    count = len(expected['compute_ns'])
    chain = drive('chain', end - start, count, [ns for gpu in parts for ns in gpu])[0]
    names = ('load_balance', 'copy', 'transfer', 'serialisation', 'orchestration')
    equal_ratio('parallel efficiency', chain[0], expected['parallel_efficiency'])
    for name, got in zip(names, chain[1:]):
        equal_ratio(name, got, expected['factors'][name])
    balance = drive('balance', count, expected['compute_ns'])[0]
    equal_ratio('lambda', balance[0], expected['lambda'])
    assert abs(balance[1] / E12 - expected['cov_population']) < 1e-9, f'cov is {balance[1]}e-12'
    arrivals = inputs['collective']['start_ns']
    totals, *ranks = drive('blame', end - start, count, arrivals, expected['comm_wait_ns'])
    equal('caused wait', totals[0], expected['caused_wait_gpu_ns'])
    gains = expected['fix_gain_step_ns']
    equal('gain of the fix-set', totals[2], gains['{2,3}'])
    equal('gain in GPU time', totals[2] * count, expected['fix_gain_gpu_ns']['{2,3}'])
    equal('gain of 2 alone', ranks[2][0], gains['{2}'])
    equal('gain of 3 alone', ranks[3][0], gains['{3}'])
    for rank, share in expected['shapley_step_ns'].items():
        equal(f'share of {rank}', ranks[int(rank)][1], share)
    equal('fix-set', [rank for rank in range(count) if ranks[rank][2]], expected['smallest_fix_set'])
    equal('latest', [rank for rank in range(count) if ranks[rank][3]], expected['latest_arrivers'])


def check_g2(inputs, expected):
    """frontier accounting"""
    durations = inputs['duration_ns']
    rows = drive('frontier', len(durations), len(durations[0]), [ns for rank in durations for ns in rank])
    for column, name in enumerate(('frontier_ns', 'exposed_ns', 'leader')):
        equal(name, [row[column] for row in rows], expected[name])
    equal('sum', sum(row[1] for row in rows), expected['sum_ns'])


def check_g3(inputs, expected):
    """delay cost, rounded so that the parts sum to the wait"""
    names = list(inputs['delayer_ns'])
    surplus, short, passed = drive('delay', inputs['waiter_wait_ns'], inputs['delayer_own_wait_ns'], len(names),
                                   [inputs['delayer_ns'][name] for name in names],
                                   [inputs['waiter_ns'][name] for name in names])
    equal('delta', dict(zip(names, surplus)), expected['delta_ns'])
    wants = [expected['short_term_ns'][name] for name in names] + [expected['propagated_to_delayers_wait_ns']]
    for got, want in zip(short + passed, wants):
        # Less than a nanosecond off is what rounding means.
        assert abs(got * want['den'] - want['num']) < want['den'], f'{got} ns, not {want}'
    equal('sum', sum(short + passed), inputs['waiter_wait_ns'])


def check_g6(inputs, expected):
    """pipeline bubbles by theory"""
    for given, want in zip(inputs, expected, strict=True):
        got = drive('bubble', given['stages'], given['micro_batches'], given['interleave'])[0]
        wanted = [want[share][part] for share in ('bubble_of_total', 'bubble_of_ideal') for part in ('num', 'den')]
        equal(f'bubble of {given}', got, wanted)


def check_g7(inputs, expected):
    """AllReduce floors"""
    for given, want in zip(inputs, expected, strict=True):
        bytes_per_s = round(given['busbw_gb_per_s'] * 10 ** 9)
        floor_ps = drive('allreduce_floor', given['bytes'], given['ranks'], bytes_per_s)[0][0]
        num, den = want['floor_ms']['num'], want['floor_ms']['den']
        # 1e-9 relative, as integers: a millisecond is 1e9 picoseconds.
        assert abs(floor_ps * den - num * 10 ** 9) <= num, f'{floor_ps} ps, not {want["floor_ms"]}'


def main():
    checks = {name[6:].upper(): check for name, check in sorted(globals().items()) if name.startswith('check_')}
    vectors = {}
    if os.path.exists(VECTORS):
        with open(VECTORS, encoding='utf-8') as file:
            vectors = {vector['id']: vector for vector in json.load(file)['vectors']}
    print(f'1..{len(checks)}')
    failed = 0
    for number, (name, check) in enumerate(checks.items(), 1):
        title = f'{number} - golden vector {name}: {check.__doc__}'
        if name not in vectors:
            print(f'ok {title} # SKIP no {name} at {VECTORS}')
            continue
        try:
            check(vectors[name]['inputs'], vectors[name]['expected'])
            print(f'ok {title}')
        except Exception as error:    # whatever it is, it is this test that failed
            failed += 1
            for line in f'{type(error).__name__}: {error}'.splitlines():
                print(f'# {line}')
            print(f'not ok {title}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
