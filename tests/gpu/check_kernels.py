# SPDX-License-Identifier: MIT
"""The programs of kernels/ under libtrace, against what they say about themselves."""

import os

from recording import check_partition, check_whole, order_facts
from truths import evaluate

TIMEOUT_S = 40
# (program, arguments, options of laggard run, level of graph tracing)
RUNS = (
    ('spin', (), (), 'node'),
    ('gaps', (), (), 'node'),
    ('copies', (), (), 'node'),
    ('overlap', (), (), 'node'),
    ('graphs', (), (), 'node'),
    ('graphs', (), ('--graphs', 'graph'), 'graph'),
    ('allocations', (), (), 'node'),
    ('imbalance', (), (), 'node'),
    ('launches', ('20000', '5'), (), 'node'),
)


def check_program(results, setup, group, command, options=(), graphs='node', truth=None):
    """Any program that prints its truth, or whose truth is known from elsewhere. How CUPTI delivered."""
    done, folder = setup.record(group, command, TIMEOUT_S, options, setup.kernel_environment())
    truth = truth or done.result()
    if not isinstance(truth, dict) or 'processes' not in truth:
        results.check(f'{group}: prints its truth', False, 'one JSON object', done.problem() or repr(done.out[:80]))
        return None
    traces = check_whole(results, group, done, folder, len(truth['processes']))
    if not traces:
        return None
    evaluate(results, group, truth, traces, graphs)
    if graphs == 'node':
        check_partition(results, setup, group, folder, traces)
    for key, value in truth.get('figures', {}).items():
        results.figures[f'{group}: {key}'] = {'value': value, 'unit': key.rsplit('_', 1)[-1]}
    facts = order_facts(traces)
    for trace in traces:
        trace.close()
    return facts


def check_cupti_is_found(results, setup):
    """Programs of kernels/ bring no CUPTI: libtrace has to find the machine's. If not, it is told, so that the other
    checks say something."""
    if not os.path.exists(setup.kernel('launches')):
        return
    done, folder = setup.record('probe', [setup.kernel('launches'), '10', '1'], TIMEOUT_S)
    found = os.path.isdir(folder) and any(name.endswith('.db') for name in os.listdir(folder))
    results.check('libtrace finds CUPTI by itself', found, 'a trace', done.problem() or done.err.strip()[:200] or 'so')
    setup.must_name_cupti = not found and setup.cupti != ''


def check_kernels(results, setup):
    facts = None
    check_cupti_is_found(results, setup)
    for name, arguments, options, graphs in RUNS:
        group = name if graphs == 'node' else f'{name} --graphs {graphs}'
        if not os.path.exists(setup.kernel(name)):
            results.skip(group, 'not built: no nvcc')
            continue
        facts = check_program(results, setup, group, [setup.kernel(name), *arguments], options, graphs)
    if facts:       # of the launches, the last of them
        results.figure('CUPTI: kernels that arrive before an earlier one', facts['disordered'],
                       f'of {facts["kernels"]}', 'what the rig plays')
        results.figure('CUPTI: kernels that begin before their call', facts['before_call'],
                       f'of {facts["kernels"]}, at most {facts["before_call_max_ns"]} ns')
