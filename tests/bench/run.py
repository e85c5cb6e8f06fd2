#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make bench: what laggard costs, as ratios against bare baselines measured in the same run.

Environment: B (build folder), BENCH_ROWS (kernel records written, and half the rows of the medium trace; default
1,000,000), BENCH_JOB (rows of each rank of the job; default 1,000,000), BENCH_RANKS (default 8), BENCH_BIG (rows of
the big trace for peak memory; default 10,000,000), BENCH_VIEW (rows of the trace that is looked at; default
50,000,000, a file of 1.5 GB), BENCH_SKIP_BIG=1, BENCH_ONLY=guest (only what recording costs).

Times are CPU times (user + system) of whole processes, medians of interleaved repetitions: wall times on a
shared machine say little. Nothing here is a test; nothing fails on a slow machine.
"""

import json
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

BUILD = os.environ.get('B', 'build')
ROWS = int(os.environ.get('BENCH_ROWS', '1000000'))
BIG_ROWS = int(os.environ.get('BENCH_BIG', '10000000'))
VIEW_ROWS = int(os.environ.get('BENCH_VIEW', '50000000'))
JOB_ROWS = int(os.environ.get('BENCH_JOB', '1000000'))
RANKS = int(os.environ.get('BENCH_RANKS', '8'))
CORES = len(os.sched_getaffinity(0))
REPETITIONS = 5

# What `laggard analyze` reads of the big tables (TIMELINE_*_COLUMNS in analyzer/timeline.h, HOST_*_COLUMNS,
# event_waits.c, collective_set.c), and what `laggard export` reads.
ANALYZE_COLUMNS = [
    'SELECT start_ns, duration_ns, stream_id, kernel_id, correlation_id FROM kernel',
    'SELECT start_ns, duration_ns, stream_id, direction, source_memory, destination_memory, bytes, '
    'correlation_id FROM memcpy',
    'SELECT start_ns, duration_ns, stream_id, bytes, correlation_id FROM memset',
    'SELECT start_ns, duration_ns, thread_id, name_id, correlation_id FROM api_call',
    'SELECT start_ns, duration_ns, thread_id, name_id FROM range',
    'SELECT start_ns, kind, stream_id, event_sync_id, correlation_id FROM synchronization',
    'SELECT * FROM collective',
]
EXPORT_COLUMNS = [f'SELECT * FROM {table}' for table in (
    'kernel', 'memcpy', 'memset', 'api_call', 'range', 'mark', 'synchronization')]


def run(command):
    """CPU seconds and peak memory in bytes of one process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f'bench: {command[0]} ended with {process.returncode}')
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def ratio(ours, bare, repetitions=REPETITIONS):
    """Median CPU time of each, interleaved, and the ratio; peak memory of ours."""
    times = {'ours': [], 'bare': []}
    memory = 0
    run(bare)                       # fills the page cache for both
    for _ in range(repetitions):
        times['bare'].append(run(bare)[0])
        seconds, peak = run(ours)
        times['ours'].append(seconds)
        memory = max(memory, peak)
    a, b = statistics.median(times['ours']), statistics.median(times['bare'])
    return a / b, a, b, memory


def show(what, value, limit, detail):
    print(f'{what:<44}{value:>7}   ({limit}; {detail})', flush=True)


