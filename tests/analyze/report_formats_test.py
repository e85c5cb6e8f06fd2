#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text, Markdown and JSON of one report show the same numbers, nobody is accused where ranks are missing, and no line
of the text is wider than 100 columns. On captures of the simulated machine, and on real traces where they are. Prints
TAP."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get('B', 'build')
TRACES = os.environ.get('TRACES', os.path.join(HERE, '..', '..', '..', 'shared', 'traces'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
RIG_RUN = os.path.join(BUILD, 'rig', 'bin', 'rig-run')
SCENARIOS = os.path.join(HERE, '..', 'scenarios')
COLUMNS_MAX = 100
UNITS = {'ns': 1, 'us': 1000, 'ms': 1000000, 's': 1000000000}

results = []


def check(name, problems):
    for problem in problems:
        print(f'# {problem}')
    results.append(not problems)
    print(f'{"not " if problems else ""}ok {len(results)} - {name}')


def skip(name, why):
    results.append(True)
    print(f'ok {len(results)} - {name} # SKIP {why}')


def analyze(traces, kind, *options):
    command = [LAGGARD, 'analyze', '--format', kind, '--database', 'none', *options, *traces]
    environment = dict(os.environ, LC_ALL='C')
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def tables(markdown):
    """Sections of the page: title -> rows as dicts by header; equal headers get a number."""
    found = {}
    title = None
    for line in markdown.splitlines():
        if line.startswith('## '):
            title = line[3:]
            headers = None
        elif title is not None and line.startswith('| '):
            cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
            if headers is None:
                headers = [f'{cell}.{cells[:i].count(cell)}' if cells[:i].count(cell) else cell
                           for i, cell in enumerate(cells)]
                found[title] = []
            elif not line.startswith('| ---'):
                found[title].append(dict(zip(headers, cells)))
    return found


def is_near(shown, ns, unit):
    """As many decimals as are shown, rounded."""
    decimals = len(shown.partition('.')[2])
    return abs(float(shown.replace(',', '')) - ns / UNITS[unit]) <= 0.5 * 10 ** -decimals + 1e-9


def compare_time(rows, report):
    problems = []
    unit = next(name for name in rows[0] if name.startswith('window ')).split()[1]
    columns = {f'window {unit}': 'window_ns', 'compute': 'compute_ns', 'copy': 'copy_ns', 'idle': 'idle_ns'}
    if 'wait' in rows[0]:
        columns.update(wait='comm_wait_ns', transfer='comm_transfer_ns')
    else:
        columns['comm'] = 'comm_ns'
    for gpu, row in zip(report['gpus'], rows):
        for column, key in columns.items():
            if not is_near(row[column], gpu[key], unit):
                problems.append(f'GPU {gpu["gpu"]}: {column} is {row[column]}, {key} {gpu[key]}')
    return problems


def compare_causes(rows, report):
    """The shares of all causes, which are of all GPU time."""
    sums = {}
    for gpu in report['gpus']:
        for cause in gpu['idle_causes']:
            sums[cause['cause']] = sums.get(cause['cause'], 0) + cause['ns']
    window_ns = sum(gpu['window_ns'] for gpu in report['gpus'])
    expected = sorted((round(ns / window_ns * 100, 1) for ns in sums.values()), reverse=True)
    shown = [row['share'].replace(' %', '') for row in rows]
    shown = [0.0 if share.startswith(('<', '&lt;')) else float(share) for share in shown]
    if len(shown) != len(expected):
        return [f'{len(shown)} causes are shown, {len(expected)} are there']
    return [f'share {a} is shown, {b} is right' for a, b in zip(shown, expected) if abs(a - b) > 0.11]


def compare_steps(rows, report):
    steps = report['steps']
    unit = next(name for name in rows[0] if name.startswith('median ')).split()[1]
    row = rows[0]
    problems = []
    for column, key in ((f'median {unit}', 'median_ns'), ('+-', 'mad_ns'), ('shortest', 'min_ns'),
                        ('longest', 'max_ns')):
        if not is_near(row[column], steps[key], unit):
            problems.append(f'steps: {column} is {row[column]}, {key} {steps[key]}')
    for column, key in (('steps', 'count'), ('used', 'used'), ('slow', 'slow')):
        if int(row[column].replace(',', '')) != steps[key]:
            problems.append(f'steps: {column} is {row[column]}, {key} {steps[key]}')
    return problems


def compare_blame(rows, report):
    unit = next(name for name in rows[0] if name.startswith('caused ')).split()[1]
    blame = {entry['gpu']: entry for entry in report['blame']}
    problems = []
    for row in rows:
        entry = blame[int(row['GPU'])]
        if not is_near(row[f'caused {unit}'], entry['caused_ns'], unit):
            problems.append(f'GPU {row["GPU"]}: caused is {row[f"caused {unit}"]}, not {entry["caused_ns"]}')
        if int(row['last']) != entry['times_latest'] or int(row['steps']) != entry['steps_latest']:
            problems.append(f'GPU {row["GPU"]}: last is {row["last"]}, not {entry["times_latest"]}')
    return problems


COMPARED = {'Where the GPU time went': compare_time, 'Why GPUs were idle': compare_causes, 'Steps': compare_steps,
            'Who makes the others wait': compare_blame}


def runs_of_numbers(row):
    """Neighbouring cells with numbers: names between them may be cut in the text."""
    runs = [[]]
    for cell in row.values():
        if re.fullmatch(r'((&lt;|>)?[0-9.,]+( %)?|-)', cell):
            runs[-1].append(cell.replace('&lt;', '<'))
        else:
            runs.append([])
    return [' '.join(run) for run in runs if run]


def same_rows(text, markdown):
    """The numbers of the rows of Markdown stand in lines of the text, in their order."""
    problems = []
    lines = [' '.join(line.split()) for line in text.splitlines()]
    for title, rows in tables(markdown).items():
        if title not in COMPARED:
            continue
        for row in rows:
            for numbers in runs_of_numbers(row):
                if not any(numbers in line for line in lines):
                    problems.append(f'{title}: no line of the text has {numbers}')
    return problems


def check_report(name, traces, *options):
    report = json.loads(analyze(traces, 'json', *options))
    markdown = analyze(traces, 'markdown', *options)
    text = analyze(traces, 'text', *options)
    found = tables(markdown)
    problems = [f'there is no table {title}' for title in ('Where the GPU time went',) if title not in found]
    for title, compare in COMPARED.items():
        if title in found:
            problems += compare(found[title], report)
    check(f'{name}: Markdown shows the numbers of the JSON', problems)
    check(f'{name}: the text shows those of Markdown', same_rows(text, markdown))
    check(f'{name}: no line of the text is too wide',
          [line for line in text.splitlines() if len(line) > COLUMNS_MAX])
    lines = text.partition('\nWhere the GPU time went\n')[0].splitlines()
    check(f'{name}: what comes first fits a screen', [f'{len(lines)} lines'] if len(lines) > 42 else [])
    check_verdict(name, report, text)


def check_verdict(name, report, text):
    """Whoever the JSON names is named in the first line, and nobody else is."""
    first = text.splitlines()[1]
    verdict = report['stragglers']['verdict']
    named = report['stragglers']['set']
    problems = []
    if verdict in ('culprit', 'co-culprits'):
        accused = [f for f in report['findings'] if f['is_accusation']]
        problems += [f'rank {rank} is not in: {first}' for rank in named
                     if accused and not re.search(rf'\b[Rr]ank {rank}\b|GPU', first)]
    elif verdict != 'pause' and len(report['gpus']) > 1:
        problems += [f'an accusation: {first}'] if ' make the others' in first or 'Rank ' in first else []
    if verdict in ('limited', 'unknown'):
        problems += [f'an accusation: {words}' for words in ('makes the others wait', 'Why: ') if words in text]
    check(f'{name}: the verdict names those of the JSON', problems)


def capture(scratch, scenario):
    folder = os.path.join(scratch, os.path.basename(scenario).replace('.scn', ''))
    os.makedirs(folder)
    subprocess.run([LAGGARD, 'run', '-o', folder, '--add', '--', RIG_RUN, scenario, '--quiet'],
                   capture_output=True, check=True, timeout=120)
    return folder


def main():
    scratch = tempfile.mkdtemp(prefix='laggard-formats-')
    try:
        for scenario in sorted(glob.glob(os.path.join(SCENARIOS, '*.scn'))):
            name = os.path.basename(scenario).replace('.scn', '')
            if not os.path.exists(RIG_RUN):
                skip(name, 'the simulated machine is not built (make rig)')
                continue
            check_report(name, [capture(scratch, scenario)])
        real = {'dlrm': 'dlrm-*.json', 'sampled': 'sampled-*.json.gz', 'nsys': 'nsys-*.sqlite'}
        for name, pattern in real.items():
            traces = sorted(glob.glob(os.path.join(TRACES, pattern)))
            if not traces:
                skip(name, 'the real traces are not here')
                continue
            check_report(name, traces)
            check_report(f'{name}, all of it', traces, '--window', 'all')
    finally:
        shutil.rmtree(scratch)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
