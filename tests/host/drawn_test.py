#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What threads of the host did, as the exports draw it (TAP): to the row what the database says, in Chrome's format,
Perfetto's, and the answers of `laggard view`."""

import collections
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'perfetto'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'view'))

import decoder  # noqa: E402
import guest  # noqa: E402
from guest import Tap, environment  # noqa: E402
from rig_capture_test import Run  # noqa: E402
from view_server import View, has_library  # noqa: E402

LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')
STATES = {'R': 'running', 'S': 'sleeping', 'D': 'waiting for a device', 'T': 'stopped', 't': 'traced', 'Z': 'ended'}
WAITS = '''
scenario waits
seed 3
gpus 1
kernel work "_Z4workPf"
repeat count=60
	push name="step {step}"
	launch kernel=work dur=4ms
	sync name=device
	host dur=15ms
	pop
end
'''


def export(run, form):
    path = os.path.join(run.folder, f'out.{form}')
    done = subprocess.run([LAGGARD, 'export', '-q', '--analysis', 'none', '--format', form, '-o', path, run.traces],
                          stderr=subprocess.PIPE, text=True, check=False, env=environment(False))
    assert done.returncode == 0, done.stderr
    return path


def wanted(run):
    """A counter of (time, thread's track, name), in Unix time."""
    samples = run.rows('SELECT epoch_ns + time_ns, thread_id, state, value FROM trace, host_sample '
                       'LEFT JOIN string ON string_id = wait_channel_id')
    return collections.Counter(
        (time_ns, f'thread {thread} (host state)', STATES.get(chr(state), 'in another state') +
         (f': {place}' if place else '')) for time_ns, thread, state, place in samples)


def track(name):
    """Without the thread's own name behind."""
    return name[:name.index(')') + 1] if ')' in name else name


def chrome(path):
    with open(path, encoding='utf-8') as file:
        document = json.load(file)
    names = {event['tid']: event['args']['name'] for event in document['traceEvents']
             if event['ph'] == 'M' and event['name'] == 'thread_name'}
    base = document['baseTimeNanoseconds']
    return collections.Counter((base + round(event['ts'] * 1000), track(names[event['tid']]), event['name'])
                               for event in document['traceEvents'] if event['ph'] == 'i' and event['cat'] == 'host')


def perfetto(path):
    with open(path, 'rb') as file:
        trace = decoder.Decoder(file.read())
    return collections.Counter(
        (found.start, track(trace.tracks[found.track].text(2)), found.name)
        for found in trace.instants if found.category == 'host')


def check_view(tap, run, points):
    if not has_library():
        tap.skip('view', 'laggard was built without libmicrohttpd')
        return
    scratch = os.path.join(run.folder, 'scratch')
    os.mkdir(scratch)
    view = View([run.traces], scratch)
    tracks = view.api('tracks')
    while not tracks['exact']:
        time.sleep(0.05)
        tracks = view.api('tracks')
    counts = collections.Counter()
    for one in tracks['tracks']:
        if one['kind'] == 'host':
            tile = view.api('tile', track=one['id'], start=tracks['start_ns'], end=tracks['end_ns'] + 1, buckets=100,
                            slices=65536)
            counts[track(one['name'])] += len(tile['slices']['start'])
    view.end()
    want = collections.Counter(name for _, name, _ in points.elements())
    tap.equal(counts, want, 'view has the tracks, with as many rows')


def main():
    guest.require_library()
    tap = Tap()
    with Run(WAITS, '--realtime', '--way', 'pipe', LAGGARD_HOST_SAMPLE_MS='5', LAGGARD_STEPS='10-40') as run:
        points = wanted(run)
        tap.check(len(points) > 20, 'a run with samples of its thread', f'{len(points)} {run.result.text()}')
        for form, read in (('chrome', chrome), ('perfetto', perfetto)):
            got = read(export(run, form))
            tap.check(got == points, f'{form}: every sample is a mark of its thread',
                      f'{list((got - points).items())[:3]} {list((points - got).items())[:3]}')
        check_view(tap, run, points)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