def guest_environment(folder, is_guest):
    """A program's environment, with libtrace.so and the rig's CUPTI or without."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(('LAGGARD_', 'RIG_')) and
                 key not in ('LD_PRELOAD', 'CUDA_INJECTION64_PATH', 'NVTX_INJECTION64_PATH', 'NCCL_PROFILER_PLUGIN')}
    variables['RIG_SCENARIO'] = os.path.abspath('tests/scenarios/tiny.scn')
    if is_guest:
        variables.update(LD_PRELOAD=os.path.abspath(f'{BUILD}/lib/libtrace.so'), LAGGARD_OUTPUT=folder,
                         LAGGARD_CUPTI=os.path.abspath(f'{BUILD}/rig/lib-13.0/libcupti.so.13'))
    return variables


def host_threads(folder):
    """What the program's own threads pay: CPU time of each pair of calls, with libtrace less without."""
    driver = os.path.abspath(f'{BUILD}/rig/lib-13.0/libcuda.so.1')
    found = {False: [], True: []}
    for _ in range(REPETITIONS):
        for is_guest in (False, True):
            done = subprocess.run([f'{BUILD}/tests/host_cost', driver], env=guest_environment(folder, is_guest),
                                  stdout=subprocess.PIPE, text=True, check=True)
            found[is_guest].append([float(word) for word in done.stdout.split()])
    without, within = ([list(column) for column in zip(*found[key])] for key in (False, True))
    names = (('NVTX push and pop, a text', 'at most 100 ns'), ('NVTX push and pop, registered', 'at most 100 ns'),
             ('NCCL event, start and stop', 'at most 300 ns, 150 each'))
    clock = statistics.median(within[3])
    for i, (name, limit) in enumerate(names):
        bare = statistics.median(without[i])
        show(f'{name}: ns a pair', f'{statistics.median(within[i]) - bare:.0f}', limit,
             f'best of {REPETITIONS} runs {min(within[i]) - min(without[i]):.0f}, without libtrace {bare:.1f}; '
             f'two clock reads {clock:.0f}')


