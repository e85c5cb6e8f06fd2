# SPDX-License-Identifier: MIT
"""Running programs: with a time limit for the whole group, with the peak memory, under `laggard run` or not."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TAIL_LINES = 6
ASK_POLL_S = 0.02


class Finished:
    """How a program ended."""

    def __init__(self, command):
        self.command = command
        self.status = None          # exit status, or -signal
        self.is_late = False
        self.out, self.err = '', ''
        self.begin_ns, self.end_ns = 0, 0
        self.peak_bytes = 0         # of the biggest of its processes

    def seconds(self):
        return (self.end_ns - self.begin_ns) / 1e9

    def is_fine(self):
        return self.status == 0 and not self.is_late

    def problem(self):
        if self.is_late:
            return f'not finished after {self.seconds():.0f} s'
        if self.status == 0:
            return ''
        tail = ' | '.join((self.err.strip() or self.out.strip()).splitlines()[-TAIL_LINES:])
        return f'exit status {self.status}: {tail[-400:]}'

    def result(self):
        """The last JSON object on stdout that begins a line, whatever others print before and after it."""
        lines = self.out.strip().splitlines()
        for start in range(len(lines) - 1, -1, -1):
            if lines[start].startswith('{'):
                try:
                    return json.JSONDecoder().raw_decode('\n'.join(lines[start:]))[0]
                except ValueError:
                    continue
        return None


def clean_environment(changes=None):
    """Nothing of an outer tool or of the user's settings may change what is measured."""
    variables = {name: value for name, value in os.environ.items()
                 if not name.startswith('LAGGARD_') and name not in (
                     'LD_PRELOAD', 'CUDA_INJECTION64_PATH', 'NVTX_INJECTION64_PATH', 'NCCL_PROFILER_PLUGIN')}
    variables.update(changes or {})
    return variables


def descendants(pid):
    """Processes below that one: torchrun gives its workers sessions of their own, which no signal to a group finds."""
    children = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat', encoding='utf-8', errors='replace') as file:
                parent = int(file.read().rsplit(')', 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def kill_all(pid):
    """A process that we started, everything below it, and what it left in its group."""
    below = descendants(pid)
    for kill, target in [(os.killpg, pid)] + [(os.kill, one) for one in below]:
        try:
            kill(target, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


class Running:
    """A program that was started; its output goes to files, so that nobody it leaves behind can hold us up."""

    def __init__(self, command, timeout, environment=None, is_asked=False):
        """`is_asked`: its stdin is a pipe, for ask()."""
        self.finished = Finished(command)
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.finished.begin_ns = time.time_ns()
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE if is_asked else subprocess.DEVNULL,
                                            stdout=self.files[0], stderr=self.files[1],
                                            env=clean_environment(environment), cwd=ROOT,
                                            start_new_session=True)
        except OSError as error:
            self.process = None
            self.finished.status, self.finished.err = 127, f'{command[0]}: {error.strerror}'
            self.finished.end_ns = self.finished.begin_ns
            return
        self.timer = threading.Timer(max(1, timeout), self.stop_late)
        self.timer.daemon = True
        self.timer.start()

    def stop_late(self):
        self.finished.is_late = True
        kill_all(self.process.pid)

    def output(self):
        """What it has written so far."""
        size = os.fstat(self.files[0].fileno()).st_size
        return os.pread(self.files[0].fileno(), size, 0).decode('utf-8', 'replace')

    def is_running(self):
        """Without reaping it: wait() does that."""
        return self.process is not None and os.waitid(
            os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def send(self, number):
        """A signal to all of its group."""
        try:
            os.killpg(self.process.pid, number)
        except (AttributeError, ProcessLookupError, PermissionError):
            pass

    def ask(self, seconds):
        """Sends a line to its stdin; the JSON object that it answers with, or None."""
        known = self.output().count('\n')
        try:
            self.process.stdin.write(b'go\n')
            self.process.stdin.flush()
        except (OSError, AttributeError):
            return None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            is_running = self.is_running()      # before its last words are read
            for line in self.output().split('\n')[known:-1]:
                if line.startswith('{'):
                    return json.loads(line)
            if not is_running:
                return None
            time.sleep(ASK_POLL_S)
        return None

    def close_input(self):
        """One that is asked sees the end of its stdin."""
        if self.process is not None and self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:         # it has ended already
                pass

    def wait(self):
        done = self.finished
        if self.process is None:
            return done
        self.close_input()
        _, status, usage = os.wait4(self.process.pid, 0)
        done.end_ns = time.time_ns()
        self.timer.cancel()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)     # what it left behind
        except (ProcessLookupError, PermissionError):
            pass
        self.process.returncode = done.status = os.waitstatus_to_exitcode(status)
        done.peak_bytes = usage.ru_maxrss * 1024
        for file, name in zip(self.files, ('out', 'err')):
            file.seek(0)
            setattr(done, name, file.read().decode('utf-8', 'replace'))
            file.close()
        return done


def run(command, timeout, environment=None):
    return Running(command, timeout, environment).wait()


class Setup:
    """Where things are, and how much time is left."""

    def __init__(self, build, python=sys.executable, budget_s=480):
        self.build = os.path.abspath(build)
        self.python = python
        self.deadline = time.monotonic() + budget_s
        self.folder = tempfile.mkdtemp(prefix='laggard-verify-')
        self.numbers = itertools.count(1)
        self.cupti = ''             # some libcupti of this machine
        self.must_name_cupti = False    # libtrace did not find it for programs that bring none
        self.has_torch = False
        self.gpus = 1
        self.output = ''            # the table so far, after each check
        self.record_folder = ''     # where recordings of the samples are kept

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def left(self):
        return self.deadline - time.monotonic()

    def limit(self, seconds):
        """A time limit: the wanted one, or what is left."""
        return max(2, min(seconds, self.left()))

    def new_folder(self, name):
        return os.path.join(self.folder, f'{next(self.numbers):03d}-{re.sub("[^a-z0-9]+", "-", name.lower())}')

    def laggard(self):
        return os.path.join(self.build, 'bin', 'laggard')

    def library(self):
        return os.path.join(self.build, 'lib', 'libtrace.so')

    def kernel(self, name):
        return os.path.join(self.build, 'kernels', name)

    def kernel_environment(self):
        """For programs that bring no CUPTI; never for PyTorch, which has its own mapped."""
        return {'LAGGARD_CUPTI': self.cupti} if self.must_name_cupti else {}

    def traced(self, command, folder, options=()):
        return [self.laggard(), 'run', '-q', '-o', folder, *options, '--', *command]

    def record(self, name, command, timeout, options=(), environment=None):
        """Under libtrace: how it ended, and the folder of its traces."""
        folder = self.new_folder(name)
        done = run(self.traced(command, folder, options), self.limit(timeout), environment)
        return done, folder
