#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the HTML export costs: bytes a slice, ms to the first picture, ms a frame zoomed out, memory of the page.

    B=build python3 tests/browser/html_bench.py [ROWS...]       default 1000000 5000000

Needs build/tests/make_trace (make bench builds it) and what install.sh installs. Nothing here is a test.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get('B', 'build'))


def measure(folder, rows):
    database, page = os.path.join(folder, f'{rows}.db'), os.path.join(folder, f'{rows}.html')
    subprocess.run([f'{BUILD}/tests/make_trace', database, str(rows)], check=True, stdout=subprocess.DEVNULL)
    begin = time.monotonic()
    subprocess.run([f'{BUILD}/bin/laggard', 'export', '-q', '--analysis', 'none', '-f', 'html', '-o', page, database],
                   check=True)
    seconds = time.monotonic() - begin
    os.unlink(database)
    done = subprocess.run(['node', os.path.join(HERE, 'html_viewer.mjs'), '-', page], check=True,
                          stdout=subprocess.PIPE, env={**os.environ, 'BRIEF': '1'})
    times = json.loads(done.stdout)['times']
    size = os.path.getsize(page)
    os.unlink(page)
    print(f'{rows:>9} slices: {size / 1e6:.1f} MB, {size / rows:.2f} bytes a slice, written in {seconds:.2f} s; '
          f'from the way to the page: first picture after {times["pictureMs"]:.0f} ms, complete after '
          f'{times["firstDrawMs"]:.0f} ms, '
          f'frame {times["frameMs"]:.1f} ms (median; most {times["frameMsMax"]:.1f}), '
          f'page at most {times["peakBytes"] / 1e6:.0f} MB', flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix='laggard-bench-') as folder:
        for rows in [int(word) for word in sys.argv[1:]] or [1000000, 5000000]:
            measure(folder, rows)


if __name__ == '__main__':
    main()
