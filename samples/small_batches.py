#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: batches so small that the GPU has done a kernel before the host has launched the next.

    laggard run -- torchrun --nproc_per_node=4 samples/small_batches.py

finding: launch-bound
played by: launch-bound
repair: a larger batch, torch.compile(model), or CUDA graphs
"""

import argparse

import torch

from job import Job, layers, train_step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=256)
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--depth', type=int, default=64)
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, arguments.depth))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = job.batch(arguments.batch, arguments.width).to(job.device)
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            train_step(model, optimizer, inputs)
    job.end('small_batches')


if __name__ == '__main__':
    main()
