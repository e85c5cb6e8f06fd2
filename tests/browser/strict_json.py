# SPDX-License-Identifier: MIT
"""JSON as its standard has it: no NaN, no key twice."""

import json


def refuse_constant(word):
    raise ValueError(f'{word} is no JSON')


def refuse_double_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f'a key stands twice: {keys}')
    return dict(pairs)


def loads(text, **options):
    return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=refuse_double_keys, **options)
