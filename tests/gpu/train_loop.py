#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A small transformer, trained for some steps; what verify.py records, in several ways. Prints one JSON object.

Every step is a range "step N" in NVTX (and, under PyTorch's profiler, one of its own).
"""

import argparse
import json
import os
import sys
import time

import torch

BLOCK_STEPS = 5             # steps measured together, so that the GPU need not be waited for at each


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--mode', choices=('plain', 'graph', 'compile', 'amp', 'loader'), default='plain')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--steps', type=int, default=30)
    parser.add_argument('--warm-up', type=int, default=5, help='steps before those that are measured')
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--tokens', type=int, default=512)
    parser.add_argument('--width', type=int, default=1024)
    parser.add_argument('--depth', type=int, default=8)
    parser.add_argument('--launches', type=int, default=0, help='also time that many tiny operations')
    parser.add_argument('--seconds', type=float, default=0, help='stop after that time, whatever --steps says')
    parser.add_argument('--profiled', default='', help='cudaProfilerStart before step N, Stop after step M: N-M')
    parser.add_argument('--profile', choices=('none', 'cuda', 'all'), default='none')
    parser.add_argument('--profile-output', default='')
    return parser.parse_args()


def make_model(options, device):
    layers = [torch.nn.TransformerEncoderLayer(options.width, max(1, options.width // 64), 4 * options.width,
                                               dropout=0.0, batch_first=True, norm_first=True)
              for _ in range(options.depth)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(options.width, 64)).to(device)


def make_scaler(is_cuda):
    """Its place changed with PyTorch 2.3."""
    # Small enough that no step overflows and is left out: each launches the same kernels.
    if hasattr(torch.amp, 'GradScaler'):
        return torch.amp.GradScaler('cuda', init_scale=128.0, enabled=is_cuda)
    return torch.cuda.amp.GradScaler(init_scale=128.0, enabled=is_cuda)


class Samples(torch.utils.data.Dataset):
    """Random batches' rows; each says which process made it."""

    def __init__(self, options, count):
        self.shape = (options.tokens, options.width)
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(self.shape, generator=generator), os.getpid()


class Trainer:
    def __init__(self, options):
        torch.manual_seed(1)
        self.options = options
        self.device = torch.device(options.device)
        self.is_cuda = self.device.type == 'cuda'
        self.model = make_model(options, self.device)
        self.call_model = torch.compile(self.model) if options.mode == 'compile' else self.model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        self.scaler = make_scaler(self.is_cuda) if options.mode == 'amp' else None
        self.inputs = torch.randn(options.batch, options.tokens, options.width, device=self.device)
        self.targets = torch.randint(0, 64, (options.batch * options.tokens,), device=self.device)
        self.batches = None
        self.graph = None
        self.workers = set()

    def wait(self):
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def loss(self):
        out = self.call_model(self.inputs)
        return torch.nn.functional.cross_entropy(out.reshape(-1, 64).float(), self.targets)

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        if self.scaler is None:
            self.loss().backward()
            self.optimizer.step()
            return
        # The CPU has bfloat16 only, in every version.
        with torch.autocast(self.device.type, dtype=torch.float16 if self.is_cuda else torch.bfloat16):
            loss = self.loss()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def capture(self):
        """One step as a CUDA graph; PyTorch wants some steps on another stream before."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.train()
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.loss().backward()
            self.optimizer.step()

    def start_loader(self):
        """Workers by fork, after CUDA was started: they must stay silent."""
        count = (self.options.steps + self.options.warm_up) * self.options.batch
        loader = torch.utils.data.DataLoader(Samples(self.options, count), batch_size=self.options.batch,
                                             num_workers=2, pin_memory=self.is_cuda,
                                             multiprocessing_context='fork')
        self.batches = iter(loader)

    def prepare(self):
        if self.options.mode == 'graph':
            self.capture()
        elif self.options.mode == 'loader':
            self.train()
            self.start_loader()

    def step(self):
        if self.batches is not None:
            batch, makers = next(self.batches)
            self.workers.update(makers.tolist())
            self.inputs.copy_(batch, non_blocking=True)
        if self.graph is not None:
            self.graph.replay()
        else:
            self.train()


def named_step(trainer, number):
    """NVTX needs a CUDA build; without it (on a CPU) there is nothing to name."""
    is_profiled = trainer.options.profile == 'all'
    first, _, last = trainer.options.profiled.partition('-')
    if first == str(number):
        trainer.wait()
        torch.cuda.profiler.start()
    if trainer.is_cuda:
        torch.cuda.nvtx.range_push(f'step {number}')
    if is_profiled:
        with torch.profiler.record_function(f'step {number}'):
            trainer.step()
    else:
        trainer.step()
    if trainer.is_cuda:
        torch.cuda.nvtx.range_pop()
    if last == str(number):
        trainer.wait()
        torch.cuda.profiler.stop()


def train(trainer):
    """Durations of blocks of steps, each divided by its number of steps."""
    options, durations = trainer.options, []
    for number in range(options.warm_up):
        named_step(trainer, number)
    trainer.wait()
    print('ready', flush=True)
    done, end = 0, time.monotonic() + (options.seconds or 10**9)
    while done < options.steps and time.monotonic() < end:
        begin = time.monotonic_ns()
        count = min(BLOCK_STEPS, options.steps - done)
        for number in range(done, done + count):
            named_step(trainer, options.warm_up + number)
        trainer.wait()
        durations.append((time.monotonic_ns() - begin) // count)
        done += count
    options.steps = done
    return durations


def time_launches(trainer):
    """Nanoseconds of the host for a tiny operation, in several rounds."""
    small, rounds = torch.zeros(1, device=trainer.device), []
    for _ in range(5 if trainer.options.launches > 0 else 0):
        trainer.wait()
        begin = time.monotonic_ns()
        for _ in range(trainer.options.launches):
            small.add_(1)
        rounds.append((time.monotonic_ns() - begin) // trainer.options.launches)
        trainer.wait()
    return rounds


def start_profiler(options):
    if options.profile == 'none':
        return None
    activities = [torch.profiler.ProfilerActivity.CUDA] if options.device == 'cuda' else []
    if options.profile == 'all' or not activities:
        activities.append(torch.profiler.ProfilerActivity.CPU)
    profiler = torch.profiler.profile(activities=activities)
    profiler.start()
    return profiler


def facts(trainer):
    found = {'torch': torch.__version__, 'cuda': torch.version.cuda, 'pid': os.getpid(),
             'workers': sorted(trainer.workers)}
    if trainer.is_cuda:
        found['gpu'] = torch.cuda.get_device_name(trainer.device)
        free_bytes, all_bytes = torch.cuda.mem_get_info(trainer.device)
        found['device_used_bytes'] = all_bytes - free_bytes
        found['nccl'] = '.'.join(str(part) for part in torch.cuda.nccl.version())
    return found


def main():
    options = parse()
    if options.mode == 'compile' and not hasattr(torch, 'compile'):
        print(json.dumps({'unavailable': 'this PyTorch has no torch.compile'}))
        return 0
    profiler = start_profiler(options)
    trainer = Trainer(options)
    try:
        trainer.prepare()
        if options.mode == 'compile':
            trainer.train()
    except Exception as error:      # pylint: disable=broad-except
        if options.mode not in ('compile', 'graph'):
            raise
        print(json.dumps({'unavailable': f'{type(error).__name__}: {error}'[:300]}))
        return 0
    durations = train(trainer)
    launches = time_launches(trainer)
    if profiler is not None:
        profiler.stop()
        if options.profile_output:
            profiler.export_chrome_trace(options.profile_output)
    found = dict(facts(trainer), steps=options.steps + options.warm_up, warm_up=options.warm_up,
                 step_ns=durations, launch_ns=launches, end_unix_ns=time.time_ns())
    print(json.dumps(found), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
