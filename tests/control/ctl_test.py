#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard ctl` against processes of the rig that record (TAP): start, stop and status, who is answered and who not,
and that no client can do harm."""

import glob
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time

from windowed import LAGGARD, Process, ctl, database_is_sound, differences, guest, losses, open_stretches, run_checks
from guest import Tap, environment

# Six seconds in real time.
LONG = '''
scenario long
seed 3
gpus 1
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32
open stream=7 priority=0
repeat count=600
	push name="step {step}"
	launch kernel=work dur=4ms
	copy dir=d2h bytes=4096 dur=20us
	record id=1
	host dur=10ms
	pop
end
sync name=device
'''


def status_of(process, *words):
    done = process.ctl(process.pid, *(words or ('status',)), '--format', 'json')
    if done.returncode != 0:
        return {'error': done.stdout + done.stderr}
    report = json.loads(done.stdout)
    assert (report['format'], report['version']) == ('laggard-ctl', 1)
    return report['processes'][0]


def ended_by_signal(process):
    """Lets the rig end early, the usual way."""
    process.child.kill()
    process.child.wait()


def sockets(runtime):
    return glob.glob(os.path.join(runtime, 'laggard', '*'))


def check_start_stop(tap):
    with Process(LONG.replace('=600', '=1000'), '--realtime', version='13.4', scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        first = status_of(process)
        tap.equal((first.get('state'), first.get('reason'), first.get('gaps'), first.get('lost')),
                  ('recording', '', 0, 0), 'status of a process that records')
        tap.equal(first.get('path'), glob.glob(os.path.join(process.traces, '*.db'))[0], 'it says where')
        time.sleep(0.6)
        stopped = status_of(process, 'stop')
        tap.equal((stopped.get('state'), stopped.get('reason')), ('paused', 'stopped by laggard ctl'), 'stop')
        tap.check(stopped.get('rows', 0) > first.get('rows', 0), 'rows were written meanwhile', (first, stopped))
        again = status_of(process, 'stop')
        tap.equal(again.get('since_ns'), stopped.get('since_ns'), 'to stop what is stopped changes nothing')
        time.sleep(1.6)
        started = status_of(process, 'start')
        tap.equal((started.get('state'), started.get('gaps')), ('recording', 1), 'start')
        tap.check(started.get('gap_ns', 0) > 1_500_000_000, 'the gap is as long as it was', started)
        text = process.ctl(process.traces)
        tap.check(text.returncode == 0 and re.fullmatch(
            rf'process {process.pid}: recording for [\d.]+ \w+, into \S+: \d+ rows, 0 lost, 1 gap of [\d.]+ s\n',
            text.stdout), 'status as text, asked by the folder', text.stdout + text.stderr)
        tap.equal(process.ctl(process.pid, 'dump').returncode, 3, 'dump without a flight recorder is an error')
        time.sleep(0.5)
        status_of(process, 'stop')
        said = process.end()
        problems = said or differences(process, open_stretches(process.gaps()), has_ranges=False, is_timed=True)
        tap.check(not problems, 'every row outside the gaps is there, and no other', problems)
        tap.equal([words for _, _, words in process.gaps()], ['stopped by laggard ctl'] * 2, 'two gaps')
        tap.equal(losses(process), [], 'nothing is called lost')
        off = [kind for kind, way in process.kinds_switched() if way == 'off']
        tap.check(5 in off and 10 in off, 'CUPTI rested meanwhile', process.kinds_switched())
        tap.equal(sockets(process.runtime), [], 'the socket goes with the process')
        tap.check(database_is_sound(process), 'the database is sound')
        done = process.ctl(process.pid)
        tap.check(done.returncode == 3 and 'there is no process' in done.stderr, 'then there is no such process',
                  done.stderr)


def check_start_off(tap):
    with Process(LONG, '--realtime', LAGGARD_START='off', LAGGARD_RANGE='step 3*',
                 scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        first = status_of(process)
        tap.equal(first.get('state'), 'paused', 'START=off: paused at first')
        tap.equal(first.get('window'), 'LAGGARD_START=off LAGGARD_RANGE=step 3*', 'the status says the window')
        waits = status_of(process, 'start')
        tap.check(waits.get('state') == 'recording' or waits.get('reason') == 'outside LAGGARD_RANGE',
                  'started, it waits for the other conditions', waits)
        ended_by_signal(process)
        tap.check(database_is_sound(process), 'a killed process leaves a sound database')
        tap.equal(len(sockets(process.runtime)), 1, '... and its socket')
        done = process.ctl('all')    # others of this user may run on this machine
        tap.check(f'process {process.pid}' not in done.stdout + done.stderr and not sockets(process.runtime),
                  'which the next who looks removes', done.stdout + done.stderr)


def wait_for(process, state, reason):
    """Asks until it is so; what was said last."""
    end = time.monotonic() + 30
    found = status_of(process)
    while time.monotonic() < end and (found.get('state'), found.get('reason')) != (state, reason):
        time.sleep(0.1)
        found = status_of(process)
    return found


def gap_durations(process):
    """Of all gaps in the database as it is now; [] while it cannot be read."""
    try:
        path = glob.glob(os.path.join(process.traces, '*.db'))[0]
        with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as database:
            return [row[0] for row in database.execute('SELECT duration_ns FROM capture_gap ORDER BY start_ns')]
    except (sqlite3.Error, IndexError):
        return []


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.05)
    return condition()


def check_killed_in_gap(tap):
    """A gap that lasts stands in the database, without an end until it has one."""
    with Process(LONG.replace('=600', '=6000'), '--realtime', LAGGARD_HOST_SAMPLE_MS='0',
                 scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        wait_for(process, 'recording', '')
        status_of(process, 'stop')
        tap.check(wait_until(lambda: gap_durations(process) == [-1]), 'a gap that lasts has a row without an end',
                  gap_durations(process))
        status_of(process, 'start')
        tap.check(wait_until(lambda: [ns > 0 for ns in gap_durations(process)] == [True]),
                  'when it has ended the row says so, and is the only one', gap_durations(process))
        status_of(process, 'stop')
        wait_until(lambda: len(gap_durations(process)) == 2)
        ended_by_signal(process)
        found = gap_durations(process)
        tap.check(len(found) == 2 and found[0] > 0 and found[1] == -1, 'killed in a gap: its row is there', found)
        done = subprocess.run([LAGGARD, 'analyze', '--format', 'json', process.traces], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, env=environment(False, True))
        tap.check(done.returncode == 0 and '"reason":"stopped by laggard ctl","count":2' in done.stdout,
                  'the analysis reads it', done.stdout[:3000] + done.stderr[-300:])


def check_flight(tap):
    """Of a flight recorder the status names no file that is not there."""
    with Process(LONG.replace('=600', '=6000'), '--realtime', LAGGARD_FLIGHT_S='60', LAGGARD_FLIGHT_SLOW_PERCENT='0',
                 scenario_ahead_ns=300_000_000) as process:
        wait_until(lambda: sockets(process.runtime) and 'error' not in status_of(process))
        first = status_of(process)
        tap.check(first.get('file') == 'dumps' and first.get('dumps') == 0 and not process.has_trace(),
                  'status of a flight recorder: no file yet', first)
        text = process.ctl(process.pid)
        tap.check(re.search(r', in memory \(flight recorder\); dumps are named after \S+, 0 written so far: 0 lost',
                            text.stdout), 'in words', text.stdout + text.stderr)
        done = process.ctl(process.pid, 'dump')
        tap.check(done.returncode == 0 and status_of(process).get('dumps') == 1 and process.has_trace(),
                  'after a dump it counts one', done.stdout + done.stderr)
        tap.equal(status_of(process, 'stop').get('state'), 'paused', 'a flight recorder pauses, too')
        time.sleep(0.1)
        process.ctl(process.pid, 'dump')
        tap.equal(status_of(process, 'start').get('state'), 'recording', '... and goes on')
        process.ctl(process.pid, 'dump')
        found = []
        for path in sorted(glob.glob(os.path.join(process.traces, '*.db'))):
            with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as database:
                found.append(database.execute(
                    'SELECT count(*), min(duration_ns) FROM capture_gap JOIN string ON string_id = reason_id '
                    "WHERE value = 'stopped by laggard ctl'").fetchone())
        tap.check([count for count, _ in found] == [0, 1, 1] and found[1][1] > 0,
                  'a dump inside the gap and one after it have its row', found)
        ended_by_signal(process)


def check_removed(tap):
    with Process(LONG, '--realtime', scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        tap.equal(status_of(process).get('file'), 'written', 'status of a recording: its file is there')
        for path in glob.glob(os.path.join(process.traces, '*')):
            os.unlink(path)
        text = process.ctl(process.pid)
        tap.check('(which is not there)' in text.stdout, 'a file that was removed is said to be gone', text.stdout)
        ended_by_signal(process)


def check_duration(tap):
    """A duration that is over begins anew when somebody says start."""
    with Process(LONG.replace('=600', '=2000'), '--realtime', LAGGARD_DURATION_MS='200',
                 scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        over = 'after LAGGARD_DURATION_MS'
        tap.equal(wait_for(process, 'paused', over).get('reason'), over, 'after the duration it is paused')
        started = status_of(process, 'start')
        tap.equal((started.get('state'), started.get('gaps')), ('recording', 1), 'start opens it once more')
        tap.equal(wait_for(process, 'paused', over).get('gaps'), 1, '... for as long again')
        ended_by_signal(process)


def socket_of(process):
    return sockets(process.runtime)[0]


def speak(path, request, wait_s=5):
    """What comes back, '' for a closed connection, None for silence."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(wait_s)
    client.connect(path)
    try:
        client.sendall(request)
        found = b''
        while True:
            got = client.recv(65536)
            if not got:
                return found.decode('utf-8', 'replace')
            found += got
    except socket.timeout:
        return None
    except (BrokenPipeError, ConnectionResetError):
        return ''
    finally:
        client.close()


