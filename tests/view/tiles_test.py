#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `laggard view` answers, against the databases: every slice and every busy nanosecond. Prints TAP.

Environment: B (build folder), TRACES (real traces).
"""

import glob
import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests', 'host')]

import guest                    # noqa: E402
import made_trace               # noqa: E402
import tiles_oracle             # noqa: E402
from view_server import BUILD, LAGGARD, Tap, View, has_library   # noqa: E402

TRACES = os.environ.get('TRACES', os.path.join(ROOT, '..', 'shared', 'traces'))
RIG = os.path.join(BUILD, 'rig', 'bin', 'rig-run')
SCENARIO = os.path.join(ROOT, 'tests', 'scenarios', 'ddp4.scn')
SLICES_MAX = 65536
VIEWS = 6
BIG_ROWS = 400_000


def databases_of(tap, folder):
    for seed, rows in ((1, 12000), (2, 3000)):
        path = os.path.join(folder, f'made{seed}.db')
        made_trace.make(LAGGARD, path, seed, rows)
    yield 'made', [os.path.join(folder, f'made{seed}.db') for seed in (1, 2)]
    for name in ('dlrm-v100-rank0of8.json', 'nsys-h100-2gpu-train.sqlite', 'a100-rank0of2-ns.json.gz'):
        source = os.path.join(TRACES, name)
        if not os.path.exists(source):
            tap.skip(name, f'it is not in {TRACES}')
            continue
        done = subprocess.run([LAGGARD, 'import', source, '-o', os.path.join(folder, name)], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        yield name, done.stdout.splitlines()
    if not os.access(RIG, os.X_OK):
        tap.skip('rig', f'{RIG} is not built')
        return
    target = os.path.join(folder, 'rig')
    os.mkdir(target)
    # The runtime of a sanitizer must be loaded first; otherwise the launcher does all.
    environment = guest.environment(True, is_rig=True, LAGGARD_OUTPUT=target) if guest.RUNTIME else None
    command = [RIG, SCENARIO] if guest.RUNTIME else [LAGGARD, 'run', '-o', target, '--', RIG, SCENARIO]
    subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    paths = sorted(glob.glob(os.path.join(target, '*.db')))
    tap.equal(len(paths), 4, 'rig: four traces')
    yield 'rig', paths


class Case:
    def __init__(self, tap, name, view, traces):
        self.tap, self.name, self.view, self.traces = tap, name, view, traces
        self.tracks = view.wait_exact()
        self.keys = {}          # track to (trace, key)
        self.problems = []

    def complain(self, *words):
        if len(self.problems) < 20:
            self.problems.append(' '.join(str(word) for word in words))

    def report(self, what):
        self.tap.check(not self.problems, f'{self.name}: {what}', '\n'.join(self.problems))
        self.problems = []

    def offset(self, trace):
        """From a trace's own time to that of the answers."""
        return trace.epoch_ns - int(self.tracks['base_ns'])

    def slices(self, track, start, end):
        answer = self.view.api('tile', track=track, start=start, end=end, buckets=2, slices=SLICES_MAX)
        if not answer['exact'] or 'slices' not in answer:
            self.complain('no exact slices', track, start, end)
            return {}
        found = answer['slices']
        names = answer['names']
        return {row: (at, at + length, names[name][0]) for row, at, length, name in
                zip(found['row'], found['start'], found['duration'], found['name'])}

    def check_tracks(self):
        """All rows stand on exactly one track, each with its times; a track holds one stream or thread."""
        start, end = self.tracks['start_ns'] - 1, self.tracks['end_ns'] + 1
        traces_of = {process['id']: process['trace'] for process in self.tracks['processes']}
        seen = {}
        for track in self.tracks['tracks']:
            trace = self.traces[traces_of[track['process']]]
            found = self.slices(track['id'], start, end)
            keys = {trace.spans[row][2] for row in found if row in trace.spans}
            if len(keys) != 1 or [key[0] for key in keys] != [track['kind']]:
                self.complain(track, 'holds', keys)
                continue
            self.keys[track['id']] = (trace, keys.pop())
            for row, (at, until, _) in found.items():
                if (trace, row) in seen:
                    self.complain(row, 'stands twice')
                seen[(trace, row)] = True
                if (at - self.offset(trace), until - self.offset(trace)) != trace.spans[row][:2]:
                    self.complain(row, at, until, trace.spans[row])
        if len(seen) != sum(len(trace.spans) for trace in self.traces):
            self.complain(len(seen), 'rows of', sum(len(trace.spans) for trace in self.traces))
        if len(set(map(str, self.keys.values()))) != len(self.keys):
            self.complain('two tracks hold the same')
        self.report(f'{len(seen)} slices on {len(self.keys)} tracks, to the nanosecond')

    def check_bounds(self):
        spans = [(span[0] + self.offset(trace), span[1] + self.offset(trace))
                 for trace in self.traces for span in trace.spans.values()]
        if self.name != 'made':     # counters may lie outside of all spans there
            self.tap.equal((self.tracks['start_ns'] <= min(spans)[0],
                            self.tracks['end_ns'] >= max(end for _, end in spans)), (True, True),
                           f'{self.name}: bounds')

    def check_buckets(self, track, start, end, count, slices):
        trace, key = self.keys[track]
        answer = self.view.api('tile', track=track, start=start, end=end, buckets=count, slices=slices)
        offset = self.offset(trace)
        if not answer['exact']:
            self.complain('not exact:', track, start, end)
        if 'slices' in answer:
            want = trace.inside(key, start - offset, end - offset)
            if set(answer['slices']['row']) != want or len(want) > slices:
                self.complain('slices', track, start, end, len(answer['slices']['row']), len(want))
            return 0
        found = answer['buckets']
        first, width = found['first_ns'], found['bucket_ns']
        cover = trace.track(key)
        if width & (width - 1) or (first - offset) % width or first > start or len(found['busy']) > count or \
                first + len(found['busy']) * width < end:
            self.complain('grid', first, width, len(found['busy']), 'for', start, end, count)
        for i, (busy, begun, name) in enumerate(zip(found['busy'], found['count'], found['name'])):
            at = first - offset + i * width
            want = cover.busy(at, at + width), cover.count(at, at + width)
            if (busy, begun) != want or (busy > 0) != (name >= 0):
                self.complain('bucket', track, i, 'of', width, 'ns is', busy, begun, name, 'not', want)
        return len(found['busy'])

    def check_views(self):
        rng = random.Random(7)
        start, end = self.tracks['start_ns'], self.tracks['end_ns']
        buckets = 0
        tracks = sorted(self.keys, key=lambda track: -len(self.keys[track][0].track(self.keys[track][1]).starts_all))
        for track in tracks[:12]:
            trace, key = self.keys[track]
            cover = trace.track(key)
            for _ in range(VIEWS):
                width = max(1, int((end - start) * 10 ** -rng.uniform(0, 6)))
                middle = rng.choice(cover.starts_all) + self.offset(trace)
                at = middle - rng.randint(0, width)
                buckets += self.check_buckets(track, at, at + width, rng.choice((2, 7, 100, 1600, 16384)),
                                              rng.choice((0, 0, 0, 10, 500)))
            buckets += self.check_buckets(track, start - 10 ** 9, end + 10 ** 9, 1600, 0)
        self.report(f'{buckets} buckets at many ranges and zooms, to the nanosecond')

    def check_details(self):
        rng = random.Random(8)
        for track in list(self.keys)[:20]:
            trace, key = self.keys[track]
            rows = [row for row, span in trace.spans.items() if span[2] == key]
            for row in rng.sample(rows, min(5, len(rows))):
                self.check_detail(track, trace, row)
        self.report('what is said of single slices')

    def check_detail(self, track, trace, row):
        found = self.view.api('slice', track=track, row=row)
        table, stored = trace.rows[row]
        offset = self.offset(trace)
        start, end, _ = trace.spans[row]
        if (found['start_ns'] - offset, found['duration_ns']) != (start, end - start):
            self.complain(row, 'times', found)
        if table in ('kernel', 'memcpy', 'memset', 'api_call'):
            correlation = stored['correlation_id']
            if found['arguments'].get('correlation') != correlation:
                self.complain(row, 'correlation', found['arguments'])
            others = {'kernel', 'memcpy', 'memset', 'graph_launch'} if table == 'api_call' else {'api_call'}
            want = {other for other, (kind, data) in trace.rows.items()
                    if kind in others and data['correlation_id'] == correlation != 0}
            if {flow['row'] for flow in found['flows']} != want:
                self.complain(row, 'flows', found['flows'], want)

    def check_search(self, words):
        found, where, rounds = [], {}, 0
        while rounds < 1000:
            answer = self.view.api('search', text=words, limit=997, **where)
            found += [(hit['track'], hit['row'], hit['name'], hit['start_ns']) for hit in answer['slices']]
            rounds += 1
            if answer['next'] is None:
                break
            where = {'from': answer['next']}
        want = set()
        for track, (trace, key) in self.keys.items():
            for row, (at, _, name) in self.slices(track, self.tracks['start_ns'] - 1,
                                                  self.tracks['end_ns'] + 1).items():
                if words.lower() in name.lower():
                    want.add((track, row, name, at))
        if set(found) != want or len(found) != len(want):
            self.complain(f'{len(found)} found, {len(want)} there')
        self.report(f"search for '{words}': {len(want)} slices")

    def check_counters(self):
        for counter in self.tracks['counters'][:5]:
            answer = self.view.api('counter', counter=counter['id'], start=self.tracks['start_ns'] - 1,
                                   end=self.tracks['end_ns'] + 1, buckets=16384)
            process = next(process for process in self.tracks['processes'] if process['id'] == counter['process'])
            trace = self.traces[process['trace']]
            name = f'{counter["name"]}_{counter["series"]}' if counter['series'] != 'value' else counter['name']
            points = {(row[0] + self.offset(trace), row[1]) for row in trace.database.execute(
                'SELECT time_ns, sample.value FROM sample JOIN string ON string_id = counter_id '
                'WHERE string.value = ? AND device_id = ?', (name, process['device']))}
            if not points:
                continue
            values = [value for _, value in points]
            if (min(answer['minimum']), max(answer['maximum'])) != (min(values), max(values)) or \
                    not set(answer['time']) <= {time for time, _ in points}:
                self.complain(counter, len(points))
        self.report(f'{len(self.tracks["counters"])} counters')


