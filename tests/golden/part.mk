# SPDX-License-Identifier: MIT
# tests/golden: what the program prints, recorded. `UPDATE=1 make golden` records anew.
TAP_TESTS += tests/golden/golden_test.py

## golden: only the recorded outputs; UPDATE=1 records them anew
.PHONY: golden
golden: all
	@B='$(B)' SAN='$(SAN)' UPDATE='$(UPDATE)' $(PYTHON) tests/run --build $(B) \
		tests/golden/golden_test.py
