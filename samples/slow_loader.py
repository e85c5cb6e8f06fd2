#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: the DataLoader prepares every batch in the training's own process, on every rank.

    laggard run -- torchrun --nproc_per_node=4 samples/slow_loader.py

finding: data-loading
played by: data-all-ranks
repair: num_workers=4, persistent_workers=True, pin_memory=True in the DataLoader
"""

import argparse
import time

import torch

from job import Job, layers, train_step


class SlowDataset(torch.utils.data.Dataset):
    """Decoding a sample takes the CPU `cost_s`."""

    def __init__(self, length, width, cost_s):
        self.length, self.width, self.cost_s = length, width, cost_s

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        time.sleep(self.cost_s)
        return torch.full((self.width,), float(index % 7))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--cost-s', type=float, default=0.0002, help='of a sample')
    arguments = parser.parse_args()
    job = Job()
    model = job.data_parallel(layers(arguments.width, 6))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    batch = 128
    dataset = SlowDataset(arguments.steps * batch, arguments.width, arguments.cost_s)
    loader = torch.utils.data.DataLoader(dataset, batch_size=batch, num_workers=0, pin_memory=job.has_cuda)
    batches = iter(loader)
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            with job.range('enumerate(DataLoader)#__next__'):
                inputs = next(batches)
            train_step(model, optimizer, inputs.to(job.device, non_blocking=True))
    job.end('slow_loader')


if __name__ == '__main__':
    main()
