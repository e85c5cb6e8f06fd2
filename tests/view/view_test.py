#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard view` as a server: whom it answers, what it refuses, and how it ends. Prints TAP.

Environment: B (build folder).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]

import made_trace               # noqa: E402
from view_server import LAGGARD, Tap, View, has_library     # noqa: E402

STRICT = {'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'X-Frame-Options': 'DENY',
          'Referrer-Policy': 'no-referrer', 'Cross-Origin-Opener-Policy': 'same-origin',
          'Cross-Origin-Resource-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp'}


def check_hosts(tap, view):
    port = view.port
    got = {host: view.ask('api/tracks', host=host)[0] for host in
           (f'127.0.0.1:{port}', f'localhost:{port}', f'LOCALHOST:{port}', f'[::1]:{port}')}
    tap.equal(set(got.values()), {200}, 'who names it by a loopback address is answered')
    bad = ('evil.example', f'evil.example:{port}', '127.0.0.1', f'127.0.0.1:{port + 1}', f'127.0.0.1.evil:{port}',
           f'localhost:{port}.evil.example', f'0.0.0.0:{port}', f'127.0.0.1:{port}@evil', f'user@127.0.0.1:{port}')
    got = {host: view.ask('api/tracks', host=host)[0] for host in bad}
    tap.equal(set(got.values()), {403}, 'a name that was made to point here is refused')
    tap.check(view.ask('api/tracks', host=False)[0] in (400, 403), 'no name is refused')
    body = view.ask('api/tracks', host='evil.example')[2]
    tap.check(b'tracks' not in body and len(body) < 100, 'a refusal says nothing of the trace', body)


def check_methods(tap, view):
    got = {}
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'BREW'):
        status, headers, _ = view.ask('api/tracks', method=method)
        got[method] = status, headers.get('Allow')
    tap.equal(set(got.values()), {(405, 'GET, HEAD')}, 'only GET and HEAD')
    status, headers, body = view.ask('api/tracks', method='HEAD')
    tap.equal((status, body, int(headers['Content-Length']) > 100), (200, b'', True), 'HEAD has a length and no body')


def check_paths(tap, view):
    token = view.prefix.strip('/')
    tap.check(len(token) == 32 and set(token) <= set('0123456789abcdef'), 'the path begins with a token', token)
    whole = ('/', '/api/tracks', f'/{token}', f'/{token[:-1]}/api/tracks', f'/{token}x/api/tracks',
             f'/{"0" * 32}/api/tracks', f'/{token.upper()}X/')
    tap.equal({view.ask(path, is_whole=True)[0] for path in whole}, {404}, 'without the token there is nothing')
    inside = ('../etc/passwd', '..%2f..%2fetc/passwd', '/etc/passwd', 'api', 'api/', 'api/tracks/', 'api//tracks', 'x',
              'api/tracks%00', '....//', 'index.html/..')
    tap.equal({view.ask(path)[0] for path in inside}, {404}, 'and no path leads to a file')
    status, headers, _ = view.ask('')
    tap.equal((status, headers['Content-Type']), (200, 'text/html; charset=utf-8'), 'the page is there')
    policy = headers.get('Content-Security-Policy', '')
    tap.check("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and 'http' not in policy and
              "script-src 'self';" in policy, 'its policy lets nothing else in', policy)
    tap.equal({name: headers.get(name) for name in STRICT}, STRICT, 'nobody may embed, frame, sniff or keep it')
    headers = view.ask('api/tracks', headers={'Origin': 'https://evil.example'})[1]
    tap.check('Access-Control-Allow-Origin' not in headers,
              'no other origin may read')


