# SPDX-License-Identifier: MIT
"""What the samples share: this process's rank, device and process group, and ranges that a profiler sees.

With GPUs: NCCL, a GPU a rank. Without: gloo on the CPU, so that a sample still runs, though there is nothing to record.
Works under torchrun and without it (one rank).
"""

import contextlib
import os

import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel


class Job:
    def __init__(self):
        self.rank = int(os.environ.get('RANK', '0'))
        self.world_size = int(os.environ.get('WORLD_SIZE', '1'))
        self.has_cuda = torch.cuda.is_available()
        if self.has_cuda:
            # More ranks than GPUs share them; NCCL has to be told to allow that (tests/gpu does).
            self.device = torch.device('cuda', int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count())
            torch.cuda.set_device(self.device)
        else:
            self.device = torch.device('cpu')
        if self.world_size > 1:
            torch.distributed.init_process_group('nccl' if self.has_cuda else 'gloo')
        torch.manual_seed(1)

    def data_parallel(self, model):
        """The model on this rank's device; its gradients are averaged over the ranks."""
        model = model.to(self.device)
        if self.world_size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device.index] if self.has_cuda else None)

    @contextlib.contextmanager
    def range(self, name):
        """A named range on the timeline (NVTX)."""
        if self.has_cuda:
            torch.cuda.nvtx.range_push(name)
        try:
            yield
        finally:
            if self.has_cuda:
                torch.cuda.nvtx.range_pop()

    def batch(self, size, width, is_pinned=True):
        """Inputs in host memory, as a loader would hand them over."""
        inputs = torch.randn(size, width)
        return inputs.pin_memory() if is_pinned and self.has_cuda else inputs

    def end(self, what):
        """Waits for the work; rank 0 says that it is done."""
        if self.has_cuda:
            torch.cuda.synchronize(self.device)
        if self.world_size > 1:
            torch.distributed.barrier(device_ids=[self.device.index] if self.has_cuda else None)
            torch.distributed.destroy_process_group()
        if self.rank == 0:
            print(f'{what}: done, {self.world_size} rank(s) on {self.device.type}', flush=True)


def layers(width, depth):
    """A plain network: `depth` layers of `width`."""
    return torch.nn.Sequential(*[layer for _ in range(depth)
                                 for layer in (torch.nn.Linear(width, width), torch.nn.GELU())])


def train_step(model, optimizer, inputs):
    """Forward, backward, update; the loss stays on the device."""
    optimizer.zero_grad(set_to_none=True)
    loss = model(inputs).square().mean()
    loss.backward()
    optimizer.step()
    return loss
