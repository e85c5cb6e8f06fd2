#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden tests (TAP): what a command prints is compared with what was recorded.

A case is a folder tests/golden/<case>/ with
  cmd       a shell script, run by sh in an empty scratch folder; $CASE is the case's own folder
  stdout    what it must print (no file: nothing)
  stderr    the same for standard error
  exit      its exit status (no file: 0)

The functions of tests/golden/setup.sh are there. The program and its links come first in PATH. In recorded
outputs <SCRATCH>, <ROOT>, <VERSION> and <DATE> stand for what changes from machine to machine.

UPDATE=1 in the environment records instead of comparing: look at `git diff` afterwards.
"""

import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get('B', 'build'))
IS_UPDATE = os.environ.get('UPDATE', '') not in ('', '0')
# Only a case that waits for ever takes so long, whatever else runs on this machine.
SECONDS_MAX = 600
DIFF_LINES_MAX = 30


def cases():
    return sorted(name for name in os.listdir(HERE) if os.path.isfile(os.path.join(HERE, name, 'cmd')))


def read(path, fallback=''):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return fallback


def write(path, text, fallback=''):
    if text == fallback:
        if os.path.exists(path):
            os.unlink(path)
        return
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def mask(text, scratch):
    text = text.replace(os.path.realpath(scratch), '<SCRATCH>').replace(scratch, '<SCRATCH>')
    text = text.replace(BUILD, '<ROOT>/build').replace(ROOT, '<ROOT>')
    text = re.sub(r'\b\d+\.\d+\.\d+ \([0-9a-f]{4,40}(-dirty)?\)', '<VERSION>', text)
    text = re.sub(r'\b\d+\.\d+\.\d+ \(unknown\)', '<VERSION>', text)
    text = re.sub(r'cut off: (\d+) of \d+ bytes', r'cut off: \1 of <N> bytes', text)
    return re.sub(r'laggard-\d{8}-\d{6}(-\d+)?', 'laggard-<DATE>', text)


def environment(case):
    kept = {name: os.environ[name] for name in ('HOME', 'TMPDIR', 'LD_LIBRARY_PATH')
            if name in os.environ}
    kept.update(PATH=os.path.join(BUILD, 'bin') + ':' + os.environ['PATH'], LC_ALL='C.UTF-8', TZ='UTC',
                CASE=os.path.join(HERE, case), SETUP=HERE, PYTHON=sys.executable,
                PYTHONDONTWRITEBYTECODE='1', SAN=os.environ.get('SAN', ''),
                # A preloaded library comes before the sanitizer's own in laggard, too.
                ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0')
    return kept


def signals_reset():
    """Tests may run in the background or under nohup; what is ignored there is no part of a case."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def run(case):
    """{'stdout', 'stderr', 'exit'} of a case, masked."""
    scratch = tempfile.mkdtemp(prefix='laggard-golden-')
    try:
        result = subprocess.run(
            ['sh', '-c', '. "$SETUP/setup.sh"; . "$CASE/cmd"'], cwd=scratch, env=environment(case),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=SECONDS_MAX, check=False, preexec_fn=signals_reset)
        return {'stdout': mask(result.stdout.decode('utf-8', 'replace'), scratch),
                'stderr': mask(result.stderr.decode('utf-8', 'replace'), scratch),
                'exit': f'{result.returncode}\n'}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def differences(case, got):
    for name, fallback in (('stdout', ''), ('stderr', ''), ('exit', '0\n')):
        path = os.path.join(HERE, case, name)
        if IS_UPDATE:
            write(path, got[name], fallback)
            continue
        wanted = read(path, fallback)
        if wanted != got[name]:
            yield from difflib.unified_diff(wanted.splitlines(), got[name].splitlines(),
                                            f'{case}/{name} recorded', f'{case}/{name} now', lineterm='')


def main():
    names = [name for name in cases() if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    print(f'1..{len(names)}')
    failed = 0
    for number, case in enumerate(names, 1):
        try:
            complaints = list(differences(case, run(case)))
        except subprocess.TimeoutExpired:
            complaints = [f'not finished after {SECONDS_MAX} s']
        for line in complaints[:DIFF_LINES_MAX]:
            print(f'# {line}')
        failed += bool(complaints)
        print(f'{"not ok" if complaints else "ok"} {number} - {case}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
