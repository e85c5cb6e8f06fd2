#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: the last rank gets twice as many samples a step as the others, which wait for it.

    laggard run -- torchrun --nproc_per_node=4 samples/uneven_batches.py

finding: uneven-work
rank: last
played by: uneven-batches
repair: a DistributedSampler, or batches of equal numbers of tokens on all ranks
"""

import argparse

import torch

from job import Job, layers, train_step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--batch', type=int, default=512)
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, 8))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    is_last = job.rank == job.world_size - 1
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            inputs = job.batch(arguments.batch * (2 if is_last else 1), arguments.width)
            train_step(model, optimizer, inputs.to(job.device, non_blocking=True))
    job.end('uneven_batches')


if __name__ == '__main__':
    main()