def check_parameters(tap, view, track):
    good = f'track={track}&start=0&end=1000&buckets=10'
    tap.equal(view.ask('api/tile?' + good)[0], 200, 'a tile')
    bad = ['', 'track=0', good + '&more=1', good + '&end=5', good.replace('end=1000', 'end=0'), good + '&slices=-1',
           good + '&slices=999999999', good.replace('=10', '=1'), good.replace('=10', '=16385')]
    for value in ('', '-', '%2B1', '%201', '1%20', '0x10', '1e3', '1.5', '01', '-0x', '99999999999999999999', '1%00',
                  'NaN', '9223372036854775808', '1152921504606846977', '%31%', '\u0661'.encode().hex()):
        bad.append(good.replace('start=0', 'start=' + value))
    for value in ('-1', '9223372036854775807', '4503599627370496', str(track + 1000), '1.2'):
        bad.append(good.replace(f'track={track}', 'track=' + value))
    got = {query: view.ask('api/tile?' + query) for query in bad}
    wrong = {query: answer[0] for query, answer in got.items()
             if answer[0] != 400 or answer[2].count(b'\n') != 1 or len(answer[2]) > 300}
    tap.equal(wrong, {}, 'what is wrong with a parameter is said in one line')
    bad = [f'slice?track={track}&row=' + row for row in ('', '1', '5', '5.', '5.1.1', '.1', '5.x', '99.1', '-1.1',
                                                         '5.0', '5.99999999', '3.1', '5.-9223372036854775808')]
    bad += ['search', 'search?text=', 'search?text=a&limit=0', 'search?text=a&limit=10001', 'search?text=a%00b',
            'search?text=' + 'a' * 1001, 'search?text=a&from=1', 'search?text=a&from=1.2', 'tracks?x=1', 'search?text',
            'counter?counter=0&start=0&end=5&buckets=5', 'counter?counter=-1&start=0&end=5&buckets=5',
            'tracks?' + '&'.join(f'a{i}=1' for i in range(40))]
    got = {query: view.ask('api/' + query)[0] for query in bad}
    tap.equal({query: status for query, status in got.items() if status != 400}, {}, 'nor is any other guessed')
    far = view.ask(f'api/tile?track={track}&start={-2 ** 60}&end={2 ** 60}&buckets=2')[0]
    tap.equal(far, 200, 'the longest time there is')
    for row in (f'from={2 ** 62}.{2 ** 62}.{2 ** 62}', f'from=0.99.{-2 ** 63}', 'from=-5.-5.-5'):
        tap.equal(view.ask('api/search?text=a&' + row)[0], 200, f'a search that begins nowhere: {row[:20]}')


def check_limits(tap, view):
    status = view.ask('api/search?text=' + 'a' * 100_000)[0]
    tap.check(status in (400, 413, 414, 431, 503), 'a request that is too long is refused', status)
    tap.equal(view.ask('api/tracks')[0], 200, 'and the next one answered')
    hanging = []
    for _ in range(60):
        hanging.append(socket.create_connection(('127.0.0.1', view.port), timeout=10))
        hanging[-1].sendall(b'GET / HT')
    tap.equal(view.ask('api/tracks')[0], 200, 'while 60 clients hang')
    for client in hanging:
        client.close()


def check_names(tap, view):
    """Names of all kinds come through JSON as they are."""
    found = set()
    for name in made_trace.HOSTILE:
        answer = view.api('search', text=name[:60], limit=1)
        found |= {hit['name'] for hit in answer['slices']}
    want = {name for name in made_trace.HOSTILE if '(' not in name or name.startswith('<')}
    missing = [name for name in want if not any(got.startswith(name[:12]) for got in found)]
    tap.equal(missing, [], 'names with quotes, control characters, markup and other directions')
    answer = view.api('search', text='bad ', limit=1)
    tap.check('\ufffd' in answer['slices'][0]['name'], 'bytes that are no UTF-8 are replaced', answer)


def check_loopback(tap, view):
    with open('/proc/net/tcp', encoding='ascii') as table:
        listening = {line.split()[1].split(':')[0] for line in table
                     if line.split()[1].endswith(f':{view.port:04X}') and line.split()[3] == '0A'}
    tap.equal(listening, {'0100007F'}, 'it listens on 127.0.0.1 only')
    others = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))     # sends nothing; tells our address on the way there
            others.add(probe.getsockname()[0])
        except OSError:
            pass
    others -= {'127.0.0.1', '0.0.0.0'}
    if not others:
        tap.skip('not on another address', 'this machine has none')
    for address in others:
        with socket.socket() as client:
            client.settimeout(5)
            tap.check(client.connect_ex((address, view.port)) != 0, 'not on another address', address)


