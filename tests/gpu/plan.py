# SPDX-License-Identifier: MIT
"""Which checks there are, what each takes, which run at the same time, and what is left out when time runs out.

The order is that of value: what is last falls away first. An estimate is a sum of parts (COST_S), so that it can be
judged and corrected: after a run, verify prints estimate beside what was taken, and both are in its file.
"""

import collections
import concurrent.futures
import math
import shutil
import sys
import time

from results import LATE, Results

# Seconds of each part, on a machine of 16 cores with everything in the page cache but PyTorch's first import. None has
# been taken from a GPU yet: the words behind say what a number is made of.
COST_S = {
    'program': 2.0,         # of kernels/: 0.7 s context, 0.5 s work, 0.3 s exit and database, 0.5 s our own reading
    'analysis': 0.5,        # laggard analyze of some 10,000 events, started anew
    'torch': 9.0,           # a process: 4 s import, 1 s context, 1 s model, 2 s for 25 steps, 1 s exit and database
    'torchrun': 6.0,        # its agent, before the ranks begin and after they end
    'ranks': 14.0,          # several at once on one GPU: as 'torch', and 5 s NCCL's start and turns of the GPU
    'quick': 0.3,           # a program that uses no GPU
    'compile': 35.0,        # torch.compile with one thread and an empty cache
    'nvcc': 12.0,           # a sample, for this GPU only; 0 where the build has it
    'nsys': 15.0,           # one run under nsys, with its report
    'wait': 1.0,            # a second that is waited on purpose
}
SHARE_PERCENT = 125         # checks at the same time share a GPU, disks and cores
WORKERS_MAX = 4             # checks at the same time
CPUS_A_WORKER = 4           # a check is a program with some threads, a recorder, and this driver
START_S = 20                # before the first check: the driver, the first import of PyTorch, questions to the machine

# Checks of one `batch` run at the same time: what they judge is what was recorded, not how long it took.
Check = collections.namedtuple('Check', 'group name function cost needs_torch batch')


def check_of(group, name, function, cost, needs_torch=False, batch=''):
    return Check(group, name, function, cost, needs_torch, batch)


def workers_of(cpus):
    return max(1, min(WORKERS_MAX, cpus // CPUS_A_WORKER))


def estimate_s(check):
    costs = dict(check.cost)
    if costs.get('nsys') and shutil.which('nsys') is None:
        del costs['nsys']
    return sum(COST_S[part] * count for part, count in costs.items())


def basis(check):
    """How the estimate came about: '10 program, 8 analysis'."""
    return ', '.join(f'{count} {part}' for part, count in check.cost.items())


def together_s(checks, workers):
    """Checks at the same time: never less than the longest, nor than what so many can do."""
    each = [estimate_s(check) for check in checks]
    if len(each) <= 1 or workers <= 1:
        return sum(each)
    return max(max(each), sum(each) / workers) * SHARE_PERCENT / 100


def batches(checks):
    """Lists of what runs at the same time, at the place of its first, most valuable check."""
    found = {}
    for check in checks:
        found.setdefault(check.batch or check.name, []).append(check)
    return list(found.values())


def total_s(checks, workers):
    return START_S + sum(together_s(batch, workers) for batch in batches(checks))


def fitting(batch, seconds, workers):
    """(what of it can be done in that time, what is left): the least valuable are left first."""
    count = len(batch)
    while count and together_s(batch[:count], workers) > seconds:
        count -= 1
    return batch[:count], batch[count:]


def plan_text(checks, workers):
    lines = [f'{"check":<34} {"seconds":>7}  at the same time  made of']
    for batch in batches(checks):
        for check in batch:
            lines.append(f'{check.name:<34} {estimate_s(check):>7.0f}  {check.batch:<16}  {basis(check)}')
        if len(batch) > 1:
            lines.append(f'{"  together, " + str(workers) + " at a time":<34} {together_s(batch, workers):>7.0f}')
    lines.append(f'{"all, with " + str(START_S) + " s to start":<34} {total_s(checks, workers):>7.0f}')
    lines.append('A part, in seconds: ' + ', '.join(f'{name} {seconds:g}' for name, seconds in COST_S.items()))
    return '\n'.join(lines)


def run_one(check, setup, results):
    begin = time.monotonic()
    results.current = check.name
    try:
        check.function(results, setup)
    except Exception as error:      # pylint: disable=broad-except
        results.check(check.name, False, 'no exception', f'{type(error).__name__}: {error}')
    results.finished.append(check.name)
    results.timings.append({'check': check.name, 'estimate_s': round(estimate_s(check), 1),
                            'taken_s': round(time.monotonic() - begin, 1), 'basis': basis(check)})


def run_batch(results, setup, checks, workers):
    """Each with a table of its own; they are put together in the order of the plan."""
    if len(checks) == 1 or workers <= 1:
        for check in checks:
            run_one(check, setup, results)
        return
    begin = time.monotonic()
    parts = [Results(results.stream) for _ in checks]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        # The longest begin first, so that none of them runs alone in the end.
        order = sorted(range(len(checks)), key=lambda place: -estimate_s(checks[place]))
        for one in [pool.submit(run_one, checks[place], setup, parts[place]) for place in order]:
            one.result()
    for part in parts:
        results.take(part)
    results.timings.append({'check': f'{checks[0].batch}, {len(checks)} checks at the same time',
                            'estimate_s': round(together_s(checks, workers), 1),
                            'taken_s': round(time.monotonic() - begin, 1),
                            'basis': f'{workers} at a time, +{SHARE_PERCENT - 100} %'})


def run_checks(results, setup, checks, workers):
    for batch in batches([check for check in checks if check.name not in results.finished]):
        ready = []
        for check in batch:
            results.current = check.name
            if check.needs_torch and not setup.has_torch:
                results.skip(check.name, 'no PyTorch with CUDA')
            else:
                ready.append(check)
        left_s = setup.left()
        now, late = fitting(ready, left_s, workers)
        for check in late:
            results.current = check.name
            results.add(check.name, LATE, note=f'left, out of time: {math.floor(left_s)} s left, needs about '
                                               f'{estimate_s(check):.0f} s')
        if now:
            print(f'== {", ".join(check.name for check in now)} ({left_s:.0f} s left, about '
                  f'{together_s(now, workers):.0f} s)', file=sys.stderr, flush=True)
            run_batch(results, setup, now, workers)
            if setup.output:        # a machine that goes away takes no more than what runs
                results.save(setup.output)


def timings_text(results):
    lines = [f'{"check":<44} {"estimate":>8} {"taken":>7}  made of']
    for one in results.timings:
        lines.append(f'{one["check"]:<44} {one["estimate_s"]:>6.0f} s {one["taken_s"]:>5.0f} s  {one["basis"]}')
    return '\n'.join(lines)
