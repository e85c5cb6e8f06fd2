#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each real libcupti that can be had (TAP): libtrace finds and loads it, the strides that it measures are the sizes of
the newest records in that version's headers, every field stands there where libtrace reads it, functions, results and
callbacks are those of the headers, and the rig's double of the version is like it."""

import os
import re
import subprocess
import tempfile

import places
from header_layouts import HeaderLayouts, callback_names, text_of
from tap import Tap  # tests/host, which places adds

BUILD = os.path.join(places.ROOT, os.environ.get('B', 'build'))
PROBE = os.path.join(BUILD, 'tests', 'real_libraries', 'cupti_probe')
RIG = os.path.join(BUILD, 'rig')
RIG_VERSIONS = ('11.8', '12.4', '13.0')
# Kinds by the record of ours; all of them are probed, these are what libtrace decodes.
KINDS = {'cupti_memcpy': (1,), 'cupti_memset': (2,), 'cupti_kernel': (3, 10), 'cupti_api': (4, 5, 48),
         'cupti_device': (8,), 'cupti_context': (9,), 'cupti_name': (11,), 'cupti_overhead': (17,),
         'cupti_peer_copy': (22,), 'cupti_event': (36,), 'cupti_stream': (37,), 'cupti_synchronization': (38,),
         'cupti_external_correlation': (39,), 'cupti_memory': (49,), 'cupti_graph_trace': (51,),
         'cupti_unified_memory': (25,), 'cupti_memory_pool': (50,), 'cupti_jit': (52,)}


