#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: every layer is split over the ranks, and each needs a large AllReduce before the next can compute.

    laggard run -- torchrun --nproc_per_node=4 samples/tensor_parallel.py

finding: blocking-communication
played by: tensor-parallel
repair: without NVLink split the batch (data parallel) or the layers (pipeline), not the tensors
"""

import argparse

import torch
import torch.distributed

from job import Job


class SplitBlock(torch.nn.Module):
    """Two matrices, the first split by columns and the second by rows: each rank has a part of the sum."""

    def __init__(self, job, width):
        super().__init__()
        part = max(1, 4 * width // job.world_size)
        self.up = torch.nn.Linear(width, part, bias=False)
        self.down = torch.nn.Linear(part, width, bias=False)
        self.has_peers = job.world_size > 1

    def forward(self, inputs):
        outputs = self.down(torch.nn.functional.gelu(self.up(inputs)))
        if self.has_peers:
            torch.distributed.all_reduce(outputs)
        return inputs + outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--batch', type=int, default=4096)
    parser.add_argument('--depth', type=int, default=8)
    arguments = parser.parse_args()
    job = Job()
    blocks = [SplitBlock(job, arguments.width) for _ in range(arguments.depth)]
    model = torch.nn.Sequential(*blocks).to(job.device)
    inputs = job.batch(arguments.batch, arguments.width).to(job.device)
    # Inference: the sums of the ranks in place, which autograd would not allow.
    with torch.no_grad():
        for step in range(arguments.steps):
            with job.range(f'step {step}'):
                model(inputs)
    job.end('tensor_parallel')


if __name__ == '__main__':
    main()
