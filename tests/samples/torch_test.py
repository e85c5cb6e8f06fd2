#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every PyTorch program of samples/ and tests/gpu on the CPU with the real PyTorch (TAP): options, loops, DataLoader,
DDP of 2 and 4 ranks by gloo, PyTorch's profiler; bare and under `laggard run`, which must change nothing and leave no
file.

Environment: B, PYTHON (the first that is asked for PyTorch; then python3 of the PATH and /usr/bin/python3),
TORCH_FULL=1: also by torch.distributed.run, as a user starts them (make check-torch).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'host'))
sys.path.insert(0, HERE)

from sample_heads import ROOT, SAMPLES, samples  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = os.path.join(ROOT, os.environ.get('B', 'build'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
GPU = os.path.join(ROOT, 'tests', 'gpu')
SECONDS_MAX = 300
# Few and small steps: it is the host code that is tried.
SMALL = ['--steps', '3', '--width', '32']
OPTIONS = {'slow_loader.py': ['--cost-s', '0'], 'slow_rank.py': ['--late-s', '0.001'],
           'pageable_copies.py': ['--batch', '8'], 'uneven_batches.py': ['--batch', '8'],
           'pipeline.py': ['--batch', '8'], 'tensor_parallel.py': ['--batch', '8']}
LOOP = ['--device', 'cpu', '--steps', '4', '--warm-up', '1', '--batch', '2', '--tokens', '8', '--width', '64',
        '--depth', '1']
LOOP_MODES = ('plain', 'amp', 'loader', 'graph', 'compile')
# What differs from run to run: times, process ids, and the warnings' addresses.
VOLATILE = re.compile(r'"(?:step_ns|launch_ns)": \[[^]]*\]|"(?:pid|end_unix_ns)": \d+|"workers": \[[^]]*\]')


def find_python():
    """The first Python that has PyTorch, or None. It is not imported for that: it takes seconds."""
    code = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
    for python in dict.fromkeys(filter(None, (os.environ.get('PYTHON'), shutil.which('python3'), '/usr/bin/python3'))):
        try:
            done = subprocess.run([python, '-c', code], check=False, timeout=SECONDS_MAX,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def job(script, ranks, *arguments, **environment):
    return {'script': script, 'ranks': ranks, 'arguments': list(arguments), 'environment': environment}


def jobs_all(folder):
    found = [job(sample.path, 2, *SMALL, *OPTIONS.get(sample.name, [])) for sample in samples() if sample.is_python()]
    found.append(job(os.path.join(SAMPLES, 'train_ddp.py'), 4, *SMALL, '--batch', '8', '--slow-rank', '3',
                     '--slow-s', '0.001'))
    found.append(job(os.path.join(GPU, 'nccl_truth.py'), 2, VERIFY_BACKEND='gloo'))
    loop = os.path.join(GPU, 'train_loop.py')
    found += [job(loop, 1, *LOOP, '--mode', mode) for mode in LOOP_MODES]
    found.append(job(loop, 1, *LOOP, '--launches', '5', '--profile', 'all', '--profile-output',
                     os.path.join(folder, 'kineto.json')))
    return found


def jobs_play(python, jobs, prefix, folder):
    """({place in the list: what fork_ranks.py says of it}, what it says itself)."""
    path = os.path.join(folder, 'jobs.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(jobs, file)
    done = subprocess.run([*prefix, python, os.path.join(HERE, 'fork_ranks.py'), path], check=False,
                          timeout=SECONDS_MAX, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                          env=environment())
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]
    return said, done


def environment():
    return {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'TORCH_CPP_LOG_LEVEL': 'ERROR'}


def title_of(one):
    arguments = one['arguments']
    mode = ' --mode ' + arguments[arguments.index('--mode') + 1] if '--mode' in arguments else ''
    return f'{os.path.basename(one["script"])}{mode}, {one["ranks"]} rank(s)'


def words_expected(one):
    """What a program must have said, whatever the numbers."""
    name = os.path.basename(one['script'])
    if name == 'train_loop.py':
        mode = one['arguments'][one['arguments'].index('--mode') + 1] if '--mode' in one['arguments'] else 'plain'
        return ('"unavailable": ',) if mode == 'graph' else ('"unavailable": ', '"steps": 5')
    if name == 'nccl_truth.py':
        return ('"world": 2',)
    return (f'done, {one["ranks"]} rank(s) on cpu',)


def last_object(text):
    line = next((line for line in reversed(text.splitlines()) if line.startswith('{')), '{}')
    return json.loads(line)


def check_jobs(tap, jobs, said):
    for one, found in zip(jobs, said):
        words = words_expected(one)
        if found['statuses'] == [0] * one['ranks'] and '"unavailable": "this PyTorch has no' in found['out']:
            tap.skip(title_of(one), last_object(found['out'])['unavailable'])
            continue
        tap.check(found['statuses'] == [0] * one['ranks'] and any(word in found['out'] for word in words),
                  title_of(one), f'{found["statuses"]}\n{found["out"][-2500:]}')
    tap.equal(len(said), len(jobs), 'every program was tried')


def plain(text):
    return sorted(line for line in VOLATILE.sub('', text).splitlines() if 'Warning' not in line)


def check_loader(tap, jobs, said):
    found = next(found for one, found in zip(jobs, said) if 'loader' in one['arguments'])
    workers = last_object(found['out']).get('workers', [])
    tap.check(len(workers) == 2, 'the DataLoader of train_loop.py has two workers, which are other processes',
              str(workers))


def check_guest(tap, python, jobs, said, folder):
    """Under laggard run: the same words, the same statuses, and no file, since no process uses a GPU."""
    if os.environ.get('TORCH_FULL') != '1':     # one of each kind: DDP, workers, the profiler
        some = [place for place, one in enumerate(jobs) if os.path.basename(one['script']) == 'slow_rank.py' or
                'loader' in one['arguments'] or '--profile' in one['arguments']]
        jobs, said = [jobs[place] for place in some], [said[place] for place in some]
    traces = os.path.join(folder, 'traces')
    again, done = jobs_play(python, jobs, [LAGGARD, 'run', '-o', traces, '--'], folder)
    same = [title_of(one) for one, before, after in zip(jobs, said, again)
            if before['statuses'] != after['statuses'] or plain(before['out']) != plain(after['out'])]
    tap.check(not same and len(again) == len(jobs) and done.returncode == 0,
              f'{len(jobs)} of them under laggard run: each says the same and ends with the same status',
              '\n'.join(same) + done.stderr[-1000:])
    left = os.listdir(traces) if os.path.isdir(traces) else []
    tap.check(not left, 'and leaves no file', str(left))


def check_profile(tap, folder):
    """A trace of PyTorch's profiler without any GPU is one clear answer, and no crash."""
    path = os.path.join(folder, 'kineto.json')
    if not os.path.exists(path):
        tap.check(False, 'PyTorch\'s profiler wrote its trace', path)
        return
    done = subprocess.run([LAGGARD, 'analyze', '--database', 'none', path], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=SECONDS_MAX)
    tap.check(done.returncode in (0, 3) and done.stderr.count('error:') <= 1 and
              ('no GPU' in done.stdout + done.stderr or 'no kernel' in done.stdout + done.stderr),
              'a trace of PyTorch\'s profiler without GPU work: one clear answer',
              f'{done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}')


def torchrun(python, one, prefix=()):
    """As a user does it."""
    with tempfile.TemporaryDirectory() as folder:
        traces = os.path.join(folder, 'traces')
        line = [python, '-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={one["ranks"]}',
                one['script'], *one['arguments']]
        if prefix:
            line = [*prefix, '-o', traces, '--', *line]
        done = subprocess.run(line, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=SECONDS_MAX, cwd=ROOT, env={**environment(), **one['environment']})
        return done, os.listdir(traces) if os.path.isdir(traces) else []


def check_torchrun(tap, python, jobs):
    if os.environ.get('TORCH_FULL') != '1':
        tap.skip('the same by torch.distributed.run', 'make check-torch does it')
        return
    for one in jobs:
        if one['ranks'] > 1:
            for ranks in (2, 4):
                tried = dict(one, ranks=ranks)
                bare, _ = torchrun(python, tried)
                traced, left = torchrun(python, tried, (LAGGARD, 'run', '-q'))
                words = words_expected(tried) if 'nccl_truth' not in one['script'] else (f'"world": {ranks}',)
                tap.check(bare.returncode == traced.returncode == 0 and not left and words[0] in bare.stdout and
                          words[0] in traced.stdout, f'torch.distributed.run, bare and recorded: {title_of(tried)}',
                          f'{left}\n{bare.stdout[-1500:]}\n{traced.stdout[-1500:]}')


def main():
    tap, python = Tap(), find_python()
    if python is None or os.environ.get('SAN') or not os.path.exists(LAGGARD):
        tap.skip('PyTorch programs on the CPU', 'no python3 here has PyTorch (make check-torch installs one)'
                 if python is None else 'sanitizers, or nothing is built')
        return tap.end()
    with tempfile.TemporaryDirectory() as folder:
        jobs = jobs_all(folder)
        said, done = jobs_play(python, jobs, [], folder)
        tap.check(done.returncode == 0, f'{python} has PyTorch', done.stderr[-1000:])
        check_jobs(tap, jobs, said)
        check_loader(tap, jobs, said)
        check_profile(tap, folder)
        check_guest(tap, python, jobs, said, folder)
        check_torchrun(tap, python, jobs)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
