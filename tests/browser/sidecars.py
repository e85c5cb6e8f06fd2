# SPDX-License-Identifier: MIT
"""Analyses that are out of date, of other hosts, hostile or damaged, and what `laggard export` makes of them."""

import contextlib
import json
import os
import shutil
import sqlite3

import synthetic

SHIFT_NS = 12345


def change(source, target, *statements):
    shutil.copyfile(source, target)
    with contextlib.closing(sqlite3.connect(target)) as database:
        for statement in statements:
            database.execute(*statement)
        database.commit()
    return target


def shifted(case, target):
    """The same, as if the clock of the second trace had been behind."""
    moved = [(f'UPDATE {table} SET start_ns = start_ns + ? WHERE trace_id = 1 AND start_ns >= 0', (SHIFT_NS,))
             for table in ('step', 'idle_gap', 'collective_member', 'gpu_time')]
    return change(case.analysis, target, *moved,
                  ('UPDATE analysis_trace SET offset_ns = ? WHERE trace_id = 1', (SHIFT_NS,)))


def damaged(case, target):
    texts = [text for text in synthetic.HOSTILE if isinstance(text, str)]
    statements = [('UPDATE finding SET text = ?, advice = ?, name = ? WHERE finding_id = ?', (text, text, text, number))
                  for number, text in enumerate(texts, 1)]
    statements += [("INSERT INTO finding SELECT ?, name, severity, gpu_ns, per_step_ns, share_e12, count, gpu_id, "
                    "trace_id, rank, ?, advice, evidence FROM finding LIMIT 1", (900 + number, text))
                   for number, text in enumerate(texts)]
    limit = 2 ** 63 - 1
    for start, duration in ((limit, limit), (-5, 10), (5, -10), (limit, 0), (0, limit), (-limit, -limit)):
        statements.append(('INSERT INTO idle_gap SELECT gpu_id, trace_id, rank, ?, ?, ?, 0, 1, 0, ?, 0, 77777, -3, '
                           'next_id FROM idle_gap LIMIT 1', (start, duration, texts[2], limit)))
        statements.append(('INSERT INTO collective_member SELECT instance_id, gpu_id, trace_id, rank, ?, ?, ?, 0 '
                           'FROM collective_member LIMIT 1', (start, duration, limit)))
        statements.append(('INSERT INTO step SELECT ?, gpu_id, trace_id, rank, ?, ?, 1, ?, 0, 0, 0, 0, 0, 0 '
                           'FROM step LIMIT 1', (-limit, start, duration, limit)))
    return change(case.analysis, target, *statements)


def check(tap, laggard, run, case, folder):
    out = os.path.join(folder, 'sidecar.json')

    def export(analysis, *paths):
        return run([laggard, 'export', '-q', '--analysis', analysis, '-o', out, *(paths or case.databases)])

    done = export(shifted(case, os.path.join(folder, 'shifted.db')))
    with open(out, encoding='utf-8') as file:
        document = json.load(file)
    tap.equal([trace.get('clockOffsetNanoseconds', 0) for trace in document['metadata']['traces']][:2], [0, SHIFT_NS],
              'another clock: the file says by how much it was moved')
    base = document['baseTimeNanoseconds'] - case.document['baseTimeNanoseconds']
    ranks = [trace.get('clockOffsetNanoseconds', 0) for trace in document['metadata']['traces']]
    moves = {event['pid']: ranks[int(event['args']['name'].split()[1])] for event in document['traceEvents']
             if event['ph'] == 'M' and event['name'] == 'process_name' and event['args']['name'].startswith('rank')}
    before = sorted((event['pid'], round(float(event['ts']) * 1000) + moves[event['pid']], event['name'])
                    for event in case.document['traceEvents'] if event['ph'] == 'X' and event['pid'] in moves)
    after = sorted((event['pid'], round(event['ts'] * 1000) + base, event['name'])
                   for event in document['traceEvents'] if event['ph'] == 'X' and event['pid'] in moves)
    tap.equal((len(after), [pair for pair in zip(before, after) if pair[0] != pair[1]][:2]), (len(before), []),
              'another clock: all of its trace is moved, rows and analysis alike')
    done = export(damaged(case, os.path.join(folder, 'damaged.db')))
    tap.equal(done.returncode, 0, 'a damaged analysis is drawn as far as it makes sense')
    with open(out, encoding='utf-8', errors='strict') as file:
        document = json.load(file)
    shown = {event['args'].get('text', '') for event in document['traceEvents'] if event.get('cat') == 'finding'}
    tap.equal([text for text in synthetic.HOSTILE if isinstance(text, str) and text not in shown], [],
              'hostile texts of an analysis are shown as they are')
    tap.equal([event for event in document['traceEvents'] if event['ph'] != 'M' and event['ts'] < 0], [],
              'no time is negative')
    copies = [shutil.copy2(path, os.path.join(folder, f'copy{number}.db'))
              for number, path in enumerate(case.databases)]
    done = export(case.analysis, *copies)
    tap.equal(done.returncode, 3, 'an analysis of other files is refused')
    place = os.path.join(folder, 'auto')
    os.mkdir(place)
    copies = [shutil.copy2(path, place) for path in case.databases]
    texts = []
    for _ in range(2):
        tap.equal(export('auto', place).returncode, 0, 'a folder is exported with its analysis')
        with open(out, 'rb') as file:
            texts.append(file.read())
    tap.check(texts[0] == texts[1] and b'"cat":"step"' in texts[0], 'made or found, the analysis looks the same')
    sidecar = os.path.join(place, 'laggard-analysis.db')
    made = os.stat(sidecar).st_mtime_ns
    os.utime(copies[0], ns=(1, 1))
    export('auto', place)
    tap.check(os.stat(sidecar).st_mtime_ns != made, 'an analysis that is out of date is made again')
