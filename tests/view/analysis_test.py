#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `laggard view` shows of an analysis, against the analysis database; that it makes one itself where it is missing
or out of date; that it can be ended meanwhile and leaves nothing. Prints TAP.

Environment: B (build folder), TRACES (real traces).
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE]

from view_server import BUILD, LAGGARD, Tap, View, has_library   # noqa: E402

TRACES = os.environ.get('TRACES', os.path.join(ROOT, '..', 'shared', 'traces'))
QUESTIONS = {
    'steps': "SELECT trace_id, start_ns, duration_ns, 'step ' || number FROM step",
    'idle': 'SELECT trace_id, start_ns, duration_ns, cause FROM idle_gap WHERE is_rest = 0',
    'waits': """SELECT trace_id, start_ns, min(m.wait_ns, duration_ns), operation || ': wait' ||
        CASE WHEN latest_rank < 0 THEN '' ELSE ' for rank ' || latest_rank END
        FROM collective_member m JOIN collective_instance USING (instance_id) WHERE m.wait_ns > 0""",
}
BIG_ROWS = 3_000_000
# "At once", on a machine on which much else runs.
AT_ONCE_S = 20


def wait_analysis(view):
    limit = time.monotonic() + 300
    while time.monotonic() < limit:
        tracks = view.api('tracks')
        if tracks['analysis_state'] != 'making' and tracks['exact']:
            return tracks
        time.sleep(0.05)
    raise ValueError('there never was an analysis')


def slices_of(view, tracks, kind):
    """All slices of a kind: (trace, start, duration, name); and the tracks whose buckets say something else."""
    found, wrong = [], []
    base_ns = int(tracks['base_ns'])
    traces = {process['id']: process['trace'] for process in tracks['processes']}
    for track in tracks['tracks']:
        if track['kind'] != kind:
            continue
        view_of = {'track': track['id'], 'start': tracks['start_ns'], 'end': tracks['end_ns'] + 1, 'buckets': 100}
        slices = view.api('tile', slices=65536, **view_of)['slices']
        buckets = view.api('tile', slices=0, **view_of)['buckets']
        ends = [start + size for start, size in zip(slices['start'], slices['duration'])]
        if sum(buckets['busy']) != sum(slices['duration']) or sum(buckets['count']) != len(ends) or \
                any(end > start for end, start in zip(ends, slices['start'][1:])) or \
                max(buckets['busy']) > buckets['bucket_ns']:
            wrong.append(track['name'])
        names = view.api('tile', slices=65536, **view_of)['names']
        found += [(traces[track['process']], base_ns + start, size, names[name][0])
                  for start, size, name in zip(slices['start'], slices['duration'], slices['name'])]
    return sorted(found), wrong


def check_shown(tap, view, tracks, path):
    database = sqlite3.connect(path)
    order = {os.path.realpath(trace['path']): i for i, trace in enumerate(tracks['traces'])}
    traces = {number: order[os.path.realpath(name)]
              for number, name in database.execute('SELECT trace_id, path FROM analysis_trace')}
    for kind, question in QUESTIONS.items():
        found, wrong = slices_of(view, tracks, kind)
        want = sorted((traces[trace], *rest) for trace, *rest in database.execute(question))
        tap.check(found == want and len(want) > 0, f'{kind}: {len(want)} slices with their names, to the nanosecond',
                  set(found) ^ set(want))
        tap.equal(wrong, [], f'{kind}: in order, and the buckets say the same')
    findings = tracks['analysis']['findings']
    count, = database.execute('SELECT count(*) FROM finding').fetchone()
    tap.equal((len(findings), tracks['analysis']['current']), (count, True), 'all findings')
    wrong = []
    for finding in findings:
        place = finding['place']
        slice_ = view.api('slice', track=place['track'], row=place['row'])
        if any(slice_[key] != place[key] for key in ('start_ns', 'duration_ns')):
            wrong.append(finding['name'])
    tap.equal(wrong, [], 'each leads to a slice')
    step = next(track for track in tracks['tracks'] if track['kind'] == 'steps')
    slice_ = view.api('slice', track=step['id'], row='1000.3')
    want = database.execute('SELECT compute_ns, idle_ns FROM step WHERE number = 3 AND gpu_id = 0').fetchone()
    tap.equal((slice_['name'], slice_['arguments']['compute ns'], slice_['arguments']['idle ns']), ('step 3', *want),
              'a step says what the analysis says')
    bad = [f'api/slice?track={step["id"]}&row={row}' for row in ('1000.-1', '1000.99999999', '999.0', '5.1')]
    bad += [f'api/tile?track={step["id"] + 1000}&start=0&end=9&buckets=9']
    tap.equal({view.ask(path)[0] for path in bad}, {400}, 'what is not there is refused')