def check_socket(tap):
    """Modes, hostile clients, a fork child, another user: on one process."""
    with Process(LONG.replace('=600', '=2000'), '--realtime', '--exit', 'fork', '--at-step', '100',
                 scenario_ahead_ns=300_000_000) as process:
        process.wait_for_trace()
        path = socket_of(process)
        folder = os.path.dirname(path)
        tap.equal([stat.S_IMODE(os.lstat(name).st_mode) for name in (folder, path)], [0o700, 0o600],
                  'modes of the folder and the socket')
        with open(f'/proc/{process.pid}/stat', encoding='utf-8') as file:
            started = file.read().rpartition(')')[2].split()[19]
        tap.equal(os.path.basename(path), f'{process.pid}-{started}.control', 'its name')
        answer = speak(path, b'laggard 1 status\n')
        tap.check(answer and answer.startswith('laggard 1 ok\tstate=recording\t') and answer.endswith('\n'),
                  'the protocol', answer)
        for name, request in (('garbage', b'\0\xff\x01GET / HTTP/1.1\n'), ('a long line', b'a' * 100_000),
                              ('another version', b'laggard 2 status\n'), ('an unknown command', b'laggard 1 eat\n')):
            answer = speak(path, request)
            tap.check(answer is not None and (answer == '' or answer.startswith('laggard 1 error\t')),
                      f'{name} is refused', repr(answer))
        silent = []
        for _ in range(10):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.settimeout(0.2)
            try:
                client.connect(path)
                silent.append(client)
            except (BlockingIOError, socket.timeout):
                client.close()
        silent[0].sendall(b'laggard 1 sta')
        answered = status_of(process)
        tap.check(answered.get('state') == 'recording', 'clients that say nothing do not keep others out',
                  answered)
        for client in silent:
            client.close()
        check_other_user(tap, process, path, folder)
        time.sleep(1)       # past the fork, whose child has ended
        tap.equal(status_of(process).get('state'), 'recording', 'a forked child leaves the socket to its parent')
        ended_by_signal(process)
        tap.check(database_is_sound(process), 'the trace of all that is sound')