class Probe:
    """What cupti_probe says: {word: {key: value}}."""

    def __init__(self, *arguments, **variables):
        environment = {key: value for key, value in os.environ.items()
                       if key not in ('CONDA_PREFIX', 'CUDA_HOME', 'CUDA_PATH', 'LD_PRELOAD')}
        done = subprocess.run([PROBE, *arguments], env={**environment, **variables}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.status, self.err = done.returncode, done.stderr
        self.words = {}
        for line in done.stdout.splitlines():
            word, *rest = line.split(' ')
            key = ' '.join(rest[:-1])
            self.words.setdefault(word, {})[key] = rest[-1]

    def one(self, word):
        return self.words.get(word, {}).get('')

    def all(self, word):
        return self.words.get(word, {})


def check_headers(tap, cupti, probe, folder):
    layouts = HeaderLayouts(cupti.include, folder, cupti.is_toolkit, os.environ.get('CC', 'cc'))
    strides = probe.all('stride')
    wrong = [f'{ours}: kind {kind}: stride {strides.get(str(kind))}, {theirs} has {size} bytes'
             for ours, (theirs, size) in layouts.records.items() for kind in KINDS[ours]
             if strides.get(str(kind)) != str(size)]
    tap.check(not wrong and set(KINDS) == set(layouts.records),
              f'CUPTI {cupti.name}: measured strides are the sizes of the newest records in its headers',
              '\n'.join(wrong))
    wrong, beyond = [], 0
    for name, ours, offset, size, theirs, place in layouts.fields:
        record_size = layouts.records[ours][1]
        if place is None and offset + size > record_size:
            beyond += 1     # the stride says that it is not there
        elif place != (offset, size):
            wrong.append(f'{name}: {size} bytes at {offset}, {theirs}: {place} in {record_size} bytes')
    tap.check(not wrong and len(layouts.fields) > 100,
              f'CUPTI {cupti.name}: all fields stand where its headers say, or beyond its stride',
              '\n'.join(wrong) + f'\n{len(layouts.fields)} fields, {beyond} beyond')
    wrong = [f'{ours} is not {theirs}' for ours, theirs, is_equal in layouts.constants if not is_equal]
    tap.check(not wrong and len(layouts.constants) > 20, f'CUPTI {cupti.name}: constants are those of its headers',
              '\n'.join(wrong) or str(len(layouts.constants)))


def check_names(tap, cupti, probe):
    declared = ' '.join(text_of(os.path.join(cupti.include, name)) for name in sorted(os.listdir(cupti.include))
                        if name.startswith('cupti'))
    functions = probe.all('function')
    wrong = [f'{name}: {state}' for name, state in functions.items()
             if (state == 'there') != (re.search(r'\b' + name + r'\s*\(', declared) is not None)]
    tap.check(not wrong and len(functions) > 20,
              f'CUPTI {cupti.name}: exactly the functions that its headers declare are there', '\n'.join(wrong))
    numbers = dict((number, name) for name, number in
                   re.findall(r'\b(CUPTI_(?:SUCCESS|ERROR_\w+))\s*=\s*(\d+)\b', declared))
    wrong = [f'{number}: {text}, not {numbers.get(number)}' for number, text in probe.all('result').items()
             if numbers.get(number, text if text.startswith('error') else None) != text]
    tap.check(not wrong and len(probe.all('result')) > 10, f'CUPTI {cupti.name}: results have the names of its headers',
              '\n'.join(wrong))
    names = callback_names(cupti.include)
    wrong = []
    for key, name in probe.all('callback').items():
        domain, cbid = map(int, key.split())
        # Runtime names carry the version of their CUDA, driver names do not.
        if names.get((domain, cbid)) != name:
            wrong.append(f'{key}: {name}, not {names.get((domain, cbid))}')
    tap.check(not wrong and len(probe.all('callback')) > 10,
              f'CUPTI {cupti.name}: callbacks have the names of its headers', '\n'.join(wrong))


def check_search(tap, cupti, probe):
    same = Probe(cupti.folder)
    tap.check((same.one('path'), same.words) == (probe.one('path'), probe.words),
              f'CUPTI {cupti.name}: a folder in LAGGARD_CUPTI means the library in it', same.err)
    mapped = Probe('-l', cupti.library)
    tap.equal(mapped.one('version'), probe.one('version'), f'CUPTI {cupti.name}: the one that is mapped is taken')
    loader = Probe(LD_LIBRARY_PATH=f':/nowhere:{cupti.folder}:/')
    tap.check(os.path.dirname(loader.one('path') or '') == cupti.folder,
              f'CUPTI {cupti.name}: found in LD_LIBRARY_PATH, before any that the machine has',
              f'{loader.one("path")}\n{loader.err}')
    runtime = cupti.runtime()
    if runtime is None:
        tap.skip(f'CUPTI {cupti.name}: found beside the mapped CUDA runtime', 'no libcudart beside it')
        return
    beside = Probe('-l', runtime)
    tap.check(os.path.realpath(beside.one('path') or '/') == os.path.realpath(cupti.library),
              f'CUPTI {cupti.name}: found beside the mapped CUDA runtime', f'{beside.one("path")}\n{beside.err}')


def check_rig(tap, cupti, probe):
    """The double of the same version, where the real one is exactly that."""
    if cupti.name not in RIG_VERSIONS:
        tap.skip(f'CUPTI {cupti.name}: the double is like it', 'the rig has no double of this version')
        return
    folder = os.path.join(RIG, 'lib-' + cupti.name)
    double = Probe(folder, LD_LIBRARY_PATH=folder)
    wrong = [f'{word}: {sorted(set(probe.all(word).items()) ^ set(double.all(word).items()))}'
             for word in ('function', 'result', 'stride') if probe.all(word) != double.all(word)]
    known = double.all('callback').items()
    tap.check(not wrong and known <= probe.all('callback').items() and len(known) > 5,
              f'CUPTI {cupti.name}: the double has its functions, results, strides and callbacks',
              '\n'.join([*wrong, str(known - probe.all('callback').items())]))


def check_answers(tap, cupti):
    """Without a device, below each real driver: what the double says, and what libtrace must expect."""
    refusal = '15' if cupti.name in places.FETCHED else '999'
    rig_folder = os.path.join(RIG, 'lib-' + cupti.name)
    double = None
    if cupti.name in RIG_VERSIONS:
        double = Probe('-c', rig_folder, LD_LIBRARY_PATH=rig_folder, RIG_NODEVICE='1').all('answer')
    for driver, folder in places.DRIVERS.items():
        name = f'CUPTI {cupti.name}, driver {driver}: '
        if places.why_no_driver(driver):
            tap.skip(name + 'refuses to trace without a device', places.why_no_driver(driver))
            continue
        answers = Probe('-c', cupti.library, LD_LIBRARY_PATH=folder).all('answer')
        tap.check(len(answers) == 15 and all(answers[call] == refusal for call in ('subscribe', 'enable', 'flush_all')),
                  name + f'refuses to trace without a device ({refusal})', answers)
        if double is None:
            tap.skip(name + 'the double answers as it does', 'the rig has no double of this version')
        else:
            tap.equal(double, answers, name + 'the double answers as it does')


def main():
    tap = Tap()
    for cupti in places.cuptis():
        if cupti.library is None:
            tap.skip(f'CUPTI {cupti.name}', cupti.why_missing())
            continue
        probe = Probe(cupti.library)
        tap.check(probe.status == 0 and probe.one('version') == str(places.header_version(cupti.include)),
                  f'CUPTI {cupti.name}: loads, and says the version of its headers',
                  f'{probe.one("version")}\n{probe.err}')
        with tempfile.TemporaryDirectory() as folder:
            check_headers(tap, cupti, probe, folder)
        check_names(tap, cupti, probe)
        check_search(tap, cupti, probe)
        check_rig(tap, cupti, probe)
        check_answers(tap, cupti)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
