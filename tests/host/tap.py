# SPDX-License-Identifier: MIT
"""Results of a test as TAP."""


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, is_ok, name, detail=''):
        self.count += 1
        if not is_ok:
            self.failed += 1
            for line in str(detail).splitlines()[:40]:
                print('#', line[:400])
        print('ok' if is_ok else 'not ok', self.count, '-', name, flush=True)

    def equal(self, got, want, name):
        self.check(got == want, name, f'got:  {got!r}\nwant: {want!r}')

    def skip(self, name, reason):
        self.count += 1
        print('ok', self.count, '-', name, '# SKIP', reason, flush=True)

    def end(self):
        print(f'1..{self.count}')
        return 1 if self.failed else 0
