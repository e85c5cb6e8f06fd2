#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: rank 1's host does something else in the middle of each backward; all the others wait for it.

    laggard run -- torchrun --nproc_per_node=4 samples/slow_rank.py

finding: host-late
rank: 1
played by: late-host
repair: take the work out of the hook (logging, checks, copies to the host), or do it on a thread of its own
"""

import argparse
import time

import torch

from job import Job, layers, train_step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--rank', type=int, default=1, help='who is slow')
    parser.add_argument('--late-s', type=float, default=0.02)
    arguments = parser.parse_args()
    job = Job()
    network = layers(arguments.width, 8)
    if job.rank == arguments.rank:
        # In the middle, so that its GPU runs dry and a timer around backward sees the same time on every rank.
        network[8].register_full_backward_hook(lambda *unused: time.sleep(arguments.late_s))
    model = job.data_parallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = job.batch(256, arguments.width).to(job.device).requires_grad_()
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            train_step(model, optimizer, inputs)
    job.end('slow_rank')


if __name__ == '__main__':
    main()
