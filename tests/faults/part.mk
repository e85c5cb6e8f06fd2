# SPDX-License-Identifier: MIT
# tests/faults: planted faults must be found, with rank and milliseconds; balanced runs must accuse nobody.
TAP_TESTS += tests/faults/faults_test.py

## check-faults: all planted faults, and 1000 balanced runs that must accuse nobody
.PHONY: check-faults
check-faults: all $(rig_products)
	@B='$(B)' $(PYTHON) tests/faults/faults_test.py --balanced 1000
