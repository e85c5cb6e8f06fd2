# SPDX-License-Identifier: MIT
"""Why each GPU was idle and why nothing computed, once more: straight from the definitions (analyzer/gpu_time.h,
idle_host.h, host_calls.h, host_ranges.h, event_waits.h) and the trace database, without regard to speed. Compares
with a JSON report of `laggard analyze`."""

import bisect
import re
import sqlite3

LIMIT = 1 << 61
NO_CAUSE = None
COMPUTE, COMM, COPY, GRAPH = range(4)
BLOCKED = {COMPUTE: 'blocked-stream', COMM: 'blocked-comm', COPY: 'blocked-copy'}
LAUNCH_LATENCY_MAX = PRODUCER_NEAR = 20_000
SLOW_CALL = 20_000
GROUP_SETUP_MIN = 1_000_000
AFTER_SYNC_MAX = 1_000_000
INPUT_GAP_MIN = 250_000
INPUT_BYTES_MIN = 65_536
LAUNCH_BOUND_GAPS, LAUNCH_BOUND_MAX = 8, 200_000
STREAM_WAITS_TRIED, STREAM_OPERATIONS_KEPT, FOREIGN_ROWS_TRIED = 64, 4, 256
RANGE_DEPTH_MAX = 8

COMMUNICATION = re.compile(
    r'nccl(Dev|SymDev|SymkDev)?Kernel_|nccl[A-Z][A-Za-z0-9]*Kernel_|oneRankReduce|nvshmem|cross_device_reduce|'
    r'multimem_(all_reduce|one_shot|all_gather)|(one|two)_shot_all_reduce|deep_ep')
FAMILY = r'(cuda|hip|cu)'
CALLS = (    # the first that fits decides; the classes in their order
    ('other', r'LaunchHostFunc'),
    ('launch', r'(Graph|Module|Ext|ExtModule|)Launch'),
    ('copy', r'Memcpy.*Async|Memset|MemPrefetch'),
    ('sync', r'Memcpy|(Device|Stream|Event|Ctx|Thread)Synchronize'),
    ('alloc', r'Malloc|Free|Host(Alloc|Malloc|Free|Register|Unregister)|ArrayCreate|'
              r'Mem(Alloc|Free|Host|Create|Release|Map|Unmap|SetAccess|Address|Pool)'),
    ('load', r'Module(Load|Get|Unload)|Library|Link|KernelGetFunction|Func(GetAttribute|SetAttribute|Load)|GetSymbol'))
CALLS = tuple((name, re.compile(FAMILY + '(' + pattern + ')')) for name, pattern in CALLS)
CLASS_ORDER = ['other', 'launch', 'copy', 'sync', 'alloc', 'load']
WORD = r'(?<![a-z]){}(?![a-z])'
SETUP = re.compile(r'ncclComm(Init|Split|Shrink|Finalize|Destroy)|init_process_group')
DATA = re.compile(r'dataloader|data_loader|data loader|__next__|next_batch|get_batch|load_batch|collate|'
                  r'IteratorGetNext|' +
                  WORD.format('fetch') + '|' + WORD.format('dataloading'), re.I)
DATA_WORDS = [re.compile(WORD.format(word), re.I) for word in ('data', '(load|loading|wait|next)')]
PAUSE = re.compile(WORD.format('gc') + '|garbage', re.I)


def call_class(name):
    for kind, pattern in CALLS:
        if pattern.match(name):
            return kind
    return 'other'


def range_cause(name):
    """What a range explains; NO_CAUSE: nothing."""
    if SETUP.match(name):
        return 'comm-setup'
    if DATA.search(name) or all(pattern.search(name) for pattern in DATA_WORDS):
        return 'data'
    return 'host-other' if PAUSE.search(name) else NO_CAUSE


