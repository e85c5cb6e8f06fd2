# SPDX-License-Identifier: MIT
# Benchmarks: ratios against bare baselines measured in the same run. Never part of `make check`.
bench_PROGRAMS := $(B)/tests/write_bench $(B)/tests/scan $(B)/tests/host_bench
bench_SRC := tests/bench/bench.c tests/bench/bare_insert.c tests/bench/write_bench.c tests/bench/scan.c \
	tests/bench/host_bench.c
PARTS += bench

$(B)/tests/write_bench: $(call objects,tests/bench/write_bench.c tests/bench/bare_insert.c tests/bench/bench.c) \
		$(B)/obj/libtrace.a $(B)/obj/tracedb.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)

$(B)/tests/scan: $(call objects,tests/bench/scan.c tests/bench/bench.c)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(SQLITE_LIBS)

# A program of somebody else: none of our flags.
$(B)/tests/host_cost: tests/bench/host_cost.c tests/rig/driver.h tests/rig/machine.h $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -I. -Itests/rig -o $@ $< -ldl

# What preloading anything costs: a library with nothing in it.
$(B)/tests/empty.so: $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -shared -o $@ -x c /dev/null

$(B)/tests/host_bench: $(call objects,tests/bench/host_bench.c tests/bench/bench.c) \
		$(B)/obj/libtrace.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS) -lpthread

## bench: ratios of writing, analysing, exporting against bare baselines; peak memory
.PHONY: bench
bench: all rig $(bench_PROGRAMS) $(B)/tests/host_cost $(B)/tests/empty.so $(B)/tests/make_trace
	@B='$(B)' $(PYTHON) tests/bench/run.py
