#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard doctor` on the simulated machine (TAP): what each planted defect of a GPU is told as, by level and id, and
with which exit status. What depends on the real machine (cores, shared memory, disk) is left out."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get('B', 'build'))
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
RIG = os.path.join(BUILD, 'rig')
sys.path.insert(0, os.path.join(ROOT, 'tests', 'host'))

from tap import Tap  # noqa: E402  it lies in another folder

OF_THE_MACHINE = ('Host', 'Traces')


def doctor(scenario, *words, version='13.0', **variables):
    """{id: [(level, text)]} without the groups that the real machine answers, and the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'machine.scn')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('scenario doctor\nseed 1\n' + scenario)
        library = os.path.join(RIG, 'lib-' + version)
        environment = {'PATH': os.environ['PATH'], 'HOME': folder, 'RIG_SCENARIO': path,
                       'LD_LIBRARY_PATH': library, 'LAGGARD_CUPTI': library, **variables}
        done = subprocess.run([LAGGARD, 'doctor', '--format', 'json', '--folder', folder, *words],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False)
    found = {}
    if not done.stdout:
        return found, done.returncode, done.stderr.decode()
    report = json.loads(done.stdout)
    problems = sum(check['level'] == 'problem' for check in report['checks'])
    if (report['problems'] != problems or (done.returncode == 1) != (problems > 0) or
            any(check['level'] != 'ok' and not check['remedy'] and check['id'] not in ('nccl', 'cupti')
                for check in report['checks'])):
        found['inconsistent'] = [('problem', str(report))]
    for check in report['checks']:
        if check['group'] not in OF_THE_MACHINE:
            found.setdefault(check['id'], []).append((check['level'], check['text']))
    return found, done.returncode, done.stderr.decode()


def has(found, name, level, part):
    return any(a == level and part in b for a, b in found.get(name, ()))


def levels(found):
    return {level for checks in found.values() for level, _ in checks}


def main():
    tap = Tap()
    found, _, _ = doctor('gpus 1\n')
    tap.check('problem' not in levels(found) and has(found, 'nvml', 'ok', '580.65.06') and
              has(found, 'cupti', 'ok', 'CUDA 13.0') and has(found, 'cupti-driver', 'ok', 'fits') and
              has(found, 'pcie-link', 'ok', 'generation 4 of 4 x16') and 'topology' not in found and
              has(found, 'nccl-profiler', 'ok', 'v1 to v7'), 'a sound machine has no problem', found)
    found, status, _ = doctor('gpus 4\ngpu 1 pcie_width=4 replays=117\ngpu 2 reasons=0x44 mig=1\ngpu 3 lost=1\n')
    tap.check(status == 1 and has(found, 'pcie-link', 'problem', 'GPU 1: PCIe x4 of x16') and
              has(found, 'pcie-replays', 'problem', 'GPU 1: 117') and
              has(found, 'clocks', 'problem', 'GPU 2 lowers its clocks now: too hot (hardware)') and
              len(found['clocks']) == 1 and has(found, 'mig', 'note', 'GPU 2') and
              has(found, 'gpu', 'problem', 'GPU 3 does not answer: GPU is lost (15)') and
              len(found['pcie-link']) == 3, 'each defect of a GPU is a line of its own', found)
    tap.check(has(found, 'topology', 'note', '0-1 PHB, 0-2 SYS') and
              has(found, 'peer-access', 'note', 'cannot reach'), 'how GPUs reach each other is told', found)
    found, status, _ = doctor('gpus 1\n', RIG_NODEVICE='1')
    tap.check(status == 1 and has(found, 'nvml', 'problem', 'driver not loaded (9)') and 'gpu' not in found,
              'an NVML without driver is a problem', found)
    for version, cuda in (('11.8', '11.8'), ('12.4', '12.4')):
        found, _, _ = doctor('gpus 1\n', version=version)
        tap.check(has(found, 'cupti', 'ok', 'CUDA ' + cuda), f'CUPTI {version} is told by its CUDA version', found)
    found, status, _ = doctor('gpus 1\n', LAGGARD_CUPTI='/nowhere/libcupti.so.13')
    tap.check(status == 1 and has(found, 'cupti', 'problem', "cannot use LAGGARD_CUPTI '/nowhere/libcupti.so.13'"),
              'a CUPTI that is not there is a problem, in the words of libtrace', found)
    found, status, _ = doctor('gpus 1\n', CUDA_VISIBLE_DEVICES='', NVIDIA_DRIVER_CAPABILITIES='compute')
    tap.check(status == 1 and has(found, 'visible-devices', 'problem', 'hides all GPUs') and
              has(found, 'capabilities', 'problem', 'utility'),
              'hidden GPUs and a narrow container are problems', found)
    with subprocess.Popen(['sleep', '60'], env={'PATH': os.environ['PATH'], 'LAGGARD_API': 'nothing'}) as process:
        found, status, said = doctor('gpus 1\n', str(process.pid))
        process.kill()
    tap.check(status == 1 and has(found, 'setting', 'problem', "not 'nothing'") and
              has(found, 'recorded', 'note', 'not recorded'), 'a process is asked for its own environment',
              f'{found}\n{said}')
    _, status, said = doctor('gpus 1\n', '99999999')
    tap.check(status == 3 and "cannot read '/proc/99999999/environ'" in said, 'a process that is not there', said)
    _, status, said = doctor('gpus 1\n', '12x')
    tap.check(status == 2 and "'12x' is no process id" in said, 'a word that is no process', said)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
