# SPDX-License-Identifier: MIT
# tests/vectors: the metrics against the golden vectors, called one by one (skipped where these are absent).
TAP_TESTS += tests/vectors/golden_metrics_test.py
vector_tests_SRC := tests/vectors/metrics_driver.c
PARTS += vector_tests
TAP_NEEDS += $(B)/tests/metrics_driver

$(B)/tests/metrics_driver: $(call objects,$(vector_tests_SRC)) $(B)/obj/analyzer.a $(B)/obj/tracedb.a \
		$(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)