def start_up(folder):
    """A process that never sees CUDA: CPU time and page faults of `true` with libtrace and without."""
    bare = guest_environment(folder, False)
    ways = {'alone': bare, 'empty': dict(bare, LD_PRELOAD=os.path.abspath(f'{BUILD}/tests/empty.so')),
            'guest': guest_environment(folder, True)}
    found = {way: [] for way in ways}
    for _ in range(200):
        for way, variables in ways.items():
            pid = os.posix_spawnp('true', ['true'], variables)
            _, _, usage = os.wait4(pid, 0)
            found[way].append(((usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_minflt))
    more, empty = (statistics.median(a[0] - b[0] for a, b in zip(found[way], found['alone']))
                   for way in ('guest', 'empty'))
    alone = statistics.median(time for time, _ in found['alone'])
    faults = {way: statistics.median(count for _, count in found[way]) for way in ways}
    show('start of a process without CUDA: ms more', f'{more:.2f}', 'at most 0.5',
         f'`true` alone {alone:.2f} ms; an empty library preloaded {empty:.2f} more; '
         f'{faults["guest"] - faults["alone"]:.0f} more page faults than its {faults["alone"]:.0f}, '
         f'{faults["empty"] - faults["alone"]:.0f} by the empty one')


PROGRAM = '''scenario program
seed 1
gpus 1
kernel work "some_kernel"
open stream=7 priority=0
repeat count={steps}
\tpush name="step {{step}}"
\trepeat count=200
\t\tlaunch kernel=work dur=2us stream=7
\tend
\tsync name=device
\tpop
end
'''
PROGRAM_STEPS = 500


def whole_program(folder):
    """A program of the rig that launches back to back, all of its threads and ours: bare, recorded, in flight."""
    scenario = os.path.join(folder, 'program.scn')
    with open(scenario, 'w', encoding='ascii') as file:
        file.write(PROGRAM.format(steps=PROGRAM_STEPS))
    ways = {'bare': {}, 'recorded': {}, 'flight recorder': {'LAGGARD_FLIGHT_S': '30'}}
    seconds = {way: [] for way in ways}
    for _ in range(REPETITIONS):
        for way, settings in ways.items():
            with tempfile.TemporaryDirectory(dir=folder) as traces:
                variables = guest_environment(traces, way != 'bare')
                variables.update(RIG_SCENARIO=scenario, **settings)
                process = subprocess.Popen([os.path.abspath(f'{BUILD}/rig/bin/rig-train'), scenario, '--quiet'],
                                           env=variables, stdout=subprocess.DEVNULL)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                if process.returncode != 0:
                    sys.exit(f'bench: the program, {way}, ended with {process.returncode}')
                seconds[way].append(usage.ru_utime + usage.ru_stime)
    bare = statistics.median(seconds['bare'])
    launches = PROGRAM_STEPS * 200
    for way in ('recorded', 'flight recorder'):
        more = statistics.median(a - b for a, b in zip(seconds[way], seconds['bare']))
        show(f'program that only launches, {way}: CPU time', f'{(bare + more) / bare:.2f}', 'relative to bare',
             f'{bare:.2f} s bare, {more * 1e9 / launches:.0f} ns a launch more, the double of CUPTI included; '
             f'{launches} launches')


def make_trace(folder, rows):
    path = os.path.join(folder, f'trace-{rows}.db')
    run([f'{BUILD}/tests/make_trace', path, str(rows)])
    return path


def count_events(path):
    database = sqlite3.connect(path)
    return sum(database.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
               for table in ('kernel', 'memcpy', 'memset', 'api_call', '"range"', 'mark', 'synchronization',
                             'collective'))


def reading(folder):
    path = make_trace(folder, 2 * ROWS)
    events = count_events(path)
    scan, laggard = f'{BUILD}/tests/scan', f'{BUILD}/bin/laggard'
    out = os.path.join(folder, 'out.json')
    value, a, b, memory = ratio([laggard, 'analyze', '--window', 'all', '--format', 'json', '-o', out, path],
                                [scan, path, *ANALYZE_COLUMNS])
    show('analysis: time relative to bare SELECT', f'{value:.2f}', 'at most 2',
         f'{events} events, {a:.2f} s and {b:.2f} s, {memory / 1e6:.0f} MB')
    value, a, b, memory = ratio([laggard, 'export', '-q', '--analysis', 'none', '-o', out, path],
                                [scan, path, *EXPORT_COLUMNS], 3)
    show('Chrome export: time relative to bare SELECT', f'{value:.2f}', 'at most 1.5',
         f'{a:.2f} s and {b:.2f} s, {memory / 1e6:.0f} MB, {os.path.getsize(out) / events:.0f} bytes an event')
    chrome_bytes = os.path.getsize(out)
    value, a, b, memory = ratio([laggard, 'export', '-q', '--analysis', 'none', '--format', 'perfetto', '-o', out,
                                 path], [scan, path, *EXPORT_COLUMNS], 3)
    show('Perfetto export: time relative to bare SELECT', f'{value:.2f}', 'at most 3',
         f'{a:.2f} s and {b:.2f} s, {memory / 1e6:.0f} MB, {os.path.getsize(out) / events:.0f} bytes an event')
    show('Perfetto export: size relative to Chrome', f'{os.path.getsize(out) / chrome_bytes:.3f}', 'at most 0.1',
         f'{os.path.getsize(out) / 1e6:.1f} MB and {chrome_bytes / 1e6:.1f} MB')
    os.unlink(path)


def run_parallel(commands):
    """As many at once as there are cores: CPU seconds of all, wall seconds."""
    begin, cpu, left = time.monotonic(), 0.0, list(commands)
    running = {}        # kept: the next Popen reaps a dropped one, and wait3() would miss it
    while left or running:
        while left and len(running) < CORES:
            process = subprocess.Popen(left.pop(0), stdout=subprocess.DEVNULL)
            running[process.pid] = process
        pid, status, usage = os.wait3(0)
        running.pop(pid).returncode = os.waitstatus_to_exitcode(status)
        if status != 0:
            sys.exit('bench: a scan failed')
        cpu += usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - begin


def job(folder):
    """A job of several ranks: matching, steps and blame against a bare scan of the same rows, on all cores."""
    traces = os.path.join(folder, 'job')
    os.mkdir(traces)
    paths = [os.path.join(traces, f'rank{rank}.trace.db') for rank in range(RANKS)]
    run_parallel([[f'{BUILD}/tests/make_trace', path, str(JOB_ROWS), str(rank), str(RANKS)]
                  for rank, path in enumerate(paths)])
    events = sum(count_events(path) for path in paths)
    scans = [[f'{BUILD}/tests/scan', path, *ANALYZE_COLUMNS] for path in paths]
    out = os.path.join(folder, 'job.json')
    ours, bare, memory = [], [], 0
    run_parallel(scans)             # fills the page cache for both
    for _ in range(3):
        bare.append(run_parallel(scans))
        begin = time.monotonic()
        cpu, peak = run([f'{BUILD}/bin/laggard', 'analyze', '--database', 'none', '--format', 'json',
                         '-o', out, traces])
        ours.append((cpu, time.monotonic() - begin))
        memory = max(memory, peak)
    cpu_a, wall_a = (statistics.median(values) for values in zip(*ours))
    cpu_b, wall_b = (statistics.median(values) for values in zip(*bare))
    show(f'job of {RANKS} ranks: wall time relative to bare', f'{wall_a / wall_b:.2f}', 'at most 1.5',
         f'{events} events, {CORES} cores, {wall_a:.2f} s and {wall_b:.2f} s')
    show(f'job of {RANKS} ranks: CPU time relative to bare', f'{cpu_a / cpu_b:.2f}', 'at most 1.5',
         f'{cpu_a:.2f} s and {cpu_b:.2f} s')
    show(f'job of {RANKS} ranks: peak memory, bytes an event', f'{memory / events:.1f}', 'at most 64',
         f'{memory / 1e6:.0f} MB, report of {os.path.getsize(out) / 1e6:.0f} MB')
    for path in paths:
        os.unlink(path)


def memory_of_big(folder):
    path = make_trace(folder, BIG_ROWS)
    events = count_events(path)
    laggard, out = f'{BUILD}/bin/laggard', os.path.join(folder, 'big.json')
    _, peak = run([laggard, 'analyze', '--window', 'all', '--format', 'json', '-o', out, path])
    show('analysis: peak memory', f'{peak / 1e6:.0f}', 'MB', f'{events} events, {peak / events:.1f} bytes each')
    _, peak = run([laggard, 'export', '-q', '--analysis', 'none', '-o', out, path])
    show('Chrome export: peak memory', f'{peak / 2**20:.1f}', 'MiB, at most 64',
         f'{events} events, {peak / events:.1f} bytes each, file {os.path.getsize(out) / 1e9:.2f} GB')


def view_of_huge(folder):
    """From the start of `view` to the first overview of all tracks, and until all of it is exact."""
    path = make_trace(folder, VIEW_ROWS)
    with open(path, 'rb') as file:      # out of the page cache, as far as the system agrees
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begin = time.monotonic()
    view = subprocess.Popen([f'{BUILD}/bin/laggard', 'view', '--open', 'never', path], text=True,
                            stdout=subprocess.PIPE)
    address = view.stdout.readline().strip() + 'api/'

    def ask(words):
        with urllib.request.urlopen(address + words) as answer:
            return json.load(answer)
    tracks = ask('tracks')
    overview = f'start={tracks["start_ns"]}&end={tracks["end_ns"]}&buckets=1600'
    for track in tracks['tracks']:
        ask(f'tile?track={track["id"]}&{overview}')
    opened = time.monotonic() - begin
    while not ask('tracks')['exact']:
        time.sleep(0.2)
    exact = time.monotonic() - begin
    view.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(view.pid, 0)
    view.returncode = 0
    show('view: seconds to the first overview', f'{opened:.2f}', 'at most 2',
         f'{VIEW_ROWS} events, {len(tracks["tracks"])} tracks, exact after {exact:.1f} s, '
         f'{usage.ru_maxrss * 1024 / 1e6:.0f} MB')
    os.unlink(path)


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix='laggard-bench-') as folder:
        subprocess.run([f'{BUILD}/tests/write_bench', folder, str(ROWS)], check=True)
        host_threads(folder)
        start_up(folder)
        whole_program(folder)
        if os.environ.get('BENCH_ONLY') == 'guest':
            return
        subprocess.run([f'{BUILD}/tests/host_bench'], check=True)
        reading(folder)
        job(folder)
        if not os.environ.get('BENCH_SKIP_BIG'):
            memory_of_big(folder)
            view_of_huge(folder)


if __name__ == '__main__':
    main()
