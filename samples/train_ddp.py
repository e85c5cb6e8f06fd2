#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small data-parallel training loop in PyTorch: something to record.

    laggard run -- torchrun --nproc-per-node=4 samples/train_ddp.py
    laggard run -- python3 samples/train_ddp.py                        one GPU

--slow-rank R makes rank R prepare its batches slowly on the CPU: the others then wait for it.
"""

import argparse
import os
import time

import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel


def make_model(width, depth):
    layers = []
    for _ in range(depth):
        layers += [torch.nn.Linear(width, width), torch.nn.GELU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))


def make_batch(size, width, delay_s):
    """A batch in pinned memory, as a loader of real data would hand it over."""
    if delay_s > 0:
        time.sleep(delay_s)
    return (torch.randn(size, width).pin_memory(), torch.randint(0, 10, (size,)).pin_memory())


def train(arguments, rank, device, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    delay_s = arguments.slow_s if rank == arguments.slow_rank else 0.0
    for step in range(arguments.steps):
        torch.cuda.nvtx.range_push(f'step {step}')
        inputs, targets = make_batch(arguments.batch, arguments.width, delay_s)
        inputs = inputs.to(device, non_blocking=True)
        targets = targets.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        torch.cuda.nvtx.range_pop()
    torch.cuda.synchronize(device)
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
    rank = int(os.environ.get('RANK', '0'))
    world_size = int(os.environ.get('WORLD_SIZE', '1'))
    device = torch.device('cuda', int(os.environ.get('LOCAL_RANK', '0')))
    torch.cuda.set_device(device)
    model = make_model(arguments.width, arguments.depth).to(device)
    if world_size > 1:
        torch.distributed.init_process_group('nccl')
        model = DistributedDataParallel(model, device_ids=[device.index])
    loss = train(arguments, rank, device, model)
    if rank == 0:
        print(f'{arguments.steps} steps on {world_size} GPU(s), last loss {loss:.3f}')
    if world_size > 1:
        torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main()
