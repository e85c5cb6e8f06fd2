# SPDX-License-Identifier: MIT
"""A `laggard view` that is started, asked and ended."""

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.parse

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, 'browser'), os.path.join(TESTS, 'host')]

import strict_json      # noqa: E402
from tap import Tap     # noqa: E402,F401  whoever starts a view needs it, too

BUILD = os.path.abspath(os.environ.get('B', 'build'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
SECONDS = 60


def has_library():
    out = subprocess.run([LAGGARD, 'view', '--help'], stdout=subprocess.PIPE, check=False, text=True).stdout
    done = subprocess.run([LAGGARD, 'view', '/'], stderr=subprocess.PIPE, check=False, text=True)
    return 'Usage: laggard view' in out and 'libmicrohttpd' not in done.stderr


class View:
    """With `arguments` of the command; its folder for temporary files is `scratch`."""

    def __init__(self, arguments, scratch, environment=None):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [LAGGARD, 'view', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, 'TMPDIR': scratch, 'DISPLAY': '', 'WAYLAND_DISPLAY': '', **(environment or {})})
        self.line = self.process.stdout.readline()
        self.address = self.line.strip().split('url=')[-1]
        parts = urllib.parse.urlsplit(self.address)
        self.port = parts.port
        self.prefix = parts.path
        self.base_ns = None

    def ask(self, path, method='GET', headers=None, is_whole=False, host=None):
        """Status, headers and body of one answer; a path that is not whole follows the token."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=SECONDS)
        whole = path if is_whole else self.prefix + path
        try:
            connection.putrequest(method, whole, skip_host=True)
            if host is not False:
                connection.putheader('Host', host or f'127.0.0.1:{self.port}')
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def api(self, name, **parameters):
        """The JSON of an answer that must succeed."""
        path = f'api/{name}' + ('?' + urllib.parse.urlencode(parameters) if parameters else '')
        status, _, body = self.ask(path)
        if status != 200:
            raise ValueError(f'{path}: {status} {body[:200]}')
        return strict_json.loads(body.decode('utf-8', 'strict'))

    def wait_exact(self):
        """The tracks once all is read; those of the analysis come when they come, and are left out."""
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            tracks = self.api('tracks')
            if tracks['exact']:
                tracks['tracks'] = [track for track in tracks['tracks']
                                    if track['kind'] not in ('steps', 'idle', 'waits')]
                return tracks
            time.sleep(0.05)
        raise ValueError('the answers never became exact')

    def end(self, number=signal.SIGINT):
        """Exit status, the rest of stdout, stderr."""
        self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            return 'killed', out, err
        return self.process.returncode, out, err