def check_other_user(tap, process, path, folder):
    python = shutil.which('python3', path='/usr/bin:/bin')  # a place that everybody can enter
    if os.geteuid() != 0 or python is None:
        tap.skip('another user', 'only root can be somebody else')
        return
    nobody = 65534
    os.chmod(process.folder, 0o755)
    done = ctl(process.runtime, process.pid, user=nobody)
    tap.check(done.returncode == 3 and "belongs to user 'root', not to you" in done.stderr,
              'another user is told whose process it is', done.stdout + done.stderr)
    # Even were the doors open, which the modes of folder and socket prevent.
    for name, mode in ((process.runtime, 0o755), (folder, 0o755), (path, 0o666)):
        os.chmod(name, mode)
    script = (f'import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect({path!r}); '
              's.sendall(b"laggard 1 status\\n"); print(repr(s.recv(99)))')
    done = subprocess.run([python, '-c', script], user=nobody, stdout=subprocess.PIPE, cwd='/',
                          stderr=subprocess.PIPE, text=True, check=False)
    tap.check(done.stdout == "b''\n" or 'ConnectionReset' in done.stderr or 'BrokenPipe' in done.stderr,
              'another user at the socket is not answered', done.stdout + done.stderr)
    os.chmod(path, 0o600)
    os.chmod(folder, 0o700)


