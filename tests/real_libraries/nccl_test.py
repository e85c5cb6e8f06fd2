#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real libnccl's NVTX without a GPU (TAP): called without a communicator, it tells of every operation before it
refuses it. What it tells is that of the layouts that libtrace and the rig rely on, and the rig's double registers and
pushes the very same. Read by a decoder made from NVIDIA's headers (nvtx_listing.c); what libtrace makes of the
same calls is in tests/sources/real_nvtx.c."""

import glob
import os
import re
import subprocess
import tempfile

import places
import guest
from guest import Tap

PROGRAM = os.path.join(guest.BUILD, 'tests', 'real_libraries', 'nccl_program')
LISTING = os.path.join(guest.BUILD, 'tests', 'real_libraries', 'nvtx_listing.so')
COMM, BYTES = '{NCCL communicator ID, 18 @ 0}', '{Message size [bytes], 22 @ 8}'
OPERATORS = 'Sum=0 Product=1 Max=2 Min=3 Avg=4'
# Calls of nccl_program: the operation that NVTX names, its bytes (count times size of the type), and what else.
CALLS = (('ncclAllReduce', 1001 * 4, 'Reduction operation', 4),
         ('ncclReduceScatter', 1002 * 8, 'Reduction operation', 2), ('ncclAllGather', 1003 * 2, None, None),
         ('ncclBroadcast', 1004 * 2, 'Root', 5), ('ncclBroadcast', 1005, 'Root', 6),
         ('ncclReduce', 1006 * 8, 'Root', 7), ('ncclSend', 1007 * 4, 'Peer rank', 8),
         ('ncclRecv', 1008, 'Peer rank', 9),
         ('ncclAlltoAll', 1009 * 4, None, None), ('ncclGather', 1010 * 4, 'Root', 10),
         ('ncclScatter', 1011 * 4, 'Root', 11))
# All operations that the rig's double knows.
SCENARIO = '''scenario nccl-operations
seed 1
gpus 2
processes 2
comm id=0
coll op=AllReduce bytes=4004
coll op=ReduceScatter bytes=8016
coll op=AllGather bytes=2006
coll op=Broadcast bytes=2008 root=1
coll op=Reduce bytes=8048 root=1
coll op=Send from=0 to=1 bytes=4028
coll op=Send from=1 to=0 bytes=1008
coll op=AllReduce bytes=4004 fused=2
uncomm id=0
'''


class Listing:
    """What a process told NVTX: schemas by the function that used them first, pushes in order."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.enums = [line for line in self.lines if line.startswith('enum ')]
        self.pushes = [line.split(' ', 2)[1:] for line in self.lines if line.startswith('push ')]
        self.depth = sum(line.startswith('push ') for line in self.lines) - \
            sum(line.startswith('pop') for line in self.lines)
        schemas = {line.split()[1]: line for line in self.lines if line.startswith('schema ')}
        self.schemas = {}
        for name, payload in self.pushes:
            found = re.match(r'payloads 1 schema (\d+) bytes (\d+)', payload)
            if found:
                self.schemas[name] = schemas.get(found.group(1))

    def shapes(self):
        """Of each function's push: payloads, their schema and size, without the values."""
        return {name: re.sub(r' = \d+', '', payload) for name, payload in self.pushes}


def libraries():
    return sorted({os.path.realpath(path): path for folder in ('lib64', 'lib')
                   for path in glob.glob(os.path.join(places.TOOLKIT or '/nowhere', folder, 'libnccl.so.2'))}.values())


def listing(command, **variables):
    environment = {'PATH': os.environ['PATH'], 'NVTX_INJECTION64_PATH': LISTING, **variables}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)


def check_real(tap, told, said):
    version = int(said.get('version', 0))
    tap.check(version >= 22800, 'NCCL 2.28 or later: the payloads below are its', said)
    refused = {name: result for name, result in said.items() if name.startswith('nccl')}
    expected = {name: '4' for name in refused}
    expected.update(ncclGetUniqueId='0', ncclGroupStart='0', ncclGroupEnd='0')
    tap.equal(refused, expected, 'each operation without a communicator is refused as an invalid argument')
    tap.check('domain NCCL' in told.lines and any(line.startswith('extension compatibility 103 slots ')
                                                  for line in told.lines), 'one domain, extension 1.3', told.lines[:3])
    tap.check(len(told.enums) == 1 and told.enums[0].endswith('mask 3c size 4: ' + OPERATORS),
              'one enum of operators', told.enums)
    tap.equal(told.depth, 0, 'every push has its pop')
    group = [payload for name, payload in told.pushes if name.startswith('ncclGroup')]
    tap.equal(group, ['payloads 0'] * 2, 'a group has no payload')
    pushed = [push for push in told.pushes if push[0] in dict((call[0], 1) for call in CALLS)]
    wrong = []
    for (name, size, field, value), (told_name, payload) in zip(CALLS, pushed):
        values = dict(re.findall(r'\{([^={]+) = (\d+)\}', payload))
        if (told_name != name or values.get('NCCL communicator ID') != '0' or
                values.get('Message size [bytes]') != str(size) or field and values.get(field) != str(value)):
            wrong.append(f'{name}: {payload}')
    tap.check(not wrong and len(pushed) == len(CALLS), 'each push says bytes and operator, root or peer of its call',
              '\n'.join(wrong) or f'{len(pushed)} pushes')
    operator = told.enums[0].split()[1] if told.enums else '?'
    reduction = f'{{Reduction operation, {operator} @ '
    expected = {'ncclAllReduce': reduction + '16}', 'ncclReduceScatter': reduction + '16}', 'ncclAllGather': '',
                'ncclAlltoAll': '', 'ncclBroadcast': '{Root, 5 @ 16}', 'ncclGather': '{Root, 5 @ 16}',
                'ncclScatter': '{Root, 5 @ 16}', 'ncclReduce': '{Root, 5 @ 16} ' + reduction + '20}',
                'ncclSend': '{Peer rank, 5 @ 16}', 'ncclRecv': '{Peer rank, 5 @ 16}'}
    wrong = []
    for name, rest in expected.items():
        entries = ' '.join(filter(None, (COMM, BYTES, rest)))
        if not (told.schemas.get(name) or '').endswith(f'mask 174 type 1 name - size {24 if rest else 16}: {entries}'):
            wrong.append(f'{name}: {told.schemas.get(name)}')
    tap.check(not wrong, 'each operation has the schema that is known of it', '\n'.join(wrong))


