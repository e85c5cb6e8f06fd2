#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small data-parallel training loop in PyTorch: something to record.

    laggard run -- torchrun --nproc_per_node=4 samples/train_ddp.py
    laggard run -- python3 samples/train_ddp.py                        one GPU

--slow-rank R makes rank R prepare its batches slowly on the CPU: the others then wait for it.
"""

import argparse
import time

import torch

from job import Job, layers


def make_batch(job, size, width, delay_s):
    """A batch in pinned memory, as a loader of real data would hand it over."""
    if delay_s > 0:
        time.sleep(delay_s)
    targets = torch.randint(0, 10, (size,))
    return job.batch(size, width), targets.pin_memory() if job.has_cuda else targets


def train(arguments, job, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    delay_s = arguments.slow_s if job.rank == arguments.slow_rank else 0.0
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            inputs, targets = make_batch(job, arguments.batch, arguments.width, delay_s)
            inputs = inputs.to(job.device, non_blocking=True)
            targets = targets.to(job.device, non_blocking=True)
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=50)
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--depth', type=int, default=8)
    parser.add_argument('--slow-rank', type=int, default=-1)
    parser.add_argument('--slow-s', type=float, default=0.02)
    arguments = parser.parse_args()
    job = Job()
    network = layers(arguments.width, arguments.depth).append(torch.nn.Linear(arguments.width, 10))
    loss = train(arguments, job, job.data_parallel(network))
    job.end(f'{arguments.steps} steps, last loss {loss:.3f}')


if __name__ == '__main__':
    main()
