#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A balanced run from a seed: nobody is late but by chance, so nobody may be accused.

    balanced_scenario.py SEED > FILE

2 to 8 GPUs, some kernels and buckets, each time other sizes and jitter; with or without NVTX ranges, with the loss read
at the end of the step or with the host one step ahead.
"""

import random
import sys

KERNELS = (('gemm', '"_Z4gemmPKfS0_Pfi" grid=512,1,1 block=256,1,1 regs=128'),
           ('softmax', '"_Z7softmaxPKfPfi" grid=1024,1,1 block=256,1,1 regs=40'),
           ('norm', '"_Z4normPKfPfi" grid=768,1,1 block=128,1,1 regs=32'),
           ('conv', '"_Z4convPKfS0_Pfiii" grid=640,2,1 block=256,1,1 regs=168'))


def launches(chance, kernels, jitter, thread):
    """One layer: some kernels, in an order of its own."""
    return [f'launch kernel={chance.choice(kernels)[0]} dur={chance.randint(20, 200)}us~{jitter} '
            f'api={chance.randint(2000, 4000)}~300 lat=4200~200 thread={thread}'
            for _ in range(chance.randint(1, 3))]


def indented(lines):
    return ['\t' + line for line in lines]


def repeated(count, lines):
    return [f'repeat count={count}'] + indented(lines) + ['end']


def backward(chance, kernels, jitter):
    lines = ['join thread=2 with=0']
    for _ in range(chance.randint(1, 5)):
        lines += repeated(chance.randint(4, 10), launches(chance, kernels, jitter, 2))
        lines += ['record id=2 thread=2', 'wait id=2 stream=13 thread=2',
                  f'coll op=AllReduce dtype=bf16 bytes={chance.randint(1, 40) << 20} stream=13 '
                  f'dur={chance.randint(100, 2500)}us~{jitter} skew=800 thread=2']
    return lines + ['join with=2', 'record id=3 stream=13', 'wait id=3']


def named(has_ranges, name, lines):
    return [f'push name="{name}"'] + lines + ['pop'] if has_ranges else lines


def step_of(chance, kernels, jitter):
    has_ranges = chance.random() < 0.7
    lines = named(has_ranges, 'enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__',
                  [f'host dur={chance.randint(20, 200)}us~200'])
    lines += [f'copy dir=h2d src=pinned bytes={chance.randint(1, 16) << 18} dur={chance.randint(20, 160)}us~{jitter}']
    lines += named(has_ranges, 'forward',
                   repeated(chance.randint(8, 24), launches(chance, kernels, jitter, 0)))
    lines += named(has_ranges, 'backward', backward(chance, kernels, jitter))
    lines += repeated(chance.randint(2, 6), [f'launch kernel=adam dur={chance.randint(30, 150)}us~{jitter}'])
    if chance.random() < 0.5:
        lines += ['copy dir=d2h dst=pinned bytes=4 dur=1700~200', 'sync name=stream']
    else:
        lines += ['sync name=event id=5', 'record id=5']
    return named(has_ranges, 'step {step}', lines) + [f'host dur={chance.randint(20, 100)}us~300']


def scenario_of(seed):
    chance = random.Random(seed)
    gpus, jitter = chance.randint(2, 8), chance.choice((5, 10, 20, 40))
    kernels = chance.sample(KERNELS, chance.randint(1, len(KERNELS)))
    lines = [f'scenario balanced-{seed}', f'seed {seed}', f'gpus {gpus}', f'processes {gpus}']
    lines += [f'kernel {name} {shape}' for name, shape in kernels]
    lines += ['kernel adam "_Z4adamPfPKfi" grid=256,1,1 block=256,1,1 regs=24', 'open stream=13',
              'comm id=0 api=20ms~100', 'join thread=2 with=0']
    lines += repeated(chance.randint(12, 30), step_of(chance, kernels, jitter))
    return '\n'.join(lines + ['sync name=device', 'uncomm id=0']) + '\n'


if __name__ == '__main__':
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
        sys.exit(__doc__)
    sys.stdout.write(scenario_of(int(sys.argv[1])))