def check_made(tap, folder, scratch, target, traces):
    beside = os.path.join(target, 'laggard-analysis.db')
    view = View([target], scratch)
    tracks = wait_analysis(view)
    tap.equal((tracks['analysis_state'], os.path.exists(beside)), ('shown', True), 'made beside the traces')
    check_shown(tap, view, tracks, beside)
    tap.equal(view.end(), (0, '', ''), 'ended')
    made = os.stat(beside).st_mtime_ns
    view = View([target], scratch)
    wait_analysis(view)
    view.end()
    tap.equal(os.stat(beside).st_mtime_ns, made, 'one that is current is taken as it is')
    os.utime(traces[0], (1, 1))
    view = View([target], scratch)
    tap.equal(wait_analysis(view)['analysis']['current'], True, 'one that is out of date is made anew')
    view.end()
    tap.check(os.stat(beside).st_mtime_ns > made, 'and written')
    alone = os.path.join(folder, 'alone')
    os.mkdir(alone)
    path = os.path.join(alone, os.path.basename(traces[0]))
    os.link(traces[0], path)
    view = View([path], scratch)
    tracks = wait_analysis(view)
    tap.equal((tracks['analysis_state'], os.listdir(alone)), ('shown', [os.path.basename(path)]),
              'of a single file it stays private')
    tap.equal((view.end(), os.listdir(scratch)), ((0, '', ''), []), 'and goes in the end')


def wait_for_file(folder, process):
    """Until the process has begun a file in the folder: what lies there."""
    limit = time.monotonic() + 300
    while time.monotonic() < limit and not os.listdir(folder) and process.poll() is None:
        time.sleep(0.02)
    return os.listdir(folder)


def check_ended(tap, folder, scratch):
    """Ended while the analysis, or the export for Perfetto, is being made."""
    target = os.path.join(folder, 'big')
    os.mkdir(target)
    subprocess.run([os.path.join(BUILD, 'tests', 'make_trace'), os.path.join(target, 'big.db'), str(BIG_ROWS)],
                   check=True, stdout=subprocess.DEVNULL)
    view = View([target], scratch)
    tap.check(time.monotonic() - view.started < AT_ONCE_S, 'a large trace is served at once')
    state = view.api('tracks')['analysis_state']
    began = time.monotonic()
    tap.equal((state, view.end()), ('making', (0, '', '')), 'Ctrl-C while it is analysed')
    tap.check(time.monotonic() - began < AT_ONCE_S, 'ends it at once', time.monotonic() - began)
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([LAGGARD, 'view', '--perfetto', target], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, 'TMPDIR': scratch}, text=True) as process:
            inside = wait_for_file(scratch, process)
            began = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=300)
        tap.equal((process.returncode, out, err, len(inside)), (-number, '', '', 1),
                  f'{number.name} while --perfetto exports')
        tap.check(time.monotonic() - began < AT_ONCE_S, f'{number.name}: at once', time.monotonic() - began)
    # On a quick machine the analysis is complete before the export is ended: then it stays.
    left = set(os.listdir(target)) - {'laggard-analysis.db'}
    tap.equal((os.listdir(scratch), left), ([], {'big.db'}), 'no temporary file is left, here or there')


def main():
    tap = Tap()
    source = os.path.join(TRACES, 'nsys-h100-2gpu-train.sqlite')
    if not has_library():
        tap.skip('view', 'laggard was built without libmicrohttpd')
        return tap.end()
    with tempfile.TemporaryDirectory(prefix='laggard-view-') as folder:
        scratch = os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        check_ended(tap, folder, scratch)
        if not os.path.exists(source):
            tap.skip('nsys', f'it is not in {TRACES}')
            return tap.end()
        target = os.path.join(folder, 'nsys')
        done = subprocess.run([LAGGARD, 'import', source, '-o', target], text=True, check=True, stdout=subprocess.PIPE)
        check_made(tap, folder, scratch, target, done.stdout.splitlines())
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
