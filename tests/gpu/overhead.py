# SPDX-License-Identifier: MIT
"""What recording costs, side by side in one run: every variant once a round, in turning order, medians at the end.

Launches: a process a variant and round. Training: PyTorch's start is dear, so all variants are started once, and one
after the other is asked for some steps while the rest are stopped (SIGSTOP): else their samplers would slow down all.
"""

import os
import shutil
import signal
import time

from check_control import has_setting
from check_torch import train_command
from programs import Running, run
from results import median, spread
from trace_reader import traces_in

STEP_LIMIT_PERCENT = 2.0        # of full tracing, on a realistic training step
LAUNCH_LIMIT_NS = 1000          # a launch, beyond what CUPTI itself costs
LAUNCHES = ('50000', '5')
STEP_OPTIONS = ('--asked', '--steps', '10', '--warm-up', '10', '--launches', '400')
ROUNDS_MIN, ROUNDS_MAX = 3, 7           # processes a variant
TURNS_MIN, TURNS_MAX = 5, 25            # questions a variant
START_TIMEOUT_S, TURN_TIMEOUT_S = 60, 20
# Switches of laggard run that leave nothing but kernels and copies.
KERNELS_ONLY_OFF = ('api', 'sync', 'events', 'memory-events', 'nvtx', 'nccl', 'nvml')
TIMEOUT_S = 60


class Variant:
    """A way to run a program: bare, under us, under somebody else."""

    def __init__(self, name, prefix=(), extra=(), environment=None, is_ours=False):
        self.name, self.prefix, self.extra = name, list(prefix), list(extra)
        self.environment = environment or {}
        self.is_ours = is_ours
        self.rounds_max = ROUNDS_MAX
        self.may_be_stopped = True
        self.running, self.folder = None, ''     # of one that is asked
        self.samples = {}
        self.failure = ''

    def command(self, setup, command):
        """The command line, and the folder of the traces (or of what the other tool writes)."""
        folder = setup.new_folder('overhead')
        if self.is_ours:
            return setup.traced(command, folder, self.prefix), folder
        if not self.prefix:
            return command + self.extra, folder
        os.makedirs(folder)
        return [word.replace('%o', os.path.join(folder, 'out')) for word in self.prefix] + command, folder

    def note(self, name, value):
        if value is not None:
            self.samples.setdefault(name, []).append(value)

    def value(self, name):
        return median(self.samples[name]) if self.samples.get(name) else None


def play_round(setup, variants, number, command, read):
    """Each variant once; the order turns, so that no variant is always first."""
    for offset in range(len(variants)):
        variant = variants[(offset + number) % len(variants)]
        if variant.failure or number >= variant.rounds_max:
            continue
        line, folder = variant.command(setup, command)
        done = run(line, setup.limit(TIMEOUT_S), variant.environment)
        said = done.result()
        if done.problem() or said is None:
            variant.failure = done.problem() or 'prints no JSON'
        else:
            variant.note('peak_bytes', done.peak_bytes)
            variant.note('device_used_bytes', said.get('device_used_bytes'))
            variant.note('exit_ns', done.end_ns - said['end_unix_ns'])
            read(variant, said, folder)
        shutil.rmtree(folder, ignore_errors=True)


def play_rounds(setup, variants, command, read, seconds, rounds_max=ROUNDS_MAX):
    """As many rounds as fit into that time, at least ROUNDS_MIN; how many it were."""
    begin_left, number = setup.left(), 0
    while number < rounds_max:
        used = begin_left - setup.left()
        each = used / number if number else 0
        if number >= ROUNDS_MIN and used + each > seconds or number and setup.left() < 1.2 * each:
            break
        play_round(setup, variants, number, command, read)
        number += 1
    return number


def trace_size(variant, folder):
    """Bytes of the databases per event, read from one recording."""
    traces = traces_in(folder) if os.path.isdir(folder) else []     # a flight recorder writes none unless asked
    events = sum(trace.event_count() for trace in traces)
    size = sum(os.path.getsize(trace.path) for trace in traces)
    lost = sum(len(trace.lost()) for trace in traces)
    for trace in traces:
        trace.close()
    variant.note('lost', lost)
    if events:
        variant.note('events', events)
        variant.note('bytes_an_event', size / events)


