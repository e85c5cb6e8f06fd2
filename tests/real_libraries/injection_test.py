#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libtrace.so in programs that start the real CUDA driver where there is no GPU (TAP): the driver calls it, it says
once why it records nothing, and the program's answers, output and exit status are those without it. First what the
drivers do with any tool, which is what the rig's driver must do as well."""

import concurrent.futures
import os
import re
import sqlite3
import tempfile

import places
import guest
from guest import Result, Tap, environment

PROGRAM = os.path.join(guest.BUILD, 'tests', 'real_libraries', 'cuda_program')
COUNTING = os.path.join(guest.BUILD, 'tests', 'real_libraries', 'counting_injection.so')
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')
RIG_NODEVICE = os.path.join(guest.RIG, 'lib-nodevice')
WAYS = ('once', 'thrice', 'threads', 'fork', 'fork-exit', 'fork-first', 'at-exit', 'abort', 'exec')
SECONDS_MAX = 60
# With one libcupti all ways, with the others those in which CUPTI could differ.
WAYS_OF_OTHERS = ('once', 'fork', 'at-exit')
STATUSES = {'once': 7, 'at-exit': 11, 'abort': -6, 'exec': 7}
# Processes of a way that start the driver anew: each says once why it records nothing.
STARTS = {'fork-first': 2, 'exec': 2}


def run(way, folder, libraries, is_guest=False, command=None, **variables):
    path = ':'.join(path for path in libraries if path)
    return Result([*(command or ()), PROGRAM, way], folder,
                  environment(is_guest, LD_LIBRARY_PATH=path, CUDA_HOME=None, CONDA_PREFIX=None, **variables),
                  SECONDS_MAX)


def output(result):
    """What the program itself said; versions of drivers differ, and so does the order of threads."""
    return result.status, sorted(re.sub(r'(Version \d+): \d+', r'\1', line) for line in result.out.splitlines())


