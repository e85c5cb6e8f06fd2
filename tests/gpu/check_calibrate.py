# SPDX-License-Identifier: MIT
"""`laggard calibrate` on this machine: every ceiling is there, none is impossible, and an analysis takes them."""

import json
import os
import sqlite3

from programs import run

TIMEOUT_S = 60
# (kind, memory, least, most): bounds that no machine of today leaves; rates in bytes a second, times in ns.
BOUNDS = (
    ('h2d', 'pinned', 10**9, 130 * 10**9), ('d2h', 'pinned', 10**9, 130 * 10**9),
    ('both', 'pinned', 10**9, 260 * 10**9),
    ('h2d', 'pageable', 10**8, 130 * 10**9), ('d2h', 'pageable', 10**8, 130 * 10**9),
    ('device-copy', '', 10**10, 20 * 10**12), ('device-stream', '', 10**10, 20 * 10**12),
    ('launch-call', '', 300, 10**5), ('launch-to-start', '', 500, 10**6), ('launch-rate', '', 300, 10**5),
)
# Bytes a second of a lane, raw: no copy can be faster.
LANE_RAW = {1: 250 * 10**6, 2: 500 * 10**6, 3: 984615384, 4: 1969230769, 5: 3938461538, 6: 7563000000}


def rows_of(path, query):
    with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as database:
        return database.execute(query).fetchall()


def check_bounds(results, group, path, gpus):
    for kind, memory, least, most in BOUNDS:
        found = rows_of(path, 'SELECT gpu_id, CASE WHEN bytes_per_s > 0 THEN bytes_per_s ELSE duration_ns END, samples '
                              f"FROM ceiling WHERE kind = '{kind}' AND memory = '{memory}' "
                              'AND together_mask = 1 << gpu_id ORDER BY gpu_id')
        results.check(f'{group}: {kind} {memory}'.rstrip() + ', each GPU alone', len(found) == gpus and
                      all(least <= row[1] <= most for row in found), f'{gpus} of {least:,} .. {most:,}',
                      ', '.join(f'{row[1]:,}' for row in found) or 'nothing')
        for gpu, value, samples in found:
            is_time = kind.startswith('launch')
            results.figure(f'{group}: GPU {gpu} {kind} {memory}'.rstrip(), value if is_time else round(value / 1e9, 2),
                           'ns' if is_time else 'GB/s', f'median of {samples}')


def check_links(results, group, path):
    """Nothing is faster than its link, and pinned copies are not slower than pageable ones."""
    for gpu, generation, width in rows_of(path, 'SELECT gpu_id, pcie_generation, pcie_width FROM calibrated_gpu'):
        rates = dict(rows_of(path, "SELECT kind || ' ' || memory, bytes_per_s FROM ceiling WHERE kind IN "
                                   f"('h2d', 'd2h') AND gpu_id = {gpu} AND together_mask = 1 << gpu_id"))
        if generation in LANE_RAW and width > 0:
            limit = LANE_RAW[generation] * width
            results.at_most(f'{group}: GPU {gpu} copies at most what its link carries', limit,
                            float(max(rates.values(), default=0)), note=f'generation {generation} x{width}')
        results.check(f'{group}: GPU {gpu} pinned copies are not slower than pageable ones',
                      rates.get('h2d pinned', 0) >= rates.get('h2d pageable', 0) * 0.9, 'so',
                      f'{rates.get("h2d pinned", 0):,} and {rates.get("h2d pageable", 0):,}')


def check_together(results, group, path, gpus):
    query = ("SELECT kind, together_mask, min(bytes_per_s) FROM ceiling WHERE kind IN ('h2d', 'd2h', 'both', "
             "'all-reduce') AND together_mask & (together_mask - 1) GROUP BY kind, together_mask")
    for kind, mask, least in rows_of(path, query):
        results.figure(f'{group}: {kind}, GPUs {[g for g in range(gpus) if mask >> g & 1]} together',
                       round(least / 1e9, 2), 'GB/s')


def check_used(results, setup, group, path):
    """A recording made here takes its ceilings from here."""
    command = [setup.kernel('copies')]
    if not os.path.exists(command[0]):
        results.skip(f'{group}: an analysis uses it', 'kernels/copies is not built')
        return
    done, folder = setup.record(f'{group}, use', command, TIMEOUT_S, (), setup.kernel_environment())
    shown = run([setup.laggard(), 'analyze', '--database', 'none', '--ceilings', path, '--format', 'json', folder],
                setup.limit(TIMEOUT_S))
    try:
        sources = {device['pcie']['ceiling_source'] for device in json.loads(shown.out)['devices']}
    except (ValueError, KeyError) as error:
        sources = {f'{done.problem()} {shown.problem()} {error}'}
    results.equal(f'{group}: an analysis uses it', {'measured'}, sources)


def check_calibrate(results, setup, program=None):
    group = 'calibrate'
    path = os.path.join(setup.folder, 'ceilings.db')
    named = program or setup.kernel('calibrate')
    if not os.path.exists(named):
        results.skip(group, 'kernels/calibrate is not built: no nvcc')
        return
    done = run([setup.laggard(), 'calibrate', '--program', named, '-o', path], setup.limit(TIMEOUT_S))
    results.check(f'{group}: ends well', done.is_fine(), 'status 0', done.problem() or 'so',
                  note=done.err.strip()[:200])
    if not os.path.exists(path):
        return
    results.figure(f'{group}: takes', round(done.seconds(), 1), 's')
    gpus = rows_of(path, 'SELECT count(*) FROM calibrated_gpu')[0][0]
    check_bounds(results, group, path, gpus)
    check_links(results, group, path)
    check_together(results, group, path, gpus)
    check_used(results, setup, group, path)
