#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a trace database from text: a row a line, "table column=value ...".

Usage: make_trace.py FILE [trace|analysis] < rows

Columns that are not named are 0 or ''. A column that ends in _id and points to a text may be given as text:
"name_id='my kernel'" interns it. Lines that begin with # are comments. The layout comes from `laggard schema`.
"""

import shlex
import sqlite3
import subprocess
import sys

TEXT_COLUMNS = ('name_id', 'domain_id', 'category_id', 'payload_id', 'operation_id', 'datatype_id',
                'reduction_id', 'algorithm_id', 'protocol_id', 'counter_id')


class Trace:
    def __init__(self, path, kind):
        self.database = sqlite3.connect(path)
        command = ['laggard', 'schema', '--format', 'sql', '--database', kind]
        schema = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        self.database.executescript(schema)
        self.strings = {'': 0}

    def intern(self, text):
        if text not in self.strings:
            self.strings[text] = len(self.strings)
            self.database.execute('INSERT INTO string VALUES (?, ?)', (self.strings[text], text))
        return self.strings[text]

    def insert(self, table, values):
        columns = self.database.execute(f'PRAGMA table_info("{table}")').fetchall()
        names = [column[1] for column in columns]
        unknown = set(values) - set(names)
        if not columns or unknown:
            sys.exit(f'make_trace: no {table} {sorted(unknown)}')
        row = []
        for _, name, kind, *_ in columns:
            value = values.get(name, '' if kind == 'TEXT' else 0)
            if name in TEXT_COLUMNS and isinstance(value, str) and not value.isdigit():
                value = self.intern(value)
            row.append(value if kind == 'TEXT' else int(value))
        marks = ','.join('?' * len(row))
        self.database.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)


def main():
    trace = Trace(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else 'trace')
    for line in sys.stdin:
        words = shlex.split(line, comments=True)
        if words:
            trace.insert(words[0], dict(word.split('=', 1) for word in words[1:]))
    trace.database.commit()
    trace.database.close()


if __name__ == '__main__':
    main()
