# SPDX-License-Identifier: MIT
"""For the tests here: runs the import driver and checks what holds of every run; TAP."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import traceback

DRIVER = os.path.join(os.environ.get('B', 'build'), 'tests', 'nsys_import_driver')


class Skip(Exception):
    pass


def equal(got, wanted, what=''):
    if got != wanted:
        raise AssertionError(f'{what}: got {repr(got)[:1500]}, wanted {repr(wanted)[:1500]}')


class Result:
    """One run of the driver."""

    def __init__(self, path, out):
        os.makedirs(out, exist_ok=True)
        before = set(os.listdir(out))
        run = subprocess.run([DRIVER, path, out], capture_output=True, text=True, errors='replace',
                             timeout=120)
        self.status, self.stderr = run.returncode, run.stderr
        if 'Sanitizer' in run.stderr or 'runtime error' in run.stderr or run.returncode not in (0, 3):
            raise AssertionError(f'status {run.returncode}: {run.stderr}')
        fields = [line.split(' ', 1) for line in run.stdout.splitlines()]
        self.paths = [value for key, value in fields if key == 'path']
        self.rejected = sum(int(value) for key, value in fields if key == 'rejected')
        self.rows = sum(int(value) for key, value in fields if key == 'rows')
        if self.status == 0:
            equal([value for key, value in fields if key == 'progress'], ['fine'], 'progress')
            equal(sorted(os.path.basename(p) for p in self.paths), sorted(set(os.listdir(out)) - before))
        else:
            equal(self.paths, [], 'paths after an error')
            equal(set(os.listdir(out)), before, 'files left after an error')
            equal(len(self.stderr.strip().splitlines()), 1, 'lines of the error')

    def open(self, index=0):
        return sqlite3.connect(f'file:{self.paths[index]}?mode=ro', uri=True)


def run(folder, path, status=0):
    result = Result(path, os.path.join(folder, 'out'))
    equal(result.status, status, f'status ({result.stderr.strip()})')
    return result


def fails(folder, path, *words):
    result = run(folder, path, 3)
    for word in words + (os.path.basename(path),):
        if word not in result.stderr:
            raise AssertionError(f'{word!r} is not in {result.stderr!r}')
    return result


def losses(db):
    return {reason: count for reason, count in db.execute('SELECT reason, "count" FROM loss')}


def count(db, table):
    return db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def edit(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def main(tests):
    print(f'1..{len(tests)}')
    for number, function in enumerate(tests, 1):
        folder = tempfile.mkdtemp(prefix='laggard-nsys-')
        name = function.__name__
        try:
            function(folder)
            print(f'ok {number} - {name}', flush=True)
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        except Exception:                                   # every failure is one red line
            for line in traceback.format_exc().splitlines()[-12:]:
                print('# ' + line)
            print(f'not ok {number} - {name}', flush=True)
        shutil.rmtree(folder, ignore_errors=True)
