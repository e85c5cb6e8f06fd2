# SPDX-License-Identifier: MIT
"""What the guest owes its host: a killed process leaves a readable trace, one without CUDA leaves nothing."""

import glob
import os
import re
import signal
import time

from check_torch import train_command
from programs import Running, run
from trace_reader import traces_in

KILLED_LOSES_NS = 1_500_000_000
FIRST_RECORDS_S = 2.0           # how long the program works before it is killed
TIMEOUT_S = 90


def pid_of_trace(folder):
    """The process that writes a database there, by the name of the file."""
    for path in glob.glob(os.path.join(folder, '*.db')):
        found = re.search(r'-(\d+)\.trace\.db$', path)
        if found:
            return int(found.group(1))
    return None


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def check_killed(results, setup, command, is_ready, environment=None):
    """kill -9 in the middle of the work. `is_ready` sees what the program has printed so far."""
    group = 'kill -9'
    folder = setup.new_folder(group)
    running = Running(setup.traced(command, folder), setup.limit(TIMEOUT_S), environment)
    started = wait_for(lambda: pid_of_trace(folder) is not None and is_ready(running.output()),
                       setup.limit(TIMEOUT_S / 2))
    time.sleep(FIRST_RECORDS_S)
    pid, killed_ns = pid_of_trace(folder), time.time_ns()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    else:
        running.stop_late()
    done = running.wait()
    if not started or pid is None:
        results.check(f'{group}: the program works', False, 'a trace', done.problem() or 'no trace, or never ready')
        return
    results.check(f'{group}: status of the run', done.status not in (0, None) and not done.is_late, 'not 0',
                  done.status)
    traces = traces_in(folder)
    results.equal(f'{group}: databases', 1, len(traces))
    for trace in traces:
        results.equal(f'{group}: integrity_check', 'ok', trace.integrity())
        results.equal(f'{group}: says that it was not closed', -1, trace.facts['stop_ns'])
        results.check(f'{group}: there are kernels', len(trace.kernels()) > 0, '> 0', len(trace.kernels()))
        results.within(f'{group}: ns from the last row to the kill', 0, killed_ns - trace.last_ns(), 50_000_000,
                       KILLED_LOSES_NS)
        trace.close()


def check_kill_training(results, setup):
    command = train_command(setup, '--steps', '1000000', '--warm-up', '5', '--depth', '2')
    check_killed(results, setup, command, lambda text: 'ready' in text)


def check_no_cuda(results, setup, commands):
    """Processes that never use a GPU leave no file and are not disturbed."""
    for name, command in commands:
        title = f'no CUDA: {name} leaves nothing'
        done, folder = setup.record(title, command, 60)
        files = os.listdir(folder) if os.path.isdir(folder) else []
        results.check(title, done.is_fine() and not files, 'no file', done.problem() or f'{len(files)} files')


def no_cuda_commands(setup):
    found = [('true', ['true']), ('a shell with a pipe', ['sh', '-c', 'echo a | cat'])]
    if setup.has_torch:
        found.append(('import torch', [setup.python, '-c', 'import torch']))
    return found


def check_strides(results, setup, libraries, double):
    """Records of the real libcupti against our declarations, and against what the rig's double of it claims."""
    check = os.path.join(setup.build, 'tests', 'cupti_layout_check')
    strides = os.path.join(setup.build, 'rig', 'bin', 'rig-strides')
    if not libraries:
        results.skip('CUPTI: strides', 'no libcupti found')
    for library in libraries:
        name = os.path.basename(os.path.realpath(library))
        if os.path.exists(check):
            done = run([check, library], 30)
            bad = [line for line in done.out.splitlines() if line.startswith('not ok')]
            results.check(f'CUPTI: our records fit {name}', done.is_fine() and not bad, 'every check ok',
                          '; '.join(bad) or done.problem() or 'so', note=library)
        else:
            results.skip(f'CUPTI: our records fit {name}', 'tests/cupti_layout_check is not built')
        if os.path.exists(strides) and os.path.exists(double):
            compare_strides(results, name, stride_table(strides, library), stride_table(strides, double))


def compare_strides(results, name, real, played):
    """Of the same version they must be equal; another version is merely compared."""
    title = f'CUPTI: the rig\'s strides are those of {name}'
    known = sorted((set(real) & set(played)) - {'version'})
    wrong = [f'kind {kind}: {real[kind]}, the rig says {played[kind]}' for kind in known if real[kind] != played[kind]]
    same = real.get('version') == played.get('version')
    note = '' if same else f'version {real.get("version")}, the rig plays {played.get("version")}'
    if same or not wrong:
        results.check(title, not wrong and len(known) > 10, f'{len(known)} kinds', '; '.join(wrong) or 'equal', 'exact',
                      note)
    else:
        results.skip(title, note + ': ' + '; '.join(wrong)[:200])


def stride_table(program, library):
    """{kind: bytes}, and the version."""
    table = {}
    for line in run([program, library], 30).out.splitlines():
        words = line.split()
        if words[0] == 'kind':
            table[int(words[1])] = int(words[2])
        elif words[0] == 'version':
            table['version'] = int(words[1])
    return table
