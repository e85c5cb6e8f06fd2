#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: all but 2 % of device memory is taken: the next longer batch fails.

    laggard run -- torchrun --nproc_per_node=4 samples/memory_limit.py

finding: memory-near-limit
played by: memory-near-limit
repair: smaller micro-batches, activation checkpointing, sharded optimizer states
"""

import argparse

import torch

from job import Job, layers, train_step


def ballast_take(job, free_permille):
    """Device memory that is held and never used, until only that much is free."""
    if not job.has_cuda:
        return None
    free, everything = torch.cuda.mem_get_info(job.device)
    keep_free = everything // 1000 * free_permille
    return torch.empty(max(free - keep_free, 1), dtype=torch.uint8, device=job.device)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--free-permille', type=int, default=20)
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, 6))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = job.batch(256, arguments.width).to(job.device)
    ballast = None
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            train_step(model, optimizer, inputs)
        if step == 2:       # now everything else has what it needs
            ballast = ballast_take(job, arguments.free_permille)
    job.end(f'memory_limit ({0 if ballast is None else ballast.numel()} bytes of ballast)')


if __name__ == '__main__':
    main()
