#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard export --format perfetto` of made, real and rig traces, decoded from its bytes: times, durations, launches
and names against the databases, everything else against the Chrome export, which has a test of its own; and protoc
decodes it by trace.proto without a field left over. Prints TAP.

Environment: B (build folder), TRACES (real traces), KEEP (a folder for exports, kept). Without protoc (Debian:
protobuf-compiler, which tests/browser/install.sh installs) its part is skipped by name.
"""

import collections
import decimal
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, 'tests', 'browser')]

import chrome_test  # noqa: E402
import decoder      # noqa: E402
import expectation  # noqa: E402
import headless     # noqa: E402
from tap import Tap  # noqa: E402

LAGGARD = chrome_test.LAGGARD
RATIO_MAX = 0.25
RATIO_BYTES_MIN = 20000     # of the JSON: names and frame of a file of a few slices outweigh them
PROTOC_BYTES_MAX = 2000000      # more of the same costs seconds and says nothing new
CUDA = 4
ARGUMENTS = {'registers_per_thread': 'registers per thread', 'shared_mem_static': 'static shared bytes',
             'shared_mem_dynamic': 'dynamic shared bytes'}
STAGES = {'kernel': 'Kernel', 'gpu_memcpy': 'Memcpy', 'gpu_memset': 'Memset', 'cuda_graph': 'Graph'}
SPANS_OF_EVENTS = ('api_call', 'range', 'gpu_range', 'synchronization', 'collective', 'overhead')
ANALYSED = ('step', 'idle', 'collective wait')
# Ranks of a job that stand in the case of all its ranks, too, and another rank or year of what is there once.
REPEATED = ('dlrm-', 'a100-rank3of8', 'sampled-rank1of128')


def export(case, folder, name, *options):
    path = os.path.join(folder, case.name.replace(' ', '_').replace(',', '') + name)
    if case.analysis is None:
        case.analysis = path + '.analysis.db'
        done = chrome_test.run([LAGGARD, 'analyze', '--database', case.analysis, '-o', os.devnull, *case.databases])
        if done.returncode != 0:
            raise decoder.Damage(done.stderr.decode('utf-8', 'replace'))
    done = chrome_test.run([LAGGARD, 'export', '-q', '--analysis', case.analysis, *options, '-o', path,
                            *case.databases])
    if done.returncode != 0 or done.stderr:
        raise decoder.Damage(done.stderr.decode('utf-8', 'replace') or f'exit status {done.returncode}')
    return path


def difference(got, want):
    return list((got - want).items())[:3], list((want - got).items())[:3]


def frozen(value):
    """Arguments so that they can be counted; numbers with a point compare as doubles."""
    if isinstance(value, dict):
        return tuple(sorted((key, frozen(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return tuple(value)
    return float(value) if isinstance(value, decimal.Decimal) else value


class Chrome:
    """The Chrome export in the same terms."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            document = json.load(file, parse_float=decimal.Decimal)
        self.base = document['baseTimeNanoseconds']
        self.bytes = os.path.getsize(path)
        self.names = {}
        self.orders = {}
        for event in document['traceEvents']:
            if event['ph'] == 'M' and event['name'].endswith('_name'):
                self.names[event['name'], event['tid']] = event['args']['name']
            elif event['ph'] == 'M':
                self.orders[event['name'], event['tid']] = event['args']['sort_index']
        self.events = [event for event in document['traceEvents'] if event['ph'] != 'M']

    def of(self, phase):
        return [event for event in self.events if event['ph'] == phase]

    def time(self, event, key='ts'):
        return int(decimal.Decimal(event[key]) * 1000) + (self.base if key == 'ts' else 0)

    def place(self, event, merged):
        track = self.names['thread_name', event['tid']]
        return (self.names['process_name', event['pid']],
                re.sub(r' \(overlap \d+\)', '', track) if merged else track)


def is_work(event):
    return event['cat'] in STAGES


def work_arguments(event):
    """As typed GPU work has them: no lists but the shape, and the parameters belong to the name."""
    arguments = {}
    for key, value in event['args'].items():
        if key == 'parameters':
            continue
        if isinstance(value, list) and key not in ('grid', 'block'):
            arguments.update({f'{key}.{axis}': number for axis, number in zip('xyz', value)})
        else:
            arguments[key] = value
    return arguments


