#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ctrl-C while a foreign trace is imported: the process ends by the signal, and no temporary file is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]

from view_server import LAGGARD, Tap, has_library       # noqa: E402

EVENTS = 150000     # their import takes long enough to be met under way


def make_kineto(path):
    event = ('{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":%d.5,"dur":3.25,"args":{"device":0,"context":1,'
             '"stream":7,"correlation":%d,"grid":[1,1,1],"block":[32,1,1]}}')
    with open(path, 'w', encoding='ascii') as file:
        file.write('{"schemaVersion":1,"deviceProperties":[],"traceEvents":[\n')
        file.write(',\n'.join(event % (10 * i, i) for i in range(1, EVENTS + 1)))
        file.write('\n],"traceName":"t"}\n')


def start(words, scratch, ignored=None):
    environment = {**os.environ, 'TMPDIR': scratch, 'DISPLAY': '', 'WAYLAND_DISPLAY': ''}
    return subprocess.Popen([LAGGARD, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env=environment, preexec_fn=lambda: ignored and signal.signal(ignored, signal.SIG_IGN))


def await_import(process, scratch):
    """Its folder is there, with a database in it that grows."""
    while process.poll() is None:
        for folder, _, files in os.walk(scratch):
            if files:
                return True
        time.sleep(0.002)
    return False


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix='laggard-ending-') as folder:
        trace, scratch = os.path.join(folder, 'trace.json'), os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        make_kineto(trace)
        commands = [(['analyze', trace], signal.SIGINT), (['analyze', trace], signal.SIGHUP),
                    (['export', '-q', '-o', os.path.join(folder, 'out.json'), trace], signal.SIGTERM)]
        if has_library():
            commands += [(['view', '--open', 'never', trace], signal.SIGINT)]
        else:
            tap.skip('view', 'laggard was built without libmicrohttpd')
        for words, number in commands:
            with start(words, scratch) as process:
                was_met = await_import(process, scratch)
                process.send_signal(number)
                error = process.communicate(timeout=60)[1]
            tap.equal((was_met, process.returncode, error, os.listdir(scratch)), (True, -number, '', []),
                      f'{words[0]}, {number.name}')
        with start(['analyze', trace], scratch, signal.SIGHUP) as process:
            was_met = await_import(process, scratch)
            process.send_signal(signal.SIGHUP)
            process.communicate(timeout=60)
        tap.equal((was_met, process.returncode, os.listdir(scratch)), (True, 0, []),
                  'a signal that was ignored stays so')
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
