# SPDX-License-Identifier: MIT
"""The simulated machine in the place of a GPU, for self_test.py: scenarios, what the oracle knows about them in the
words of kernels/README.md, and a program in the place of PyTorch."""

import collections
import json
import os
import subprocess
import sys

import recording
from check_samples import samples
from programs import ROOT, Setup

BUILD = os.path.join(ROOT, os.environ.get('B', 'build'))
TRUTH = os.path.join(ROOT, 'tests', 'rig', 'truth.py')
MEMORIES = {1: 'pageable', 2: 'pinned', 3: 'device', 4: 'array', 5: 'managed', 0: 'unknown'}
DIRECTIONS = {1: 'h2d', 2: 'd2h', 8: 'd2d', 9: 'h2h'}

# Kernels and copies side by side, gaps, allocations and graphs: what programs of kernels/ do.
SCENARIO = '''
scenario verify
seed 5
gpus 2
processes 2
kernel spin "spin_ns" grid=1,1,1 block=1,1,1
kernel hold "hold" grid=1,1,1 block=1,1,1
slow unit=1 permille=1500
malloc id=1 bytes=14Mi
malloc id=2 bytes=22Mi
free id=1
repeat count=6
	push name="step {step}"
	launch kernel=spin dur=50us
	sync name=device
	host dur=300us
	launch kernel=hold dur=900us
	copy dir=h2d bytes=4Mi dur=100us stream=13
	sync name=device
	copy dir=d2h bytes=2Mi dur=80us
	memset bytes=8192 dur=3us
	sync name=device
	graph id=1 nodes=spin:20000,spin:30000
	sync name=device
	pop
end
'''
# Long enough to be killed in its middle, played in real time.
LONG = '''
scenario long
seed 6
gpus 1
kernel work "work" grid=1,1,1 block=32,1,1
repeat count=1500
	push name="step {step}"
	launch kernel=work dur=5ms
	sync name=device
	host dur=5ms
	pop
end
'''


