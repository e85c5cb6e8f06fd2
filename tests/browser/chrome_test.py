#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard export --format chrome` of made, real and rig traces: strict JSON that holds exactly what the databases
hold, and a real Trace Viewer in headless Chromium that shows all of it. Prints TAP.

Environment: B (build folder), TRACES (real traces), KEEP (a folder for exports and pictures, kept). What is not
installed is skipped by name: tests/browser/install.sh installs it.
"""

import collections
import decimal
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests', 'host')]

import guest        # noqa: E402
import expectation  # noqa: E402
import filters      # noqa: E402
import headless     # noqa: E402
import sidecars     # noqa: E402
import strict_json  # noqa: E402
import synthetic    # noqa: E402
from tap import Tap  # noqa: E402

BUILD = os.path.abspath(os.environ.get('B', 'build'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
TRACES = os.environ.get('TRACES', os.path.join(ROOT, '..', 'shared', 'traces'))
VIEWER_PLACES = ('/usr/share/go-*/src/cmd/trace/static', '/usr/lib/go-*/src/cmd/trace/static')
RIG = os.path.join(BUILD, 'rig', 'bin', 'rig-run')
SCENARIO = os.path.join(ROOT, 'tests', 'scenarios', 'ddp4.scn')
BROWSER_SECONDS = 400


class Case:
    """Databases that are exported into one file."""

    def __init__(self, name, databases):
        self.name = name
        self.databases = databases
        self.output = None
        self.document = None
        self.analysis = None

    def oracle(self):
        """The traces and what the analysis adds, read from the databases."""
        traces = [expectation.Trace(path) for path in self.databases]
        return traces, expectation.Analysis(self.analysis, traces)


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)


def made_cases(folder):
    paths = []
    for number in range(2):
        paths.append(os.path.join(folder, f'made{number}.db'))
        synthetic.make(LAGGARD, paths[-1], seed=number + 1, rank=number)
    yield Case('made', paths[:1])
    yield Case('made, two ranks', paths)


def real_cases(tap, folder):
    sources = sorted(path for path in glob.glob(os.path.join(TRACES, '*'))
                     if path.endswith(('.json', '.json.gz', '.sqlite')))
    if not sources:
        tap.skip('real traces', f'there are none in {TRACES}')
    ranks = []
    for source in sources:
        name = os.path.basename(source)
        done = run([LAGGARD, 'import', source, '-o', os.path.join(folder, name)])
        databases = done.stdout.decode().splitlines()
        tap.check(done.returncode == 0 and databases, f'{name}: imported', done.stderr.decode())
        ranks += databases if name.startswith('dlrm') else []
        if databases:
            yield Case(name, databases)
    if ranks:
        yield Case('dlrm, all ranks', ranks)


def rig_cases(tap, folder):
    if not os.access(RIG, os.X_OK):
        tap.skip('rig', f'{RIG} is not built')
        return
    target = os.path.join(folder, 'rig')
    if guest.RUNTIME:
        # The runtime of a sanitizer must be loaded first; the launcher puts libtrace there.
        os.mkdir(target)
        done = run([RIG, SCENARIO], env=guest.environment(True, is_rig=True, LAGGARD_OUTPUT=target))
    else:
        done = run([LAGGARD, 'run', '-o', target, '--', RIG, SCENARIO])
    databases = sorted(glob.glob(os.path.join(target, '*.db')))
    tap.check((done.returncode, len(databases)) == (0, 4), 'rig: the 4-GPU scenario is captured',
              done.stderr.decode('utf-8', 'replace'))
    if databases:
        yield Case('rig, 4 ranks', databases)


def export(tap, case, folder):
    case.output = os.path.join(folder, case.name.replace(' ', '_').replace(',', '') + '.export.json')
    case.analysis = case.output + '.analysis.db'
    done = run([LAGGARD, 'analyze', '--database', case.analysis, '-o', os.devnull, *case.databases])
    tap.check(done.returncode == 0, f'{case.name}: analysed', done.stderr.decode())
    done = run([LAGGARD, 'export', '-q', '--analysis', case.analysis, '-o', case.output, *case.databases])
    tap.check(done.returncode == 0 and done.stderr == b'', f'{case.name}: exported', done.stderr.decode())
    if done.returncode != 0:
        return
    try:
        with open(case.output, encoding='utf-8', errors='strict') as file:
            case.document = strict_json.loads(file.read(), parse_float=decimal.Decimal)
        tap.check(True, f'{case.name}: strict JSON')
    except ValueError as error:
        tap.check(False, f'{case.name}: strict JSON', error)


def nanoseconds(microseconds):
    return int(decimal.Decimal(microseconds) * 1000)


def check_ids(tap, case, events):
    """No process or track 0, no negative number; every event has a named track and process."""
    named = collections.defaultdict(set)
    for event in events:
        if event['ph'] == 'M':
            named[event['name']].add((event['pid'], event['tid']))
    processes = {pid for pid, _ in named['process_name']}
    bad = [event for event in events
           if not (0 < event['pid'] < 2 ** 31 and 0 < event['tid'] < 2 ** 31) or
           event['pid'] not in processes or
           (event['ph'] in 'Xisf' and (event['pid'], event['tid']) not in named['thread_name'])]
    tap.equal(bad[:3], [], f'{case.name}: every event has a named process and track')
    tracks = [tid for _, tid in named['thread_name']] + list(processes)
    tap.equal(len(tracks), len(set(tracks)), f'{case.name}: no id is given twice')


def demangled(names):
    """Names as they stand in the export, from the recorded ones; c++filt knows mangled ones, too."""
    mangled = sorted(name for name in names if name.startswith(b'_Z'))
    done = run(['c++filt'], input=b''.join(name + b'\n' for name in mangled))
    readable = dict(zip(mangled, done.stdout.split(b'\n')))
    texts = {}
    for name in names:
        text = readable.get(name, name).decode('utf-8', 'replace') or 'unknown kernel'
        # The parameters are an argument of their own, and the return type says nothing.
        is_whole = text.startswith('void ') and text.endswith(')')
        texts[name] = text[len('void '):] if is_whole else text
    return texts


def check_kernels(tap, case, events, traces):
    """Each kernel at its exact time, with its name whole where name and parameters are joined."""
    base = case.document['baseTimeNanoseconds']
    tap.equal(base, expectation.base(traces), f'{case.name}: time begins with the first event')
    got, want = collections.Counter(), collections.Counter()
    for event in events:
        if event['ph'] == 'X' and event['cat'] == 'kernel':
            whole = event['name'] + event['args'].get('parameters', '')
            got[nanoseconds(event['ts']) + base, nanoseconds(event['dur']), whole] += 1
    recorded = [row for trace in traces for row in expectation.kernel_names(trace)]
    readable = demangled({name for _, _, name in recorded})
    for start, duration, name in recorded:
        want[start, duration, readable[name]] += 1
    # Python and laggard count the pieces of a broken character differently.
    blurred = [collections.Counter({(start, duration, name.replace('\ufffd', '')): count
                                    for (start, duration, name), count in counted.items()})
               for counted in (got, want)]
    difference = list((blurred[0] - blurred[1]).items())[:3], list((blurred[1] - blurred[0]).items())[:3]
    tap.equal(difference, ([], []), f'{case.name}: kernels have their exact times and names')


def check_analysis(tap, case, events, analysis):
    base = case.document['baseTimeNanoseconds']
    want = collections.Counter(analysis.spans())
    got = collections.Counter((event['cat'], nanoseconds(event['ts']) + base, nanoseconds(event['dur']))
                              for event in events
                              if event['ph'] == 'X' and event['cat'] in ('step', 'idle', 'collective wait'))
    difference = list((got - want).items())[:3], list((want - got).items())[:3]
    tap.equal(difference, ([], []), f'{case.name}: steps, idle time and waits at their exact times')
    shown = [event['args'].get('text', '') for event in events if event['ph'] == 'X' and event['cat'] == 'finding']
    tap.equal(shown, analysis.findings(), f'{case.name}: findings in their order')
    starts = collections.Counter(nanoseconds(str(event['ts'])[:str(event['ts']).index('.') + 4]) + base
                                 for event in events if event['ph'] == 's' and event['cat'] == 'collective')
    tap.equal(starts, collections.Counter(start for _, start, _ in analysis.arrows()),
              f'{case.name}: an arrow from the latest rank to each that waited')


def check_document(tap, case, traces, analysis):
    events = case.document['traceEvents']
    counts = collections.Counter(event['ph'] for event in events)
    spans = sum(expectation.slices(trace)[0] for trace in traces)
    instants = sum(expectation.slices(trace)[1] for trace in traces)
    spans += len(list(analysis.spans())) + len(analysis.findings())
    flows = sum(expectation.flows(trace) for trace in traces) + len(list(analysis.arrows()))
    tap.equal((counts['X'], counts['i'], counts['s'], counts['f']), (spans, instants, flows, flows),
              f'{case.name}: a slice for every row, an arrow for every launch')
    tap.equal(counts['C'], sum(expectation.counters(trace) for trace in traces),
              f'{case.name}: counters')
    tap.equal(set(counts) - set('MXisfC'), set(), f'{case.name}: no other events')
    check_ids(tap, case, events)
    check_kernels(tap, case, events, traces)
    check_analysis(tap, case, events, analysis)


def check_viewer(tap, case, seen, counts, names):
    """What the viewer's model holds, against the file and the databases."""
    spans, instants, flows = counts
    tap.equal((seen['warnings'], seen['complaints']), ([], []), f'{case.name}: the viewer does not complain')
    tap.equal(seen['slices'], spans + instants, f'{case.name}: the viewer has every slice')
    tap.equal((seen['flows'], seen['flowsBound']), (flows, flows), f'{case.name}: the viewer ties every arrow')
    tap.equal(seen['flowsJoined'], flows, f'{case.name}: every arrow leads from its launch to its work')
    counters = sum(event['ph'] == 'C' for event in case.document['traceEvents'])
    tap.equal(seen['counterSamples'], counters, f'{case.name}: the viewer has every counter')
    threads = [thread for process in seen['processes'] for thread in process['threads']]
    tap.equal([thread for thread in threads if thread['overlaps']], [],
              f'{case.name}: nothing overlaps on a track')
    shown = [process['name'] for process in seen['processes']]
    tap.equal(shown, [name for name in names if name in shown],
              f'{case.name}: processes are named and stand in their order')
    devices = [thread for process in seen['processes'] if 'GPU' in process['name']
               for thread in process['threads'] if '(' not in thread['name'].split(' (overlap')[0]]
    tap.equal([thread for thread in devices if thread['name'].startswith('stream') and thread['depth'] > 1], [],
              f'{case.name}: streams are one row high')


