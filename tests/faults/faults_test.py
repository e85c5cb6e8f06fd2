#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The acceptance set of planted faults (TAP): each scenario of tests/scenarios/faults, captured by the real libtrace.so
and analysed: the finding, its rank and its milliseconds must be those that truth.py computes by leaving the plant out,
and nobody else may be accused.

    faults_test.py [--balanced N] [--only NAME,...]

Also N runs (20 unless told) of balanced_scenario.py, in which nobody may be accused.
"""

import argparse
import concurrent.futures
import dataclasses
import glob
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'host'))

import guest  # noqa: E402
from guest import Result, Tap, environment  # noqa: E402
from balanced_scenario import scenario_of  # noqa: E402
from shift_clock import shift  # noqa: E402

FAULTS = os.path.join(guest.SCENARIOS, 'faults')
TRUTH = os.path.join(guest.ROOT, 'tests', 'rig', 'truth.py')
LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')


@dataclasses.dataclass
class Case:
    """What the report must say about a scenario."""
    name: str
    findings: tuple = ()        # ids, any of which is right; (): nothing about anybody
    rank: int = None            # the finding's; None: it is not one rank's
    ranks: tuple = ()           # who may be accused
    verdicts: tuple = ('none',)
    is_first: bool = True       # the first of all findings; else anywhere
    measure: str = 'per_step'   # per_step, total, or '': the milliseconds are not compared
    tolerance_permille: int = 10


CASES = (
    Case('balanced-ddp'),
    Case('pinned-copies'),
    Case('late-host', ('host-late',), 2, (2,), ('culprit',)),
    Case('gpu-slow', ('gpu-slow',), 1, (1,), ('culprit',)),
    Case('data-one-rank', ('data-loading',), 1, (1,), ('culprit',)),
    Case('data-all-ranks', ('data-loading',)),
    Case('data-no-range', ('data-loading',), 1, (1,), ('culprit',)),
    # What pinned memory would give here stands in no trace; the report takes what the link usually carries.
    Case('pageable-copies', ('pageable-copies',), tolerance_permille=20),
    # To read the loss at the end of the step is a wait, too, and not planted.
    Case('host-sync', ('host-sync',), tolerance_permille=50),
    Case('staged-peer-copies', ('staged-peer-copies',), is_first=False, measure='', verdicts=('none', 'unknown')),
    Case('co-culprits', ('co-culprits', 'straggler'), None, (2, 3), ('co-culprits',)),
    Case('rotating-straggler', ('rotating-straggler',), None, (), ('rotating',)),
    Case('pause', ('pause',), 1, (1,), ('pause',), measure='total'),
    Case('launch-bound', ('launch-bound',)),
    Case('allocation-in-step', ('allocation-in-step',)),
    Case('module-load-in-step', ('module-load-in-step',)),
    Case('small-grids', ('gpu-underfilled',), is_first=False, measure=''),
    Case('pcie-link', ('pcie-link', 'slow-copies'), 1, (1,), ('culprit',)),
    Case('uneven-batches', ('uneven-work',), 3, (3,), ('culprit',)),
    Case('tensor-parallel', ('blocking-communication',)),
    # It costs no time yet, and findings rank by time.
    Case('memory-near-limit', ('memory-near-limit',), is_first=False, measure=''),
    Case('pipeline-bubble', ('pipeline-bubble',), is_first=False, measure='', verdicts=('none', 'unknown')),
)
# Findings that describe, and accuse nobody even if they name where it is worst.
NEUTRAL = ('gpu-idle', 'exposed-communication', 'exposed-copy', 'trace-unreadable', 'records-lost', 'rows-rejected',
           'gpu-counted-twice', 'trace-without-gpu-work', 'ranks-missing', 'clocks-differ', 'clock-throttled',
           'memory-near-limit', 'memory-headroom', 'memory-churn', 'version-mismatch', 'known-problem', 'slow-setting')


class Run:
    """A scenario captured with libtrace.so, in a folder of its own."""

    def __init__(self, scenario, *options, **settings):
        self.folder = tempfile.TemporaryDirectory()
        self.traces = os.path.join(self.folder.name, 'traces')
        os.mkdir(self.traces)
        self.scenario = scenario
        if '\n' in scenario:
            self.scenario = os.path.join(self.folder.name, 'own.scn')
            with open(self.scenario, 'w', encoding='utf-8') as file:
                file.write(scenario)
        before = [option for option in options if not option.startswith('+')]
        after = [option[1:] for option in options if option.startswith('+')]
        variables = environment(True, True, LAGGARD_OUTPUT=self.traces, RIG_STRICT='1', **settings)
        self.result = Result([guest.RIG_RUN, '--cupti', '13.0', *before, self.scenario, '--quiet', *after],
                             self.folder.name, variables)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def trace_of(self, rank):
        for path in sorted(glob.glob(os.path.join(self.traces, '*.db'))):
            if rows_of(path, 'SELECT rank FROM trace') == [(rank,)]:
                return path
        return None

    def problems(self, status=0, is_quiet=True):
        is_well = self.result.status == status and (not is_quiet or not self.result.err)
        return '' if is_well else self.result.text()

    def report(self):
        """(report, '') or (None, what went wrong)"""
        done = Result([LAGGARD, 'analyze', '--format', 'json', self.traces], self.folder.name, environment(False, True))
        if done.status != 0 or done.err:
            return None, done.text()
        return json.loads(done.out), ''


def scenario_path(name):
    return os.path.join(FAULTS, name + '.scn')


def truth_of(name):
    done = subprocess.run([sys.executable, TRUTH, scenario_path(name), '--planted'], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def accused(report, allowed_ids=()):
    """{rank: why}: whom the report makes responsible."""
    found = {}
    stragglers = report['stragglers']
    if stragglers['verdict'] in ('culprit', 'co-culprits', 'pause'):
        for rank in stragglers.get('set') or []:
            found[rank] = f'verdict {stragglers["verdict"]}'
    for finding in report['findings']:
        if finding.get('rank') is not None and finding['id'] not in NEUTRAL + tuple(allowed_ids):
            found[finding['rank']] = f'finding {finding["id"]}'
    return found


def is_near(case, got, want):
    return got is not None and abs(got - want) * 1000 <= abs(want) * case.tolerance_permille


def finding_problem(case, report, truth):
    findings = report['findings']
    ids = [finding['id'] for finding in findings]
    matching = [finding for finding in findings if finding['id'] in case.findings]
    if not matching or (case.is_first and findings[0] is not matching[0]):
        return f'findings are {ids}, want {" or ".join(case.findings)}{" first" if case.is_first else ""}'
    finding = matching[0]
    if case.rank is not None and finding.get('rank') != case.rank:
        return f'{finding["id"]} names rank {finding.get("rank")}, want {case.rank}'
    if case.measure == 'per_step' and not is_near(case, finding.get('per_step_ns'), truth['per_step_ns']):
        return f'{finding["id"]}: {finding.get("per_step_ns")} ns a step, want {truth["per_step_ns"]}'
    gpus = len(truth['units'])
    if case.measure == 'total' and not is_near(case, finding.get('gpu_ns'), truth['lost_ns'] * gpus):
        return f'{finding["id"]}: {finding.get("gpu_ns")} GPU-ns, want {truth["lost_ns"] * gpus}'
    return ''


def verdict_problem(case, report):
    verdict = report['stragglers']['verdict']
    if verdict not in case.verdicts:
        return f'verdict {verdict}, want {" or ".join(case.verdicts)}'
    others = {rank: why for rank, why in accused(report, () if case.ranks else case.findings).items()
              if rank not in case.ranks}
    return f'accused although innocent: {others}' if others else ''


def judge(case, report, truth):
    """What is wrong with the report; [] if nothing is."""
    problems = [verdict_problem(case, report)]
    if case.findings:
        problems.append(finding_problem(case, report, truth))
    return [problem for problem in problems if problem]


def summary(report):
    lines = [f'stragglers: {report.get("stragglers")}']
    for finding in report['findings']:
        lines.append(' '.join(f'{key}={finding.get(key)}' for key in
                              ('id', 'severity', 'rank', 'gpu', 'gpu_ns', 'per_step_ns')))
    return '\n'.join(lines)


def check_case(tap, case, run, name, truth=None, problems=None):
    problems = run.problems() if problems is None else problems
    report, refused = (None, '') if problems else run.report()
    if problems or refused:
        tap.check(False, name, problems or refused)
    elif 'stragglers' not in report:
        tap.skip(name, 'this laggard does not look for stragglers yet')
    else:
        wrong = judge(case, report, truth)
        tap.check(not wrong, name, '\n'.join(wrong + [summary(report)]) if wrong else '')
    return report


def check_judge(tap):
    """The judge itself, before it judges: what is right passes, and each thing that is wrong does not."""
    case = Case('judge', ('host-late',), 2, (2,), ('culprit',))
    truth = {'per_step_ns': 3_000_000, 'lost_ns': 90_000_000, 'units': [{}] * 4}

    def report(verdict='culprit', ranks=(2,), **changes):
        finding = {'id': 'host-late', 'rank': 2, 'per_step_ns': 3_020_000, 'gpu_ns': 1, **changes}
        return {'stragglers': {'verdict': verdict, 'set': list(ranks)}, 'findings': [finding]}

    tap.equal(judge(case, report(), truth), [], 'the judge lets pass what is right')
    wrong = {'another rank in the set': report(ranks=(2, 3)), 'no verdict': report('none'),
             'another rank': report(rank=1), 'another finding': report(id='gpu-slow'),
             '2 % too much': report(per_step_ns=3_060_000), 'no milliseconds': report(per_step_ns=None)}
    for name, made in wrong.items():
        tap.check(judge(case, made, truth), f'the judge notices: {name}')
    quiet = report('none', ())
    tap.check(judge(Case('silent'), quiet, None), 'the judge notices: an accusation in a balanced run')
    quiet['findings'][0]['rank'] = None
    tap.equal(judge(Case('silent'), quiet, None), [], 'a finding about nobody is no accusation')


def check_shift(tap):
    """The tool that shifts clocks, to the nanosecond."""
    query = 'SELECT start_ns + epoch_ns, start_ns + duration_ns + epoch_ns FROM kernel, trace ORDER BY 1, 2'
    with Run(os.path.join(guest.SCENARIOS, 'tiny.scn')) as run:
        path = run.trace_of(0)
        epoch = epoch_of(path)
        before = rows_of(path, query)
        shift(path, 50_000_000, 100_000, epoch - 7_000_000_000, 'other-host')
        moved = [tuple(at + 50_000_000 + (at - epoch + 7_000_000_000) * 100_000 // 10**9 for at in row)
                 for row in before]
        tap.check(len(moved) > 0 and rows_of(path, query) == moved and
                  rows_of(path, 'SELECT host FROM trace') == [('other-host',)],
                  'shift_clock.py moves every start and end', run.problems())


def check_plants(tap, is_wanted):
    for case in CASES:
        if not is_wanted(case.name):
            continue
        truth = truth_of(case.name)
        with Run(scenario_path(case.name)) as run:
            what = f'{" or ".join(case.findings)}, {truth["lost_ns"] // 1000} us lost' if case.findings else 'silence'
            check_case(tap, case, run, f'{case.name}: {what}', truth)


def check_clocks(tap):
    """Ranks 2 and 3 on another host, 50 ms ahead and 100 ppm too fast: rank 2 is late all the same."""
    truth = truth_of('late-host')
    case = Case('clock', ('host-late',), 2, (2,), ('culprit',))
    with Run(scenario_path('late-host')) as run:
        for rank in (2, 3):
            shift(run.trace_of(rank), 50_000_000, 100_000, epoch_of(run.trace_of(2)), 'other-host')
        report = check_case(tap, case, run, 'two hosts, 50 ms and 100 ppm apart: the same verdict', truth)
        check_offsets(tap, report)
    with Run(scenario_path('balanced-ddp')) as run:
        for rank in (2, 3):
            shift(run.trace_of(rank), 50_000_000, 100_000, epoch_of(run.trace_of(2)), 'other-host')
        check_case(tap, Case('clock'), run, 'two hosts, 50 ms and 100 ppm apart, balanced: silence')
    with Run(scenario_path('balanced-ddp')) as run:
        shift(run.trace_of(1), 50_000_000)
        check_case(tap, Case('clock', verdicts=('none', 'unknown', 'limited')), run,
                   'one clock is wrong although the host is the same: silence')


def rows_of(path, query):
    db = sqlite3.connect(path)
    rows = db.execute(query).fetchall()
    db.close()
    return rows


def epoch_of(path):
    return rows_of(path, 'SELECT epoch_ns FROM trace')[0][0]


def check_offsets(tap, report):
    """The clocks that the analysis found. The sign is its own: added to, or taken from the stamps."""
    name = 'two hosts, 50 ms and 100 ppm apart: the offset is found'
    if report is None or 'clocks' not in report:
        tap.skip(name, 'no clocks in the report')
        return
    offsets = sorted({abs(clock['offset_ns'] or 0) // 1_000_000 for clock in report['clocks']})
    tap.check(len(offsets) == 2 and offsets[0] == 0 and offsets[1] in (49, 50, 51), name, report['clocks'])


def check_missing(tap):
    """Ranks without a trace, or with half of one, are no evidence against anybody."""
    silent = Case('missing', verdicts=('none', 'limited', 'unknown'))
    with Run(scenario_path('killed-rank'), '--kill', '3:25', '+--realtime', LAGGARD_FLUSH_MS='20',
             LAGGARD_COMMIT_MS='20') as run:
        stop = stop_of(run.trace_of(3))
        tap.check(stop == -1, 'killed-rank: rank 3 left a trace without an end', f'{stop}\n{run.result.text()}')
        check_case(tap, silent, run, 'killed-rank: silence', problems=run.problems(137))
    with Run(scenario_path('other-profiler'), '--env', '2:RIG_FAULTS=subscribe=39') as run:
        problems = run.problems(is_quiet=False)
        trace = run.trace_of(2)
        kernels = None if trace is None else rows_of(trace, 'SELECT count(*) FROM kernel')[0][0]
        tap.check(not problems and kernels == 0 and len(run.result.lines()) == 1,
                  'other-profiler: rank 2 says one line, and its trace has no work of GPUs', run.result.text())
        report = check_case(tap, silent, run, 'other-profiler: silence', problems=problems)
        if report is not None:
            tap.check(any(finding['id'] == 'trace-without-gpu-work' for finding in report['findings']),
                      'other-profiler: the report says that the work of a rank is missing', summary(report))


def stop_of(path):
    return None if path is None else rows_of(path, 'SELECT stop_ns FROM trace')[0][0]


def balanced_problem(seed):
    with Run(scenario_of(seed)) as run:
        problems = run.problems()
        report, refused = (None, '') if problems else run.report()
        if problems or refused:
            return f'seed {seed}: {problems or refused}'
        if 'stragglers' not in report:
            return None
        wrong = judge(Case('balanced'), report, None)
        return f'seed {seed}: {"; ".join(wrong)}' if wrong else ''


def check_balanced(tap, count):
    name = f'{count} balanced runs: nobody is accused'
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(balanced_problem, range(1, count + 1)))
    wrong = [problem for problem in found if problem]
    if not wrong and None in found:
        tap.skip(name, 'this laggard does not look for stragglers yet')
    else:
        tap.check(not wrong, name, f'{len(wrong)} of {count} wrong\n' + '\n'.join(wrong))


def main():
    parser = argparse.ArgumentParser(description='planted faults must be found, balanced runs accuse nobody')
    parser.add_argument('--balanced', type=int, default=20, help='how many balanced runs')
    parser.add_argument('--only', help='names of scenarios (and clocks, missing), separated by commas')
    options = parser.parse_args()
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    names = options.only.split(',') if options.only else None
    is_wanted = lambda name: names is None or name in names
    tap = Tap()
    check_judge(tap)
    check_shift(tap)
    check_plants(tap, is_wanted)
    if is_wanted('clocks'):
        check_clocks(tap)
    if is_wanted('missing'):
        check_missing(tap)
    if is_wanted('balanced') and options.balanced > 0:
        check_balanced(tap, options.balanced)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
