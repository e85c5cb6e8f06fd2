# SPDX-License-Identifier: MIT
"""What the samples say about themselves in their heads: 'finding: ID', 'rank: R' ('last'), 'played by: SCENARIO'."""

import dataclasses
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLES = os.path.join(ROOT, 'samples')
HEAD_LINES = 20


@dataclasses.dataclass
class Sample:
    name: str       # file name
    path: str
    finding: str    # '': plants nothing
    rank: str       # '': not one rank's
    scenario: str
    repair: str

    def is_python(self):
        return self.name.endswith('.py')


def said(head, word):
    found = re.search(rf'^(?://\s*)?{word}: *(.+)$', head, re.MULTILINE)
    return found.group(1).strip() if found else ''


def samples():
    """Those with a planted fault, by name."""
    found = []
    for path in sorted(glob.glob(os.path.join(SAMPLES, '*.py')) + glob.glob(os.path.join(SAMPLES, '*.cu'))):
        with open(path, encoding='utf-8') as file:
            head = ''.join(file.readlines()[:HEAD_LINES])
        sample = Sample(os.path.basename(path), path, said(head, 'finding'), said(head, 'rank'),
                        said(head, 'played by'), said(head, 'repair'))
        if sample.finding:
            found.append(sample)
    return found
