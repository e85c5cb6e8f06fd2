#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planted fault: a pipeline (a stage a rank) with few micro-batches, all forward and then all backward.

    laggard run -- torchrun --nproc_per_node=4 samples/pipeline.py

finding: pipeline-bubble
played by: pipeline-bubble
repair: more micro-batches (--micro-batches 32), or an interleaved schedule
"""

import argparse

import torch
import torch.distributed

from job import Job, layers


class Stage:
    """This rank's layers between its neighbours: activations go up, gradients come down."""

    def __init__(self, job, width, batch):
        self.job, self.shape = job, (batch, width)
        self.model = layers(width, 8).to(job.device)
        self.is_first, self.is_last = job.rank == 0, job.rank == job.world_size - 1

    def receive(self, rank):
        data = torch.empty(self.shape, device=self.job.device)
        torch.distributed.recv(data, rank)
        return data

    def forward(self, batch):
        inputs = batch if self.is_first else self.receive(self.job.rank - 1).requires_grad_()
        outputs = self.model(inputs)
        if not self.is_last:
            torch.distributed.send(outputs.detach(), self.job.rank + 1)
        return inputs, outputs

    def backward(self, inputs, outputs):
        if self.is_last:
            outputs.square().mean().backward()
        else:
            outputs.backward(self.receive(self.job.rank + 1))
        if not self.is_first:
            torch.distributed.send(inputs.grad, self.job.rank - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=40)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--batch', type=int, default=512, help='of a micro-batch')
    parser.add_argument('--micro-batches', type=int, default=8)
    arguments = parser.parse_args()
    job = Job()
    stage = Stage(job, arguments.width, arguments.batch)
    optimizer = torch.optim.SGD(stage.model.parameters(), lr=1e-3)
    batch = job.batch(arguments.batch, arguments.width).to(job.device)
    for step in range(arguments.steps):
        with job.range(f'step {step}'):
            optimizer.zero_grad(set_to_none=True)
            done = [stage.forward(batch) for _ in range(arguments.micro_batches)]
            for inputs, outputs in done:
                stage.backward(inputs, outputs)
            optimizer.step()
    job.end('pipeline')


if __name__ == '__main__':
    main()
