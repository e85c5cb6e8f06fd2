# SPDX-License-Identifier: MIT
# tests/property: random inputs, and what holds of all of them. They are part of tests/unit; `make check` tries some
# hundreds of random jobs, `make check-properties` 5,000 of two traces on average, and the oracle of idle time 1,000.
PROPERTY_SEEDS := 1 501 1001 1501 2001 2501 3001 3501 4001 4501

## check-properties: every sum of the report on 10,000 random traces
.PHONY: check-properties
check-properties: $(B)/tests/unit $(B)/bin/laggard
	@for seed in $(PROPERTY_SEEDS); do \
		PROPERTY_SEED=$$seed PROPERTY_JOBS=500 $(B)/tests/unit every_nanosecond_of_random_jobs || \
			exit 1; done
	@B='$(B)' TRACES=/nowhere ORACLE_SEED=1001 ORACLE_TRACES=1000 $(PYTHON) tests/analyze/idle_oracle_test.py
