#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be checked of samples/ without a GPU (TAP): each names a finding that exists and a scenario that plants the
same, README.md says the same, the Python is sound (torch_test.py runs it), the C++ compiles where nvcc is.

Environment: CUDA_HOME.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'host'))
sys.path.insert(0, HERE)

from sample_heads import ROOT, SAMPLES, samples  # noqa: E402
from tap import Tap  # noqa: E402

LINES_MAX = 120


def text_of(*parts):
    with open(os.path.join(ROOT, *parts), encoding='utf-8') as file:
        return file.read()


def names_used(tree):
    """(names that are bound anywhere, names that are read)."""
    bound, read = set(dir(__builtins__)) | {'__name__', '__doc__'}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).split('.')[0] for alias in node.names)
    return bound, read


def attributes_of(tree, name):
    """What is taken of a variable: job.rank, job.range, ..."""
    return {node.attr for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name}


def python_problems(sample, offered, methods):
    """Unknown names, things that job.py does not offer, options that nobody reads."""
    tree = ast.parse(text_of(sample.path))
    bound, read = names_used(tree)
    problems = [f'{name} is not defined' for name in sorted(read - bound)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == 'job':
            problems += [f'job.py has no {alias.name}' for alias in node.names if alias.name not in offered]
    problems += [f'a Job has no {name}' for name in sorted(attributes_of(tree, 'job') - methods)]
    options = re.findall(r"add_argument\('--([a-z-]+)'", text_of(sample.path))
    declared = {option.replace('-', '_') for option in options}
    taken = attributes_of(tree, 'arguments')
    problems += [f'option {name} is not used' for name in sorted(declared - taken)]
    problems += [f'arguments.{name} is no option' for name in sorted(taken - declared)]
    return problems


def job_offers():
    tree = ast.parse(text_of('samples', 'job.py'))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = {node.name for one in classes for node in one.body if isinstance(node, ast.FunctionDef)}
    fields = {node.attr for node in ast.walk(classes[0])
              if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    offered = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return offered, methods | fields


def check_heads(tap, found):
    findings = set(re.findall(r'^FINDING\(\w+, "([a-z-]+)"', text_of('analyzer', 'findings.def'), re.MULTILINE))
    readme = text_of('samples', 'README.md')
    tap.check(len(found) >= 11, 'there are samples', str([sample.name for sample in found]))
    for sample in found:
        scenario = os.path.join('tests', 'scenarios', 'faults', sample.scenario + '.scn')
        problems = []
        if sample.finding not in findings:
            problems.append(f'{sample.finding} is no finding')
        if not os.path.exists(os.path.join(ROOT, scenario)):
            problems.append(f'no {scenario}')
        elif f'finding={sample.finding}' not in text_of(scenario):
            problems.append(f'{scenario} plants something else')
        begin = '| `' + sample.name.rsplit('.', 1)[0] + '.'
        row = next((line for line in readme.splitlines() if line.startswith(begin)), '')
        if f'`{sample.finding}`' not in row or f'| {sample.scenario} |' not in row:
            problems.append(f'README.md says: {row}')
        if not sample.repair:
            problems.append('says no repair')
        lines = text_of(sample.path).count('\n')
        if lines > LINES_MAX:
            problems.append(f'{lines} lines')
        tap.check(not problems, f'{sample.name} says what it plants, and what plays the same', '\n'.join(problems))


def check_python(tap, found):
    offered, methods = job_offers()
    for sample in found:
        if sample.is_python():
            problems = python_problems(sample, offered, methods)
            tap.check(not problems, f'{sample.name} uses only what there is', '\n'.join(problems))


def check_compiles(tap, names):
    home = os.environ.get('CUDA_HOME', '')
    nvcc = os.path.join(home, 'bin', 'nvcc') if home else shutil.which('nvcc')
    includes = [os.path.join(os.environ.get('NCCL_HOME', ''), 'include'), os.path.join(home, 'include'), '/usr/include']
    has_nccl = any(os.path.exists(os.path.join(folder, 'nccl.h')) for folder in includes)
    for file in names:
        name = f'{file} compiles'
        if not nvcc or not os.path.exists(nvcc):
            tap.skip(name, 'no nvcc')
        elif '<nccl.h>' in text_of('samples', file) and not has_nccl:
            tap.skip(name, 'no nccl.h')
        else:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([nvcc, '-std=c++17', '-O1', '-arch=sm_90', '-Xcompiler', '-Wall,-Wextra,-Werror',
                                       *[f'-I{include}' for include in includes[:1] if os.path.isdir(include)], '-c',
                                       '-o', os.path.join(folder, 'out.o'), os.path.join(SAMPLES, file)],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            tap.check(done.returncode == 0, name, done.stdout)


def main():
    tap, found = Tap(), samples()
    check_heads(tap, found)
    check_python(tap, found)
    check_compiles(tap, ['ddp_nccl.cu', 'pageable_copies.cu', 'train.cu'])
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
