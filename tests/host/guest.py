# SPDX-License-Identifier: MIT
"""Helpers of tests/host: running programs with and without libtrace.so."""

import os
import re
import subprocess
import sys
import time

from tap import Tap  # noqa: F401  whoever takes a guest needs it, too

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get('B', 'build'))
LIBRARY = os.path.join(BUILD, 'lib', 'libtrace.so')
RIG = os.path.join(BUILD, 'rig')
RIG_RUN = os.path.join(RIG, 'bin', 'rig-run')
RIG_TRAIN = os.path.join(RIG, 'bin', 'rig-train')
SCENARIOS = os.path.join(ROOT, 'tests', 'scenarios')
VERSIONS = ('11.8', '12.4', '13.0', '13.4')
# A guest that waits for its timeout instead of for its work shows as this many seconds.
SECONDS_MAX = 120


def symbols():
    return subprocess.run(['nm', '-D', LIBRARY], stdout=subprocess.PIPE, text=True, check=True).stdout


def sanitizer_runtime():
    """What must be loaded before a libtrace.so built with a sanitizer; '' without one, None: not found."""
    found = re.search(r'__(asan|tsan|ubsan)_', symbols())
    if found is None:
        return ''
    name = found.group(1)
    if '__asan_init' in symbols():
        name = 'asan'
    if '__tsan_init' in symbols():
        name = 'tsan'
    needed = subprocess.run(['readelf', '-d', LIBRARY], stdout=subprocess.PIPE, text=True, check=True).stdout
    if f'lib{name}.so' in needed:
        compiler, files = 'gcc', [f'lib{name}.so']
    else:
        compiler, files = 'clang', [f'libclang_rt.{name}-x86_64.so']
    compiler = os.environ.get('CC', compiler).split()[0] if os.environ.get('CC') else compiler
    for file in files:
        path = subprocess.run([compiler, f'-print-file-name={file}'], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.strip()
        if os.path.isabs(path) and os.path.exists(path):
            return os.path.realpath(path)
    return None


RUNTIME = sanitizer_runtime() if os.path.exists(LIBRARY) else ''
# clang puts the runtime into each program that it builds, so those of the rig need none before the library.
IS_RUNTIME_BUILT_IN = 'libclang_rt' in (RUNTIME or '')


def preload(is_guest, is_rig):
    runtime = '' if is_rig and IS_RUNTIME_BUILT_IN else RUNTIME
    return ':'.join(path for path in (runtime, LIBRARY if is_guest else '') if path)


def environment(is_guest, is_rig=False, **settings):
    """A clean environment; settings are LAGGARD_* and others. `is_rig`: for programs of our build."""
    values = {key: value for key, value in os.environ.items()
              if not key.startswith(('LAGGARD_', 'RIG_')) and
              key not in ('LD_PRELOAD', 'CUDA_INJECTION64_PATH', 'NVTX_INJECTION64_PATH',
                          'NCCL_PROFILER_PLUGIN', 'RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'SLURM_PROCID')}
    if RUNTIME:
        # Programs of others leak and race as they like; a report of ours still shows on stderr.
        values['ASAN_OPTIONS'] = 'detect_leaks=0'
    if preload(is_guest, is_rig):
        values['LD_PRELOAD'] = preload(is_guest, is_rig)
    for key, value in settings.items():
        values.pop(key, None)
        if value is not None:
            values[key] = str(value)
    return values


class Result:
    def __init__(self, command, folder, variables, timeout=SECONDS_MAX):
        begin = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)
        self.seconds = time.monotonic() - begin
        self.status = done.returncode
        self.out = done.stdout.decode('utf-8', 'replace')
        self.err = done.stderr.decode('utf-8', 'replace')

    def lines(self):
        """What libtrace said."""
        return [line for line in self.err.splitlines() if line.startswith('laggard: ')]

    def text(self):
        return f'status {self.status}\nstdout: {self.out}\nstderr: {self.err}'


def skip_all(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def require_library():
    if not os.path.exists(LIBRARY):
        skip_all(f'no {LIBRARY}')
    if RUNTIME is None:
        skip_all('the runtime of the sanitizer is not to be had as a shared library')
