#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard export --format svg`: well-formed XML without anything that runs, whose boxes are slices of the databases to
the nanosecond, stand where their times say, and are the longest of their row. Prints TAP.

Environment: B (build folder), TRACES (real traces), KEEP (a folder for the pictures, kept).
"""

import collections
import os
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, 'tests', 'browser')]

import chrome_test  # noqa: E402
import expectation  # noqa: E402
import headless     # noqa: E402
from tap import Tap  # noqa: E402

LAGGARD = chrome_test.LAGGARD
SVG = '{http://www.w3.org/2000/svg}'
PLOT_WIDTH = 1024
BOXES_MAX = 200
LEVELS = 8
BYTES_A_ROW_MAX = 120000
ALLOWED = {'svg', 'style', 'rect', 'text', 'title', 'g', 'path'}


def export(case, folder, name, *options):
    path = os.path.join(folder, case.name.replace(' ', '_').replace(',', '') + name)
    if case.analysis is None:
        case.analysis = path + '.analysis.db'
        chrome_test.run([LAGGARD, 'analyze', '--database', case.analysis, '-o', os.devnull, *case.databases])
    done = chrome_test.run([LAGGARD, 'export', '-q', '--format', 'svg', '--analysis', case.analysis, *options,
                            '-o', path, *case.databases])
    return path, done


def rows_of(root):
    """Boxes by the name of their row, in the order of the picture: a name stands before what is on its row."""
    rows = []
    for element in root:
        if element.get('class') in ('r', 'h'):
            rows.append((element.get('class'), element.text or '', [], []))
        elif element.tag == SVG + 'g':
            rows[-1][2].append(element)
        elif element.tag == SVG + 'path' and element.get('class', '').startswith('s '):
            rows[-1][3].append(element)
    return rows


def hundredths(text):
    whole, part = text.split('.')
    return int(whole) * 100 + int(part)


def check_places(tap, name, root, rows):
    start, end = int(root.get('data-start')), int(root.get('data-end'))
    wrong = []

    def place(time):
        return max(0, min(time, end) - start) * PLOT_WIDTH * 100 // (end - start)
    for _, _, boxes, _ in rows:
        for box in boxes:
            at, duration = int(box.get('data-start')), int(box.get('data-duration'))
            rect = box.find(SVG + 'rect')
            got = hundredths(rect.get('x')), hundredths(rect.get('width'))
            if got != (place(at), place(at + duration) - place(at)):
                wrong.append((at, duration, got))
    tap.equal(wrong[:3], [], f'{name}: boxes stand where their times say')


def check_causes(tap, name, root, rows, analysis, base):
    """A piece of idle time has the colour of its cause, and the legend says which that is."""
    causes, told, painted, wrong = collections.defaultdict(set), legend(root), {}, []
    for row in analysis.of('idle_gap', 'is_rest = 0'):
        causes[row['start_ns'] - base, row['duration_ns']].add(row['cause'])
    for _, row, boxes, _ in rows:
        for box in boxes if row.startswith('idle') else ():
            paint = box.find(SVG + 'rect').get('class')
            cause = box.find(SVG + 'title').text.split(' \u00b7 ')[0]
            if (cause not in causes[int(box.get('data-start')), int(box.get('data-duration'))] or
                    painted.setdefault(paint, cause) != cause or not told.get(paint, '').startswith('idle: ')):
                wrong.append((paint, cause))
    tap.equal(wrong[:3], [], f'{name}: idle time is coloured by cause')


def legend(root):
    """Titles by class; a square of it stands just before its text."""
    squares = [element for element in root if element.tag == SVG + 'rect']
    texts = [element for element in root if element.tag == SVG + 'text' and element.get('class') is None]
    right = [int(text.get('x')) + 6 * len(text.text) for text in texts]
    return {square.get('class'): text.text for square, text in zip(squares, texts)} if max(right) <= 1024 else {}


def check_steps(tap, case, folder):
    """A picture of steps is as wide as they are."""
    analysis = case.oracle()[1]
    steps = analysis.of('step', 'number BETWEEN 1 AND 2')
    _, root = check_case(tap, case, folder, '--steps', '1..2')
    base = int(root.get('data-base'))
    tap.equal((bool(steps), int(root.get('data-start')), int(root.get('data-end'))),
              (True, min(row['start_ns'] for row in steps) - base,
               max(row['start_ns'] + row['duration_ns'] for row in steps) - base),
              f'{case.name}: the steps are the whole picture')


def check_case(tap, case, folder, *options):
    name = case.name + ''.join(f', {option}' for option in options if not option.startswith('-'))
    path, done = export(case, folder, '.window.svg' if options else '.svg', *options)
    tap.equal((done.returncode, done.stderr), (0, b''), f'{name}: exported')
    root = xml.etree.ElementTree.parse(path).getroot()
    tap.equal({element.tag.replace(SVG, '') for element in root.iter()} - ALLOWED, set(),
              f'{name}: only shapes and text')
    attributes = {key for element in root.iter() for key in element.attrib}
    tap.equal([key for key in attributes if key.startswith('on') or 'href' in key], [], f'{name}: nothing that runs')
    rows, base = rows_of(root), int(root.get('data-base'))
    traces, analysis = case.oracle()
    recorded = collections.Counter(
        (trace.epoch + trace.offset + row['start_ns'] - base, row['duration_ns'])
        for trace in traces for table in expectation.SPAN_TABLES for row in trace.of(table))
    recorded += collections.Counter((start - base, duration) for _, start, duration in analysis.spans())
    drawn = collections.Counter((int(box.get('data-start')), int(box.get('data-duration')))
                                for kind, _, boxes, _ in rows for box in boxes)
    tap.equal((list((drawn - recorded).items())[:3], bool(drawn)), ([], True),
              f'{name}: boxes are slices of the databases')
    check_places(tap, name, root, rows)
    check_causes(tap, name, root, rows, analysis, base)
    tap.check(all(len(boxes) <= BOXES_MAX and len(shades) <= LEVELS for _, _, boxes, shades in rows) and
              os.path.getsize(path) < BYTES_A_ROW_MAX * len(rows), f'{name}: what is drawn is bounded')
    tap.check(all(not boxes and not shades for kind, _, boxes, shades in rows if kind == 'h'),
              f'{name}: processes are headings')
    if not options:
        longest = max(recorded, key=lambda span: span[1])
        tap.check(longest in drawn, f'{name}: the longest slice is drawn', longest)
        tap.equal(int(root.get('data-end')), max(start + duration for start, duration in recorded),
                  f'{name}: the picture ends with the last slice')
    return path, root


def check_window(tap, case, folder):
    _, root = check_case(tap, case, folder, '--window', '20us..60us')
    tap.equal(int(root.get('data-end')) - int(root.get('data-start')), 40000, 'a window is the whole picture')


def main():
    tap = Tap()
    with headless.folder_of('svg') as folder:
        made = list(chrome_test.made_cases(folder))
        rig = list(chrome_test.rig_cases(tap, folder))
        cases = made + rig + [case for case in chrome_test.real_cases(tap, folder)
                              if case.name.startswith(('nsys', 'a100-rank0', 'mi250'))]
        paths = [check_case(tap, case, folder)[0] for case in cases]
        check_window(tap, made[0], folder)
        for case in rig:
            check_steps(tap, case, folder)
        again, _ = export(made[0], folder, '.again.svg')
        with open(paths[0], 'rb') as first, open(again, 'rb') as second:
            tap.check(first.read() == second.read(), 'the same databases give the same bytes')
    sys.exit(tap.end())


if __name__ == '__main__':
    main()