def read_launches(variant, said, folder):
    variant.note('launch_ns', said['figures']['launch_ps'] / 1000)
    variant.note('finish_ns', said['figures']['finish_ps'] / 1000)
    if variant.is_ours:
        trace_size(variant, folder)


def start_asked(setup, variants, command):
    """All at once; then each is ready, or has failed."""
    for variant in variants:
        line, variant.folder = variant.command(setup, command)
        variant.running = Running(line, setup.limit(START_TIMEOUT_S + len(variants) * TURNS_MAX), variant.environment,
                                  is_asked=True)
    deadline = time.monotonic() + setup.limit(START_TIMEOUT_S)
    while time.monotonic() < deadline:
        if all('ready' in variant.running.output() or not variant.running.is_running() for variant in variants
               if variant.running.process is not None):
            break
        time.sleep(0.05)
    for variant in variants:
        if variant.running.process is None or 'ready' not in variant.running.output():
            variant.failure = 'never ready'
        elif variant.may_be_stopped:
            variant.running.send(signal.SIGSTOP)


def ask_in_turns(setup, variants, seconds):
    """As many turns as fit into that time, at least TURNS_MIN; how many it were."""
    begin, number = time.monotonic(), 0
    while number < TURNS_MAX and (number < TURNS_MIN or time.monotonic() - begin < seconds) and setup.left() > 0:
        for offset in range(len(variants)):
            variant = variants[(offset + number) % len(variants)]
            if variant.failure:
                continue
            variant.running.send(signal.SIGCONT)
            said = variant.running.ask(setup.limit(TURN_TIMEOUT_S))
            if variant.may_be_stopped:
                variant.running.send(signal.SIGSTOP)
            if said is None:
                variant.failure = 'does not answer'
                continue
            for duration_ns in said['step_ns']:
                variant.note('step_ns', duration_ns)
            variant.note('launch_ns', median(said['launch_ns']))
        number += 1
    return number


def end_asked(variants):
    """They end when nobody can ask any more; what they leave is counted."""
    for variant in variants:
        variant.running.close_input()
        variant.running.send(signal.SIGCONT)
    for variant in variants:
        if variant.failure and variant.running.is_running():
            variant.running.stop_late()
        done = variant.running.wait()
        if done.problem():
            variant.failure = f'{variant.failure} {done.problem()}'.strip()
        variant.note('peak_bytes', done.peak_bytes)
        if variant.is_ours and not variant.failure:
            trace_size(variant, variant.folder)
        shutil.rmtree(variant.folder, ignore_errors=True)


def our_variants(setup, told=None):
    """Everything; without API calls; nothing but kernels; nothing written until somebody asks."""
    only = [word for name in KERNELS_ONLY_OFF for word in ('--' + name, 'off')]
    found = [Variant('laggard', environment=told, is_ours=True),
             Variant('laggard --api off', ['--api', 'off'], environment=told, is_ours=True),
             Variant('laggard, kernels only', only, environment=told, is_ours=True)]
    if has_setting(setup, 'FLIGHT_S'):
        found.append(Variant('laggard, flight recorder', ['--flight-s', '10'], environment=told, is_ours=True))
    return found


def nsys_variant():
    if shutil.which('nsys') is None:
        return []
    made = Variant('nsys', ['nsys', 'profile', '-t', 'cuda,nvtx', '-s', 'none', '--force-overwrite=true', '-o', '%o'])
    made.rounds_max = 1         # its report takes longer than the program
    made.may_be_stopped = False     # its own processes belong to no group of ours
    return [made]


def floor_variant(setup):
    """CUPTI with the same records switched on and thrown away: what no tool can be cheaper than."""
    library = os.path.join(setup.build, 'tests', 'gpu', 'libcupti_floor.so')
    if not os.path.exists(library):
        return []
    return [Variant('CUPTI alone', (), (), {'CUDA_INJECTION64_PATH': library, 'CUPTI_FLOOR_LIBRARY': setup.cupti})]


def drop_failed(results, group, variants):
    for variant in variants:
        if variant.failure:
            results.check(f'{group}: {variant.name} runs', False, 'status 0', variant.failure)
    return {variant.name: variant for variant in variants if not variant.failure}


def percent(variant, bare, name):
    return 100 * (variant.value(name) / bare.value(name) - 1)


