# SPDX-License-Identifier: MIT
"""Real NCCL between real processes on one GPU: data-parallel training, and three witnesses of each collective."""

import collections
import os
import socket

from programs import HERE, ROOT
from recording import check_partition, check_whole
from trace_reader import COMMUNICATION, WITNESS_PLUGIN

ONE_GPU = os.path.join(HERE, 'one_gpu_rank.py')
NCCL_TRUTH = os.path.join(HERE, 'nccl_truth.py')
TRAIN_DDP = os.path.join(ROOT, 'samples', 'train_ddp.py')
DDP_STEPS = 6
TIMEOUT_S = 75


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def torchrun(setup, ranks, script, *arguments):
    return [setup.python, '-m', 'torch.distributed.run', '--nnodes=1', '--node_rank=0',
            f'--nproc_per_node={ranks}', '--master_addr=127.0.0.1', f'--master_port={free_port()}', ONE_GPU, script,
            *arguments]


def joined(trace):
    """(plugin events that join a kernel by their bracket, all of them, kernels so reached)."""
    calls = collections.defaultdict(set)
    for external, correlation in trace.external_correlations():
        calls[external].add(correlation)
    kernels = {kernel.correlation for kernel in trace.kernels() if COMMUNICATION.search(kernel.name)}
    events = trace.collectives(WITNESS_PLUGIN)
    reached = [calls[event.external] & kernels for event in events if event.external]
    return sum(len(one) == 1 for one in reached), len(events), len(set().union(*reached)) if reached else 0


def show(counter):
    return f'{sum(counter.values())} operations, {sum(key[1] * count for key, count in counter.items()):,} bytes'


def check_witnesses(results, place, trace, truth=None, kernel_count=None):
    """NCCL's profiler events, its NVTX payloads and CUPTI's kernels tell the same story."""
    nvtx = collections.Counter(trace.nccl_payloads())
    plugin = collections.Counter((one.operation, one.bytes) for one in trace.collectives(WITNESS_PLUGIN))
    expect = truth if truth is not None else nvtx
    wrong = list(((plugin - expect) + (expect - plugin)).items())
    results.check(f'{place}: plugin events: operations and bytes', not wrong and bool(plugin), show(expect),
                  show(plugin), 'exact', str(wrong[:3]) if wrong else '')
    wrong = list(((nvtx - plugin) + (plugin - nvtx)).items())
    results.check(f'{place}: NVTX payloads say the same', not wrong and bool(nvtx), show(plugin), show(nvtx), 'exact',
                  str(wrong[:3]) if wrong else '')
    results.equal(f'{place}: each operation is one row', sum(plugin.values()), len(trace.collectives()))
    found, all_events, reached = joined(trace)
    results.check(f'{place}: each plugin event joins one kernel', found == all_events > 0, all_events, found, 'exact')
    kernels = sum(bool(COMMUNICATION.search(kernel.name)) for kernel in trace.kernels())
    results.check(f'{place}: each NCCL kernel is joined', kernels == reached > 0, kernels, reached, 'exact')
    if kernel_count is not None:
        results.equal(f'{place}: NCCL kernels', kernel_count, kernels)


def check_ranks(results, group, traces, ranks):
    """Each trace knows which rank it is."""
    results.equal(f'{group}: ranks', list(range(ranks)), sorted(trace.facts['rank'] for trace in traces))
    results.equal(f'{group}: world size', [ranks], sorted({trace.facts['world_size'] for trace in traces}))


def check_ddp(results, setup, ranks):
    group = f'DDP, {ranks} ranks on one GPU'
    command = torchrun(setup, ranks, TRAIN_DDP, '--steps', str(DDP_STEPS), '--width', '512', '--depth', '4',
                       '--batch', '64')
    done, folder = setup.record(group, command, TIMEOUT_S)
    traces = check_whole(results, group, done, folder, ranks)
    if traces:
        check_ranks(results, group, traces, ranks)
        check_partition(results, setup, group, folder, traces)
    for trace in traces:
        place = f'{group}: rank {trace.facts["rank"]}'
        steps = sum(one.name.startswith('step ') for one in trace.ranges())
        results.equal(f'{place}: ranges "step N"', DDP_STEPS, steps)
        check_witnesses(results, place, trace)
        trace.close()


def check_collectives(results, setup):
    group = 'NCCL, 2 ranks on one GPU'
    done, folder = setup.record(group, torchrun(setup, 2, NCCL_TRUTH), TIMEOUT_S)
    said = done.result()
    traces = check_whole(results, group, done, folder, 2)
    if said is None:
        results.check(f'{group}: says what it did', False, 'one JSON object', done.problem())
        return
    truth = collections.Counter()
    for operation, size, count in said['collectives']:
        truth[operation, size] += count
    check_ranks(results, group, traces, 2)
    for trace in traces:
        check_witnesses(results, f'{group}: rank {trace.facts["rank"]}', trace, truth, said['kernels'])
        results.machine['nccl'] = trace.facts['nccl_version'] or results.machine.get('nccl', '')
        trace.close()


def check_two_ranks(results, setup):
    check_ddp(results, setup, 2)


def check_four_ranks(results, setup):
    check_ddp(results, setup, 4)