def check_work(tap, case, trace, chrome):
    got, want = collections.Counter(), collections.Counter()
    for work in trace.work:
        arguments = {ARGUMENTS.get(key, key): value for key, value in work['arguments'].items()}
        whole = work['name'] if work['whole'] is None else work['whole']
        got[trace.gpus[work['gpu']], work['queue'], work['start'], work['duration'], work['stage'],
            work['name'], whole, frozen(arguments)] += 1
    for event in chrome.of('X'):
        if is_work(event):
            process, track = chrome.place(event, True)
            want[process, track, chrome.time(event), chrome.time(event, 'dur'), STAGES[event['cat']],
                 event['name'], event['name'] + event['args'].get('parameters', ''),
                 frozen(work_arguments(event))] += 1
    tap.equal(difference(got, want), ([], []), f'{case.name}: GPU work with its arguments, on its queue')
    pids = {trace.tracks[uuid].message(3).one(1) for uuid in trace.tracks
            if trace.tracks[uuid].one(3) is not None}
    odd = [work for work in trace.work
           if work['api'] != CUDA or work['pid'] not in pids or 'device' not in work['arguments'] and
           not work['queue'].startswith('unknown stream') or
           work['kernel'] not in (None, work['name'])]
    tap.equal(odd[:2], [], f'{case.name}: GPU work belongs to a process, a CUDA context and a device')
    queues = collections.defaultdict(set)
    for work in trace.work:
        queues[work['queue_iid']].add((work['gpu'], work['queue']))
    tap.check(all(len(names) == 1 for names in queues.values()), f'{case.name}: a queue is of one GPU')


def check_events(tap, case, trace, chrome):
    got, want = collections.Counter(), collections.Counter()
    for slice_ in trace.slices:
        got[trace.process_of(slice_.track).text(2), trace.tracks[slice_.track].text(2), slice_.start,
            slice_.end - slice_.start, slice_.name, slice_.category, frozen(slice_.arguments)] += 1
    for event in chrome.of('X'):
        if not is_work(event):
            want[(*chrome.place(event, False), chrome.time(event), chrome.time(event, 'dur'), event['name'],
                  event['cat'], frozen(event['args']))] += 1
    tap.equal(difference(got, want), ([], []), f'{case.name}: slices with their arguments, nested as they were')
    got, want = collections.Counter(), collections.Counter()
    for instant in trace.instants:
        if not instant.flows and not instant.terminating:
            got[trace.process_of(instant.track).text(2), trace.tracks[instant.track].text(2), instant.start,
                instant.name, instant.category, frozen(instant.arguments)] += 1
    for event in chrome.of('i'):
        want[(*chrome.place(event, False), chrome.time(event), event['name'], event['cat'],
              frozen(event['args']))] += 1
    tap.equal(difference(got, want), ([], []), f'{case.name}: instants')


def check_counters(tap, case, trace, chrome):
    got, want = collections.Counter(), collections.Counter()
    for track, time, value in trace.counters:
        got[trace.process_of(track).text(2), trace.tracks[track].text(2), trace.unit_of(track), time, value] += 1
    for event in chrome.of('C'):
        (series, value), = event['args'].items()
        want[chrome.names['process_name', event['pid']], event['name'], series, chrome.time(event),
             value] += 1
    tap.equal(difference(got, want), ([], []), f'{case.name}: counters with their units')


def check_order(tap, case, trace, chrome):
    """Processes and tracks are ranked as the other export ranks them; every id is given once."""
    processes = [trace.tracks[uuid] for uuid in trace.tracks if trace.tracks[uuid].one(3) is not None]
    ranked = [descriptor.text(2) for descriptor in sorted(processes, key=lambda found: found.signed(12))]
    want = [chrome.names['process_name', tid] for (what, tid), _ in
            sorted(chrome.orders.items(), key=lambda entry: entry[1]) if what == 'process_sort_index']
    tap.equal(ranked, want, f'{case.name}: processes stand in the same order')
    pids = [descriptor.message(3).one(1) for descriptor in processes]
    tap.equal((len(set(pids)), min(pids, default=1) > 0), (len(pids), True), f'{case.name}: a pid is one process')
    tap.check(all(descriptor.one(15) == 2 for uuid, descriptor in trace.tracks.items() if uuid != 0),
              f'{case.name}: no track is merged with another of its name')
    sequence = [(at, flags) for at, flags in enumerate(trace.flags) if flags != (1, 2)]
    tap.equal(sequence, [(0, (1, 1))], f'{case.name}: one sequence, whose state is cleared once')