class Call:
    def __init__(self, start, end, thread, kind):
        self.start, self.end, self.thread, self.kind = start, end, thread, kind

    def cause(self):
        """Why the thread launches nothing meanwhile; NO_CAUSE: it may."""
        if self.kind == 'copy':
            return 'sync' if self.end - self.start >= SLOW_CALL else NO_CAUSE
        return {'sync': 'sync', 'alloc': 'alloc', 'load': 'module-load'}.get(self.kind, NO_CAUSE)

    def own_cause(self):
        """The same of the call that issued the work that is asked for."""
        return {'alloc': 'alloc', 'load': 'module-load'}.get(
            self.kind, 'host-other' if self.end - self.start >= SLOW_CALL else NO_CAUSE)

    def issue(self, begin):
        """When it had issued its work, which began at `begin`."""
        if self.kind in ('launch', 'load'):
            return self.end
        return self.start if begin - self.start < SLOW_CALL else min(self.end, begin)


class Operation:
    """Work of a GPU. `launch` is its call, or None."""
    def __init__(self, kind, start, end, stream, launch, is_input=False):
        self.kind, self.start, self.end, self.stream, self.launch = kind, start, end, stream, launch
        self.is_input = is_input
        self.is_kernel = kind in (COMPUTE, COMM)


def host_times(start, duration):
    start = max(-LIMIT, min(LIMIT, start))
    return start, min(LIMIT, start + max(0, duration))


class Trace:
    def __init__(self, path):
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.db.text_factory = lambda text: text.decode('utf-8', 'replace')
        self.strings = dict(self.db.execute('SELECT string_id, value FROM string'))
        self.epoch = min(LIMIT, max(0, self.db.execute('SELECT epoch_ns FROM trace').fetchone()[0]))
        self.devices = dict(self.db.execute('SELECT stream_id, device_id FROM stream'))
        self.load_calls()
        self.load_ranges()
        self.load_waits()
        self.load_operations()

    def rows(self, columns, table):
        return self.db.execute(f'SELECT {columns} FROM {table} ORDER BY rowid')

    def load_calls(self):
        by_thread = {}
        for start, duration, thread, name, correlation in self.rows(
                'start_ns, duration_ns, thread_id, name_id, correlation_id', 'api_call'):
            start, end = host_times(start, duration)
            by_thread.setdefault(thread, []).append((start, end, self.strings.get(name, ''), correlation))
        self.calls, self.by_correlation = {}, {}
        for thread, rows in by_thread.items():
            kept = []
            for start, end, name, correlation in sorted(rows, key=lambda row: row[0]):
                call = Call(start, end, thread, call_class(name))
                last = kept[-1] if kept else None
                if last and end <= last.end and start < last.end:
                    is_most = 2 * (end - start) >= last.end - last.start
                    if is_most and CLASS_ORDER.index(call.kind) > CLASS_ORDER.index(last.kind):
                        last.kind = call.kind
                    call = last
                else:
                    if last:
                        last.end = min(last.end, start)
                    kept.append(call)
                if correlation and start < self.by_correlation.get(correlation, (LIMIT + 1,))[0]:
                    self.by_correlation[correlation] = (start, call)
            self.calls[thread] = kept
        self.starts = {thread: [call.start for call in calls] for thread, calls in self.calls.items()}

    def launch_of(self, correlation):
        return self.by_correlation.get(correlation, (0, None))[1]

    def load_ranges(self):
        self.ranges = []
        for start, duration, thread, name in self.rows('start_ns, duration_ns, thread_id, name_id', 'range'):
            cause = range_cause(self.strings.get(name, ''))
            if self.strings.get(name) == 'ncclGroupEnd':
                times = host_times(start, duration)
                cause = 'comm-setup' if times[1] - times[0] >= GROUP_SETUP_MIN else NO_CAUSE
            if cause:
                self.ranges.append((*host_times(start, duration), thread, cause))
        self.ranges.sort(key=lambda row: row[0])

    def load_waits(self):
        """By stream: (host time of the wait, stream waited for, host time of the record)."""
        records, self.waits, self.has_sources = {}, {}, False
        for record, stream, correlation in self.rows('event_sync_id, stream_id, correlation_id', 'cuda_event'):
            if record and stream in self.devices and correlation in self.by_correlation:
                records.setdefault(record, []).append((self.by_correlation[correlation][0], stream))
        for start, kind, stream, record, correlation in self.rows(
                'start_ns, kind, stream_id, event_sync_id, correlation_id', 'synchronization'):
            if kind != 2 or stream not in self.devices:
                continue
            host = self.by_correlation[correlation][0] if correlation in self.by_correlation else start
            known = [found for found in records.get(record, ()) if found[0] <= host] if record else []
            source = max(known, key=lambda found: found[0]) if known else None
            self.has_sources = self.has_sources or bool(source)
            self.waits.setdefault(stream, []).append((host, source))
        for waits in self.waits.values():
            waits.sort(key=lambda wait: (wait[0], wait[1][0] if wait[1] else 0))

    def is_true(self, start, duration, stream):
        return duration >= 0 and -LIMIT <= start <= LIMIT and start + duration <= LIMIT and stream in self.devices

    def load_operations(self):
        """By device, in the order of start; of equal starts kernels, then copies, then graphs."""
        symbols = {kernel: COMM if COMMUNICATION.search(self.strings.get(name, '')) else COMPUTE
                   for kernel, name in self.db.execute('SELECT kernel_id, name_id FROM kernel_symbol')}
        sources = (
            ('kernel', 'kernel_id', lambda kernel: (symbols.get(kernel, COMPUTE), False)),
            ('memcpy', 'direction, bytes', lambda way, size: (COPY, way == 1 and size >= INPUT_BYTES_MIN)),
            ('memset', 'bytes', lambda size: (COPY, False)), ('graph_launch', 'graph_id', lambda graph: (GRAPH, False)))
        self.operations = {}
        for place, (table, extra, kind_of) in enumerate(sources):
            for start, duration, stream, correlation, *rest in self.rows(
                    f'start_ns, duration_ns, stream_id, correlation_id, {extra}', table):
                if self.is_true(start, duration, stream):
                    kind, is_input = kind_of(*rest)
                    operation = Operation(kind, start, start + duration, stream, self.launch_of(correlation), is_input)
                    self.operations.setdefault(self.devices[stream], []).append((start, min(place, 3) if place != 2
                                                                                 else 1, operation))
        for device, rows in self.operations.items():
            self.operations[device] = [row[2] for row in sorted(rows, key=lambda row: row[:2])]


