# SPDX-License-Identifier: MIT
"""What a trace database says about a stretch of time, read with sqlite3 and computed in the plainest way."""

import bisect
import sqlite3

# Tables in the order in which rows name them ("S.R"), their time column, and the key of their track.
TABLES = (
    ('range', 'start_ns', lambda row: (row['thread_id'], {3: -1, 2: -2}.get(row['kind'], max(row['domain_id'], 0)))),
    ('mark', 'time_ns', lambda row: (row['thread_id'], max(row['domain_id'], 0))),
    ('collective', 'start_ns', lambda row: (row['thread_id'], row['witness'])),
    ('api_call', 'start_ns', lambda row: row['thread_id']),
    ('overhead', 'start_ns', lambda row: row['thread_id']),
    ('kernel', 'start_ns', lambda row: row['stream_id']),
    ('memcpy', 'start_ns', lambda row: row['stream_id']),
    ('memset', 'start_ns', lambda row: row['stream_id']),
    ('graph_launch', 'start_ns', lambda row: row['stream_id']),
    ('gpu_range', 'start_ns', lambda row: row['stream_id']),
    ('synchronization', 'start_ns', lambda row: row['stream_id'] or (row['context_id'], row['device_id'])),
    ('cuda_event', 'time_ns', lambda row: row['stream_id']),
    ('allocation', None, None),     # counters: no rows of a track
    ('sample', None, None),
    ('host_sample', 'time_ns', lambda row: row['thread_id']),
)
FAMILIES = {'range': 'ranges', 'mark': 'ranges', 'collective': 'collectives', 'api_call': 'calls',
            'overhead': 'overhead', 'kernel': 'work', 'memcpy': 'work', 'memset': 'work', 'graph_launch': 'graphs',
            'gpu_range': 'projected', 'synchronization': 'sync', 'cuda_event': 'events', 'host_sample': 'host'}


class Trace:
    """Spans by row ("S.R"): (start, end, track key), times since the trace's epoch."""

    def __init__(self, path):
        self.database = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.database.row_factory = sqlite3.Row
        self.database.text_factory = lambda raw: raw.decode('utf-8', 'replace')
        self.epoch_ns = self.database.execute('SELECT epoch_ns FROM trace').fetchone()[0]
        self.strings = dict(self.database.execute('SELECT string_id, value FROM string').fetchall())
        self.spans = {}
        self.rows = {}
        for number, (table, time_column, key) in enumerate(TABLES):
            if key is None:
                continue
            for row in self.database.execute(f'SELECT rowid AS row_number, * FROM "{table}"'):
                if table == 'cuda_event' and row['time_ns'] < 0:
                    continue
                start = row[time_column]
                end = start + max(row['duration_ns'], 0) if time_column == 'start_ns' else start
                name = f'{number}.{row["row_number"]}'
                self.spans[name] = (start, end, (FAMILIES[table], key(row)))
                self.rows[name] = (table, row)
        self.covers = {}

    def track(self, key):
        """(cover, starts sorted) of a track: the union of its spans."""
        if key not in self.covers:
            spans = sorted(span[:2] for span in self.spans.values() if span[2] == key)
            self.covers[key] = Cover(spans)
        return self.covers[key]

    def inside(self, key, start, end):
        """Rows of a track that touch [start, end); what has no length does where it stands."""
        return {row for row, span in self.spans.items()
                if span[2] == key and span[0] < end and (span[1] > start or span[0] >= start)}


class Cover:
    def __init__(self, spans):
        self.starts_all = [start for start, _ in spans]
        self.starts, self.ends, self.before = [], [], [0]
        for start, end in spans:
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            elif end > start:
                self.starts.append(start)
                self.ends.append(end)
        for start, end in zip(self.starts, self.ends):
            self.before.append(self.before[-1] + end - start)

    def until(self, time):
        """Covered time before `time`."""
        at = bisect.bisect_right(self.starts, time)
        if at == 0:
            return 0
        return self.before[at - 1] + min(time, self.ends[at - 1]) - self.starts[at - 1]

    def busy(self, start, end):
        return self.until(end) - self.until(start)

    def count(self, start, end):
        return bisect.bisect_left(self.starts_all, end) - bisect.bisect_left(self.starts_all, start)