def check_case(tap, name, paths, scratch):
    view = View(paths, scratch)
    try:
        check_answers(tap, name, view)
    except (OSError, ValueError, http.client.HTTPException) as problem:
        tap.check(False, f'{name}: answered', f'{problem!r}\n{view.end(signal.SIGKILL)[2]}')
        return
    tap.equal(view.end(), (0, '', ''), f'{name}: ended')


def check_answers(tap, name, view):
    case = Case(tap, name, view, [])
    order = [os.path.realpath(trace['path']) for trace in case.tracks['traces']]
    case.traces = [tiles_oracle.Trace(path) for path in order]
    case.check_tracks()
    case.check_bounds()
    case.check_views()
    case.check_details()
    case.check_search({'made': 'script', 'rig': 'nccl'}.get(name, 'memcpy'))
    case.check_counters()


def check_estimates(tap, folder, scratch):
    """A trace that takes a while to be read: answers at once, marked, and in the end the exact ones."""
    path = os.path.join(folder, 'big.db')
    subprocess.run([os.path.join(BUILD, 'tests', 'make_trace'), path, str(BIG_ROWS)], check=True,
                   stdout=subprocess.DEVNULL)
    view = View([path], scratch)
    tracks = view.api('tracks')
    parameters = {'start': tracks['start_ns'], 'end': tracks['end_ns'], 'buckets': 500, 'slices': 100}
    first = {track['id']: view.api('tile', track=track['id'], **parameters) for track in tracks['tracks']}
    tap.check(not tracks['exact'] and not all(tile['exact'] for tile in first.values()),
              'a large trace is answered for before it is read, and the answers say so')
    calls = next(track['id'] for track in tracks['tracks'] if track['kind'] == 'calls')
    middle = sqlite3.connect(path).execute('SELECT start_ns FROM api_call WHERE rowid = 100000').fetchone()[0]
    near = view.api('tile', track=calls, start=middle, end=middle + 500_000, buckets=500, slices=5000)
    tap.check('slices' in near and near['slices']['start'], 'a small part of it shows slices at once', near)
    ended = view.wait_exact()
    tap.equal([track['name'] for track in ended['tracks']], [track['name'] for track in tracks['tracks']],
              'the tracks were known from the first')
    case = Case(tap, 'large', view, [])
    trace = tiles_oracle.Trace(path)
    for track in ended['tracks']:
        keys = {'work': lambda t: ('work', t['stream'] - 6), 'calls': lambda t: ('calls', t['thread'])}
        if track['kind'] not in keys:
            continue
        case.keys[track['id']] = (trace, keys[track['kind']](track))
        case.check_buckets(track['id'], parameters['start'], parameters['end'], 500, 100)
        estimate = sum(first[track['id']].get('buckets', {}).get('busy', [0]))
        exact = sum(view.api('tile', track=track['id'], **parameters)['buckets']['busy'])
        if not first[track['id']]['exact'] and not 0.6 * exact < estimate < 1.6 * exact:
            case.complain(track['name'], 'was estimated as', estimate, 'and is', exact)
    case.report('estimates were near, and became exact')
    tap.equal(view.end(), (0, '', ''), 'large: ended')


def main():
    tap = Tap()
    if not has_library():
        tap.skip('tiles', 'laggard was built without libmicrohttpd')
        return tap.end()
    with tempfile.TemporaryDirectory(prefix='laggard-tiles-') as folder:
        scratch = os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        for name, paths in databases_of(tap, folder):
            check_case(tap, name, paths, scratch)
        check_estimates(tap, folder, scratch)
        tap.equal(os.listdir(scratch), [], 'no temporary file is left')
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
