#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make demo` shows on a machine without a GPU (TAP): a recording if there is one, else the simulated machine, and
it says which. The "recording" here is one of the rig.
"""

import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'host'))

import guest  # noqa: E402
from guest import Result, Tap, environment  # noqa: E402

DEMO = os.path.join('samples', 'demo.sh')


class Place:
    """A folder with a PATH in it that has no GPU."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.recorded = os.path.join(self.folder, 'recorded')
        self.demo = os.path.join(self.folder, 'demo')
        os.makedirs(os.path.join(self.folder, 'bin'))
        os.makedirs(self.recorded)
        fake = os.path.join(self.folder, 'bin', 'nvidia-smi')
        with open(fake, 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nexit 9\n')
        os.chmod(fake, 0o755)

    def record(self, name, scenario):
        traces = os.path.join(self.recorded, name)
        os.makedirs(traces)
        path = os.path.join(guest.SCENARIOS, 'faults', scenario + '.scn')
        return Result([guest.RIG_RUN, '--cupti', '13.0', path, '--quiet'], self.folder,
                      environment(True, True, LAGGARD_OUTPUT=traces))

    def run(self):
        path = os.path.join(self.folder, 'bin') + ':' + os.environ['PATH']
        return Result(['sh', DEMO], guest.ROOT,
                      environment(False, True, B=guest.BUILD, PATH=path, DEMO=self.demo, RECORDED=self.recorded,
                                  HOME=self.folder))

    def close(self):
        shutil.rmtree(self.folder)


def main():
    tap, place = Tap(), Place()
    if os.environ.get('SAN'):
        tap.skip('make demo', 'sanitizers: tests/host covers libtrace under them')
        place.close()
        return tap.end()
    try:
        done = place.run()
        tap.check(done.status == 0 and 'SIMULATED' in done.out and 'recording of real GPUs' not in done.out,
                  'without a recording the simulated machine plays, and that is said', done.text())
        os.makedirs(os.path.join(place.recorded, 'empty'))
        recorded = [place.record('pageable_copies-py', 'pageable-copies'), place.record('slow_rank-py', 'late-host')]
        done = place.run()
        tap.check(all(one.status == 0 for one in recorded) and done.status == 0 and 'SIMULATED' not in done.out and
                  'recorded/slow_rank-py is a recording of real GPUs' in done.out and 'host-late' in done.out,
                  'with recordings one of a slow rank is shown, and that is said', done.text())
        tap.check(os.path.exists(os.path.join(place.demo, 'timeline.json')) and
                  not os.path.exists(os.path.join(place.recorded, 'slow_rank-py', 'laggard-analysis.db')),
                  'its timeline is there, and nothing was written beside the recording')
        shutil.rmtree(os.path.join(place.recorded, 'slow_rank-py'))
        done = place.run()
        tap.check('recorded/pageable_copies-py is a recording' in done.out and 'pageable' in done.out,
                  'otherwise the first by name', done.text())
    finally:
        place.close()
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
