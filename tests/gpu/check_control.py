# SPDX-License-Identifier: MIT
"""What a recording does when it is told: a window by cudaProfilerStart and Stop, start and stop while the program runs,
and the flight recorder. What this laggard does not have yet is said to be so."""

import glob
import json
import os
import time

from check_guest import wait_for
from check_torch import STEPS, launched_in, steps_of, train_command
from programs import Running, run
from recording import check_whole
from results import UNBUILT
from trace_reader import traces_in

TIMEOUT_S = 90
OPEN_S = 1.5                    # how long a window on demand is open
FLIGHT_S = 2
SLACK_NS = 500_000_000          # a command takes effect when the recorder next looks
FIRST, LAST = 10, 14            # steps between cudaProfilerStart and Stop


def has_setting(setup, name):
    """Does this libtrace.so know the variable?"""
    try:
        with open(setup.library(), 'rb') as file:
            return b'LAGGARD_' + name.encode() + b'\0' in file.read()
    except OSError:
        return False


def has_ctl(setup):
    return run([setup.laggard(), 'ctl', '--help'], 20).is_fine()


def gaps_of(trace):
    """[(start, duration, reason)] of what was not recorded."""
    return trace.rows('SELECT start_ns, duration_ns, value FROM capture_gap JOIN string ON string_id = reason_id '
                      'ORDER BY start_ns')


def check_profiler_window(results, setup):
    group = 'cudaProfilerStart/Stop window'
    if not has_setting(setup, 'CUDA_PROFILER'):
        results.add(group, UNBUILT)
        return
    command = train_command(setup, *STEPS, '--profiled', f'{FIRST}-{LAST}')
    done, folder = setup.record(group, command, TIMEOUT_S, ('--cuda-profiler', 'on'))
    for trace in check_whole(results, group, done, folder, 1):
        steps = steps_of(trace)
        results.equal(f'{group}: steps recorded', list(range(FIRST, LAST + 1)), sorted(steps))
        if sorted(steps) == list(range(FIRST, LAST + 1)):
            inside = len(launched_in(trace, steps[FIRST].start, steps[LAST].end))
            counts = {len(launched_in(trace, one.start, one.end)) for one in steps.values()}
            results.equal(f'{group}: kernels outside of the steps', 0, len(trace.kernels()) - inside)
            results.check(f'{group}: each step launches as many kernels', len(counts) == 1 and 0 not in counts,
                          'the same number', str(sorted(counts)))
        results.check(f'{group}: what is missing is said', len(gaps_of(trace)) > 0, 'rows of capture_gap',
                      str([row[2] for row in gaps_of(trace)])[:100])
        trace.close()


def ctl(setup, folder, word):
    """(processes that answered, '') or ([], why)."""
    done = run([setup.laggard(), 'ctl', '--format', 'json', folder, word], 30)
    try:
        answers = json.loads(done.out)['processes']
    except (ValueError, KeyError):
        return [], done.problem() or 'no JSON'
    bad = [answer['error'] for answer in answers if answer.get('error')]
    return [answer for answer in answers if not answer.get('error')], '; '.join(bad) or done.problem()


def started(setup, group, options, seconds):
    """A training that runs so long, recorded with these options; and that it works."""
    folder = setup.new_folder(group)
    command = train_command(setup, '--steps', '1000000', '--warm-up', '5', '--depth', '2', '--seconds', str(seconds))
    running = Running(setup.traced(command, folder, options), setup.limit(TIMEOUT_S))
    is_ready = wait_for(lambda: 'ready' in running.output(), setup.limit(TIMEOUT_S / 2)) and \
        wait_for(lambda: ctl(setup, folder, 'status')[0], setup.limit(10))
    return running, folder, is_ready


def check_on_demand(results, setup):
    group = 'start and stop on demand (ctl)'
    if not has_ctl(setup) or not has_setting(setup, 'START'):
        results.add(group, UNBUILT)
        return
    running, folder, is_ready = started(setup, group, ('--start', 'off'), 6)
    opened_ns, opened = time.time_ns(), ctl(setup, folder, 'start')
    time.sleep(OPEN_S)
    closed, closed_ns = ctl(setup, folder, 'stop'), time.time_ns()
    asked = ctl(setup, folder, 'status')
    done = running.wait()
    results.check(f'{group}: the program works and ends well', is_ready and done.is_fine(), 'status 0',
                  done.problem() or 'so')
    for word, (answers, problem) in (('start', opened), ('stop', closed), ('status', asked)):
        results.check(f'{group}: {word} is answered', len(answers) == 1 and not problem, 'one process',
                      problem or f'{len(answers)} answers')
    for trace in traces_in(folder):
        kernels = trace.kernels()
        results.check(f'{group}: there are kernels', len(kernels) > 0, '> 0', len(kernels))
        if kernels:
            first, last = kernels[0].start, max(kernel.end for kernel in kernels)
            results.check(f'{group}: all lie between start and stop', opened_ns - SLACK_NS <= first and
                          last <= closed_ns + SLACK_NS, f'{(closed_ns - opened_ns) / 1e9:.2f} s',
                          f'{(last - first) / 1e9:.2f} s, from {(first - opened_ns) / 1e9:.3f} s on')
        results.check(f'{group}: what is missing is said', len(gaps_of(trace)) >= 2, '2 rows of capture_gap',
                      str([row[2] for row in gaps_of(trace)])[:100])
        trace.close()


def check_flight(results, setup):
    group = 'flight recorder'
    if not has_ctl(setup) or not has_setting(setup, 'FLIGHT_S'):
        results.add(group, UNBUILT)
        return
    running, folder, is_ready = started(setup, group, ('--flight-s', str(FLIGHT_S)), 8)
    time.sleep(FLIGHT_S + 1.5)
    asked_ns, (answers, problem) = time.time_ns(), ctl(setup, folder, 'dump')
    dumps = []
    wait_for(lambda: dumps.extend(glob.glob(os.path.join(folder, '*dump*.db'))) or dumps, 20)
    done = running.wait()
    results.check(f'{group}: the program works and ends well', is_ready and done.is_fine(), 'status 0',
                  done.problem() or 'so')
    results.check(f'{group}: dump is answered', len(answers) == 1 and not problem, 'one process',
                  problem or f'{len(answers)} answers')
    results.check(f'{group}: one dump', len(set(dumps)) == 1, 1, len(set(dumps)))
    for trace in traces_in(folder):
        if 'dump' not in os.path.basename(trace.path):
            results.check(f'{group}: nothing else is written', len(trace.kernels()) == 0, 0, len(trace.kernels()))
            trace.close()
            continue
        kernels = trace.kernels()
        results.equal(f'{group}: integrity_check', 'ok', trace.integrity())
        results.check(f'{group}: says who asked', bool(trace.facts.get('trigger')), 'a reason',
                      trace.facts.get('trigger'))
        if kernels:
            last = max(kernel.end for kernel in kernels)
            results.within(f'{group}: ns that it holds', FLIGHT_S * 10**9, last - kernels[0].start, 10**9, 10**9)
            results.within(f'{group}: ns from its last kernel to the question', 0, asked_ns - last, SLACK_NS,
                           2 * SLACK_NS)
        else:
            results.check(f'{group}: there are kernels', False, '> 0', 0)
        trace.close()


def check_control(results, setup):
    check_profiler_window(results, setup)
    check_on_demand(results, setup)
    check_flight(results, setup)
