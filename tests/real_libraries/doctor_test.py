#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`laggard doctor` where NVIDIA's real libraries are in LD_LIBRARY_PATH and no driver is loaded (TAP): versions, what
fits what, and one line with its remedy for what does not work. What else the machine has is left out."""

import json
import os
import subprocess
import tempfile

import places
import guest
from guest import Tap

LAGGARD = os.path.join(guest.BUILD, 'bin', 'laggard')
# CUDA of a driver, by its branch, as NVIDIA lists it.
CUDA_OF_DRIVER = {'535': (12, 2), '550': (12, 4)}
API_VERSIONS = {'11.8': 18, '12.4': 22}


def doctor(folders):
    """{id: [check]}, the exit status, and the text for people."""
    with tempfile.TemporaryDirectory() as home:
        environment = {'PATH': os.environ['PATH'], 'HOME': home, 'LD_LIBRARY_PATH': ':'.join(folders)}
        answers = [subprocess.run([LAGGARD, 'doctor', '--folder', home, '--format', kind], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                   for kind in ('json', 'text')]
    found = {}
    for check in json.loads(answers[0].stdout)['checks']:
        found.setdefault(check['id'], []).append(check)
    return found, answers[0].returncode, answers[1].stdout + answers[1].stderr


def fit(cupti, driver):
    """What the doctor must say of a CUPTI of this CUDA below this driver."""
    cuda = tuple(map(int, cupti.name.split('.')))
    if cuda[0] > CUDA_OF_DRIVER[driver][0]:
        return 'problem', 'it will not start'
    if cuda > CUDA_OF_DRIVER[driver]:
        return 'note', 'is newer than the driver'
    return 'ok', 'it fits the driver'


def check_driver(tap, driver, found, text):
    folder = places.DRIVERS[driver]
    major, minor = CUDA_OF_DRIVER[driver]
    said = found.get('libcuda', [])
    tap.check([(check['level'], check['text']) for check in said] ==
              [('ok', f'{folder}/libcuda.so.1, for CUDA up to {major}.{minor}')],
              f'driver {driver}: where it is, and the CUDA that it knows', text)
    said = found.get('nvml', [])
    tap.check(len(said) == 1 and said[0]['level'] == 'problem' and
              said[0]['text'] == 'NVML does not work: driver not loaded (9)' and
              "install NVIDIA's driver and load it" in said[0]['remedy'] and 'gpu' not in found,
              f'driver {driver}: an NVML without a loaded driver is one line, with its remedy', text)


def check_cupti(tap, cupti, driver, found, text):
    name = f'driver {driver}, CUPTI {cupti.name}: '
    version = API_VERSIONS.get(cupti.name) or places.header_version(cupti.include)
    said = [(check['level'], check['text']) for check in found.get('cupti', [])]
    tap.check(len(said) == 1 and said[0][0] == 'ok' and
              said[0][1].startswith(cupti.folder + '/') and
              said[0][1].endswith(f', of CUDA {cupti.name} (version {version})'),
              name + 'is told by its folder, CUDA and version', text)
    level, part = fit(cupti, driver)
    said = [(check['level'], part in check['text']) for check in found.get('cupti-driver', [])]
    tap.equal(said, [(level, True)], name + f'whether it fits the driver: {level}')


def main():
    guest.require_library()
    tap = Tap()
    for driver in places.DRIVERS:
        why = places.why_no_driver(driver)
        if why:
            tap.skip(f'driver {driver}', why)
            continue
        for index, cupti in enumerate(cupti for cupti in places.cuptis() if cupti.library):
            found, status, text = doctor([places.DRIVERS[driver], cupti.folder])
            if index == 0:
                check_driver(tap, driver, found, text)
            check_cupti(tap, cupti, driver, found, text)
            tap.check(status == 1 and 'driver not loaded (9)' in text,
                      f'driver {driver}, CUPTI {cupti.name}: exit status 1, and the text says the same', text)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
