# SPDX-License-Identifier: MIT
"""Where NVIDIA's libraries lie: those that fetch.sh got, and those of this machine's CUDA toolkit."""

import ctypes
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'host'))

FOLDER = os.path.join(ROOT, 'build', 'real-libraries')
TOOLKIT = os.environ.get('CUDA_HOME', '')
FETCHED = ('11.8', '12.4')
DRIVERS = {'535': os.path.join(FOLDER, 'driver-535'), '550': os.path.join(FOLDER, 'driver-550')}


# The driver of a process that may do so makes /dev/nvidiactl, also where there is nothing behind it. What is started
# from here on may not: PR_CAPBSET_DROP, CAP_MKNOD; without the right to drop it, it is not there in the first place.
ctypes.CDLL(None).prctl(24, 27, 0, 0, 0)


def missing():
    """Why what fetch.sh gets is not there."""
    try:
        with open(os.path.join(FOLDER, 'missing'), encoding='utf-8') as file:
            return file.read().strip()
    except OSError:
        return "'make real-libraries' was not run"


class Cupti:
    """One libcupti with its headers: `name` as in 13.0."""

    def __init__(self, name, folder, include, is_toolkit):
        self.name, self.folder, self.include, self.is_toolkit = name, folder, include, is_toolkit
        names = [path for path in glob.glob(os.path.join(folder, 'libcupti.so.*'))
                 if re.search(r'\.so\.(1[1-9](\.\d)?|[2-9]\d)$', path)] if folder else []
        self.library = names[0] if names else None

    def why_missing(self):
        """Why there is no library."""
        if self.is_toolkit:
            return 'no CUDA toolkit with CUPTI on this machine'
        return missing()

    def runtime(self):
        found = glob.glob(os.path.join(self.folder, 'libcudart.so.[0-9]*'))
        return min(found, key=len) if found else None


def toolkit():
    include = next((os.path.dirname(path) for path in
                    glob.glob(os.path.join(TOOLKIT, 'include', 'cupti_version.h')) +
                    glob.glob(os.path.join(TOOLKIT, 'extras', 'CUPTI', 'include', 'cupti_version.h'))), None)
    folder = next((os.path.dirname(path) for path in
                   glob.glob(os.path.join(TOOLKIT, 'lib64', 'libcupti.so.*')) +
                   glob.glob(os.path.join(TOOLKIT, 'extras', 'CUPTI', 'lib64', 'libcupti.so.*'))), None)
    if not TOOLKIT or include is None or folder is None:
        return Cupti('of the toolkit', None, None, True)
    version = header_version(include)
    return Cupti(f'{version // 10000}.{version % 10000 // 100}' if version >= 100000 else 'of the toolkit', folder,
                 include, True)


def header_version(include):
    with open(os.path.join(include, 'cupti_version.h'), encoding='utf-8') as file:
        found = re.search(r'#define\s+CUPTI_API_VERSION\s+(\d+)', file.read())
    return int(found.group(1))


def old_nccl():
    """NCCL 2.22 and the command that starts a program with the C library that it needs; None: not fetched."""
    folder = os.path.join(FOLDER, 'nccl-2.22')
    library, loader = os.path.join(folder, 'libnccl.so.2'), os.path.join(folder, 'ld-linux-x86-64.so.2')
    if not os.path.exists(library) or not os.path.exists(loader):
        return None
    return library, [loader, '--library-path', folder]


def cuptis():
    return [Cupti(name, os.path.join(FOLDER, name, 'lib'), os.path.join(FOLDER, name, 'include'), False)
            for name in FETCHED] + [toolkit()]


def why_no_driver(name):
    """None: programs may start the user-mode driver of this branch, and there is no device for it."""
    if os.path.exists('/proc/driver/nvidia/version'):
        return 'this machine has a driver, which is for GPUs'
    return None if os.path.exists(os.path.join(DRIVERS[name], 'libcuda.so.1')) else missing()
