#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard export --format html` of made, real and rig traces, opened from file:// in headless Chromium: the page
decodes exactly what the databases hold, shades to the nanosecond, asks for nothing, runs nothing of a trace, and does
what its keys say. Prints TAP.

Environment: B (build folder), TRACES (real traces), KEEP (a folder for pages and pictures, kept).
"""

import collections
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import chrome_test  # noqa: E402
import expectation  # noqa: E402
import headless     # noqa: E402
import sidecars     # noqa: E402
import synthetic    # noqa: E402
from tap import Tap  # noqa: E402

LAGGARD = chrome_test.LAGGARD
BROWSER_SECONDS = 300
# The ranks of the same job are opened together, and of traces that are alike one is enough.
LEFT_OUT = ('dlrm-', 'sampled-rank1of', 'sync-records-before')
# The Chrome export that the counters are compared with takes longer than the page.
WITHOUT_COUNTERS = ('a100-rank', 'sampled', 'old-dialect', 'sync-records')
OF_ANALYSIS = ('steps', 'idle', 'waits', 'findings')


def export(tap, case, folder):
    case.output = os.path.join(folder, case.name.replace(' ', '_').replace(',', '') + '.html')
    if case.analysis is None:
        case.analysis = case.output + '.analysis.db'
        done = chrome_test.run([LAGGARD, 'analyze', '--database', case.analysis, '-o', os.devnull, *case.databases])
        tap.check(done.returncode == 0, f'{case.name}: analysed', done.stderr.decode())
    done = chrome_test.run([LAGGARD, 'export', '-q', '-f', 'html', '--analysis', case.analysis, '-o', case.output,
                            *case.databases])
    tap.check(done.returncode == 0 and done.stderr == b'', f'{case.name}: exported', done.stderr.decode())
    return done.returncode == 0


def check_text(tap, case):
    """Nothing of a trace stands in the file but as base64."""
    with open(case.output, encoding='utf-8', errors='strict') as file:
        text = file.read()
    first, _, rest = text.partition('\n<script type="application/x-picture">')
    picture, _, rest = rest.partition('</script>\n')
    before, _, rest = rest.partition('\n<script type="application/x-trace">')
    before = first + before
    data, _, after = rest.rpartition('</script>\n')
    bare = data.replace('</script>\n<script type="application/x-trace">', '')
    strange = set(picture + bare) - set('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n')
    is_dirty = 'alert(1)' in text or '<' in after.replace('</body>\n</html>\n', '')
    tap.equal((sorted(strange), "default-src 'none'" in before, is_dirty), ([], True, False),
              f'{case.name}: only base64 stands in the data')


def browse(cases, pictures):
    command = ['node', os.path.join(HERE, 'html_viewer.mjs'), pictures, *(case.output for case in cases)]
    try:
        done = chrome_test.run(command, timeout=BROWSER_SECONDS)
    except subprocess.TimeoutExpired:
        return {}, f'not finished after {BROWSER_SECONDS} s'
    seen = {}
    for line in done.stdout.decode('utf-8', 'replace').splitlines():
        if line.startswith('{'):
            told = json.loads(line)
            seen[told['page']] = told
    return seen, done.stderr.decode('utf-8', 'replace')


def wanted_times(traces, base):
    spans, instants = collections.Counter(), collections.Counter()
    for trace in traces:
        shift = trace.epoch + trace.offset - base
        for table in expectation.SPAN_TABLES:
            for row in trace.of(table):
                spans[row['start_ns'] + shift, row['duration_ns']] += 1
        for row in trace.of('mark'):
            instants[row['time_ns'] + shift] += 1
        for row in trace.of('cuda_event'):
            if row['time_ns'] >= 0:
                instants[row['time_ns'] + shift] += 1
    return spans, instants


def differences(got, want):
    return list((got - want).items())[:3], list((want - got).items())[:3]


def check_data(tap, case, seen, traces):
    base = int(seen['base'])
    tap.equal(base, expectation.base(traces), f'{case.name}: time begins with the first event')
    got, instants, kernels = collections.Counter(), collections.Counter(), collections.Counter()
    for track in seen['tracks']:
        if track['kind'] in OF_ANALYSIS:
            continue
        for start, duration, label, _ in track['slices']:
            got[start, duration] += 1
            if seen['labels'][label][1] == 'kernel':
                kernels[start, duration] += 1
        if track['kind'] != 'losses':
            instants.update(track['instants'])
    spans, points = wanted_times(traces, base)
    tap.equal(differences(got, spans), ([], []), f'{case.name}: every slice to the nanosecond')
    tap.equal(differences(instants, points), ([], []), f'{case.name}: every instant')
    want = collections.Counter((start - base, duration) for trace in traces
                               for start, duration, _ in expectation.kernel_names(trace))
    tap.equal(differences(kernels, want), ([], []), f'{case.name}: kernels are kernels')
    launches = sum(len(track['launches']) for track in seen['tracks'])
    tap.equal(launches, sum(expectation.flows(trace) for trace in traces), f'{case.name}: an arrow for every launch')


def check_counters(tap, case, seen, folder):
    """As the Chrome export has them, whose samples have a test of their own."""
    other = os.path.join(folder, 'counters.json')
    chrome_test.run([LAGGARD, 'export', '-q', '--kinds', 'counters,kernels,copies,calls,ranges,sync,nccl,overhead,'
                     'losses,flows,analysis', '-o', other, *case.databases])
    with open(other, encoding='utf-8') as file:
        document = json.load(file, parse_float=str)
    want = collections.Counter()
    for event in document['traceEvents']:
        if event['ph'] == 'C':
            (series, value), = event['args'].items()
            want[event['name'], series, chrome_test.nanoseconds(chrome_test.decimal.Decimal(event['ts'])),
                 int(value)] += 1
    got = collections.Counter((counter['name'], counter['series'], time, value)
                              for counter in seen['counters'] for time, value in counter['samples'])
    tap.equal(differences(got, want), ([], []), f'{case.name}: every sample of every counter')


def check_analysis(tap, case, seen, analysis):
    base = int(seen['base'])
    got = collections.Counter((seen['labels'][label][1], start + base, duration)
                              for track in seen['tracks'] if track['kind'] in ('steps', 'idle', 'waits')
                              for start, duration, label, _ in track['slices'])
    tap.equal(differences(got, collections.Counter(analysis.spans())), ([], []),
              f'{case.name}: steps, idle time and waits at their exact times')
    tap.equal(seen.get('findings'), analysis.findings(), f'{case.name}: findings in their order')
    panel = ' '.join(seen['panel'].split())
    tap.equal([line for line in analysis.verdict() if ' '.join(line.split()) not in panel], [],
              f"{case.name}: the report's verdict")
    wanted = list(analysis.arrows())
    tap.equal(differences(collections.Counter(time + base for time in seen['arrows']),
                          collections.Counter(start for _, start, _ in wanted)), ([], []),
              f'{case.name}: an arrow from the latest rank to each that waited')
    tap.equal(seen['latest'], len({(gpu, start) for gpu, start, _ in wanted}), f'{case.name}: the latest are framed')


def covered(slices, start, end):
    return sum(max(0, min(end, at + duration) - max(start, at)) for at, duration, _, row in slices if row == 0)


def check_behaviour(tap, case, seen):
    tracks = {track['id']: track['slices'] for track in seen['tracks']}
    wrong = [(track, start, end, got) for track, start, end, got in seen['busy']
             if covered(tracks[track], start, end) != got]
    tap.equal(wrong[:3], [], f'{case.name}: shading is exact at every zoom')
    tap.equal(seen['bad'], [], f'{case.name}: pixels and arrows are what they should be')
    nested = []
    for track in seen['tracks']:
        for row in {slice_[3] for slice_ in track['slices']}:
            ends = 0
            for start, duration, _, _ in (one for one in track['slices'] if one[3] == row):
                nested += [(track['name'], row, start)] if start < ends else []
                ends = start + duration
    tap.equal(nested[:3], [], f'{case.name}: nothing overlaps in a row')
    tap.equal([word for word, passes in seen['did'].items() if not passes], [],
              f'{case.name}: hover, click, wheel, keys, search, range, address')


def check_picture(tap, case, picture):
    """What is shown before all is decoded: the names of the whole, and how busy each row truly is."""
    tap.equal((picture['isThere'], picture.get('isSame'), picture.get('wrong'), picture.get('rows')),
              (True, True, [], []), f'{case.name}: the first picture has the names, times, marks and rows of the whole')
    tap.equal(picture['sums'], [], f'{case.name}: the first picture is as busy as the whole, bucket by bucket')
    tap.check(picture['cells'] > 0 and picture['off'] <= picture['cells'] / 1000,
              f'{case.name}: the first picture has it in the right rows', picture)


def check_page(tap, case, seen, folder):
    tap.equal((seen['state'], seen['complaints'], seen['requests']), ('ready', [], []),
              f'{case.name}: opens, without a complaint or a request')
    if seen['state'] != 'ready':
        return
    tap.equal(seen['scripts'], 1, f'{case.name}: no script but ours')
    traces = [expectation.Trace(path) for path in case.databases]
    analysis = expectation.Analysis(case.analysis, traces)
    check_data(tap, case, seen, traces)
    check_analysis(tap, case, seen, analysis)
    if not case.name.startswith(WITHOUT_COUNTERS):
        check_counters(tap, case, seen, folder)
    check_behaviour(tap, case, seen)
    check_picture(tap, case, seen['picture'])


def check_hostile(tap, seen):
    """Names come through: as text, whole, one mark for what is no UTF-8."""
    names = {name for name, _ in seen['labels']}
    values = {str(value) for track in seen['tracks'] for own in track['own'] for _, value in own}
    missing = [text[:40] for text in synthetic.HOSTILE
               if isinstance(text, str) and text and text not in names and text not in values]
    tap.equal(missing, [], 'hostile names come through whole')
    tap.check(any('\ufffd' in name for name in names), 'bad UTF-8 is marked')


def hostile_case(case, folder):
    made = chrome_test.Case('hostile analysis', case.databases)
    made.analysis = sidecars.damaged(case, os.path.join(folder, 'damaged.db'))
    return made


def check_hostile_findings(tap, seen):
    tap.equal((seen['state'], seen['complaints'], seen['requests'], seen['scripts']), ('ready', [], [], 1),
              'hostile findings: opens, without a complaint, and nothing of them runs')
    texts = [text for text in synthetic.HOSTILE if isinstance(text, str)]
    tap.equal([text[:40] for text in texts if text not in seen['findings']], [], 'hostile findings come through whole')
    shown = '</script><script>alert(1)</script><!--'
    tap.check(shown in seen['panel'] and '\u202e' not in seen['panel'], 'hostile findings are shown as text')


def check_same_bytes(tap, case, folder):
    again = os.path.join(folder, 'again.html')
    chrome_test.run([LAGGARD, 'export', '-q', '-f', 'html', '--analysis', case.analysis, '-o', again,
                     *case.databases])
    with open(case.output, 'rb') as first, open(again, 'rb') as second:
        tap.check(first.read() == second.read(), 'the same databases give the same bytes')


def main():
    tap = Tap()
    with headless.folder_of('html') as folder:
        cases = [*chrome_test.made_cases(folder), *chrome_test.real_cases(tap, folder),
                 *chrome_test.rig_cases(tap, folder)]
        cases = [case for case in cases if not case.name.startswith(LEFT_OUT) and export(tap, case, folder)]
        hostile = hostile_case(cases[1], folder)
        export(tap, hostile, folder)
        for case in (*cases, hostile):
            check_text(tap, case)
        check_same_bytes(tap, cases[0], folder)
        missing = headless.missing_browser()
        pictures = folder if os.environ.get('KEEP') else '-'
        seen, said = browse([*cases, hostile], pictures) if missing is None else ({}, '')
        for case in cases:
            if missing is not None:
                tap.skip(f'{case.name}: in the browser', missing)
            elif case.output in seen:
                check_page(tap, case, seen[case.output], folder)
            else:
                tap.check(False, f'{case.name}: opens in the browser', said)
        if cases[0].output in seen:
            check_hostile(tap, seen[cases[0].output])
            check_hostile_findings(tap, seen[hostile.output])
    sys.exit(tap.end())


if __name__ == '__main__':
    main()
