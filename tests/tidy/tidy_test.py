#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The laws of the source text as tests (TAP). Each check yields complaints "file:line: what"; none means ok.

Environment: B (folder of what was built), CC (compiler for the headers).
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BUILD = os.environ.get('B', 'build')
COMPILER = os.environ.get('CC', 'gcc').split()
LAGGARD = os.path.join(BUILD, 'bin', 'laggard')
COLUMNS_MAX = 100
SCRIPT_COLUMNS_MAX = 120
TABLE_COLUMNS_MAX = 130
TAB_WIDTH = 8
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
COMPLAINTS_SHOWN_MAX = 30

ROOMS = ('base', 'tracedb', 'libtrace', 'analyzer', 'viewer-export', 'laggard')
# What a room may include besides itself. libtrace/settings.* hold no CUDA types: `run` makes options of them; nor does
# libtrace/control_path.*, by which `ctl` finds the processes.
MAY_INCLUDE = {
    'base': (),
    'tracedb': ('base',),
    'libtrace': ('base', 'tracedb'),
    'analyzer': ('base', 'tracedb'),
    'viewer-export': ('base', 'tracedb'),
    'laggard': ('base', 'tracedb', 'analyzer', 'viewer-export', 'libtrace/settings.',
                'libtrace/control_path.'),
}
# Headers of others, and the rooms that may include them.
FOREIGN_HEADERS = (
    (re.compile(r'^sqlite3\.h$'), ('tracedb',)),
    (re.compile(r'^(zlib\.h|yajl/.*)$'), ('tracedb', 'viewer-export')),
    (re.compile(r'^microhttpd\.h$'), ('laggard',)),
    (re.compile(r'^(cuda|cupti|nvtx3?|nccl|nvml|nvToolsExt)', re.IGNORECASE), ()),
)
# Words of other rooms' business: only libtrace knows the types of these libraries.
FOREIGN_TYPES = re.compile(r'\b(CUpti_\w+|CUpti\w*Kind|nvtx[A-Z]\w*_t|nccl[A-Z]\w*_t|nvml[A-Z]\w*_t|CUcontext|'
                           r'CUstream|cudaStream_t)\b')

BANNED = {
    'strcpy': 'snprintf', 'strcat': 'struct text', 'sprintf': 'snprintf', 'vsprintf': 'vsnprintf',
    'gets': 'getline', 'strtok': 'strcspn', 'atoi': 'strtoimax', 'atol': 'strtoimax', 'atoll': 'strtoimax',
    'atof': 'strtod', 'system': 'posix_spawn', 'alloca': 'an arena', 'tmpnam': 'mkstemp',
    'mktemp': 'mkstemp', 'asctime': 'strftime', 'ctime': 'strftime', 'localtime': 'localtime_r',
    'gmtime': 'gmtime_r', 'strerror_r': 'strerror', 'popen': 'posix_spawn', 'bzero': 'memset',
}
# The guest never harms its host.
BANNED_IN_LIBTRACE = ('exit', 'abort', 'quick_exit', 'printf', 'vprintf', 'puts', 'putchar', 'setlocale',
                      'signal', 'sigaction', 'perror', 'assert')
# Functions over the limit that are better whole, as (file, function); each needs a reason in a comment there.
LONG_FUNCTIONS = set()
MACHINE_PATHS = re.compile(r'(/home/\w+/|/root/|/mnt/\w+/)')
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX|HA' r'CK)\b')


def git_files():
    """Everything tracked, and everything new that is not ignored; or, outside git, everything but the build."""
    try:
        out = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], check=True, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return sorted(path for path in set(out.splitlines()) if os.path.isfile(path))
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk('.'):
            folders[:] = [name for name in folders if name not in ('build', '.git', 'node_modules')]
            found += [os.path.relpath(os.path.join(folder, name)) for name in names]
        return sorted(found)


FILES = git_files()
TEXTS = {}


def text_of(path):
    if path not in TEXTS:
        with open(path, encoding='utf-8', errors='replace') as file:
            TEXTS[path] = file.read()
    return TEXTS[path]


def lines_of(path):
    return enumerate(text_of(path).split('\n'), 1)