def viewer_place():
    found = [path for place in VIEWER_PLACES
             for path in sorted(glob.glob(os.path.join(place, 'trace_viewer_full.html')))]
    return os.path.dirname(found[0]) if found else None


def missing_browser():
    if viewer_place() is None:
        return 'the Trace Viewer is not installed (Debian: golang-1.19-src)'
    return headless.missing_browser()


def browse(cases, pictures):
    """What the viewer holds of each case; {} and the reason if it did not run to the end."""
    command = ['node', os.path.join(HERE, 'trace_viewer.mjs'), viewer_place(), pictures,
               *(case.output for case in cases)]
    try:
        done = run(command, timeout=BROWSER_SECONDS)
    except subprocess.TimeoutExpired:
        return {}, f'not finished after {BROWSER_SECONDS} s'
    seen = {}
    for line in done.stdout.decode('utf-8', 'replace').splitlines():
        if line.startswith('{'):
            told = json.loads(line)
            seen[told['trace']] = told
    return seen, done.stderr.decode('utf-8', 'replace')


def check_same_bytes(tap, case, folder):
    again, packed = os.path.join(folder, 'again.json'), os.path.join(folder, 'again.json.gz')
    for path in (again, packed):
        run([LAGGARD, 'export', '-q', '--analysis', case.analysis, '-o', path, *case.databases])
    with open(case.output, 'rb') as first, open(again, 'rb') as second:
        first = first.read()
        tap.check(first == second.read(), 'the same databases give the same bytes')
    done = run(['gzip', '-dc', packed])
    tap.check(done.stdout == first, 'a name in .gz gives the same, compressed')
    tap.check(run([sys.executable, '-m', 'json.tool', case.output]).returncode == 0,
              'json.tool accepts it')


