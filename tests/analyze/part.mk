# SPDX-License-Identifier: MIT
# tests/analyze: reports against real traces with known numbers (skipped where those are absent), against what other
# profilers would have written of a run, and the maker of big traces for benchmarks.
TAP_TESTS += tests/real/expected_test.py tests/real/golden_vectors_test.py
TAP_TESTS += tests/analyze/idle_oracle_test.py tests/analyze/report_formats_test.py
TAP_TESTS += tests/analyze/dialects_test.py tests/analyze/parallel_test.py
make_trace_SRC := tests/bench/make_trace.c
PARTS += make_trace

$(B)/tests/make_trace: $(call objects,$(make_trace_SRC) tests/bench/bench.c) $(B)/obj/tracedb.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)
