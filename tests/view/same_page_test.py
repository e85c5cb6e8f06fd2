#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `laggard view` and the HTML export of the same traces: whatever source the page draws from, it shows the
same tracks as busy, the same slices, finds the same, and adds up the same. Prints TAP.

Environment: B (build folder), TRACES (real traces). tests/browser/install.sh installs what it needs.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE]

import page_test                # noqa: E402
from view_server import LAGGARD, Tap, View      # noqa: E402

TRACES = page_test.TRACES
SETS = {'nsys': (['nsys-h100-2gpu-train.sqlite'], 'nccl'),
        'dlrm': ([f'dlrm-v100-rank{rank}of8.json' for rank in range(4)], 'Memcpy')}
PIXELS_OFF_MAX = 1.05           # buckets do not begin with pixels


def ask_both(folder, words, scratch):
    page = os.path.join(scratch, 'page.html')
    subprocess.run([LAGGARD, 'export', '-q', '-f', 'html', '-o', page, folder], check=True)
    view = View([folder], scratch)
    done = subprocess.run(['node', os.path.join(ROOT, 'tests', 'browser', 'same_page.mjs'), words, view.address, page],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    view.end()
    os.unlink(page)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def by_name(told):
    """Marks are slices without length to the server, and no slices to the export."""
    return {told_of[0]: told_of[1:] for told_of in told if '(marks)' not in told_of[0]}


def check_drawn(tap, name, asked, exported):
    asked, exported = by_name(asked), by_name(exported)
    tap.equal(sorted(asked), sorted(exported), f'{name}: the same tracks')
    # From far the server tells of a track whether anything is there, not in which row.
    off = {track: max(abs(a - b) for a, b in zip(sums, exported[track][2 if is_union else 0]))
           for track, (sums, _, is_union) in asked.items() if track in exported}
    tap.equal({track: most for track, most in off.items() if most > PIXELS_OFF_MAX}, {},
              f'{name}: as busy up to each pixel')
    return asked, exported


def check_set(tap, name, folder, words, scratch):
    told, said = ask_both(folder, words, scratch)
    if len(told) != 2:
        tap.check(False, f'{name}: both pages are opened', said)
        return
    asked, exported = told
    tap.equal((asked['complaints'], exported['complaints']), ([], []), f'{name}: no error')
    for key in ('start', 'end', 'processes', 'verdict', 'findings'):
        tap.equal(asked[key], exported[key], f'{name}: the same {key}')
    check_drawn(tap, f'{name}, all of it', asked['whole'], exported['whole'])
    near, there = check_drawn(tap, f'{name}, close up', asked['near'], exported['near'])
    wrong = [(track, slices[:3], there[track][1][:3]) for track, (_, slices, _) in near.items()
             if track in there and slices != there[track][1]]
    count = sum(len(slices) for _, slices, _ in near.values())
    tap.check(not wrong and count > 5, f'{name}: the same {count} slices close up, row by row', wrong[:2])
    tap.equal(asked['hits'], exported['hits'], f'{name}: the same is found, in the same order')
    tap.equal(asked['flows'], exported['flows'], f'{name}: as many arrows')
    tap.equal(asked['statistics'], exported['statistics'], f'{name}: the same sums of a range, to the nanosecond')


def main():
    tap = Tap()
    why = page_test.missing()
    if why:
        tap.skip('the same page', f'{why}: tests/browser/install.sh')
        return tap.end()
    with tempfile.TemporaryDirectory(prefix='laggard-same-') as folder:
        scratch = os.path.join(folder, 'scratch')
        os.mkdir(scratch)
        for name, (files, words) in SETS.items():
            sources = [os.path.join(TRACES, file) for file in files]
            if not all(os.path.exists(source) for source in sources):
                tap.skip(name, f'it is not in {TRACES}')
                continue
            target = os.path.join(folder, name)
            subprocess.run([LAGGARD, 'import', '-o', target, *sources], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([LAGGARD, 'analyze', '-o', os.devnull, target], check=False)
            check_set(tap, name, target, words, scratch)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
