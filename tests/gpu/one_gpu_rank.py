#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""one_gpu_rank.py SCRIPT [ARGS]: runs the script as one rank of several that share the first GPU.

NCCL refuses two ranks on one GPU of one host; with a NCCL_HOSTID each, every rank is on a host of its own and they
talk through sockets. The script itself need not know. Started by torchrun.
"""

import os
import runpy
import sys

RECIPE = {'NCCL_NET': 'Socket', 'NCCL_NET_PLUGIN': 'none', 'NCCL_SOCKET_IFNAME': 'lo', 'NCCL_IB_DISABLE': '1',
          'NCCL_MNNVL_ENABLE': '0', 'NCCL_MAX_NCHANNELS': '2', 'NCCL_RAS_ENABLE': '0', 'NCCL_DEBUG': 'WARN'}

if __name__ == '__main__':
    for name, value in RECIPE.items():
        os.environ.setdefault(name, value)
    os.environ['NCCL_HOSTID'] = 'h' + os.environ['RANK']
    os.environ['LOCAL_RANK'] = '0'
    sys.argv = sys.argv[1:]
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name='__main__')