def check_ends(tap, path, scratch):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        view = View([path], scratch)
        clients = [socket.create_connection(('127.0.0.1', view.port), timeout=10) for _ in range(5)]
        clients[0].sendall(b'GET / HTTP/1.1\r\nHost: 127')
        began = time.monotonic()
        tap.equal(view.end(number), (0, '', ''), f'{number.name} ends it with 0, also while clients hang')
        tap.check(time.monotonic() - began < 5, f'{number.name}: at once')
        with socket.socket() as client:
            tap.check(client.connect_ex(('127.0.0.1', view.port)) != 0, f'{number.name}: nobody listens any more')
        for client in clients:
            client.close()
    tap.equal(os.listdir(scratch), [], 'nothing is left of it')


def check_command(tap, path, scratch, folder):
    def fails(*arguments):
        done = subprocess.run([LAGGARD, 'view', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr.count('\n'), done.stderr
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        got = fails('--port', str(taken.getsockname()[1]), path)
        tap.equal(got[:3], (3, '', 1), 'a port that is taken')
        tap.check('cannot listen on 127.0.0.1' in got[3], 'is named', got[3])
    tap.equal(fails(os.path.join(folder, 'none.db'))[:3], (3, '', 1), 'a file that is not there')
    tap.equal(fails('--port', '70000', path)[:3], (2, '', 1), 'a port that cannot be')
    tap.equal(fails('--perfetto', '--port', '8000', path)[:3], (2, '', 1), 'Perfetto reads from one port only')
    tap.equal(fails('--format', 'chrome', path)[:3], (2, '', 1), 'a format without --perfetto')
    broken = os.path.join(folder, 'broken.db')
    with open(broken, 'wb') as file:
        file.write(b'SQLite format 3\0' + b'x' * 200)
    view = View([path, broken], scratch)
    tracks = view.wait_exact()
    tap.check([bool(trace['error']) for trace in tracks['traces']] == [False, True], 'a broken trace beside a good one',
              tracks['traces'])
    status, _, err = view.end()
    tap.check(status == 3 and 'broken.db' in err, 'is said on the command line, too', (status, err))


def check_perfetto(tap, path, scratch):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', 9001))
        except OSError:
            tap.skip('--perfetto', 'port 9001 is taken')
            return
    view = View(['--perfetto', path], scratch)
    tap.check(view.line.startswith('https://ui.perfetto.dev/#!/?url=http://127.0.0.1:9001/'), 'a link for Perfetto',
              view.line)
    file = view.address.rsplit('/', 1)[1]
    view.prefix = view.prefix[:-len(file)]
    status, headers, body = view.ask(file, headers={'Origin': 'https://ui.perfetto.dev'})
    tap.equal((status, headers.get('Access-Control-Allow-Origin')), (200, 'https://ui.perfetto.dev'),
              'its origin, and no other, may read the file')
    done = subprocess.run([LAGGARD, 'export', '-q', '-o', '-', path], stdout=subprocess.PIPE, check=False)
    tap.check(body == done.stdout and len(json.loads(body)['traceEvents']) > 1000, 'which is the export')
    tap.equal({view.ask(path)[0] for path in ('', 'api/tracks', file + 'x', '../' + file)}, {404}, 'and nothing else')
    tap.equal(view.ask(file, host='evil.example:9001')[0], 403, 'also not to a name that points here')
    tap.equal(len(os.listdir(scratch)), 1, 'the file lies in a private folder')
    tap.equal(view.end(), (0, '', ''), 'Ctrl-C ends it')
    tap.equal(os.listdir(scratch), [], 'and the folder is gone')


def main():
    tap = Tap()
    if not has_library():
        tap.skip('view', 'laggard was built without libmicrohttpd')
        return tap.end()
    with tempfile.TemporaryDirectory(prefix='laggard-view-') as folder:
        scratch = os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        path = os.path.join(folder, 'made.db')
        made_trace.make(LAGGARD, path, 1, 3000)
        view = View([path], scratch)
        tap.check(view.line == f'http://127.0.0.1:{view.port}{view.prefix}\n', 'the address is printed', view.line)
        tracks = view.wait_exact()
        work = next(track['id'] for track in tracks['tracks'] if track['kind'] == 'work')
        check_hosts(tap, view)
        check_methods(tap, view)
        check_paths(tap, view)
        check_parameters(tap, view, work)
        check_names(tap, view)
        check_loopback(tap, view)
        check_limits(tap, view)
        tap.equal(view.end(), (0, '', ''), 'Ctrl-C ends it; stdout had the address only')
        check_ends(tap, path, scratch)
        check_command(tap, path, scratch, folder)
        check_perfetto(tap, path, scratch)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
