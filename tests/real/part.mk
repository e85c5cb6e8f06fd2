# SPDX-License-Identifier: MIT
# tests/real: importers and reports against real traces with known numbers (skipped where absent).
TAP_TESTS += tests/real/import_kineto_test.py
TAP_TESTS += tests/real/collectives_report_test.py
real_tests_SRC := tests/real/import_driver.c
PARTS += real_tests
TAP_NEEDS += $(B)/tests/import_driver

$(B)/tests/import_driver: $(call objects,$(real_tests_SRC)) $(B)/obj/tracedb.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)

TAP_TESTS += tests/real/match_test.py
match_tests_SRC := tests/real/match_driver.c
PARTS += match_tests
TAP_NEEDS += $(B)/tests/match_driver

$(B)/tests/match_driver: $(call objects,$(match_tests_SRC)) $(B)/obj/analyzer.a $(B)/obj/tracedb.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)

TAP_TESTS += tests/real/clock_vector_test.py
clock_tests_SRC := tests/real/clock_driver.c
PARTS += clock_tests
TAP_NEEDS += $(B)/tests/clock_driver

$(B)/tests/clock_driver: $(call objects,$(clock_tests_SRC)) $(B)/obj/analyzer.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^

TAP_TESTS += tests/real/period_vectors_test.py
period_driver_SRC := tests/real/period_driver.c
PARTS += period_driver
TAP_NEEDS += $(B)/tests/period_driver

$(B)/tests/period_driver: $(call objects,$(period_driver_SRC)) $(B)/obj/analyzer.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)
