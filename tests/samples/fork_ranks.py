#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs many small PyTorch programs on the CPU for the price of one import of PyTorch: each rank is a child by fork.

    fork_ranks.py JOBS.json     [{"script": PATH, "arguments": [...], "ranks": N, "environment": {...}}, ...]

Prints a JSON object a job: {"script", "statuses": [a rank's each], "out": text of all ranks, stderr too}. A rank finds
the same variables as under torchrun, the script's folder is the first of sys.path, and it leaves as any program does.
"""

import json
import os
import runpy
import socket
import sys
import tempfile
import time
import traceback

import torch
import torch.distributed
import torch.nn.parallel  # noqa: F401  pylint: disable=unused-import

JOB_SECONDS_MAX = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def rank_run(job, variables, file):
    """In the child; never returns."""
    os.environ.update(variables)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    torch.set_num_threads(1)
    sys.argv = [job['script'], *job['arguments']]
    sys.path.insert(0, os.path.dirname(job['script']))
    status = 0
    try:
        runpy.run_path(job['script'], run_name='__main__')
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException:       # pylint: disable=broad-except
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def ranks_wait(pids):
    """Statuses in the order of the ranks; -signal, so -9 for what took too long."""
    deadline, found = time.monotonic() + JOB_SECONDS_MAX, {}
    while len(found) < len(pids):
        for pid in pids:
            if pid in found:
                continue
            if time.monotonic() > deadline:
                os.kill(pid, 9)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                found[pid] = os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return [found[pid] for pid in pids]


def job_run(job):
    ranks, port, pids = job['ranks'], free_port(), []
    with tempfile.TemporaryFile() as file:
        for rank in range(ranks):
            variables = {'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': str(ranks),
                         'LOCAL_WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port,
                         **job.get('environment', {})}
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                rank_run(job, variables, file)
            pids.append(pid)
        statuses = ranks_wait(pids)
        file.seek(0)
        return {'script': job['script'], 'statuses': statuses, 'out': file.read().decode('utf-8', 'replace')}


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        jobs = json.load(file)
    for job in jobs:
        print(json.dumps(job_run(job)), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
