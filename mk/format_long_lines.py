#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wraps lines of over 100 columns with clang-format, and touches no other line.

Usage: format_long_lines.py FILE...
"""

import re
import subprocess
import sys

COLUMNS_MAX = 100
TAB_WIDTH = 8


def long_lines(text):
    return [number for number, line in enumerate(text.split('\n'), 1)
            if len(line.expandtabs(TAB_WIDTH)) > COLUMNS_MAX]


def open_comment(match):
    """A comment that now takes several lines is written as a block, its first line empty."""
    indent, first, rest = match.groups()
    lines = [first] + [re.sub(r'^\s*\*? ?', '', line) for line in rest.split('\n')]
    lines = [line.rstrip() for line in lines if line.strip()]
    body = ''.join(f'{indent} * {line}\n' for line in lines)
    return f'{indent}/*\n{body}{indent} */'


def format_file(path):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    numbers = long_lines(text)
    if not numbers:
        return
    ranges = [f'--lines={number}:{number}' for number in numbers]
    text = subprocess.run(['clang-format', *ranges, f'--assume-filename={path}'], input=text, text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    text = re.sub(r'^([ \t]*)/\* (\S[^\n]*)\n((?:[ \t]*\*(?!/)[^\n]*\n)*?[ \t]*\*[^\n]*?) \*/$',
                  open_comment, text, flags=re.MULTILINE)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    for number in long_lines(text):
        print(f'{path}:{number}: still too long; wrap it by hand')


for name in sys.argv[1:]:
    format_file(name)
