#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a trace look as if another host with another clock had recorded it.

    shift_clock.py TRACE... [--offset-ns N] [--drift-ppb N] [--since-ns N] [--host NAME]

Every stamp t of the trace becomes t + offset + (t - since) * drift, `since` (Unix time) being the epoch unless given;
ends are moved, not durations, so that what met still meets. In place; for tests only.
"""

import argparse
import sqlite3

POINTS = ('time_ns', 'realtime_ns', 'monotonic_ns', 'boottime_ns', 'stop_ns', 'first_ns', 'last_ns')
UNKNOWN = -1    # of points that may be missing
MAYBE_UNKNOWN = ('stop_ns', 'first_ns', 'last_ns')


class Clock:
    def __init__(self, db, drift_ppb, since_ns):
        self.db, self.drift_ppb = db, drift_ppb
        epoch_ns = db.execute('SELECT epoch_ns FROM trace').fetchone()[0]
        self.lead_ns = 0 if since_ns is None else epoch_ns - since_ns
        first = db.execute('SELECT MIN(monotonic_ns), MIN(boottime_ns) FROM clock').fetchone()
        self.bases = {'monotonic_ns': first[0] or 0, 'boottime_ns': first[1] or 0}

    def stretched(self, at_ns):
        return at_ns + (self.lead_ns + at_ns) * self.drift_ppb // 10**9

    def point(self, column):
        """A trace's other clocks drift with its crystal, from the time of their first reading."""
        base = self.bases.get(column, 0)
        name = f'shift_{column}'
        self.db.create_function(name, 1, lambda at: at if at == UNKNOWN and column in MAYBE_UNKNOWN
                                else base + self.stretched(at - base))
        return f'{name}({column})'

    def stretch(self, table, columns):
        changes = [f'{column} = {self.point(column)}' for column in columns if column in POINTS]
        if 'start_ns' in columns:
            self.db.create_function('shift_start', 1, self.stretched)
            changes.append('start_ns = shift_start(start_ns)')
            if 'duration_ns' in columns:
                self.db.create_function('shift_duration', 2, lambda at, length: length if length <= 0 else
                                        self.stretched(at + length) - self.stretched(at))
                changes.append('duration_ns = shift_duration(start_ns, duration_ns)')
        if changes:
            self.db.execute(f'UPDATE "{table}" SET {", ".join(changes)}')


def shift(path, offset_ns=0, drift_ppb=0, since_ns=None, host=None):
    db = sqlite3.connect(path)
    clock = Clock(db, drift_ppb, since_ns)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
        if drift_ppb and not table.startswith('sqlite_'):
            clock.stretch(table, columns)
    db.execute('UPDATE trace SET epoch_ns = epoch_ns + ?', (offset_ns,))
    if host is not None:
        db.execute('UPDATE trace SET host = ?, boot_id = ?', (host, f'boot-of-{host}'))
        db.execute('UPDATE clock SET monotonic_ns = monotonic_ns + 86400000000000')
    db.commit()
    db.close()


def main():
    parser = argparse.ArgumentParser(description='makes a trace look as if recorded by another clock')
    parser.add_argument('traces', nargs='+')
    parser.add_argument('--offset-ns', type=int, default=0)
    parser.add_argument('--drift-ppb', type=int, default=0)
    parser.add_argument('--since-ns', type=int)
    parser.add_argument('--host')
    options = parser.parse_args()
    for path in options.traces:
        shift(path, options.offset_ns, options.drift_ppb, options.since_ns, options.host)


if __name__ == '__main__':
    main()
