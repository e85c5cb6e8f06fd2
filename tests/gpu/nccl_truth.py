#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A known list of collectives, one after the other; rank 0 prints it as one JSON object. Started by torchrun.

VERIFY_BACKEND=gloo: on the CPU, without those that gloo does not have in every version."""

import inspect
import json
import os

import torch
import torch.distributed as dist

FLOAT_BYTES = 4
ALL_REDUCES = ((1, 4), (1000, 4), (65536, 4), (1 << 20, 3))     # (elements, how often)
GATHERED, SCATTERED, BROADCAST, SENT = 4096, 8192, 12288, 20480
GATHERS, SCATTERS, BROADCASTS, EXCHANGES = 3, 2, 5, 2


def start(backend):
    if backend != 'nccl':
        dist.init_process_group(backend)
        return torch.device('cpu')
    device = torch.device('cuda', int(os.environ['LOCAL_RANK']))
    torch.cuda.set_device(device)
    # Newer ones take the device, and make the communicator at once.
    is_known = 'device_id' in inspect.signature(dist.init_process_group).parameters
    dist.init_process_group(backend, **({'device_id': device} if is_known else {}))
    return device


def exchange(device, rank, world):
    """Each rank sends to the next one and receives from the one before: a group of two, one kernel."""
    outgoing, incoming = torch.ones(SENT, device=device), torch.zeros(SENT, device=device)
    operations = [dist.P2POp(dist.isend, outgoing, (rank + 1) % world),
                  dist.P2POp(dist.irecv, incoming, (rank - 1) % world)]
    for request in dist.batch_isend_irecv(operations):
        request.wait()


def play(device, rank, world):
    for elements, count in ALL_REDUCES:
        data = torch.ones(elements, device=device)
        for _ in range(count):
            dist.all_reduce(data)
    for _ in range(GATHERS if device.type == 'cuda' else 0):
        dist.all_gather_into_tensor(torch.zeros(GATHERED * world, device=device), torch.ones(GATHERED, device=device))
    for _ in range(SCATTERS if device.type == 'cuda' else 0):
        dist.reduce_scatter_tensor(torch.zeros(SCATTERED, device=device), torch.ones(SCATTERED * world, device=device))
    for _ in range(BROADCASTS):
        dist.broadcast(torch.ones(BROADCAST, device=device), src=0)
    for _ in range(EXCHANGES):
        exchange(device, rank, world)


def truth(device):
    """[operation, bytes of the call's argument, how often], the same on each rank."""
    found = [['AllReduce', elements * FLOAT_BYTES, count] for elements, count in ALL_REDUCES]
    if device.type == 'cuda':
        found += [['AllGather', GATHERED * FLOAT_BYTES, GATHERS], ['ReduceScatter', SCATTERED * FLOAT_BYTES, SCATTERS]]
    return found + [['Broadcast', BROADCAST * FLOAT_BYTES, BROADCASTS],
                    ['Send', SENT * FLOAT_BYTES, EXCHANGES], ['Recv', SENT * FLOAT_BYTES, EXCHANGES]]


def main():
    device = start(os.environ.get('VERIFY_BACKEND', 'nccl'))
    rank, world = dist.get_rank(), dist.get_world_size()
    play(device, rank, world)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    if rank == 0:
        kernels = sum(count for name, _, count in truth(device) if name != 'Recv')
        print(json.dumps({'collectives': truth(device), 'kernels': kernels, 'world': world}), flush=True)
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