def subtract(pieces, start, end):
    """What is left of disjoint pieces without [start, end)."""
    left = []
    for a, b in pieces:
        left += [piece for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]]
    return left


class Question:
    """What the host did in [start, end), in which the work that ends a gap was not issued yet."""
    def __init__(self, trace, start, end, launch, before, **facts):
        self.trace, self.start, self.end, self.launch, self.facts = trace, start, end, launch, facts
        self.threads = [launch.thread]
        if before and before.thread != launch.thread:
            self.threads.append(before.thread)
        self.found = []

    def calls(self, thread):
        limit = self.launch.start if thread == self.launch.thread else LIMIT
        return [call for call in self.trace.calls[thread] if call.end > self.start and call.start < self.end and
                (call.start < limit or call is self.launch or
                 (call.start == limit and self.is_before_launch(call)))]

    def is_before_launch(self, call):
        calls = self.trace.calls[call.thread]
        return thread_place(calls, call) < thread_place(calls, self.launch)

    def answer(self):
        """Segments (cause, start, end) that cover all of it."""
        left = [(self.start, self.end)] if self.start < self.end else []
        for thread in self.threads:
            for call in self.calls(thread):
                cause = call.own_cause() if call is self.launch else call.cause()
                if cause and call.start < call.end:
                    for a, b in left:
                        self.add(cause, max(a, call.start), min(b, call.end))
                    left = subtract(left, call.start, call.end)
        for start, end in left:
            self.answer_by_range(start, end, 0)
        return self.found

    def add(self, cause, start, end):
        if start < end:
            self.found.append((cause, start, end))

    def answer_by_range(self, start, end, depth):
        if start >= end:
            return
        best = None
        for first, last, thread, cause in self.trace.ranges if depth < RANGE_DEPTH_MAX else ():
            common = min(last, end) - max(first, start)
            is_ours = thread in self.threads or (
                cause == 'data' and (self.facts['is_head'] or self.facts['is_input']))
            if common > 0 and is_ours and (best is None or common >= best[0]):
                best = (common, first, last, cause)
        if best is None:
            self.add(self.rest(start, end), start, end)
            return
        first, last = max(best[1], start), min(best[2], end)
        self.answer_by_range(start, first, depth + 1)
        self.add(best[3], first, last)
        self.answer_by_range(last, end, depth + 1)

    def is_drained(self, thread):
        """Did the thread wait for the GPU when that ran dry?"""
        place = bisect.bisect_right(self.trace.starts[thread], self.start)
        call = self.trace.calls[thread][place - 1] if place else None
        return bool(call) and call.end >= self.start and call.cause() == 'sync'

    def is_mostly_free(self):
        busy = sum(min(call.end, self.end) - max(call.start, self.start) for call in self.calls(self.launch.thread)
                   if call is not self.launch)
        return busy <= (self.end - self.start) // 100 * 50

    def rest(self, start, end):
        if self.facts['is_launch_bound']:
            return 'launch-bound'
        if self.facts['is_head'] and self.facts['is_input'] and self.end - self.start >= INPUT_GAP_MIN and \
                self.is_mostly_free():
            return 'data'
        if end - start < self.facts['after_sync_max'] and any(self.is_drained(thread) for thread in self.threads):
            return 'after-sync'
        return 'host-other'