def check_two(tap):
    """Two processes, of which one is stopped by its folder; a socket of nobody; a folder that is a trap."""
    runtime = tempfile.mkdtemp()
    os.makedirs(os.path.join(runtime, 'laggard'), mode=0o700)
    stale = os.path.join(runtime, 'laggard', '999999999-1.control')
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(stale)
    try:
        longer = LONG.replace('=600', '=2000')
        with Process(longer, '--realtime', runtime=runtime) as one, \
                Process(longer, '--realtime', runtime=runtime) as two:
            one.wait_for_trace()
            two.wait_for_trace()
            end = time.monotonic() + 20
            while time.monotonic() < end and len(sockets(runtime)) != 2:
                time.sleep(0.05)
            tap.check(not os.path.exists(stale), 'a socket that nobody listens at is removed')
            done = ctl(runtime, 'all', '--format', 'json')
            found = [process['pid'] for process in json.loads(done.stdout)['processes']]
            ours = sorted([one.pid, two.pid])    # others of this user may run on this machine
            tap.equal([pid for pid in found if pid in ours], ours, 'ctl all asks both')
            done = ctl(runtime, one.traces, 'stop')
            tap.check(done.returncode == 0 and done.stdout.count('\n') == 1, 'a folder means its own', done.stdout)
            tap.equal([status_of(process).get('state') for process in (one, two)], ['paused', 'recording'],
                      'the other goes on')
            os.kill(two.pid, 19)    # stopped: it cannot answer
            done = ctl(runtime, two.pid)
            tap.check(done.returncode == 3 and 'does not answer within' in done.stderr, 'no answer is said to be so',
                      done.stderr)
            ended_by_signal(one)
            ended_by_signal(two)
    finally:
        shutil.rmtree(runtime)


def check_no_socket(tap):
    """Where there is none: switched off, an unsafe folder, no CUDA, and processes that were never recorded."""
    short = LONG.replace('count=600', 'count=3')
    with Process(short, LAGGARD_CONTROL='off') as process:
        tap.equal((process.end(), os.listdir(process.runtime), process.has_trace()), ('', [], True),
                  'LAGGARD_CONTROL=off: no socket, no folder')
    runtime = tempfile.mkdtemp()
    os.symlink('/var', os.path.join(runtime, 'laggard'))
    folder = tempfile.mkdtemp()
    try:
        with Process(short, runtime=runtime) as process:
            said = process.end()
            tap.check(said == '' and not [loss for loss in losses(process) if loss[0] != 'control'],
                      'a link in the place of the folder: the program does not notice', (said, losses(process)))
        guest.Result([sys.executable, '-c', 'import os; os.system("true")'], folder,
                     environment(True, XDG_RUNTIME_DIR=folder))
        tap.equal(os.listdir(folder), [], 'a process without CUDA makes nothing')
        late = os.path.join(guest.BUILD, 'tests', 'host', 'late')
        guest.Result([late, os.path.join(guest.RIG, 'lib-13.0', 'libcuda.so.1')], folder,
                     environment(True, 'tsan' in (guest.RUNTIME or ''), XDG_RUNTIME_DIR=folder,
                                 LAGGARD_CUPTI=os.path.join(guest.RIG, 'lib-13.0', 'libcupti.so.13')))
        tap.equal(os.listdir(folder), [], 'nor does one without a context')
    finally:
        os.unlink(os.path.join(runtime, 'laggard'))
        os.rmdir(runtime)
        shutil.rmtree(folder)
    with subprocess.Popen(['sleep', '30']) as other:
        done = subprocess.run([LAGGARD, 'ctl', str(other.pid)], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, check=False)
        tap.check(done.returncode == 3 and 'libtrace.so is not loaded in it' in done.stderr,
                  'a process that is not recorded', done.stderr)
        other.kill()


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_TRAIN):
        guest.skip_all(f'no {guest.RIG_TRAIN}')
    tap = Tap()
    run_checks(tap, (check_no_socket, check_start_stop, check_start_off, check_killed_in_gap, check_flight,
                     check_removed, check_duration, check_socket, check_two))
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
