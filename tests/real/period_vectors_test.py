#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden vector G5 (iteration period of a token sequence), through period_driver. Prints TAP; without the vectors it
is skipped by name."""

import json
import os
import subprocess
import sys
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.environ.get('VECTORS', os.path.join(HERE, '..', '..', '..', 'shared', 'facts', 'golden-vectors.json'))
DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'period_driver')


def check(vector):
    expected = vector['expected']
    lags = list(expected['match_ratio_untrimmed'])
    result = subprocess.run([DRIVER, *lags], input=' '.join(map(str, vector['inputs']['tokens'])),
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    got = json.loads(result.stdout)
    for member, want in (('length', expected['length']), ('period', expected['true_period']),
                         ('micro_batch', expected['micro_batch_period']), ('count', expected['iterations']),
                         ('head', expected['head_tokens']), ('tail', expected['tail_tokens']),
                         ('anchor', expected['anchor_token'])):
        assert got[member] == want, f'{member}: {got[member]}, not {want}'
    for kind in ('untrimmed', 'trimmed'):
        for lag, ratio in expected[f'match_ratio_{kind}'].items():
            want = Fraction(ratio['num'], ratio['den'])
            assert Fraction(*got[kind][lag]) == want, f'{kind} at {lag}: {got[kind][lag]}, not {want}'
    trimmed = expected['match_ratio_trimmed'][str(expected['true_period'])]
    assert Fraction(*got['match']) == Fraction(trimmed['num'], trimmed['den']), got['match']


def main():
    print('1..1')
    name = 'golden vector G5: period of a token sequence'
    if not os.path.exists(VECTORS):
        print(f'ok 1 - {name} # SKIP no vectors at {VECTORS}')
        return 0
    with open(VECTORS) as file:
        vectors = {vector['id']: vector for vector in json.load(file)['vectors']}
    try:
        check(vectors['G5'])
    except Exception as error:    # whatever it is, it is this test that failed
        for line in f'{type(error).__name__}: {error}'.splitlines():
            print(f'# {line}')
        print(f'not ok 1 - {name}')
        return 1
    print(f'ok 1 - {name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