def thread_place(calls, call):
    return next(place for place, found in enumerate(calls) if found is call)


def rest_cause(length):
    return 'launch-latency' if length < LAUNCH_LATENCY_MAX else 'unexplained'


class Gpu:
    """One GPU in one window. `bounds`: where its steps begin and end, or nothing; `heads`: where that is sure."""
    def __init__(self, trace, device, window, bounds, heads, step_median):
        self.trace, self.device, self.window, self.bounds = trace, device, window, bounds
        self.heads, self.step_median = heads, step_median
        self.rows = trace.operations[device]
        self.work = [row for row in self.rows if row.start < row.end]
        first = min(row.start for row in self.rows if row.kind != GRAPH)
        self.note_before()
        self.begin = min([window[0], first] + bounds[:1])
        self.idle, self.absent, self.gaps = {}, {}, {}
        self.find_launch_bound(first)
        self.find_pieces()
        if window[0] < window[1]:
            self.find_idle()
            self.find_absent()

    def note_before(self):
        """What had begun before each operation: the last launch, a batch since the last compute, the streams' work."""
        launch, is_fed, streams = None, False, {}
        for row in self.work:
            row.before, row.is_fed = launch, is_fed
            row.streams = dict(streams)
            if row.kind == COMPUTE or row.is_input:
                is_fed = row.kind != COMPUTE
            if row.kind != GRAPH:
                launch = row.launch
                streams[row.stream] = (streams.get(row.stream, ()) + (row,))[-STREAM_OPERATIONS_KEPT:]

    def inside(self, start, end):
        return max(0, min(end, self.window[1]) - max(start, self.window[0]))

    def find_pieces(self):
        """Stretches (start, end, class) of what the GPU does first of all; None: nothing."""
        changes = {}
        for row in self.work:
            changes.setdefault(row.start, [0] * 4)[row.kind] += 1
            changes.setdefault(row.end, [0] * 4)[row.kind] -= 1
        end = max([self.window[1], *self.bounds[-1:], *(row.end for row in self.work)])
        times = sorted({self.begin, end, *changes})
        active, self.pieces = [0] * 4, []
        for at, until in zip(times, times[1:] + [end]):
            active = [a + b for a, b in zip(active, changes.get(at, (0, 0, 0, 0)))]
            if at < self.begin or at >= until:
                continue
            kind = next((kind for kind in range(4) if active[kind]), None)
            if self.pieces and self.pieces[-1][2] == kind and self.pieces[-1][1] == at:
                self.pieces[-1] = (self.pieces[-1][0], until, kind)
            else:
                self.pieces.append((at, until, kind))

    def find_launch_bound(self, first):
        self.bound = []
        kernels = [row for row in self.rows if row.is_kernel]
        durations = sorted(row.end - row.start for row in kernels[::len(kernels) // 16384 + 1] if row.kind == COMPUTE)
        median = durations[(len(durations) - 1) // 2] if durations else 0
        run, without, busy = [], 0, first
        for row in self.work:
            if row.kind == GRAPH:
                continue
            is_end = False
            if row.start <= busy:
                without += 1 if run else 0
                is_end = without > 3
            elif self.is_late(row, busy, median):
                run, without = run + [(busy, row.start)], 0
            else:
                is_end = True
            if is_end:
                self.end_run(run)
                run, without = [], 0
            busy = max(busy, row.end)
        self.end_run(run)

    def end_run(self, run):
        if len(run) >= LAUNCH_BOUND_GAPS:
            self.bound.append((run[0][0], run[-1][1]))

    def is_late(self, row, busy, median):
        if not row.is_kernel or not row.launch or row.launch.kind != 'launch' or row.launch.end <= busy:
            return False
        calls = self.trace.calls[row.launch.thread]
        place = thread_place(calls, row.launch)
        for call in reversed(calls[max(0, place - 64):place]):
            if call.kind == 'launch':
                return median < row.launch.start - call.start <= LAUNCH_BOUND_MAX
        return False

    def question(self, row, start, end):
        is_input = row.is_input or (row.is_kernel and row.is_fed)
        is_head = any(start <= bound <= end for bound in self.heads) if self.heads else is_input
        return Question(self.trace, start, min(max(row.launch.issue(row.start), start), end), row.launch,
                        row.before, is_head=is_head, is_input=is_input,
                        after_sync_max=max(AFTER_SYNC_MAX, self.step_median // 10),
                        is_launch_bound=any(a <= start and end <= b for a, b in self.bound))

    def add(self, sums, cause, start, end):
        if self.inside(start, end):
            sums[cause] = sums.get(cause, 0) + self.inside(start, end)

    def find_idle(self):
        starts = {}
        for row in self.work:
            starts.setdefault(row.start, row)
        for start, end, kind in self.pieces:
            if kind == GRAPH:
                self.add(self.idle, 'unexplained', start, end)
            if kind is not None or not self.inside(start, end):
                continue
            # A graph's begin ends a gap as any work does.
            row = starts.get(end)
            parts = {}
            if row is None or row.launch is None:
                self.add(parts, 'unexplained', start, end)
            else:
                question = self.question(row, start, end)
                for segment in question.answer():
                    self.add(parts, *segment)
                # Nothing ran here: what it waited for ran on another GPU.
                producer = self.producer(row)
                blocked = min(max(producer[0], question.end), end) if producer else question.end
                if blocked > question.end:
                    self.add(parts, BLOCKED[producer[1]], question.end, blocked)
                self.add(parts, rest_cause(end - blocked), blocked, end)
            for cause, length in parts.items():
                self.idle[cause] = self.idle.get(cause, 0) + length
                self.gaps[cause] = self.gaps.get(cause, 0) + 1

    def find_absent(self):
        """Stretches without compute."""
        start, pieces = None, []
        for piece in self.pieces + [(None, None, COMPUTE)]:
            if piece[2] != COMPUTE:
                start = piece[0] if start is None else start
                pieces.append(piece)
            elif start is not None:
                self.answer_absent(start, pieces)
                start, pieces = None, []

    def answer_absent(self, start, pieces):
        end = pieces[-1][1]
        row = next((row for row in self.work if row.kind == COMPUTE and row.start == end), None)
        if not self.inside(start, end):
            return
        if row is None:
            self.add(self.absent, 'unexplained', start, end)
            return
        issue = start
        if row.launch:
            question = self.question(row, start, end)
            issue = question.end
            for segment in question.answer():
                self.add_host(pieces, *segment)
        producer = self.producer(row) if row.launch else None
        if (producer is None or producer[0] <= issue) and not self.trace.has_sources:
            near = [(b, kind) for a, b, kind in pieces if kind in (COMM, COPY) and b >= end - PRODUCER_NEAR]
            producer = max(near, key=lambda found: found[0]) if near else None
        blocked = min(max(producer[0], issue), end) if producer else issue
        if producer:
            self.add(self.absent, BLOCKED[producer[1]], issue, blocked)
        self.add(self.absent, rest_cause(end - blocked) if row.launch else 'unexplained', blocked, end)

    def add_host(self, pieces, cause, start, end):
        """A host that waits for the GPU while that communicates or copies waits for just that."""
        left = [(start, end)]
        for a, b, kind in pieces if cause == 'sync' else ():
            if kind in (COMM, COPY):
                self.add(self.absent, 'blocked-comm' if kind == COMM else 'blocked-copy', max(a, start), min(b, end))
                left = subtract(left, a, b)
        for a, b in left:
            self.add(self.absent, cause, a, b)

    def producer(self, row):
        """(end, class) of what ended last of what the kernel had to wait for."""
        offers, since = [], -LIMIT * 4
        own = row.streams.get(row.stream)
        if own:
            offers.append(own[-1])
            since = own[-1].launch.start if own[-1].launch else since
        waits = [wait for wait in self.trace.waits.get(row.stream, ()) if wait[0] <= row.launch.start]
        for host, source in waits[-STREAM_WAITS_TRIED:]:
            if source is None or host < since:
                continue
            recorded, stream = source
            if self.trace.devices[stream] != self.device:
                offers += self.foreign_offers(row, stream, recorded)
                continue
            kept = [other for other in row.streams.get(stream, ())
                    if other.launch is None or other.launch.start < recorded]
            offers += kept[-1:]
        offers = [(other.end, other.kind) for other in offers if other.end <= row.start]
        return max(offers, key=lambda found: found[0]) if offers else None

    def foreign_offers(self, row, stream, recorded):
        """Of a stream of another GPU: the last kernel and the last copy given before the record."""
        for is_copy in (False, True):
            lane = [other for other in self.trace.operations.get(self.trace.devices[stream], ())
                    if other.kind in ((COPY,) if is_copy else (COMPUTE, COMM)) and other.start < row.start]
            yield from [other for other in lane[-FOREIGN_ROWS_TRIED:] if other.stream == stream and
                        (other.launch is None or other.launch.start < recorded)][-1:]


def causes(rows):
    return {row['cause']: row['ns'] for row in rows}


def compare(report, databases):
    """Differences between a report and the oracle; `databases`: of each trace of the report."""
    differences, traces = [], [Trace(path) if path else None for path in databases]
    for gpu in report['gpus']:
        trace, place = traces[gpu['trace']], gpu['gpu']
        if trace is None:
            continue
        start = gpu['window_start_ns'] - trace.epoch
        steps = report['steps'].get('list', [])
        bounds = [step['gpu_start_ns'][place] - trace.epoch for step in steps]
        if steps:
            bounds.append(bounds[-1] + steps[-1]['gpu_ns'][place])
        # Where a step begins say ranges only; what is found by recurrence has any phase.
        heads = bounds if report['steps']['anchor'] == 'range' else []
        found = Gpu(trace, gpu['device'], (start, start + gpu['window_ns']), bounds, heads,
                    report['steps'].get('median_ns', 0))
        what = f"{databases[gpu['trace']]} device {gpu['device']}"
        for name, got, want in (
                ('idle causes', causes(gpu['idle_causes']), found.idle),
                ('absent causes', causes(gpu['absent_causes']), found.absent),
                ('gaps', {row['cause']: row['gaps'] for row in gpu['idle_causes'] if row['gaps']}, found.gaps)):
            if got != want:
                differences.append(f'{what}: {name}: report {sorted(got.items())}, oracle {sorted(want.items())}')
    return differences
