#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Capture under the rig (TAP): what libtrace.so writes about simulated training runs is compared with what
the scenarios say, row for row: for every CUPTI version, every way to end a process, and CUPTI's faults."""

import glob
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import guest
from guest import Result, Tap, environment

TRACE_CHECK = os.path.join(guest.ROOT, 'tests', 'rig', 'trace_check.py')
KILLED_LOSES_NS = 1_000_000_000

# 120 steps of 20 ms, played in real time: long enough to be killed in the middle.
LONG = '''
scenario long
seed 3
gpus 1
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32
repeat count=120
	push name="step {step}"
	launch kernel=work dur=4ms
	launch kernel=work dur=8ms
	copy dir=d2h bytes=4096 dur=20us
	sync name=device
	host dur=7ms
	pop
end
'''

# Many records in no time: more than small buffers can hold.
BURST = '''
scenario burst
seed 4
gpus 1
kernel a "_Z1aPf" grid=1,1,1 block=32,1,1
kernel b "_Z1bPf" grid=2,1,1 block=64,1,1
repeat count=100
	repeat count=300
		launch kernel=a dur=2us
		launch kernel=b dur=3us stream=13
	end
	sync name=device
end
'''


class Run:
    """One run of a scenario with libtrace; the traces lie in a folder of its own."""

    def __init__(self, scenario, *options, version='13.0', **settings):
        self.scenario = scenario
        self.folder = tempfile.mkdtemp()
        self.traces = os.path.join(self.folder, 'traces')
        os.mkdir(self.traces)
        if '\n' in scenario:
            self.scenario = os.path.join(self.folder, 'own.scn')
            with open(self.scenario, 'w', encoding='utf-8') as file:
                file.write(scenario)
        elif '/' not in scenario:
            self.scenario = os.path.join(guest.SCENARIOS, scenario + '.scn')
        variables = environment(True, True, **{'LAGGARD_OUTPUT': self.traces, 'RIG_STRICT': '1', **settings})
        self.result = Result([guest.RIG_RUN, '--cupti', version, self.scenario, '--quiet', *options],
                             self.folder, variables)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.folder)

    def files(self):
        return sorted(glob.glob(os.path.join(self.traces, '*')))

    def databases(self):
        return sorted(glob.glob(os.path.join(self.traces, '*.db')))

    def rows(self, query):
        found = []
        for path in self.databases():
            db = sqlite3.connect(path)
            found += db.execute(query).fetchall()
            db.close()
        return found

    def count(self, table):
        return sum(row[0] for row in self.rows(f'SELECT COUNT(*) FROM "{table}"'))

    def loss(self):
        """{source: reason: count}"""
        found = {}
        for source, reason, count in self.rows('SELECT source, reason, count FROM loss'):
            found[f'{source}: {reason}'] = found.get(f'{source}: {reason}', 0) + count
        return found

    def truth(self):
        done = subprocess.run([sys.executable, os.path.join(guest.ROOT, 'tests', 'rig', 'truth.py'),
                               self.scenario], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def operations(self):
        done = subprocess.run([guest.RIG_TRAIN, self.scenario, '--dump'], stdout=subprocess.PIPE, check=True,
                              env=environment(False, True))
        return [json.loads(line) for line in done.stdout.decode('utf-8', 'replace').splitlines()]

    def problems(self, *options):
        """What trace_check.py has to say against the traces; '' if they are exact."""
        done = subprocess.run([sys.executable, TRACE_CHECK, self.scenario, self.traces, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = done.stdout.decode('utf-8', 'replace').splitlines()
        wrong = [line for line in lines if line.startswith(('not ok', '#'))]
        if done.returncode == 0 and not wrong:
            return ''
        return '\n'.join(wrong or lines) + '\n' + self.result.text()

    def integrity(self):
        return [row[0] for row in self.rows('PRAGMA integrity_check')]


def check_versions(tap):
    for scenario in ('tiny', 'edge', 'single4', 'ddp4'):
        for version in guest.VERSIONS if scenario != 'ddp4' else ('11.8', '13.0'):
            with Run(scenario, version=version) as run:
                problems = run.problems()
                tap.check(run.result.status == 0 and not problems and not run.result.err,
                          f'{scenario}, CUPTI {version}: every row is exact', problems or run.result.text())
    for nccl in ('v1', 'v4', 'v5', 'v7'):
        with Run(os.path.join(guest.SCENARIOS, 'faults', 'pipeline-bubble.scn'), RIG_NCCL=nccl) as run:
            problems = run.problems('--nccl', nccl)
            peers = sorted(set(run.rows("SELECT t.rank, s.value, c.peer FROM collective c, trace t JOIN string s "
                                        "ON s.string_id = c.operation_id")))
            wanted = sorted({(rank, operation, peer) for rank in range(4) for peer in (rank - 1, rank + 1)
                             for operation in ('Send', 'Recv') if 0 <= peer < 4})
            tap.check(run.result.status == 0 and not problems and not run.result.err and peers == wanted,
                      f'pipeline-bubble, NCCL {nccl}: every row is exact, every message has its peer',
                      problems or f'{peers}\n{run.result.text()}')


def check_ways_to_find_cupti(tap):
    for options in (('--map', 'cudart'), ('--map', 'none'), ('--device-mode', 'ordinal'), ('--concurrent',)):
        with Run('single4' if '--concurrent' in options else 'tiny', *options, version='12.4') as run:
            problems = run.problems() if options[0] != '--device-mode' else ''
            tap.check(run.result.status == 0 and len(run.databases()) > 0 and not problems and
                      not run.result.err, f'{" ".join(options)}: recorded', problems or run.result.text())


def check_exits(tap):
    for way, status in (('return', 0), ('7', 7), ('_exit', 0)):
        with Run('tiny', '--exit', way) as run:
            problems = run.problems()
            stopped = run.rows('SELECT MIN(stop_ns) FROM trace')
            tap.check(run.result.status == status and not problems and not run.result.err and
                      stopped[0][0] > 0,
                      f'--exit {way}: complete', problems or run.result.text())
    for way in ('fork', 'fork_exit'):
        with Run('tiny', '--exit', way, '--at-step', '1') as run:
            problems = run.problems()
            tap.check(run.result.status == 0 and len(run.files()) == 2 and not problems and
                      not run.result.err,
                      f'--exit {way}: parent complete, child silent', problems or run.result.text())


def check_killed(tap):
    for way in ('kill', 'abort', 'term', 'exec'):
        if way == 'exec' and guest.IS_RUNTIME_BUILT_IN:
            tap.skip('--exit exec', 'the next program has no runtime of the sanitizer')
            continue
        with Run(LONG, '--realtime', '--exit', way, '--at-step', '100') as run:
            operations = run.operations()
            killed = min(op['start'] for op in operations
                         if op['op'] == 'push' and op['name'] == 'step 100')
            ends = sorted(op['end'] for op in operations if op['op'] == 'kernel' and op['end'] <= killed)
            safe = sum(end <= killed - KILLED_LOSES_NS for end in ends)
            stored = run.count('kernel')
            tap.check(run.integrity() == ['ok'] and len(run.databases()) == 1 and
                      safe <= stored <= len(ends) and safe > 80 and not run.result.lines() and
                      run.rows('SELECT stop_ns FROM trace') == [(-1,)],
                      f'--exit {way}: opens, lacks at most the last second',
                      f'{stored} kernels of {len(ends)}, {safe} must be there; {run.integrity()}\n'
                      f'{run.result.text()}')
            calls = run.count('api_call')
            ranges = run.rows("SELECT COUNT(*) FROM range r, string s WHERE s.string_id = r.name_id AND "
                              "s.value LIKE 'step %'")[0][0]
            tap.check(calls >= safe and ranges >= safe // 2 - 1, f'--exit {way}: so do calls and ranges',
                      f'{calls} calls, {ranges} ranges, {safe} kernels')


def check_conflicts(tap):
    for version, words in (('13.0', "'nsys'"), ('12.4', 'another tool'), ('13.4', "'nsys'")):
        with Run('tiny', version=version, RIG_FAULTS='subscribe=39') as run:
            lines = run.result.err.splitlines()
            tap.check(run.result.status == 0 and len(lines) == 2 and
                      all(line.startswith('laggard: ') and words in line for line in lines),
                      f'CUPTI {version} is taken: one line a process', run.result.text())
            told = sum(process['rows']['range'] for process in run.truth()['process'])
            gaps = run.rows("SELECT start_ns, duration_ns, value FROM capture_gap JOIN string "
                            "ON string_id = reason_id")
            tap.check(len(run.databases()) == 2 and run.count('range') == told > 0 and
                      run.count('collective') > 0 and run.count('kernel') == 0 and
                      run.loss().get(f'cupti: disabled: CUPTI is taken by {words.strip(chr(39))}') == 0 and
                      [gap[:2] for gap in gaps] == [(0, -1)] * 2,
                      f'CUPTI {version} is taken: ranges and collectives are recorded, the rest is a gap',
                      f'{run.count("range")} of {told}; {run.loss()} {gaps}')
    with Run(BURST, RIG_FAULTS='subscribe=39') as run:
        tap.check(run.result.status == 0 and run.files() == [] and len(run.result.lines()) == 1,
                  'CUPTI is taken, and the program says nothing: no file', run.result.text())


def check_faults(tap):
    kernels = 0
    with Run('single4') as run:
        kernels = run.count('kernel')
    faults = (('zero=7', 'decode: zero timestamp: kernel', kernels // 7),
              ('backwards=5', 'decode: end before start: kernel', kernels // 5),
              ('stale=9', 'decode: implausible timestamp: kernel', kernels // 9))
    for fault, reason, lost in faults:
        with Run('single4', RIG_FAULTS=fault) as run:
            loss = run.loss()
            problems = run.problems('--loss')
            tap.check(abs(loss.get(reason, 0) - lost) <= 1 and not problems and
                      run.count('kernel') + loss.get(reason, 0) == kernels,
                      f'{fault}: counted, never stored', f'{kernels} kernels, {loss}\n{problems}')
    with Run('single4', RIG_FAULTS='drop=10') as run:
        loss = run.loss()
        problems = run.problems('--loss')
        tap.check(loss.get('cupti: dropped by CUPTI', 0) > 0 and not problems, 'drop=10: counted',
                  f'{loss}\n{problems}')
    for fault in ('wrap', 'late', 'teardown'):
        with Run('tiny', RIG_FAULTS=fault) as run:
            problems = run.problems()
            tap.check(run.result.status == 0 and not problems, f'{fault}: every row is exact', problems)
    with Run('ddp4', RIG_FAULTS='wrap') as run:
        top = run.rows('SELECT MAX(correlation_id), MIN(correlation_id) FROM api_call')[0]
        tap.check(top[0] >= 1 << 32 > top[1], 'wrap: correlation ids go on counting', top)


def check_hang(tap):
    with Run('tiny', RIG_FAULTS='hang', LAGGARD_EXIT_TIMEOUT_MS='300') as run:
        tap.check(run.result.status == 0 and run.result.seconds < 20 and len(run.result.lines()) == 2 and
                  'LAGGARD_EXIT_TIMEOUT_MS' in run.result.err and run.integrity() == ['ok', 'ok'],
                  'a flush that hangs does not hold the exit', run.result.text())


def check_bounds(tap):
    with Run(BURST, LAGGARD_MEMORY_MB='4', LAGGARD_BUFFER_KB='64', LAGGARD_FLUSH_MS='10000') as run:
        lost = sum(run.loss().values())
        stored = run.count('kernel') + run.count('api_call') + run.count('synchronization')
        told = run.truth()['process'][0]['rows']
        wanted = told['kernel'] + told['api_call'] + told['synchronization']
        tap.check(stored + lost == wanted, 'little memory: what is not stored is counted, to the record',
                  f'{stored} stored, {lost} lost, {wanted} happened; {run.loss()}\n{run.result.text()}')
    with Run(BURST, LAGGARD_BUFFER_KB='64') as run:
        problems = run.problems()
        tap.check(not problems, 'small buffers: every row is exact', problems)
    with Run('ddp4', LAGGARD_LOG_MB='1') as run:
        tap.check(run.result.status == 0 and run.count('range') + run.loss().get(
            'nvtx: no room in the thread logs (LAGGARD_LOG_MB)', 0) > 0, 'small logs: recorded', run.loss())


def check_environment(tap):
    with Run('tiny', NCCL_SHM_DISABLE='1', NCCL_P2P_LEVEL='SYS\nx', MY_TOKEN='secret') as run:
        texts = run.rows('SELECT environment FROM trace')
        lines = texts[0][0].splitlines() if texts else []
        tap.check('NCCL_SHM_DISABLE=1' in lines and 'NCCL_P2P_LEVEL=SYS x' in lines and
                  'secret' not in ''.join(lines), 'listed variables are recorded, others are not', texts)


def check_settings(tap):
    with Run('ddp4') as run:
        everything = {table: run.count(table) for table in (
            'kernel', 'memcpy', 'api_call', 'synchronization', 'cuda_event', 'allocation', 'range',
            'collective', 'external_correlation', 'clock', 'thread', 'device', 'context', 'stream')}
        tap.check(all(everything.values()), 'ddp4 fills the tables', everything)
        facts = sorted(run.rows('SELECT rank, world_size, local_rank, source, tool_version, host, boot_id, '
                                'command, cupti_version, cuda_driver_version, settings FROM trace'))
        tap.check([row[:4] for row in facts] == [(i, 4, i, 'libtrace') for i in range(4)] and
                  all(all(row[4:]) for row in facts), 'the trace row tells rank, host, command, versions',
                  facts)
        tap.check(run.rows('SELECT COUNT(*) FROM clock WHERE realtime_ns < 0') == [(0,)] * 4 and
                  min(row[0] for row in run.rows('SELECT COUNT(*) FROM clock')) >= 2,
                  'the clocks are noted at the start and at the end')
    cases = (
        (dict(LAGGARD_API='off'), ('api_call', 'external_correlation')),
        (dict(LAGGARD_SYNC='off'), ('synchronization',)),
        (dict(LAGGARD_EVENTS='off'), ('cuda_event',)),
        (dict(LAGGARD_MEMORY_EVENTS='off'), ('allocation',)),
        (dict(LAGGARD_NVTX='off', LAGGARD_NCCL='off'), ('range', 'collective')),
    )
    for settings, empty in cases:
        with Run('ddp4', **settings) as run:
            counts = {table: run.count(table) for table in everything}
            wanted_full = ('kernel', 'memcpy', 'device', 'context', 'stream')
            tap.check(all(counts[table] == 0 for table in empty) and
                      all(counts[table] == everything[table] for table in wanted_full),
                      ', '.join(f'{key}={value}' for key, value in settings.items()) +
                      ': exactly that is left out', counts)
    with Run('single4', LAGGARD_GRAPHS='graph') as run:
        wanted = sum(process['rows']['graph_launch'] for process in run.truth()['process'])
        tap.check(wanted > 0 and run.count('graph_launch') == wanted and
                  any('LAGGARD_GRAPHS' in reason for reason in run.loss()),
                  'LAGGARD_GRAPHS=graph: one row a launch, and the loss says so', run.loss())
    with Run('tiny', NVTX_INJECTION64_PATH='/opt/other.so', NCCL_PROFILER_PLUGIN='none') as run:
        tap.check(any('NVTX_INJECTION64_PATH' in reason for reason in run.loss()) and
                  any('NCCL_PROFILER_PLUGIN' in reason for reason in run.loss()) and
                  run.count('range') + run.count('collective') == 0,
                  'sources that another tool has are noted as missing', run.loss())
    with Run('ddp4', LAGGARD_API='launches') as run:
        names = {row[0] for row in run.rows('SELECT DISTINCT s.value FROM api_call a, string s WHERE '
                                            's.string_id = a.name_id')}
        tap.check(0 < run.count('api_call') <= everything['api_call'] and
                  not any('GetDevice' in name or 'StreamCreate' in name for name in names) and
                  any('LaunchKernel' in name for name in names), 'LAGGARD_API=launches keeps what matters',
                  names)


# Two of the GPUs say less than the others; GPU 1 has been held down.
SAMPLED = '''
scenario sampled
seed 5
gpus 3
gpu 1 sm_mhz=1410 reasons=0x24 power_mw=449500 temperature=88 pcie_width=4 pcie_gen=3 replays=17
gpu 2 unsupported=29
kernel work "_Z4workPf" grid=128,1,1 block=256,1,1 regs=32
repeat count=%d
	launch kernel=work dur=4ms
	sync name=device
	host dur=10ms
end
'''

SAMPLE_VALUES = '''SELECT t.rank, s.value, MIN(a.value), MAX(a.value), COUNT(*) FROM sample a JOIN string s
ON s.string_id = a.counter_id JOIN trace t GROUP BY s.value'''


def sampled(run):
    """{rank: {counter: (least, most, rows)}}"""
    found = {}
    for rank, counter, least, most, count in run.rows(SAMPLE_VALUES):
        found.setdefault(rank, {})[counter] = (least, most, count)
    return found


def check_samples(tap):
    with Run(SAMPLED % 10) as run:
        found, problems = sampled(run), run.problems()
        held = {counter: values[:2] for counter, values in found.get(1, {}).items() if counter != 'power_mw'}
        wanted = {'clock_sm_mhz': 1410, 'clock_memory_mhz': 10251, 'clock_event_reasons': 0x24,
                  'temperature_c': 88, 'pcie_generation': 3, 'pcie_width': 4, 'pcie_replays': 17,
                  'power_limit_mw': 450000, 'memory_used_bytes': 9663676416,
                  'utilization_gpu_percent': 93, 'utilization_memory_percent': 41}
        tap.check(held == {counter: (value, value) for counter, value in wanted.items()} and not problems and
                  all(count >= 2 for values in found.values() for _, _, count in values.values()) and
                  abs(found[1]['power_mw'][0] - 449500) <= 1000,
                  'a short run has a sample of everything at its start and at its end', f'{found}\n{problems}')
        mute = {'power_mw', 'power_limit_mw', 'clock_event_reasons', 'pcie_replays'}
        tap.check(set(found.get(2, {})) == set(wanted) - mute and
                  run.loss().get('nvml: not supported: nvmlDeviceGetPowerUsage') == 0,
                  'what a GPU does not say is a fact in the loss, counted 0', f'{found.get(2)}\n{run.loss()}')
    with Run(SAMPLED % 150, '--realtime') as run:
        found, problems = sampled(run), run.problems()
        rows = {rank: values['clock_sm_mhz'][2] for rank, values in found.items()}
        tap.check(not problems and all(15 <= count <= 60 for count in rows.values()) and
                  found[0]['pcie_rx_kb_per_s'][:2] == (812000, 812000) and
                  found[0]['pcie_tx_kb_per_s'][:2] == (401000, 401000) and
                  'pcie_rx_kb_per_s' not in found[2] and
                  found[0]['pcie_rx_kb_per_s'][2] <= 6 and found[0]['temperature_c'][2] <= 8,
                  'four seconds: about ten rounds a second, throughput and temperature one',
                  f'{found}\n{problems}')
    for settings, reason in ((dict(LAGGARD_NVML='off'), 'nvml: disabled: LAGGARD_NVML=off'),
                             (dict(LAGGARD_NVML_INTERVAL_MS='0'),
                              'nvml: disabled: LAGGARD_NVML_INTERVAL_MS=0')):
        with Run('tiny', **settings) as run:
            tap.check(run.count('sample') == 0 and run.loss().get(reason) == 0 and not run.problems(),
                      f'{settings}: no sample, and the loss says so', run.loss())
    with Run(SAMPLED.replace('unsupported=29', 'lost=1') % 10) as run:
        tap.check(run.result.status == 0 and not run.result.err and not run.problems() and
                  run.loss().get('nvml: device 0: GPU is lost (15)') == 0,
                  'a GPU that is lost to NVML is a fact in the loss', f'{run.loss()}\n{run.result.text()}')
    with Run(SAMPLED.replace('unsupported=29', 'stuck=1') % 10) as run:
        problems = run.problems()
        tap.check(run.result.status == 0 and not run.result.err and not problems and
                  run.loss().get('nvml: NVML did not answer at the end') == 0 and run.result.seconds < 10,
                  'an NVML that never answers does not hold the exit', f'{problems}\n{run.loss()}')
    with Run(SAMPLED % 10, '--exit', 'fork', '--at-step', '5', LAGGARD_NVML_INTERVAL_MS='1') as run:
        problems = run.problems()
        tap.check(run.result.status == 0 and not problems and len(run.databases()) == 3 and
                  run.result.seconds < 20, 'a forked child has no sampler, and its exit does not wait',
                  problems or run.result.text())


def main():
    guest.require_library()
    if not os.path.exists(guest.RIG_RUN):
        guest.skip_all('the rig is not built')
    tap = Tap()
    check_versions(tap)
    check_ways_to_find_cupti(tap)
    check_exits(tap)
    check_killed(tap)
    check_conflicts(tap)
    check_faults(tap)
    check_hang(tap)
    check_bounds(tap)
    check_environment(tap)
    check_settings(tap)
    check_samples(tap)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