def expected_launches(traces):
    want = collections.Counter()
    for trace in traces:
        calls = trace.calls()
        for table in expectation.WORK_TABLES:
            for row in trace.of(table):
                call = calls.get(row['correlation_id'])
                end = row['start_ns'] + row['duration_ns']
                if call is None or (row['start_ns'] < call['start_ns'] and end <= call['start_ns']):
                    continue
                epoch = trace.epoch + trace.offset
                want[epoch + call['start_ns'], call['duration_ns'], epoch + row['start_ns'], row['duration_ns'],
                     row['correlation_id']] += 1
    return want


def check_launches(tap, case, trace, traces):
    """Each launch is bound to what it launched, and to nothing else."""
    works = {work['id']: work for work in trace.work}
    tap.equal(len(works), len(trace.work), f'{case.name}: GPU work is numbered')
    got, unbound = collections.Counter(), 0
    for slice_ in trace.slices:
        for event_id in slice_.launched:
            work = works.get(event_id)
            if work is None:
                unbound += 1
                continue
            got[slice_.start, slice_.end - slice_.start, work['start'], work['duration'],
                work['arguments']['correlation']] += 1
            unbound += slice_.arguments['correlation'] != work['arguments']['correlation']
    tap.equal((unbound, difference(got, expected_launches(traces))), (0, ([], [])),
              f'{case.name}: each launch is bound to what it launched')


def check_database(tap, case, trace, traces):
    """Unix times and durations, straight from the tables."""
    for tables, got in ((expectation.WORK_TABLES, collections.Counter(
            (work['start'], work['duration']) for work in trace.work)),
            (SPANS_OF_EVENTS, collections.Counter(
                (slice_.start, slice_.end - slice_.start) for slice_ in trace.slices
                if slice_.category not in (*ANALYSED, 'finding')))):
        want = collections.Counter((each.epoch + each.offset + row['start_ns'], row['duration_ns'])
                                   for each in traces for table in tables for row in each.of(table))
        tap.equal(difference(got, want), ([], []),
                  f'{case.name}: {"GPU work" if tables is expectation.WORK_TABLES else "slices"} '
                  'at their Unix times')
    recorded = [row for each in traces for row in expectation.kernel_names(each)]
    readable = chrome_test.demangled({name for _, _, name in recorded})
    want = collections.Counter((start, duration, readable[name].replace('\ufffd', ''))
                               for start, duration, name in recorded)
    got = collections.Counter((work['start'], work['duration'], work['whole'].replace('\ufffd', ''))
                              for work in trace.work if work['stage'] == 'Kernel')
    tap.equal(difference(got, want), ([], []), f'{case.name}: kernels have their names')


def check_analysis(tap, case, trace, analysis):
    """Steps, idle time, waits, findings and arrows from rank to rank, straight from the analysis."""
    got = collections.Counter((slice_.category, slice_.start, slice_.end - slice_.start)
                              for slice_ in trace.slices if slice_.category in ANALYSED)
    tap.equal(difference(got, collections.Counter(analysis.spans())), ([], []),
              f'{case.name}: steps, idle time and waits at their Unix times')
    # The end that closes a slice is its own only by depth: of findings, all begin and end together.
    findings = [slice_ for slice_ in trace.slices if slice_.category == 'finding']
    tap.equal([slice_.arguments.get('text', '') for slice_ in findings], analysis.findings(),
              f'{case.name}: findings in their order')
    tap.check({trace.process_of(slice_.track).text(2) for slice_ in findings} <= {'job'} and
              len({(slice_.track, slice_.start, slice_.end) for slice_ in findings}) <= 1,
              f'{case.name}: findings stand in the job, over all that was analysed')


def check_arrows(tap, case, trace, analysis):
    """An arrow leads from the start of the latest rank's kernel into one that waited for it."""
    ends = collections.defaultdict(list)
    for instant in trace.instants:
        for kind, flows in (('from', instant.flows), ('to', instant.terminating)):
            for flow in flows:
                ends[flow].append((kind, instant))
    wrong = [flow for flow, pair in ends.items() if sorted(kind for kind, _ in pair) != ['from', 'to']]
    tap.equal(wrong[:3], [], f'{case.name}: every arrow has two ends')
    got, lost = collections.Counter(), 0
    works = collections.defaultdict(list)
    for work in trace.work:
        works[trace.gpus[work['gpu']]].append((work['start'], work['start'] + work['duration']))
    for pair in ends.values():
        places = dict(pair)
        if len(places) == 2:
            begin, end = places['from'], places['to']
            got[begin.start] += 1
            source, target = (trace.process_of(instant.track).text(2) for instant in (begin, end))
            lost += (source == target or begin.start > end.start or
                     all(start != begin.start for start, _ in works[source]) or
                     not any(start <= end.start < over for start, over in works[target]))
    tap.equal((got, lost), (collections.Counter(start for _, start, _ in analysis.arrows()), 0),
              f'{case.name}: arrows lead from the latest rank into what waited')