def room_of(path):
    return path.split('/', 1)[0]


def is_c(path):
    return path.endswith(('.c', '.h', '.def', '.cu', '.cuh'))


def is_ours(path):
    """Text that we wrote by hand: no recorded output, no corpus, no data."""
    parts = path.split('/')
    if 'golden' in parts or 'corpus' in parts or 'expected' in parts or 'traces' in parts:
        return False
    return is_c(path) or path.endswith(('.py', '.sh', '.mk', '.mjs', '.js')) or \
        path in ('Makefile', 'tests/run', '.ci/run')


C_FILES = [path for path in FILES if is_c(path)]
OWN_FILES = [path for path in FILES if is_ours(path)]
ROOM_FILES = [path for path in C_FILES if room_of(path) in ROOMS]

STRIP = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_of(path):
    """The file without comments and with empty literals, line numbers kept."""
    def blank(match):
        found = match.group(0)
        if found.startswith('/'):
            return '\n' * found.count('\n')
        return found[0] + found[-1]
    return STRIP.sub(blank, text_of(path))


def check_includes():
    for path in ROOM_FILES:
        room = room_of(path)
        for number, line in lines_of(path):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            name = match.group(2)
            target = name.split('/', 1)[0]
            if match.group(1) == '"' and target in ROOMS:
                allowed = target == room or any(
                    name.startswith(arrow) if '/' in arrow else target == arrow
                    for arrow in MAY_INCLUDE[room])
                if not allowed:
                    yield f'{path}:{number}: {room} must not include {name}'
            elif match.group(1) == '"':
                yield f'{path}:{number}: "{name}" is not named from the root'
            for pattern, rooms in FOREIGN_HEADERS:
                if pattern.match(name) and room not in rooms:
                    yield f'{path}:{number}: {room} must not include <{name}>'


def check_foreign_types():
    for path in ROOM_FILES:
        if room_of(path) == 'libtrace':
            continue
        for number, line in enumerate(code_of(path).split('\n'), 1):
            match = FOREIGN_TYPES.search(line)
            if match:
                yield f'{path}:{number}: {match.group(0)} belongs to libtrace'


def columns_max(path):
    """Rows of a .def table stay on one line: they are data."""
    return TABLE_COLUMNS_MAX if path.endswith('.def') else COLUMNS_MAX if is_c(path) else SCRIPT_COLUMNS_MAX


def check_columns():
    for path in OWN_FILES:
        for number, line in lines_of(path):
            width = len(line.expandtabs(TAB_WIDTH))
            if width > columns_max(path):
                yield f'{path}:{number}: {width} columns'


def check_blanks():
    for path in OWN_FILES:
        text = text_of(path)
        if text and not text.endswith('\n'):
            yield f'{path}: no newline at the end'
        for number, line in lines_of(path):
            if line.endswith((' ', '\t')):
                yield f'{path}:{number}: blanks at the end'
            if is_c(path) and re.match(r'^ {8}', line):
                yield f'{path}:{number}: indented with blanks'
            if is_c(path) and ' \t' in line[:len(line) - len(line.lstrip())]:
                yield f'{path}:{number}: a blank before a tab'


def check_spdx():
    for path in OWN_FILES:
        head = text_of(path).split('\n')[:2]
        if not any('SPDX-License-Identifier: MIT' in line for line in head):
            yield f'{path}: no SPDX line'


def functions_of(path):
    """(line, name, lines) of each function: from its first line to the '}' in column 0."""
    begin, name = None, None
    lines = code_of(path).split('\n')
    for number, line in enumerate(lines, 1):
        if re.match(r'^[A-Za-z_].*\)?$', line) and not line.startswith(('#', 'typedef', 'struct {')) \
                and not line.endswith(';'):
            if begin is None or lines[number - 2] == '' or lines[number - 2].startswith('}'):
                begin = number
            match = re.search(r'(\w+)\s*\(', line)
            name = match.group(1) if match else name
        elif line == '{':
            start = begin if begin is not None else number
            for end in range(number, len(lines)):
                if lines[end].startswith('}'):
                    yield start, name or '?', end + 1 - start + 1
                    break
            begin = None
        elif line == '' or line.endswith(';'):
            begin = None


