# SPDX-License-Identifier: MIT
"""What the tests in a headless browser have in common."""

import contextlib
import os
import shutil
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def missing_browser():
    """Why no page can be opened, or None."""
    if not (os.environ.get('CHROMIUM') or shutil.which('chromium') or shutil.which('chromium-browser')):
        return 'chromium is not installed'
    if shutil.which('node') is None:
        return 'node is not installed'
    if not os.path.isdir(os.path.join(HERE, 'node_modules', 'playwright-core')):
        return 'playwright-core is not installed (npm ci in tests/browser)'
    return None


@contextlib.contextmanager
def folder_of(test):
    """For what a test makes: the one that KEEP names, or one that is gone in the end."""
    kept = os.environ.get('KEEP')
    folder = kept or tempfile.mkdtemp(prefix=f'laggard-{test}-')
    os.makedirs(folder, exist_ok=True)
    try:
        yield folder
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
