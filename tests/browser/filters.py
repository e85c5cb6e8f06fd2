# SPDX-License-Identifier: MIT
"""Exports of a part: every filter of `laggard export` must keep exactly what it says, told from the whole export."""

import collections
import glob
import json
import os


def events_of(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def identity(event):
    return json.dumps(event, sort_keys=True)


def shown(events):
    """Slices, instants and counters: what may not be lost or doubled."""
    return collections.Counter(identity(event) for event in events if event['ph'] in 'XiC')


def nanoseconds(text):
    return round(float(text) * 1000)


def check_parts(tap, case, export, folder):
    """Divided by time: the parts together are the whole, but for arrows between them."""
    whole = case.document['traceEvents']
    limit = os.path.getsize(case.output) // 4
    done = export('--max-size', str(limit), '-o', os.path.join(folder, 'parts.json'))
    paths = sorted(glob.glob(os.path.join(folder, 'parts.*.json')))
    tap.check(done.returncode == 0 and len(paths) > 3, 'divided: several files', done.stderr.decode())
    parts = [events_of(path) for path in paths]
    tap.equal([path for path in paths if os.path.getsize(path) > limit], [], 'divided: none is too large')
    together = sum((shown(part['traceEvents']) for part in parts), collections.Counter())
    want = shown(json.loads(json.dumps(whole, default=float)))
    tap.equal((list((together - want).items())[:2], list((want - together).items())[:2]), ([], []),
              'divided: every slice, instant and counter stands in one file')
    flows = []
    for part in parts:
        starts = collections.Counter(event['id'] for event in part['traceEvents'] if event['ph'] == 's')
        ends = collections.Counter(event['id'] for event in part['traceEvents'] if event['ph'] == 'f')
        tap.equal((starts, max(starts.values(), default=1)), (ends, 1), 'divided: arrows are whole')
        flows.append(len(starts))
    across = parts[0]['laggard'].get('flowsAcross', 0)
    tap.equal(sum(flows) + across, sum(event['ph'] == 's' for event in whole), 'divided: arrows left out are counted')
    tap.equal([(part['metadata']['part'], part['metadata']['parts']) for part in parts],
              [(number, len(parts)) for number in range(1, len(parts) + 1)], 'divided: each says which it is')
    names = [[event for event in part['traceEvents'] if event['ph'] == 'M' and event['name'] != 'x']
             for part in parts]
    tap.equal([mine for mine in names if mine != names[0]], [], 'divided: each names all processes and tracks')
    return paths


def check_kinds(tap, case, export, folder):
    path = os.path.join(folder, 'kinds.json')
    whole = collections.Counter(event['cat'] for event in case.document['traceEvents'] if event['ph'] in 'Xi')
    for kinds, categories in (('kernels', ('kernel', 'cuda_graph')), ('copies', ('gpu_memcpy', 'gpu_memset')),
                              ('nccl', ('nccl',)), ('sync', ('sync', 'cuda_event')), ('overhead', ('overhead',)),
                              ('losses', ('loss',)),
                              ('analysis', ('step', 'idle', 'collective wait', 'finding'))):
        export('--kinds', kinds, '-o', path)
        events = events_of(path)['traceEvents']
        got = collections.Counter(event['cat'] for event in events if event['ph'] in 'Xi')
        want = {category: whole[category] for category in categories if whole[category]}
        tap.equal(dict(got), want, f'only {kinds}')
        tap.equal({event['ph'] for event in events} - set('MXi'), set(), f'only {kinds}: no arrows, no counters')


def check_steps(tap, case, export, folder, analysis):
    path = os.path.join(folder, 'steps.json')
    done = export('--steps', '5..7', '-o', path)
    tap.check(done.returncode == 0, 'steps: exported', done.stderr.decode())
    rows = analysis.of('step', 'number BETWEEN 5 AND 7')
    base = case.document['baseTimeNanoseconds']
    begin = min(row['start_ns'] for row in rows) - base
    end = max(row['start_ns'] + row['duration_ns'] for row in rows) - base
    want, got = ([(event['tid'], event['name'], str(event['ts'])) for event in document['traceEvents']
                  if event['ph'] == 'X'] for document in (
                      {'traceEvents': [event for event in case.document['traceEvents'] if event['ph'] == 'X' and
                                       nanoseconds(event['ts']) < end and
                                       (nanoseconds(event['ts']) + nanoseconds(event['dur']) > begin or
                                        nanoseconds(event['ts']) >= begin)]}, events_of(path)))
    tap.equal(len(got), len(want), 'steps: what touches them, and nothing else')
    done = export('--steps', '500..700', '-o', path)
    tap.equal(done.returncode, 2, 'steps that do not exist are an error of usage')
    done = export('--steps', '5..7', '--analysis', 'none', '-o', path)
    tap.equal(done.returncode, 2, 'steps without an analysis are an error of usage')


def check_ranks(tap, export, folder, traces):
    path = os.path.join(folder, 'ranks.json')
    export('--ranks', '1,3', '-o', path)
    document = events_of(path)
    tap.equal([trace['rank'] for trace in document['metadata']['traces']], [1, 3], 'ranks: only those named')
    kernels = sum(event['ph'] == 'X' and event['cat'] == 'kernel' for event in document['traceEvents'])
    tap.equal(kernels, sum(len(trace.of('kernel')) for trace in (traces[1], traces[3])), 'ranks: all of them')
    done = export('--ranks', '9', '-o', path)
    tap.equal(done.returncode, 2, 'ranks that do not exist are an error of usage')
