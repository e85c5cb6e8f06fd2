#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `laggard view` in a headless Chromium: it loads from the server and nowhere else, zooms, searches, and
a click shows the numbers of the database; names of all kinds are shown and none is executed. Prints TAP.

Environment: B (build folder), TRACES (real traces), KEEP (a folder for pictures). tests/browser/install.sh installs
what it needs.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BROWSER = os.path.join(ROOT, 'tests', 'browser')
sys.path[:0] = [HERE]

import made_trace               # noqa: E402
import tiles_oracle             # noqa: E402
from view_server import LAGGARD, Tap, View      # noqa: E402
import headless                 # noqa: E402

TRACES = os.environ.get('TRACES', os.path.join(ROOT, '..', 'shared', 'traces'))


def missing():
    if headless.missing_browser():
        return headless.missing_browser()
    done = subprocess.run([LAGGARD, 'view', '/'], stderr=subprocess.PIPE, check=False, text=True)
    return 'laggard was built without libmicrohttpd' if 'libmicrohttpd' in done.stderr else None


def digits(number):
    return f'{number:,} ns'.replace(',', '\u202f')


def check_page(tap, name, arguments, paths, words, scratch):
    view = View(arguments, scratch)
    picture = os.path.join(os.environ['KEEP'], f'view-{name}.png') if os.environ.get('KEEP') else '-'
    done = subprocess.run(['node', os.path.join(BROWSER, 'view_page.mjs'), view.address, words, picture], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=200)
    tap.equal(view.end(), (0, '', ''), f'{name}: the server ends')
    try:
        seen = json.loads(done.stdout)
    except ValueError:
        tap.check(False, f'{name}: the page is opened', done.stderr)
        return None
    tap.equal((seen['complaints'], seen['elsewhere']), ([], []), f'{name}: no error, and nothing from elsewhere')
    tap.check(seen['painted'] > 5000, f'{name}: something is drawn', seen['painted'])
    whole, zoomed = (span[1] - span[0] for span in (seen['whole'], seen['zoomed']))
    tap.check(0.15 < zoomed / whole < 0.19, f'{name}: zoomed by keys', (whole, zoomed))
    tap.check(' of ' in seen['hits'] and words.lower() in seen['found'].lower(), f'{name}: found', seen['hits'])
    tap.equal(seen['bold'], 0, f'{name}: markup in names stays text')
    place = seen['place']
    tap.check(place is not None, f'{name}: slices are drawn where one is found')
    if place is None:
        return seen
    tap.equal(seen['selected'], {'track': place['track'], 'index': place['row']}, f'{name}: a click selects')
    spans = [trace.spans[place['row']] for trace in (tiles_oracle.Trace(path) for path in paths)
             if place['row'] in trace.spans]
    tap.check(place['duration'] in {end - start for start, end, _ in spans} and
              f'duration{digits(place["duration"])}' in seen['clicked'] and
              f'start{digits(place["start"])}' in seen['clicked'],
              f'{name}: and shows what the database holds, to the nanosecond', (place, spans, seen['clicked']))
    return seen


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip('the page of view', f'{why}: tests/browser/install.sh')
        return tap.end()
    with tempfile.TemporaryDirectory(prefix='laggard-page-') as folder:
        scratch = os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        path = os.path.join(folder, 'made.db')
        made_trace.make(LAGGARD, path, 1, 3000)
        seen = check_page(tap, 'made', [path], [path], '<script>', scratch)
        if seen:
            tap.check(any('</script><script>' in row for row in seen['rows']),
                      'made: names of tracks are shown as they are', seen['rows'])
        source = os.path.join(TRACES, 'nsys-h100-2gpu-train.sqlite')
        if not os.path.exists(source):
            tap.skip('nsys', f'it is not in {TRACES}')
        else:
            target = os.path.join(folder, 'nsys')
            done = subprocess.run([LAGGARD, 'import', source, '-o', target], text=True, check=True,
                                  stdout=subprocess.PIPE)
            report = os.path.join(folder, 'report.md')
            subprocess.run([LAGGARD, 'analyze', '--format', 'markdown', '-o', report, target], check=False)
            with open(report, encoding='utf-8') as file:
                verdict = next(line[2:].strip() for line in file if line.startswith('- '))
            seen = check_page(tap, 'nsys', [target], done.stdout.splitlines(), 'nccl', scratch)
            if seen:
                tap.check(verdict in seen['verdict'] and 'analysed before' not in seen['verdict'],
                          'nsys: the verdict and findings of its analysis', seen['verdict'])
                tap.check({'steps', 'idle, by cause', 'waits in collectives'} <= set(seen['rows']),
                          'nsys: and its tracks', seen['rows'])
                tap.check(seen['shows'] > 0, 'nsys: findings lead to where they show', seen['shows'])
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
