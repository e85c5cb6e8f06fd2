# SPDX-License-Identifier: MIT
"""What CUPTI's headers of one version say of the fields that libtrace reads: its records' newest structs there, their
sizes, and where each field stands. The compiler answers; which fields a version has is read from its text."""

import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIELDS = os.path.join(ROOT, 'tests', 'layout', 'cupti_fields.def')
CONSTANTS = os.path.join(ROOT, 'tests', 'layout', 'cupti_constants.def')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.DOTALL)
END_OF_STRUCT = re.compile(r'\}\s*(CUpti_Activity\w+)\s*;')


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return COMMENT.sub('', file.read())


def structs_of(include):
    """{name: body} of the record structs of a version."""
    found = {}
    for file in sorted(os.listdir(include)):
        if not file.startswith('cupti_activity'):
            continue
        text = text_of(os.path.join(include, file))
        for match in END_OF_STRUCT.finditer(text):
            begin, depth = match.start(), 1
            while begin > 0 and depth > 0:
                begin -= 1
                depth += {'}': 1, '{': -1}.get(text[begin], 0)
            found[match.group(1)] = text[begin + 1:match.start()]
    return found


def newest(structs, theirs):
    """CUPTI fills the struct with the highest number, whatever the headers that a tool was compiled with."""
    base = theirs.rstrip('0123456789')
    numbered = [(int(name[len(base):] or 1), name) for name in structs
                if re.fullmatch(re.escape(base) + r'\d*', name)]
    return max(numbered)[1] if numbered else None


def has_member(body, name):
    return re.search(r'\b' + name + r'\s*(\[\w+\])?\s*[;,]', body) is not None


class HeaderLayouts:
    """records: {ours: (theirs, size)}; fields: [(ours, offset, size, theirs, offset or None, size)];
    constants: [(ours, theirs, is_equal)] of those that this version names."""

    def __init__(self, include, folder, is_real_cuda=False, compiler='cc'):
        text = text_of(FIELDS)
        kinds = dict(re.findall(r'#define THEIRS_(\w+) (\w+)', text))
        structs = structs_of(include)
        self.records = {ours: newest(structs, theirs) for ours, theirs in kinds.items()}
        self.fields, self.constants = [], []
        lines = [f'RECORD({ours}, {theirs})' for ours, theirs in self.records.items() if theirs]
        for ours, field, theirs in re.findall(r'FIELD\((\w+), ([\w\[\]]+), (\w+)\)', text):
            struct = self.records[ours]
            if struct is None:
                continue
            macro = 'BOTH' if has_member(structs[struct], theirs) else 'OURS'
            lines.append(f'{macro}({ours}, {field}, {struct}, {theirs})')
        names = ' '.join(text_of(os.path.join(include, name)) for name in sorted(os.listdir(include))
                         if name.startswith(('cupti_activity', 'cupti_result')))
        for ours, theirs in re.findall(r'CONSTANT\((\w+), (\w+)\)', text_of(CONSTANTS)):
            if re.search(r'\b' + theirs + r'\b', names):
                lines.append(f'CONSTANT({ours}, {theirs})')
        self.compile(lines, include, folder, is_real_cuda, compiler)

    def compile(self, lines, include, folder, is_real_cuda, compiler):
        source = os.path.join(folder, 'layouts.c')
        with open(source, 'w', encoding='ascii') as file:
            file.write('#include <cupti_activity.h>\n#include "libtrace/cupti_library.h"\n#include <stdio.h>\n'
                       '#define AT(type, field) offsetof(type, field), sizeof(((type *)0)->field)\n'
                       '#define RECORD(ours, theirs) printf("record %s %zu\\n", #ours, sizeof(theirs));\n'
                       '#define OURS(ours, field, theirs, name) printf("field %s %s %zu %zu %s\\n", #ours, #field, '
                       'AT(struct ours, field), #name);\n'
                       '#define BOTH(ours, field, theirs, name) printf("field %s %s %zu %zu %s %zu %zu\\n", #ours, '
                       '#field, AT(struct ours, field), #name, AT(theirs, name));\n'
                       '#define CONSTANT(ours, theirs) printf("constant %s %s %d\\n", #ours, #theirs, '
                       '(uint32_t)(ours) == (uint32_t)(theirs));\n'
                       'int main(void)\n{\n' + '\n'.join(lines) + '\nreturn 0;\n}\n')
        program = os.path.join(folder, 'layouts')
        stand_ins = [] if is_real_cuda else ['-I', os.path.join(HERE, 'headers')]
        subprocess.run([*compiler.split(), '-std=c11', '-D_GNU_SOURCE', '-w', *stand_ins, '-isystem', include, '-I',
                        ROOT, '-o', program, source], check=True)
        answer = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
        for words in map(str.split, answer.splitlines()):
            if words[0] == 'record':
                self.records[words[1]] = (self.records[words[1]], int(words[2]))
            elif words[0] == 'field':
                theirs = (int(words[6]), int(words[7])) if len(words) > 6 else None
                self.fields.append((f'{words[1]}.{words[2]}', words[1], int(words[3]), int(words[4]), words[5], theirs))
            else:
                self.constants.append((words[1], words[2], words[3] == '1'))


def callback_names(include):
    """{(domain, cbid): name} as the headers list them."""
    found = {}
    for domain, name, prefix in ((1, 'cupti_driver_cbid.h', 'CUPTI_DRIVER_TRACE_CBID_'),
                                 (2, 'cupti_runtime_cbid.h', 'CUPTI_RUNTIME_TRACE_CBID_')):
        pattern = re.compile(prefix + r'(\w+)\s*=\s*(\d+)')
        for callback, cbid in pattern.findall(text_of(os.path.join(include, name))):
            found[domain, int(cbid)] = callback
    return found