def play_double(**variables):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'operations.scn')
        with open(path, 'w', encoding='ascii') as file:
            file.write(SCENARIO)
        return listing([guest.RIG_TRAIN, path, '--rank', '0'], RIG_NVTX='real',
                       LD_LIBRARY_PATH=os.path.join(guest.RIG, 'lib-13.0'), **variables)


def check_double(tap, told):
    done = play_double()
    double = Listing(done.stderr)
    operations = {name for name in double.schemas if not name.startswith('ncclComm')}
    wrong = {name: (double.schemas[name], told.schemas.get(name)) for name in operations
             if not double.schemas[name] or double.schemas[name] != told.schemas.get(name)}
    tap.check(not wrong and len(operations) == 7 and done.returncode == 0,
              'the double registers the same schemas, ids and all', f'{wrong}\n{done.stderr}')
    tap.equal(double.enums, told.enums, 'the double registers the same operators')
    shapes, real = double.shapes(), told.shapes()
    wrong = {name: (shape, real.get(name)) for name, shape in shapes.items()
             if not name.startswith('ncclComm') and shape != real.get(name)}
    tap.check(not wrong and 'ncclGroupStart' in shapes and double.depth == 0,
              "the double's pushes have the same payloads, and all are popped", wrong)


def check_old(tap):
    """NCCL 2.22: no communicator, no sizes, other names, and a group of its own in each message."""
    old = places.old_nccl()
    names = ('tells of every operation', 'the double of that time registers the same schemas',
             'what libtrace makes of it')
    if old is None:
        for name in names:
            tap.skip(f'NCCL 2.22: {name}', "large; 'make real-libraries REAL_LIBRARIES=all' gets it")
        return
    library, loader = old
    done = listing([*loader, PROGRAM, library])
    said = dict(line.split() for line in done.stdout.splitlines())
    told = Listing(done.stderr)
    operations = [name for name in told.schemas if not name.startswith('ncclComm')]
    tap.check(said.get('version', '').startswith('222') and len(operations) == 7 and told.depth == 0 and
              told.enums[0].endswith(OPERATORS) and
              all(' mask 174 type 1 name - size 0: ' in told.schemas[name] for name in operations),
              'NCCL 2.22: ' + names[0], done.stdout + done.stderr)
    double = Listing(play_double(RIG_NCCL='v0').stderr)
    wrong = {name: (double.schemas.get(name), told.schemas[name]) for name in operations
             if double.schemas.get(name) != told.schemas[name]}
    tap.check(not wrong and double.enums == told.enums, 'NCCL 2.22: ' + names[1],
              f'{wrong}\n{double.enums}\n{told.enums}')
    done = listing([*loader, os.path.join(guest.BUILD, 'tests', 'real-nvtx'), library])
    tap.check(done.returncode == 0 and '\nnot ok' not in done.stdout and
              'range NCCL|ncclSend||0|{"Bytes":4028,"Peer rank":8}' in done.stdout, 'NCCL 2.22: ' + names[2],
              done.stdout + done.stderr)


def main():
    found = libraries()
    if not os.path.exists(LISTING):
        guest.skip_all('no nvtx3 headers')
    if not found:
        guest.skip_all('no libnccl.so.2 in the CUDA toolkit')
    tap = Tap()
    done = listing([PROGRAM, found[0]])
    said = dict(line.split() for line in done.stdout.splitlines())
    told = Listing(done.stderr)
    tap.check(done.returncode == 0 and len(said) > 10, 'the real NCCL loads', done.stdout + done.stderr)
    check_real(tap, told, said)
    check_double(tap, told)
    check_old(tap)
    return tap.end()


if __name__ == '__main__':
    raise SystemExit(main())