def check_filters(tap, case, folder):
    def export_part(*options):
        return run([LAGGARD, 'export', '-q', '--analysis', case.analysis, *options, *case.databases])

    traces, analysis = case.oracle()
    paths = filters.check_parts(tap, case, export_part, folder)
    filters.check_kinds(tap, case, export_part, folder)
    filters.check_steps(tap, case, lambda *options: run(
        [LAGGARD, 'export', '-q', *(() if '--analysis' in options else ('--analysis', case.analysis)), *options,
         *case.databases]), folder, analysis)
    filters.check_ranks(tap, export_part, folder, traces)
    return paths


def check_in_browser(tap, cases, folder):
    missing = missing_browser()
    if missing is not None:
        for case in cases:
            tap.skip(f'{case.name}: in the Trace Viewer', missing)
        return
    pictures = folder if os.environ.get('KEEP') else '-'
    seen, said = browse(cases, pictures)
    for case in cases:
        if case.output not in seen:
            tap.check(False, f'{case.name}: opens in the Trace Viewer', said)
            continue
        traces, analysis = case.oracle()
        spans = sum(expectation.slices(trace)[0] for trace in traces)
        spans += len(list(analysis.spans())) + len(analysis.findings())
        instants = sum(expectation.slices(trace)[1] for trace in traces)
        told = [event for event in case.document['traceEvents'] if event['ph'] == 'M']
        orders = {event['pid']: event['args']['sort_index'] for event in told
                  if event['name'] == 'process_sort_index'}
        names = [event['args']['name'] for event in sorted(told, key=lambda event: orders[event['pid']])
                 if event['name'] == 'process_name']
        flows = sum(expectation.flows(trace) for trace in traces) + len(list(analysis.arrows()))
        check_viewer(tap, case, seen[case.output], (spans, instants, flows), names)


def main():
    tap = Tap()
    with headless.folder_of('chrome') as folder:
        cases = [*made_cases(folder), *real_cases(tap, folder), *rig_cases(tap, folder)]
        for case in cases:
            export(tap, case, folder)
            if case.document is not None:
                check_document(tap, case, *case.oracle())
        cases = [case for case in cases if case.document is not None]
        if cases:
            check_same_bytes(tap, cases[0], folder)
        for case in cases:
            if case.name.startswith('rig'):
                check_filters(tap, case, folder)
                sidecars.check(tap, LAGGARD, run, case, folder)
        check_in_browser(tap, cases, folder)
    sys.exit(tap.end())


if __name__ == '__main__':
    main()
