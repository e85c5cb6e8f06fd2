#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: the loss of every micro-batch is read with .item(): the host waits, then the GPU for the host.

    laggard run -- torchrun --nproc_per_node=4 samples/item_each_step.py

finding: host-sync
played by: host-sync
repair: keep the losses on the GPU (loss.detach()), and read them every 100 steps
"""

import argparse

import torch

from job import Job, layers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=1024)
    parser.add_argument('--micro-batches', type=int, default=8)
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    inputs = job.batch(128, arguments.width).to(job.device)
    total = 0.0
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            optimizer.zero_grad(set_to_none=True)
            for _ in range(arguments.micro_batches):
                loss = model(inputs).square().mean()
                loss.backward()
                total += loss.item()
            optimizer.step()
    job.end(f'item_each_step (sum of losses {total:.3f})')


if __name__ == '__main__':
    main()