def check_protoc(tap, case, path):
    if shutil.which('protoc') is None:
        tap.skip(f'{case.name}: protoc decodes it', 'protoc is not installed (Debian: protobuf-compiler)')
        return
    with open(path, 'rb') as file:
        whole = decoder.expand(file.read())
    if len(whole) > PROTOC_BYTES_MAX:
        return
    done = subprocess.run(['protoc', f'--proto_path={HERE}', '--decode=laggard.perfetto.Trace', 'trace.proto'],
                          input=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    unknown = re.findall(rb'^\s*\d+(?::| \{).*$', done.stdout, re.MULTILINE)
    tap.equal((done.returncode, unknown[:3], done.stderr), (0, [], b''), f'{case.name}: protoc decodes it')


def check_case(tap, case, folder):
    path = export(case, folder, '.pftrace', '--format', 'perfetto')
    chrome = Chrome(export(case, folder, '.json', '--format', 'chrome'))
    with open(path, 'rb') as file:
        trace = decoder.Decoder(file.read())
    traces, analysis = case.oracle()
    check_database(tap, case, trace, traces)
    check_analysis(tap, case, trace, analysis)
    check_arrows(tap, case, trace, analysis)
    check_launches(tap, case, trace, traces)
    check_work(tap, case, trace, chrome)
    check_events(tap, case, trace, chrome)
    check_counters(tap, case, trace, chrome)
    check_order(tap, case, trace, chrome)
    check_protoc(tap, case, path)
    ratio = os.path.getsize(path) / chrome.bytes
    print(f'# {case.name}: {os.path.getsize(path)} bytes, {ratio:.3f} of the Chrome JSON')
    if chrome.bytes >= RATIO_BYTES_MIN:
        tap.check(ratio <= RATIO_MAX, f'{case.name}: at most a quarter of the Chrome JSON', ratio)
    return path


def check_window(tap, case, folder):
    """What is cut off leaves no begin without an end and no launch without its kernel."""
    options = ('--window', '20us..60us')
    path = export(case, folder, '.window.pftrace', '--format', 'perfetto', *options)
    chrome = Chrome(export(case, folder, '.window.json', '--format', 'chrome', *options))
    with open(path, 'rb') as file:
        trace = decoder.Decoder(file.read())
    check_events(tap, case, trace, chrome)
    check_work(tap, case, trace, chrome)
    launched = [event_id for slice_ in trace.slices for event_id in slice_.launched]
    tap.equal((len(launched), len(set(launched)), set(launched) - {work['id'] for work in trace.work}),
              (len(chrome.of('s')), len(launched), set()), f'{case.name}: launches of a window')


def check_same_bytes(tap, case, path, folder):
    with open(path, 'rb') as file:
        first = file.read()
    with open(export(case, folder, '.again.pftrace', '--format', 'perfetto'), 'rb') as file:
        tap.check(file.read() == first, 'the same databases give the same bytes')
    packed = export(case, folder, '.pftrace.gz', '--format', 'perfetto')
    tap.check(chrome_test.run(['gzip', '-dc', packed]).stdout == first, 'a name in .gz gives the same')


def main():
    tap = Tap()
    with headless.folder_of('perfetto') as folder:
        cases = [case for case in (*chrome_test.made_cases(folder), *chrome_test.real_cases(tap, folder),
                                   *chrome_test.rig_cases(tap, folder)) if not case.name.startswith(REPEATED)]
        for case in cases:
            begin = time.monotonic()
            try:
                case.output = check_case(tap, case, folder)
            except (decoder.Damage, LookupError, TypeError, UnicodeDecodeError) as error:
                tap.check(False, f'{case.name}: can be decoded', repr(error))
            print(f'# {case.name}: {time.monotonic() - begin:.1f} s')
        made = [case for case in cases if case.name.startswith('made')]
        check_window(tap, made[0], folder)
        check_same_bytes(tap, made[-1], made[-1].output, folder)
    sys.exit(tap.end())


if __name__ == '__main__':
    main()
