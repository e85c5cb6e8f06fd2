# SPDX-License-Identifier: MIT
"""samples/: each program must give the finding that its head names; small recordings of them for samples/recorded."""

import json
import os
import shutil
import sys

from check_nccl import free_port
from programs import HERE, run
from recording import check_whole

sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'samples'))

from sample_heads import samples  # noqa: E402  pylint: disable=wrong-import-position

TIMEOUT_S = 60
RANKS_MAX = 4
RECORDED_BYTES_MAX = 8 << 20    # of one sample
# Scenarios that are nothing without a second GPU, besides those whose finding names a rank.
NEED_PEERS = ('pipeline-bubble', 'tensor-parallel')


def needs_peers(sample):
    return bool(sample.rank) or sample.scenario in NEED_PEERS


def compile_sample(setup, sample):
    """(path of the program, '') or (None, why not). `make samples` has built it where there was time."""
    made = os.path.join(setup.build, 'samples', sample.name.rsplit('.', 1)[0])
    if os.path.exists(made):
        return made, ''
    nvcc = shutil.which('nvcc') or os.path.join(os.environ.get('CUDA_HOME') or '/usr/local/cuda', 'bin', 'nvcc')
    if not os.path.exists(nvcc):
        return None, 'no nvcc'
    out = os.path.join(setup.folder, sample.name.rsplit('.', 1)[0])
    with open(sample.path, encoding='utf-8') as file:
        libraries = ['-lnccl'] if '<nccl.h>' in file.read() else []
    done = run([nvcc, '-O2', '-std=c++17', '-arch=native', '-o', out, sample.path, *libraries], setup.limit(60))
    return (out, '') if done.is_fine() else (None, 'does not compile: ' + done.problem()[-200:])


def command_of(setup, sample, ranks):
    """(command line, processes, '') or ([], 0, why not)."""
    if not sample.is_python():
        program, problem = compile_sample(setup, sample)
        return ([program], 1, '') if program else ([], 0, problem)
    if not setup.has_torch:
        return [], 0, 'no PyTorch with CUDA'
    if ranks == 1:
        return [setup.python, sample.path], 1, ''
    return [setup.python, '-m', 'torch.distributed.run', '--nnodes=1', '--node_rank=0', f'--nproc_per_node={ranks}',
            '--master_addr=127.0.0.1', f'--master_port={free_port()}', sample.path], ranks, ''


def report_of(setup, folder):
    done = run([setup.laggard(), 'analyze', '--database', 'none', '--format', 'json', folder], setup.limit(60))
    try:
        return json.loads(done.out), ''
    except ValueError:
        return None, done.problem() or 'no JSON'


def check_finding(results, group, sample, report, ranks):
    findings = report['findings']
    ids = list(dict.fromkeys(finding['id'] for finding in findings))
    place = ids.index(sample.finding) + 1 if sample.finding in ids else 0
    results.check(f'{group}: the finding', place > 0, sample.finding, ', '.join(ids) or 'none',
                  note='' if place <= 1 else f'place {place}')
    if place and sample.rank:
        wanted = ranks - 1 if sample.rank == 'last' else int(sample.rank)
        found = {finding.get('rank') if sample.is_python() else finding.get('gpu') for finding in findings
                 if finding['id'] == sample.finding}
        results.equal(f'{group}: whom it names', {wanted}, found)


def keep_recording(results, group, sample, folder, target):
    """Copies the databases for samples/recorded, if they are small."""
    files = sorted(name for name in os.listdir(folder) if name.endswith('.db') and not name.startswith('laggard-'))
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in files)
    if not files or size > RECORDED_BYTES_MAX:
        results.check(f'{group}: recorded', False, f'<= {RECORDED_BYTES_MAX:,} bytes', f'{size:,}')
        return
    place = os.path.join(target, sample.name.replace('.', '-'))
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    for number, name in enumerate(files):
        shutil.copyfile(os.path.join(folder, name), os.path.join(place, f'rank{number}.trace.db'))
    results.figure(f'{group}: recorded', size, 'bytes', place)


def check_sample(results, setup, sample, gpus):
    group = f'sample {sample.name}'
    if needs_peers(sample) and gpus < 2:
        results.skip(group, 'needs two GPUs')
        return
    ranks = min(gpus, RANKS_MAX) if needs_peers(sample) else 1
    command, processes, problem = command_of(setup, sample, ranks)
    if problem:
        results.skip(group, problem)
        return
    told = {} if sample.is_python() else setup.kernel_environment()
    done, folder = setup.record(group, command, TIMEOUT_S, (), told)
    traces = check_whole(results, group, done, folder, processes)
    for trace in traces:
        trace.close()
    report, problem = report_of(setup, folder) if traces else (None, done.problem())
    if report is None:
        results.check(f'{group}: the finding', False, sample.finding, problem)
        return
    check_finding(results, group, sample, report, gpus if not sample.is_python() else ranks)
    if setup.record_folder:
        keep_recording(results, group, sample, folder, setup.record_folder)


def check_samples(results, setup):
    for sample in samples():
        if setup.left() < 20:
            results.skip(f'sample {sample.name}', 'no time')
        else:
            check_sample(results, setup, sample, setup.gpus)

