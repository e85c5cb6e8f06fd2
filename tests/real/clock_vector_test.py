#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden vector G4: the offset of two clocks from 50 barriers. Of the two medians it names, the upper one is ours.
Prints TAP; without the vectors it is skipped by name."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.environ.get('VECTORS', os.path.join(HERE, '..', '..', '..', 'shared', 'facts', 'golden-vectors.json'))
DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'clock_driver')


def main():
    print('1..1')
    name = 'golden vector G4: bounds and upper median of a clock offset'
    if not os.path.exists(VECTORS):
        print(f'ok 1 - {name} # SKIP no vectors at {VECTORS}')
        return 0
    with open(VECTORS) as file:
        vector = next(vector for vector in json.load(file)['vectors'] if vector['id'] == 'G4')
    inputs, expected = vector['inputs'], vector['expected']
    text = ''.join(f'{a[0]} {a[1]} {b[0]} {b[1]}\n' for a, b in
                   zip(inputs['rank0_start_end_ns'], inputs['rank1_start_end_ns']))
    result = subprocess.run([DRIVER], input=text, capture_output=True, text=True)
    want = [expected['lo_ns'], expected['hi_ns'], expected['median_of_end_differences_upper_ns'], 0]
    got = [int(word) for word in result.stdout.split()]
    if got != want:
        print(f'# low, high, offset, drift: {got}, not {want}')
        print(f'not ok 1 - {name}')
        return 1
    print(f'ok 1 - {name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