def report_memory(results, group, bare, full):
    for name, text in (('peak_bytes', 'host'), ('device_used_bytes', 'device')):
        if full.value(name) is not None and bare.value(name) is not None:
            results.figure(f'{group}: peak {text} memory', round((full.value(name) - bare.value(name)) / 2**20, 1),
                           'MiB', 'beyond bare')


def report_launches(results, group, found, rounds):
    bare, full = found.get('bare'), found.get('laggard')
    if bare is None or full is None:
        return
    for variant in found.values():
        results.figure(f'{group}: {variant.name}', round(variant.value('launch_ns'), 1), 'ns a launch',
                       f'{rounds} rounds; with the GPU {variant.value("finish_ns"):,.0f} ns')
    base = found.get('CUPTI alone', bare)
    results.at_most(f'{group}: a launch, beyond {base.name}', LAUNCH_LIMIT_NS,
                    full.value('launch_ns') - base.value('launch_ns'), ' ns')
    results.equal(f'{group}: nothing is lost', 0, sum(full.samples.get('lost', [0])))
    results.figure(f'{group}: bytes an event', round(full.value('bytes_an_event') or 0, 1), 'bytes',
                   f'{full.value("events") or 0:,.0f} events')
    results.figure(f'{group}: from the end of the work to the finished database',
                   round((full.value('exit_ns') - bare.value('exit_ns')) / 1e6, 1), 'ms', 'beyond bare')
    report_memory(results, group, bare, full)


def measure_launches(results, setup, seconds=30, program=None):
    """The worst case: empty kernels back to back."""
    group = 'overhead, launches'
    command = program or [setup.kernel('launches'), *LAUNCHES]
    if not os.path.exists(command[0]):
        results.skip(group, 'kernels/launches is not built')
        return
    told = setup.kernel_environment()
    variants = [Variant('bare'), *floor_variant(setup), *our_variants(setup, told), *nsys_variant()]
    rounds = play_rounds(setup, variants, command, read_launches, seconds)
    report_launches(results, group, drop_failed(results, group, variants), rounds)


def report_training(results, group, found, rounds):
    bare, full = found.get('bare'), found.get('laggard')
    if bare is None or full is None:
        return
    noise = 100 * spread(bare.samples['step_ns'])
    results.figure(f'{group}: bare', round(bare.value('step_ns') / 1e6, 3), 'ms a step',
                   f'{rounds} turns, bare varies by {noise:.2f} %')
    for variant in found.values():
        if variant is not bare:
            results.figure(f'{group}: {variant.name}', round(percent(variant, bare, 'step_ns'), 2), '% longer steps',
                           f'{variant.value("step_ns") / 1e6:.3f} ms; a tiny operation '
                           f'{variant.value("launch_ns"):,.0f} ns, bare {bare.value("launch_ns"):,.0f} ns')
    ours = percent(full, bare, 'step_ns')
    results.at_most(f'{group}: a step under laggard', STEP_LIMIT_PERCENT, ours, ' %')
    results.equal(f'{group}: nothing is lost', 0, sum(full.samples.get('lost', [0])))
    for name in ('torch.profiler, CUDA only', 'torch.profiler, CPU and CUDA', 'nsys'):
        if name in found:
            theirs = percent(found[name], bare, 'step_ns')
            results.check(f'{group}: not more than {name}', ours <= theirs + noise, f'<= {theirs:.2f} %',
                          f'{ours:.2f} %', f'+{noise:.2f} % (noise)')
    if full.value('bytes_an_event'):
        results.figure(f'{group}: bytes an event', round(full.value('bytes_an_event'), 1), 'bytes',
                       f'{full.value("events"):,.0f} events')
    report_memory(results, group, bare, full)


def measure_training(results, setup, seconds=30):
    """A realistic step: a small transformer."""
    group = 'overhead, training'
    variants = [Variant('bare'), *our_variants(setup),
                Variant('torch.profiler, CUDA only', extra=['--profile', 'cuda']),
                Variant('torch.profiler, CPU and CUDA', extra=['--profile', 'all']), *nsys_variant()]
    start_asked(setup, variants, train_command(setup, *STEP_OPTIONS))
    turns = ask_in_turns(setup, variants, seconds)
    end_asked(variants)
    report_training(results, group, drop_failed(results, group, variants), turns)
