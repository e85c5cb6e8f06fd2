# SPDX-License-Identifier: MIT
"""What the rig assumes about CUPTI, beside what the real library does: libcupti_delivery.so in both. A difference is no
failure of laggard; it is a line that must be corrected in tests/rig."""

import json
import os

from programs import run
from results import DIFFERS, PASS

TIMEOUT_S = 60
LAUNCHES = 20000
SCENARIO = '''scenario delivery
seed 9
gpus 1
kernel empty "empty" grid=1,1,1 block=1,1,1
repeat count={count}
	launch kernel=empty dur=2us
end
sync name=device
'''
# (what, how the answers of the two are put into words so that equal words mean the same behaviour)
ASSUMPTIONS = (
    ('kernel records come out of the order of their starts', lambda got: 'yes' if got['out_of_order'] else 'no'),
    ('buffers come on a thread of CUPTI\'s own', lambda got: 'yes' if got['on_other_threads'] else 'no'),
    ('records without a time', lambda got: 'some' if got['zero'] else 'none'),
    ('records that end at 0 in the forced flush', lambda got: 'some' if got['unfinished'] else 'none'),
    ('some records come only with the flush at exit', lambda got: 'yes' if got['at_exit'] else 'no'),
    ('that flush answers', lambda got: got['flush_result']),
    ('every launched kernel is delivered by then', lambda got: 'yes' if got['is_complete'] else 'no'),
    ('dropped records', lambda got: 'some' if got['dropped'] else 'none'),
    ('threads that are asked for buffers', lambda got: got['asking_threads']),
)
FIGURES = ('kernels', 'out_of_order', 'at_exit', 'buffers', 'late_least_ns', 'late_mean_ns', 'late_most_ns')


def delivery_of(setup, name, command, environment, launched):
    """({what was counted}, '') or (None, why)."""
    library = os.path.join(setup.build, 'tests', 'gpu', 'libcupti_delivery.so')
    out = os.path.join(setup.folder, f'delivery-{name}.json')
    done = run(command, setup.limit(TIMEOUT_S),
               dict(environment, CUDA_INJECTION64_PATH=library, CUPTI_DELIVERY_OUT=out,
                    CUPTI_FLOOR_LIBRARY=setup.cupti))
    if done.problem() or not os.path.exists(out):
        return None, done.problem() or 'it wrote nothing: ' + done.err.strip()[:200]
    with open(out, encoding='utf-8') as file:
        found = json.load(file)
    found['is_complete'] = found['kernels'] >= launched
    return found, ''


def rig_delivery(setup):
    scenario = os.path.join(setup.folder, 'delivery.scn')
    with open(scenario, 'w', encoding='utf-8') as file:
        file.write(SCENARIO.format(count=LAUNCHES))
    program = os.path.join(setup.build, 'rig', 'bin', 'rig-run')
    return delivery_of(setup, 'rig', [program, scenario, '--quiet'], {}, LAUNCHES)


def compare(results, played, real):
    for what, words in ASSUMPTIONS:
        wanted, got = str(words(played)), str(words(real))
        results.add(f'CUPTI: {what}', PASS if wanted == got else DIFFERS, f'{wanted} (the rig)', got)
    for name in FIGURES:
        results.figure(f'CUPTI delivers: {name}', real[name], 'ns' if name.endswith('_ns') else '',
                       f'the rig {played[name]:,}')


def check_assumptions(results, setup, program=None):
    title = 'CUPTI: how it delivers'
    command = program or [setup.kernel('launches'), str(LAUNCHES), '1']
    for path in (command[0], os.path.join(setup.build, 'tests', 'gpu', 'libcupti_delivery.so'),
                 os.path.join(setup.build, 'rig', 'bin', 'rig-run')):
        if not os.path.exists(path):
            results.skip(title, f'{os.path.basename(path)} is not built')
            return
    played, problem = rig_delivery(setup)
    real, real_problem = delivery_of(setup, 'real', command, {}, LAUNCHES)
    if played is None or real is None:
        results.check(title, False, 'two reports', problem or real_problem)
        return
    compare(results, played, real)