def truth_json(scenario, *options):
    done = subprocess.run([sys.executable, TRUTH, scenario, *options], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode('utf-8', 'replace')


def operations_of(scenario, process):
    return [json.loads(line) for line in truth_json(scenario, '--dump', '--process', str(process)).splitlines()]


def count_truths(measure, keys):
    return [dict(key, measure=measure, expect=count) for key, count in
            ((dict(found), count) for found, count in collections.Counter(
                tuple(sorted(key.items())) for key in keys).items())]


def process_truths(operations, unit):
    """What the oracle knows, in the words of kernels/README.md."""
    kernels = sorted((op for op in operations if op['op'] == 'kernel'), key=lambda op: op['start'])
    copies = [op for op in operations if op['op'] == 'copy']
    found = []
    for name in sorted({op['name'] for op in kernels}):
        mine = [op for op in kernels if op['name'] == name]
        found.append(dict(measure='kernels', name=name, expect=len(mine)))
        found.append(dict(measure='kernel_durations', name=name, expect=[op['end'] - op['start'] for op in mine]))
        found.append(dict(measure='kernel_time', name=name, expect=sum(op['end'] - op['start'] for op in mine)))
        found.append(dict(measure='kernel_gaps', name=name,
                          expect=[b['start'] - a['end'] for a, b in zip(mine, mine[1:])]))
    def kind(op):
        return dict(direction=DIRECTIONS[op['dir']], source=MEMORIES[op['src']], destination=MEMORIES[op['dst']],
                    bytes=op['bytes'])
    found += count_truths('copies', [kind(op) for op in copies])
    found += count_truths('memsets', [dict(bytes=op['bytes']) for op in operations if op['op'] == 'memset'])
    found += count_truths('api_calls', [dict(name=op['name']) for op in operations if op['op'] == 'api'])
    found += [dict(measure='partition', part=part, device=unit['device'], expect=unit[part])
              for part in ('window_ns', 'compute_ns', 'comm_ns', 'copy_ns', 'idle_ns')]
    return found


def scenario_truth(scenario):
    report = json.loads(truth_json(scenario))
    processes = [dict(rank=unit['process'], truths=process_truths(operations_of(scenario, unit['process']), unit))
                 for unit in report['units']]
    return dict(processes=processes, together=[])


def own_truths():
    """Of SCENARIO, by hand."""
    mib = 2**20
    return [
        dict(measure='allocations', memory='device', bytes=14 * mib, expect=1),
        dict(measure='releases', memory='device', bytes=14 * mib, expect=1),
        dict(measure='allocated_bytes_left', memory='device', bytes=14 * mib, expect=0),
        dict(measure='allocated_bytes_left', memory='device', bytes=22 * mib, expect=22 * mib),
        dict(measure='hidden_permille', direction='h2d', bytes=4 * mib, name='hold', expect=1000),
        dict(measure='hidden_permille', direction='d2h', bytes=2 * mib, name='hold', expect=0),
        dict(measure='copied_bytes', direction='h2d', expect=24 * mib),
        dict(measure='copy_time', direction='d2h', bytes=2 * mib, expect=480000),
        dict(measure='kernel_overlap', name='hold', other='spin_ns', expect=0),
        dict(measure='kernels_in_graphs', name='spin_ns', expect=12),
        dict(measure='ranges', name='step 0', expect=1),
        dict(measure='api_calls', name='cudaGraphLaunch', expect=6),
        dict(measure='graph_records', graphs='graph', expect=10**6),
    ]


class Rig:
    """The simulated machine in the place of the GPU."""

    def __init__(self):
        self.setup = Setup(BUILD, sys.executable, 600)
        recording.CLOCK_SLACK_NS = 10**10       # the rig's time 0 lies 2 s ahead
        self.program = os.path.join(BUILD, 'rig', 'bin', 'rig-run')
        self.train = os.path.join(BUILD, 'rig', 'bin', 'rig-train')

    def file(self, text):
        path = os.path.join(self.setup.folder, f'{len(os.listdir(self.setup.folder))}.scn')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def scenario(self, name):
        return os.path.join(ROOT, 'tests', 'scenarios', name + '.scn')

    def play(self, scenario, *options):
        return [self.program, scenario, '--quiet', *options]


# A "PyTorch" that plays the rig: what stands in the place of Python with torch. It takes the command lines of
# train_loop.py and torchrun, and prints what those print.
FAKE_TORCH = '''#!{python}
import json, os, subprocess, sys, time
line = ' '.join(sys.argv)
if 'import torch' in line:
    sys.exit(0)
scenario = {ddp!r} if 'torch.distributed.run' in line else {training!r}
scenario = next((path for name, path in {samples!r}.items() if '/samples/' + name in line), scenario)
if 'torch.distributed.run' in line:
    status = subprocess.call([{run!r}, scenario, '--quiet'])
    print(json.dumps(dict(collectives={collectives!r}, kernels={kernels})))
    sys.exit(status)
print('ready', flush=True)
if '--asked' in sys.argv:
    for line in sys.stdin:
        print(json.dumps(dict(step_ns=[1000000, 1000001], launch_ns=[2000])), flush=True)
options, told = ['--quiet'], dict()
if '--profiled' in sys.argv:
    scenario = {profiled!r}
if '--seconds' in sys.argv:
    scenario = {long!r}[sys.argv[sys.argv.index('--seconds') + 1]]
    options, told = ['--quiet', '--realtime'], dict(RIG_EPOCH_NS=str(time.time_ns()))
process = subprocess.Popen([{train!r}, scenario, *options], env=dict(os.environ, RIG_SCENARIO=scenario, **told))
status = process.wait()
if '--profile-output' in sys.argv:
    with open({kineto!r}) as source, open(sys.argv[sys.argv.index('--profile-output') + 1], 'w') as copy:
        copy.write(source.read())
print(json.dumps(dict(pid=process.pid, steps=25, workers=[1, 2], torch='rig', cuda='rig', step_ns=[1000000, 1000001],
                      launch_ns=[2000], end_unix_ns=time.time_ns())))
sys.exit(status)
'''
TRAINING = SCENARIO.replace('gpus 2', 'gpus 1').replace('processes 2', 'processes 1').replace(
    'slow unit=1 permille=1500\n', '').replace('repeat count=6', 'repeat count=25')


# cudaProfilerStart before step 10 and Stop behind step 14, as train_loop.py --profiled 10-14 does.
PROFILED = TRAINING.replace('\tpush name', '\tapi name=cudaProfilerStart step=10\n\tpush name').replace(
    '\tpop\n', '\tpop\n\tapi name=cudaProfilerStop step=14\n')
LONG_STEPS_A_SECOND = 100


def kineto_of(operations):
    """The oracle's operations as PyTorch's profiler writes them."""
    events, begun = [], []
    for op in operations:
        if op['op'] == 'push':
            begun.append(op)
        elif op['op'] == 'pop':
            push = begun.pop()
            events.append({'ph': 'X', 'cat': 'user_annotation', 'name': push['name'], 'ts': push['start'] / 1000,
                           'dur': (op['start'] - push['start']) / 1000})
        elif op['op'] in ('api', 'kernel', 'copy'):
            category = {'api': 'cuda_runtime', 'kernel': 'kernel', 'copy': 'gpu_memcpy'}[op['op']]
            name = op['name'] if op['op'] != 'copy' else f'Memcpy {"HtoD" if op["dir"] == 1 else "DtoH"} (a -> b)'
            events.append({'ph': 'X', 'cat': category, 'name': name, 'ts': op['start'] / 1000,
                           'dur': (op['end'] - op['start']) / 1000,
                           'args': {'correlation': op['corr'], 'bytes': op.get('bytes', 0)}})
    return {'traceEvents': events}


def fake_torch(rig):
    training = rig.file(TRAINING)
    kineto = rig.file(json.dumps(kineto_of(operations_of(training, 0))))
    operations = [op for op in operations_of(rig.scenario('ddp4'), 0) if op['op'] == 'coll']
    collectives = [[op['name'], op['bytes'], op['fused']] for op in operations]
    long = {str(seconds): rig.file(LONG.replace('count=1500', f'count={seconds * LONG_STEPS_A_SECOND}'))
            for seconds in (6, 8)}
    faults = {sample.name: rig.scenario(os.path.join('faults', sample.scenario)) for sample in samples()}
    path = rig.file(FAKE_TORCH.format(python=sys.executable, ddp=rig.scenario('ddp4'), training=training,
                                      samples=faults, profiled=rig.file(PROFILED), long=long,
                                      run=rig.program, train=rig.train, kineto=kineto, collectives=collectives,
                                      kernels=len(operations)))
    os.chmod(path, 0o755)
    return path


def step_count(rig):
    """Ranges "step N" of a rank of ddp4."""
    names = json.loads(truth_json(rig.scenario('ddp4')))['process'][0]['range_names']
    return sum(count for name, count in names.items() if name.startswith('step '))