def check_function_length():
    for path in C_FILES:
        for number, name, length in functions_of(path):
            if length > FUNCTION_LINES_MAX and (path, name) not in LONG_FUNCTIONS:
                yield f'{path}:{number}: {name} has {length} lines'


def check_file_length():
    for path in ROOM_FILES:
        count = text_of(path).count('\n')
        if count > FILE_LINES_MAX:
            yield f'{path}: {count} lines are two nouns'


def check_unfinished():
    for path in OWN_FILES:
        for number, line in lines_of(path):
            if UNFINISHED.search(line):
                yield f'{path}:{number}: {line.strip()}'


def check_machine_paths():
    for path in FILES:
        if path == 'tests/tidy/tidy_test.py' or not is_ours(path) and not path.endswith('.md'):
            continue
        for number, line in lines_of(path):
            match = MACHINE_PATHS.search(line)
            if match:
                yield f'{path}:{number}: {match.group(0)}'


def check_banned():
    for path in C_FILES:
        banned = dict(BANNED)
        if room_of(path) == 'libtrace':
            banned.update({name: 'nothing: the host is not ours' for name in BANNED_IN_LIBTRACE})
        if room_of(path) == 'tests':
            del banned['system']    # a test may well start a shell
        pattern = re.compile(r'(?<![\w.>])(' + '|'.join(banned) + r')\s*\(')
        for number, line in enumerate(code_of(path).split('\n'), 1):
            match = pattern.search(line)
            if match:
                yield f'{path}:{number}: {match.group(1)}: use {banned[match.group(1)]}'
            if room_of(path) == 'libtrace' and re.search(r'\bstdout\b', line):
                yield f'{path}:{number}: stdout is the host\'s'


def check_typedefs():
    for path in ROOM_FILES:
        for number, line in enumerate(code_of(path).split('\n'), 1):
            if re.match(r'\s*typedef\s+(struct|enum|union)\b', line) and '(' not in line:
                yield f'{path}:{number}: typedef of a struct'


def check_escapers():
    pattern = re.compile(r'&(lt|gt|amp|quot|#39);|\\\\u00')
    for path in ROOM_FILES:
        # Markdown has an escaper of its own, beside its renderer.
        if path in ('base/text.c', 'base/text.h', 'analyzer/report_table.c'):
            continue
        for number, line in lines_of(path):
            if pattern.search(line):
                yield f'{path}:{number}: escaping belongs to base/text'


def check_header_opening():
    for path in ROOM_FILES:
        if path.endswith('.h') and 'Thread' not in text_of(path).split('#ifndef', 1)[0]:
            yield f'{path}: does not open with what it is and which thread may call it'


