#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: batches come from pageable memory, so each copy is slow and keeps the host waiting.

    laggard run -- torchrun --nproc_per_node=4 samples/pageable_copies.py

finding: pageable-copies
played by: pageable-copies
repair: pin_memory=True in the DataLoader and .to(device, non_blocking=True); --pinned does that here
"""

import argparse

import torch

from job import Job, layers, train_step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=4096)
    parser.add_argument('--batch', type=int, default=4096)
    parser.add_argument('--pinned', action='store_true', help='without the fault')
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = job.batch(arguments.batch, arguments.width, arguments.pinned)
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            train_step(model, optimizer, inputs.to(job.device, non_blocking=arguments.pinned))
    job.end('pageable_copies')


if __name__ == '__main__':
    main()