def tool_calls(libraries, way, answer):
    """What a driver does with a tool, and what it answers the program."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(way, folder, libraries, CUDA_INJECTION64_PATH=COUNTING, COUNTING_ANSWER=answer)
    return [line for line in result.err.splitlines() if line.startswith('tool: ')], output(result)


def check_protocol(tap, driver):
    real = [places.DRIVERS[driver]]
    name = f'driver {driver}: '
    calls, _ = tool_calls(real, 'thrice', '1')
    tap.equal(calls, ['tool: loaded', 'tool: called', 'tool: unloaded'],
              name + 'calls a tool once, inside the first cuInit, without any device')
    calls, _ = tool_calls(real, 'thrice', '0')
    tap.equal(calls, ['tool: loaded', 'tool: called', 'tool: unloaded'] * 3,
              name + 'a tool that answers 0 is unloaded, and called by each cuInit')
    calls, (_, said) = tool_calls(real, 'fork', '1')
    # 535 calls it anew in a forked child, 550 refuses to start there.
    tap.check(calls.count('tool: called') == (2 if driver == '535' else 1) and calls.count('tool: loaded') == 1 and
              f'child: cuInit {100 if driver == "535" else 304}' in said, name + 'what it does in a forked child',
              f'{calls}\n{said}')
    for way in WAYS:
        if driver == '535' and way.startswith('fork'):
            continue    # the double is like the newer ones
        for answer in ('1', '0') if way in ('thrice', 'fork') else ('1',):
            bare = tool_calls(real, way, answer)
            double = tool_calls([RIG_NODEVICE], way, answer)
            tap.equal(double, bare, name + f"the rig's driver does the same: {way}, a tool that answers {answer}")


def problem(bare, traced, way, library):
    if output(bare) != output(traced):
        return f'the program behaves differently\n{bare.text()}\n{traced.text()}'
    if way != 'threads' and bare.out != traced.out:
        return f'output in another order\n{bare.out}\n{traced.out}'
    said = traced.lines()
    if len(said) != STARTS.get(way, 1):
        return f'{len(said)} lines of libtrace, not {STARTS.get(way, 1)}\n{traced.err}'
    if not all('refuses to trace: CUPTI_ERROR_' in line and 'the GPU is not recorded' in line and
               (library is None or os.path.realpath(library) == os.path.realpath(line.split('(')[1].split(')')[0]))
               for line in said):
        return f'not the reason that was expected\n{traced.err}'
    strange = [line for line in traced.err.splitlines() if line not in said]
    return '\n'.join(strange)


def run_guest(way, driver, cupti, bare):
    """What is wrong with the program under libtrace, against the one without it, or with the files that it left."""
    with tempfile.TemporaryDirectory() as folder:
        traced = run(way, folder, [places.DRIVERS[driver]], is_guest=True, LAGGARD_CUPTI=cupti.library,
                     LAGGARD_OUTPUT=os.path.join(folder, 'trace-%p.db'))
        left = os.listdir(folder)
    wrong = problem(bare, traced, way, cupti.library)
    return wrong or (f'files are left: {left}' if left else '')


def check_guest(tap, driver):
    with tempfile.TemporaryDirectory() as folder:
        bare = {way: run(way, folder, [places.DRIVERS[driver]]) for way in WAYS}
    wrong = [result.text() for way, result in bare.items()
             if result.status != STATUSES.get(way, 0) or ': cuInit 100\n' not in result.out or result.err]
    tap.check(not wrong, f'driver {driver}: answers 100 without a device, and the programs end as they should',
              '\n'.join(wrong))
    cuptis = [cupti for cupti in places.cuptis() if cupti.library]
    jobs = [(way, cupti) for cupti in cuptis for way in (WAYS if cupti is cuptis[0] else WAYS_OF_OTHERS)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda job: run_guest(job[0], driver, job[1], bare[job[0]]), jobs))
    for (way, cupti), wrong in zip(jobs, found):
        tap.check(not wrong, f'driver {driver}, CUPTI {cupti.name}, {way}: as without libtrace, and one line says why '
                  'nothing is recorded', wrong)
    for cupti in places.cuptis():
        if not cupti.library:
            tap.skip(f'driver {driver}, CUPTI {cupti.name}', cupti.why_missing())


def check_runtime(tap, driver):
    """Through the real CUDA runtime, with no word about where CUPTI is: it lies beside it."""
    for cupti in places.cuptis():
        name = f'driver {driver}, CUDA runtime {cupti.name}: '
        runtime = cupti.runtime() if cupti.library else None
        if runtime is None:
            tap.skip(name + 'starts the driver, which calls libtrace', cupti.why_missing())
            continue
        with tempfile.TemporaryDirectory() as folder:
            libraries = [places.DRIVERS[driver]]
            bare = run('runtime', folder, libraries, CUDA_PROGRAM_RUNTIME=runtime)
            traced = run('runtime', folder, libraries, is_guest=True, CUDA_PROGRAM_RUNTIME=runtime)
            left = os.listdir(folder)
        if 'cudaGetDeviceCount 35' in bare.out:
            # Insufficient driver: this runtime does not even start it.
            tap.check(output(bare) == output(traced) and not traced.err and not left,
                      name + 'too new for the driver; nothing is said or left', bare.text() + traced.text())
            continue
        wrong = problem(bare, traced, 'runtime', cupti.library)
        tap.check(not wrong and not left and 'cudaGetDeviceCount 100' in bare.out,
                  name + 'starts the driver, which calls libtrace, which finds CUPTI beside it',
                  f'{wrong}\n{left}\n{bare.out}')


def check_launcher(tap, driver):
    cupti = next((cupti for cupti in places.cuptis() if cupti.library), None)
    with tempfile.TemporaryDirectory() as folder:
        bare = run('once', folder, [places.DRIVERS[driver]])
        traced = run('once', folder, [places.DRIVERS[driver]], command=(LAGGARD, 'run', '-o', 'traces', '--'),
                     LAGGARD_CUPTI=cupti.library)
        files = [name for _, _, names in os.walk(folder) for name in names]
    tap.check(output(bare) == output(traced) and bare.status == 7 and not files,
              f'driver {driver}: laggard run passes output and exit status on, and leaves no file',
              f'{bare.text()}\n{traced.text()}\n{files}')
    said = traced.lines()
    tap.check(len(said) == 2 and 'refuses to trace' in said[0] and 'no trace: ' in said[1],
              f'driver {driver}: laggard run says that there is no trace, after the reason', traced.err)
    # Off, the library is there and nothing else.
    with tempfile.TemporaryDirectory() as folder:
        off = run('once', folder, [places.DRIVERS[driver]], is_guest=True, LAGGARD_ENABLED='off')
    tap.check(output(off) == output(bare) and not off.err, f'driver {driver}: LAGGARD_ENABLED=off is silent',
              off.text())


def check_nvml(tap, driver):
    """A recording of the simulated GPU beside the real NVML, for which no driver is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(places.DRIVERS[driver], 'libnvidia-ml.so.1'), os.path.join(folder, 'libnvidia-ml.so.1'))
        trace = os.path.join(folder, 'trace.db')
        path = folder + ':' + os.path.join(guest.RIG, 'lib-13.0')
        result = Result([guest.RIG_TRAIN, os.path.join(guest.SCENARIOS, 'tiny.scn'), '--rank', '0'], folder,
                        environment(True, True, LAGGARD_OUTPUT=trace, LD_LIBRARY_PATH=path,
                                    RIG_CUPTI_SONAME='libcupti.so.13'), SECONDS_MAX)
        db = sqlite3.connect(trace)
        loss = db.execute("SELECT reason, count FROM loss WHERE source = 'nvml'").fetchall()
        kernels = db.execute('SELECT COUNT(*) FROM kernel').fetchone()[0]
        samples = db.execute('SELECT COUNT(*) FROM sample').fetchone()[0]
        db.close()
    tap.check(loss == [('disabled: NVML does not start: driver not loaded (9)', 0)] and kernels > 0 and
              samples == 0 and result.status == 0 and not result.lines(),
              f'NVML {driver} without a loaded driver: the trace says it once, and has all else',
              f'{loss} {kernels} kernels, {samples} samples\n{result.text()}')


def main():
    guest.require_library()
    tap = Tap()
    for driver in places.DRIVERS:
        if places.why_no_driver(driver):
            tap.skip(f'driver {driver}', places.why_no_driver(driver))
            continue
        check_protocol(tap, driver)
        check_guest(tap, driver)
        check_runtime(tap, driver)
        check_launcher(tap, driver)
        check_nvml(tap, driver)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