def compile_header(path):
    command = COMPILER + ['-std=c11', '-D_GNU_SOURCE', '-I.', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
                          '-Wno-unused-function', '-fsyntax-only', '-x', 'c', '-include', path, '/dev/null']
    result = subprocess.run(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    return None if result.returncode == 0 else f'{path}: {result.stderr.strip().splitlines()[:3]}'


def check_headers_alone():
    headers = [path for path in ROOM_FILES if path.endswith('.h')]
    with ThreadPoolExecutor(2) as pool:
        yield from filter(None, pool.map(compile_header, headers))


def laggard(*arguments):
    result = subprocess.run([LAGGARD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                            text=True)
    return result.returncode, result.stdout, result.stderr


def commands():
    """Names in the list that `laggard --help` prints."""
    out = laggard('--help')[1]
    section = out.split('\nCommands:\n', 1)[1].split('\n\n', 1)[0]
    return [line.split()[0] for line in section.splitlines()]


def check_schema_fresh():
    status, out, err = laggard('schema')
    if status != 0:
        yield f'laggard schema: {err}'
    elif not os.path.exists('docs/SCHEMA.md') or text_of('docs/SCHEMA.md') != out:
        yield 'docs/SCHEMA.md is stale: make schema'


def check_help():
    names = commands()
    if len(names) < 5:
        yield f'only {names} in the list of commands'
    for name in names:
        for line in ((name, '-h'), (name, '--help'), ('help', name)):
            status, out, err = laggard(*line)
            if status != 0 or err or not out.startswith(f'Usage: laggard {name}'):
                yield f'laggard {" ".join(line)}: status {status}, {err or out[:60]!r}'
            for number, text in enumerate(out.splitlines(), 1):
                if len(text) > 100:
                    yield f'laggard {" ".join(line)}: line {number} has {len(text)} columns'


def check_manuals():
    """The same options in help, in the man page and in the completions."""
    scripts = {shell: laggard('completion', shell)[1] for shell in ('bash', 'zsh', 'fish')}
    for name in commands():
        page = laggard(name, '--help')[1]
        status, manual, err = laggard('man', name)
        if status != 0 or err:
            yield f'laggard man {name}: status {status}, {err}'
        plain = manual.replace('\\-', '-').replace('\\fR', '').replace('\\fB', '').replace('\\fI', '')
        in_help = set(re.findall(r'^ +(?:-\w, )?--([a-z][a-z-]*)', page, re.MULTILINE))
        in_manual = set(re.findall(r'^(?:-\w, )?--([a-z][a-z-]*)', plain, re.MULTILINE))
        if in_help != in_manual:
            yield f'{name}: help and man page differ: {sorted(in_help ^ in_manual)}'
        for shell, script in scripts.items():
            for option in in_help:
                written = f'-l {option}' if shell == 'fish' else f'--{option}'
                if written not in script:
                    yield f'{name}: --{option} is not in the {shell} completion'
    for page in ([], ['trace']):
        status, manual, err = laggard('man', *page)
        if status != 0 or not manual.startswith('.\\"'):
            yield f'laggard man {page}: status {status}, {err}'


def check_completions():
    script = laggard('completion', 'bash')[1]
    result = subprocess.run(['bash', '-n'], input=script, text=True, stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        yield f'bash: {result.stderr}'


def check_makefile_help():
    """Every target that CONTRIBUTING promises is in `make help`."""
    out = subprocess.run([os.environ.get('MAKE', 'make'), '--no-print-directory', 'help'], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    for target in 'all check bench fuzz tidy install uninstall clean demo man completions help'.split():
        if not re.search(rf'^  {target} ', out, re.MULTILINE):
            yield f'make help does not know {target}'


CHECKS = (
    ('arrows between rooms point downwards only', check_includes),
    ('only libtrace knows the types of CUPTI, NVTX and NCCL', check_foreign_types),
    ('lines fit into 100 columns', check_columns),
    ('indentation is tabs, no line ends in blanks', check_blanks),
    ('every file begins with its licence', check_spdx),
    ('functions have at most 70 lines', check_function_length),
    ('files are one noun long', check_file_length),
    ('nothing is marked as unfinished', check_unfinished),
    ('no path of a particular machine', check_machine_paths),
    ('no banned function is called', check_banned),
    ('structs have no typedef', check_typedefs),
    ('JSON and HTML are escaped in base/text only', check_escapers),
    ('headers say what they are and for which thread', check_header_opening),
    ('headers compile alone', check_headers_alone),
    ('docs/SCHEMA.md is fresh', check_schema_fresh),
    ('every command has its help', check_help),
    ('help, man page and completions have the same options', check_manuals),
    ('the bash completion parses', check_completions),
    ('make help lists the targets', check_makefile_help),
)


def main():
    print(f'1..{len(CHECKS)}')
    failed = 0
    for number, (name, check) in enumerate(CHECKS, 1):
        try:
            complaints = list(check())
        except Exception as error:  # pylint: disable=broad-except
            complaints = [f'{type(error).__name__}: {error}']
        for complaint in complaints[:COMPLAINTS_SHOWN_MAX]:
            print(f'# {complaint}')
        if len(complaints) > COMPLAINTS_SHOWN_MAX:
            print(f'# and {len(complaints) - COMPLAINTS_SHOWN_MAX} more')
        failed += bool(complaints)
        print(f'{"not ok" if complaints else "ok"} {number} - {name}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
