# SPDX-License-Identifier: MIT
"""Rows of the table that verify prints: what was expected, what was found, how far that may differ, the verdict."""

import json
import sys

PASS, FAIL, SKIP, INFO, LATE, UNBUILT = 'pass', 'FAIL', 'skip', 'figure', 'no time', 'not built yet'
DIFFERS = 'rig differs'         # the double of tests/rig plays something else: it is wrong, not laggard
COLUMN_MAX = {'check': 64, 'expected': 30, 'got': 44, 'tolerance': 24}


def number_text(value):
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f'{value:,}'
    return f'{value:,.3f}' if isinstance(value, float) else str(value)


def tolerance_text(below, above):
    if not below and not above:
        return 'exact'
    if below == above:
        return '+-' + number_text(above)
    return f'-{number_text(below)} .. +{number_text(above)}'


def is_within(got, expect, below, above):
    return got is not None and expect - below <= got <= expect + above


def median(values):
    """Of an even count: the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        raise ValueError('the median of nothing')
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """Distance of the outermost from each other, as a part of the median: the noise of a measurement."""
    return (max(values) - min(values)) / median(values)


class Results:
    def __init__(self, stream=sys.stderr):
        self.rows = []
        self.figures = {}
        self.machine = {}
        self.finished = []          # names of the checks that ran to their end, for a later --resume
        self.timings = []           # {check, estimate_s, taken_s, basis}
        self.current = ''           # the check that runs
        self.stream = stream

    def add(self, check, verdict, expected='', got='', tolerance='', note=''):
        row = {'check': check, 'of': self.current,
               'expected': number_text(expected), 'got': number_text(got), 'tolerance': tolerance,
               'verdict': verdict, 'note': note}
        self.rows.append(row)
        # In one piece: checks at the same time write to the same stream.
        self.stream.write(f'{verdict:<14} {check}' + (f': {row["got"]}' if verdict != PASS and row['got'] else '') +
                          (f' [{note}]' if note else '') + '\n')
        self.stream.flush()
        return verdict == PASS

    def check(self, name, is_ok, expected='', got='', tolerance='', note=''):
        return self.add(name, PASS if is_ok else FAIL, expected, got, tolerance, note)

    def equal(self, name, expect, got, note=''):
        return self.check(name, expect == got, expect, got, 'exact', note)

    def within(self, name, expect, got, below, above, note=''):
        return self.check(name, is_within(got, expect, below, above), expect, got, tolerance_text(below, above), note)

    def within_list(self, name, expect, got, below, above):
        """Lists of the same length, each number within the tolerance; the worst one is shown."""
        expected = f'{len(expect)} values' + (f', {min(expect):,} .. {max(expect):,}' if expect else '')
        tolerance = tolerance_text(below, above)
        if len(expect) != len(got):
            return self.check(name, False, expected, f'{len(got)} values', tolerance)
        if not expect:
            return self.check(name, True, expected, expected, tolerance)
        # How far each is off, in parts of what is allowed on its side.
        def badness(pair):
            off = pair[1] - pair[0]
            allowed = above if off > 0 else below
            return abs(off) / allowed if allowed else (0 if off == 0 else float('inf'))
        worst = max(zip(expect, got), key=badness)
        return self.check(name, badness(worst) <= 1, expected, f'worst {worst[1] - worst[0]:+,} of {worst[0]:,}',
                          tolerance)

    def at_most(self, name, limit, got, unit='', note=''):
        return self.check(name, got is not None and got <= limit, f'<= {limit}{unit}',
                          'nothing' if got is None else f'{got:.3f}{unit}', '', note)

    def skip(self, name, reason):
        self.add(name, SKIP, note=reason)

    def figure(self, name, value, unit, note=''):
        """A measured number without a limit; it goes into docs/BENCHMARKS.md as printed."""
        self.figures[name] = {'value': value, 'unit': unit}
        self.add(name, INFO, got=f'{number_text(value)} {unit}', note=note)

    def count(self, verdict):
        return sum(row['verdict'] == verdict for row in self.rows)

    def table(self):
        """What does not fit into a column is in the file."""
        names = ('check', 'expected', 'got', 'tolerance', 'verdict')
        widths = {name: min(COLUMN_MAX.get(name, 14),
                            max([len(name)] + [len(row[name]) for row in self.rows])) for name in names}
        def cell(text, width):
            return text if len(text) <= width else text[:width - 3] + '...'
        def line(cells):
            return '  '.join(cell(cells[name], widths[name]).ljust(widths[name]) for name in names).rstrip()
        out = [line({name: name for name in names}), line({name: '-' * widths[name] for name in names})]
        for row in self.rows:
            out.append(line(row) + (f'  ({row["note"]})' if row['note'] else ''))
        return '\n'.join(out)

    def summary(self):
        counts = ', '.join(f'{self.count(verdict)} {word}' for verdict, word in (
            (PASS, 'passed'), (FAIL, 'failed'), (SKIP, 'skipped'), (LATE, 'not run for lack of time'),
            (INFO, 'figures'), (DIFFERS, 'where the rig differs'),
            (UNBUILT, 'not built yet')) if self.count(verdict) or verdict in (PASS, FAIL))
        return counts

    def exit_status(self):
        return 1 if self.count(FAIL) or not self.count(PASS) else 0

    def take(self, other):
        """The table of a check that ran beside others."""
        self.rows += other.rows
        self.figures.update(other.figures)
        self.machine.update(other.machine)
        self.finished += other.finished
        self.timings += other.timings

    def resume(self, path):
        """Takes over what an earlier run finished, but not what it left out."""
        with open(path, encoding='utf-8') as file:
            saved = json.load(file)
        if saved.get('format') != 'laggard-gpu-verify':
            raise ValueError(f'{path} is no result of verify')
        self.finished = list(saved.get('finished', []))
        self.rows = [row for row in saved['rows']
                     if row['verdict'] not in (LATE, UNBUILT) and row.get('of') in self.finished]
        self.figures, self.machine = saved['figures'], saved['machine']
        self.timings = list(saved.get('timings', []))       # since version 2

    def save(self, path):
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'format': 'laggard-gpu-verify', 'version': 2, 'machine': self.machine, 'rows': self.rows,
                       'finished': self.finished, 'timings': self.timings,
                       'figures': self.figures, 'summary': self.summary()}, file, indent=1)
            file.write('\n')
