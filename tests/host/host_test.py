#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Host safety (TAP): a program with libtrace.so in it does what it does without: same output, same status,
no file; and where libtrace cannot record, it says so in one line and the program runs on."""

import os
import resource
import shutil
import sys
import tempfile

import guest
from guest import Result, Tap, environment

FORKER = os.path.join(guest.BUILD, 'tests', 'host', 'forker')
TSAN_BREAKS = 'the thread sanitizer breaks programs that are not built with it'
LATE = os.path.join(guest.BUILD, 'tests', 'host', 'late')

PYTHON_SQLITE = '''
import sqlite3, subprocess, os
db = sqlite3.connect(':memory:')
print(sqlite3.sqlite_version, db.execute('select sqlite_source_id()').fetchone()[0])
own = {line.split()[-1] for line in open('/proc/self/maps') if 'libsqlite3' in line}
print(sorted(own))
print(subprocess.run(['sh', '-c', 'echo shell; exit 5'], stdout=subprocess.PIPE).returncode)
db = sqlite3.connect('own.db')
db.execute('create table t(x)')
db.execute('insert into t values (1)')
db.commit()
db.close()
os.unlink('own.db')
'''

PROGRAMS = (
    ('true', ['true']),
    ('false', ['false']),
    ('bash -c', ['bash', '-c', 'x=$(echo inner | cat); echo "$x"; (exit 3); echo $?; exit 4']),
    ('bash exec chain', ['bash', '-c', 'exec sh -c "exec env sh -c \'echo end; exit 6\'"']),
    ('python3 with sqlite3 and subprocess', [sys.executable, '-c', PYTHON_SQLITE]),
    ('python3 os._exit', [sys.executable, '-c', 'import os; print("x", flush=True); os._exit(8)']),
    ('python3 multiprocessing', [sys.executable, '-c', '''
import multiprocessing as m
if __name__ == '__main__':
    print(m.get_context('fork').Pool(2).map(abs, [-1, -2, -3]))
''']),
    ('python3 exception', [sys.executable, '-c', 'raise SystemExit("said")']),
    ('a forking and exec\'ing C program', [FORKER]),
)


def with_and_without(tap, name, command):
    folder = tempfile.mkdtemp()
    try:
        without = Result(command, folder, environment(False))
        within = Result(command, folder, environment(True))
        same = (within.status, within.out, within.err) == (without.status, without.out, without.err)
        tap.check(same, f'{name}: same output and status',
                  f'without: {without.text()}\nwith: {within.text()}')
        tap.equal(sorted(os.listdir(folder)), [], f'{name}: no file is left')
    finally:
        shutil.rmtree(folder)


def late_environment(**settings):
    # The thread sanitizer cannot come into a program that was not built with it; then it is (part.mk).
    return environment(True, 'tsan' in (guest.RUNTIME or ''), **settings)


def run_late(driver, way='return', **settings):
    """(result, files left): a program that begins with CUDA but makes no context."""
    folder = tempfile.mkdtemp()
    try:
        result = Result([LATE, driver, way], folder, late_environment(**settings))
        return result, sorted(os.listdir(folder))
    finally:
        shutil.rmtree(folder)


def rig_library(version, name):
    return os.path.join(guest.RIG, f'lib-{version}', name)


def rig_train(folder, *options, **settings):
    command = [guest.RIG_TRAIN, os.path.join(guest.SCENARIOS, 'tiny.scn'), '--rank', '0', '--quiet', *options]
    variables = environment(True, True, RIG_SCENARIO=command[1], LD_LIBRARY_PATH=rig_library('13.0', ''),
                            **settings)
    return Result(command, folder, variables)


def check_no_context(tap):
    driver = rig_library('13.0', 'libcuda.so.1')
    for way, status in (('return', 23), ('_exit', 21), ('quick_exit', 22)):
        result, files = run_late(driver, way, LAGGARD_CUPTI=rig_library('13.0', 'libcupti.so.13'))
        tap.check((result.status, result.out, result.err, files) == (status, 'cuInit: 0\n', '', []),
                  f'CUDA without a context, {way}: silent, no file', f'{result.text()}\nfiles {files}')


def check_refusals(tap):
    driver = rig_library('13.0', 'libcuda.so.1')
    cupti = rig_library('13.0', 'libcupti.so.13')
    cases = (
        ('no CUPTI there', dict(LAGGARD_CUPTI='/nonexistent/libcupti.so'), "cannot use LAGGARD_CUPTI"),
        ('a CUPTI that is none', dict(LAGGARD_CUPTI=driver), 'has no cupti'),
        ('an empty CUPTI folder', dict(LAGGARD_CUPTI=guest.HERE), 'there is no libcupti in it'),
        ('CUPTI refuses', dict(LAGGARD_CUPTI=cupti, RIG_FAULTS='subscribe=15'), 'ERROR_NOT_INITIALIZED'),
        ('CUPTI is taken', dict(LAGGARD_CUPTI=cupti, RIG_FAULTS='subscribe=39'), "'nsys'"),
        ('buffers refused', dict(LAGGARD_CUPTI=cupti, RIG_FAULTS='register=999'), 'refuses to trace'),
        ('records refused', dict(LAGGARD_CUPTI=cupti, RIG_FAULTS='enable=35'), 'cannot trace kernels'),
        ('output is no folder', dict(LAGGARD_CUPTI=cupti, LAGGARD_OUTPUT='/dev/null'), '/dev/null'),
        ('unknown field', dict(LAGGARD_CUPTI=cupti, LAGGARD_OUTPUT='%z.db'), 'LAGGARD_OUTPUT'),
    )
    for name, settings, words in cases:
        result, files = run_late(driver, **settings)
        lines = result.err.splitlines()
        is_ok = (result.status, result.out, files) == (23, 'cuInit: 0\n', []) and len(lines) == 1 and \
            lines[0].startswith('laggard: ') and words in lines[0]
        tap.check(is_ok, f'{name}: one line, program unaffected', f'{result.text()}\nfiles {files}')


def check_settings(tap):
    driver = rig_library('13.0', 'libcuda.so.1')
    cupti = rig_library('13.0', 'libcupti.so.13')
    result, _ = run_late(driver, LAGGARD_CUPTI=cupti, LAGGARD_FLUSH_MS='soon', LAGGARD_API='some')
    tap.equal(result.err.splitlines(), [
        "laggard: LAGGARD_API is 'some', which is not all, launches or off: using 'all'",
        "laggard: LAGGARD_FLUSH_MS is 'soon', which is not 10..10000: using '250'"],
        'bad settings: a line each, and the default')
    folder = tempfile.mkdtemp()
    if 'tsan' in (guest.RUNTIME or ''):
        tap.skip('bad settings: programs without CUDA stay silent', TSAN_BREAKS)
    else:
        result = Result(['bash', '-c', 'true; sh -c true; echo done'], folder,
                        environment(True, LAGGARD_FLUSH_MS='soon'))
        tap.equal((result.out, result.err), ('done\n', ''), 'bad settings: programs without CUDA stay silent')
    result = rig_train(folder, LAGGARD_ENABLED='off')
    tap.equal((result.status, result.err, os.listdir(folder)), (0, '', []), 'LAGGARD_ENABLED=off: nothing')
    shutil.rmtree(folder)


def check_other_half(tap):
    """libtrace-capture.so is loaded with CUDA, and not before; where it cannot be, the program does without."""
    driver = rig_library('13.0', 'libcuda.so.1')
    # Two of one library are no business of a sanitizer.
    for name, other in (('missing', None), *((('something else', guest.LIBRARY),) if not guest.RUNTIME else ())):
        folder = tempfile.mkdtemp()
        alone = shutil.copy(guest.LIBRARY, folder)
        if other is not None:
            shutil.copy(other, os.path.join(folder, 'libtrace-capture.so'))
        preloaded = late_environment().get('LD_PRELOAD', '').replace(guest.LIBRARY, alone)
        output = os.path.join(folder, 'traces')
        result, files = run_late(driver, LD_PRELOAD=preloaded, LAGGARD_OUTPUT=output)
        lines = result.err.splitlines()
        tap.check((result.status, result.out, files) == (23, 'cuInit: 0\n', []) and len(lines) == 1 and
                  lines[0].startswith('laggard: cannot load ') and 'libtrace-capture.so' in lines[0] and
                  not os.path.exists(output), f'libtrace-capture.so is {name}: one line, program unaffected',
                  f'{result.text()}\nfiles {files}')
        shutil.rmtree(folder)
    if 'tsan' in (guest.RUNTIME or ''):
        tap.skip('a program without CUDA has libtrace.so alone', TSAN_BREAKS)
        return
    result = Result(['cat', '/proc/self/maps'], '/', environment(True))
    loaded = sorted({os.path.basename(line.split()[-1]) for line in result.out.splitlines() if 'libtrace' in line})
    tap.equal(loaded, ['libtrace.so'], 'a program without CUDA has libtrace.so alone')


def check_no_device(tap):
    folder = tempfile.mkdtemp()
    nodevice = os.path.join(guest.RIG, 'lib-nodevice')
    result = Result([LATE, os.path.join(nodevice, 'libcuda.so.1'), 'return'], folder,
                    late_environment(LAGGARD_CUPTI=os.path.join(nodevice, 'libcupti.so.13')))
    tap.check(result.status == 23 and 'cuInit: 100' in result.out and len(result.lines()) <= 1 and
              os.listdir(folder) == [], 'a driver without a GPU: program unaffected, no file', result.text())
    result = Result([LATE, '/nonexistent/libcuda.so.1', 'return'], folder, late_environment())
    tap.check(result.status == 2 and not result.lines(), 'no driver at all: silent', result.text())
    shutil.rmtree(folder)


def check_other_tool(tap):
    folder = tempfile.mkdtemp()
    result = rig_train(folder, CUDA_INJECTION64_PATH='/opt/other/tool.so')
    tap.check(result.status == 0 and os.listdir(folder) == [] and len(result.err.splitlines()) == 1 and
              'CUDA_INJECTION64_PATH' in result.err, 'another tool has the injection: one line, no file',
              result.text())
    result = rig_train(folder, NVTX_INJECTION64_PATH='/opt/other/tool.so', LAGGARD_OUTPUT=folder)
    tap.check(result.status == 0 and len(os.listdir(folder)) == 1 and result.err == '',
              'another tool has NVTX: the GPU is recorded all the same', result.text())
    shutil.rmtree(folder)


def check_output(tap):
    folder = tempfile.mkdtemp()
    result = rig_train(folder, LAGGARD_OUTPUT='deep/er/%r-of-%h.trace.db', RANK='3')
    host, deep = os.uname().nodename, os.path.join(folder, 'deep', 'er')
    tap.check(os.path.exists(os.path.join(deep, f'3-of-{host}.trace.db')) and result.err == '',
              'the output pattern is followed, missing folders are made', result.text())
    result = rig_train(folder, LAGGARD_OUTPUT='deep/er/%r-of-%h.trace.db', RANK='3')
    tap.check(os.path.exists(os.path.join(deep, f'3-of-{host}-2.trace.db')) and result.err == '',
              'an old trace is not overwritten', result.text())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 * 1024, hard))
    scenario = f'{guest.SCENARIOS}/ddp4.scn'
    result = Result([guest.RIG_TRAIN, '--quiet', '--rank', '0', scenario], folder, environment(
        True, True, RIG_SCENARIO=scenario, LD_LIBRARY_PATH=rig_library('13.0', ''), LAGGARD_OUTPUT='full'))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    tap.check(result.status == 0 and len(result.err.splitlines()) == 1 and 'cannot write' in result.err,
              'a full disk: one line, the program runs on', result.text())
    result = rig_train(folder, LAGGARD_VERBOSE='on', LAGGARD_OUTPUT='verbose')
    tap.check(len(result.lines()) == 2 and 'recording to' in result.err and 'wrote' in result.err,
              'LAGGARD_VERBOSE says where', result.text())
    if os.geteuid() != 0:
        os.mkdir(os.path.join(folder, 'closed'), 0o500)
        result = rig_train(folder, LAGGARD_OUTPUT='closed')
        tap.check(result.status == 0 and len(result.lines()) == 1, 'a closed folder: one line', result.text())
    shutil.rmtree(folder)


def main():
    guest.require_library()
    tap = Tap()
    for name, command in PROGRAMS:
        if 'tsan' in (guest.RUNTIME or ''):
            tap.skip(name, TSAN_BREAKS)
        else:
            with_and_without(tap, name, command)
    if not os.path.exists(guest.RIG_TRAIN):
        tap.skip('everything with CUDA', 'the rig is not built')
        return tap.end()
    check_no_context(tap)
    check_refusals(tap)
    check_other_half(tap)
    check_settings(tap)
    check_no_device(tap)
    check_other_tool(tap)
    check_output(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
