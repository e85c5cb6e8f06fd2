# SPDX-License-Identifier: MIT
# tests/fuzz: fuzz targets <name>_fuzz.c with their corpora. `make check` replays the corpora with
# small changes; `make fuzz` lets libFuzzer (clang) search for FUZZ_SECONDS each.
FUZZERS += json reader nsys decoder payload options names nccl ceilings
FUZZ_SECONDS ?= 60
fuzz_SHARED := $(patsubst %,$(B)/obj/tests/fuzz/%.o,fuzz feed hostile_database report_promises)
fuzz_tests_SRC := $(wildcard tests/fuzz/*.c)
PARTS += fuzz_tests
fuzz_ARCHIVES := $(foreach part,$(UNIT_PARTS),$(if $(filter $(part),$(PARTS)),$(B)/obj/$(part).a))

TAP_TESTS += $(FUZZERS:%=$(B)/tests/%_replay)
$(FUZZERS:%=$(B)/tests/%_replay): $(B)/tests/%_replay: $(B)/obj/tests/fuzz/%_fuzz.o \
		$(B)/obj/tests/fuzz/replay.o $(fuzz_SHARED) $(fuzz_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)

$(FUZZERS:%=$(B)/tests/%_fuzz): $(B)/tests/%_fuzz: $(B)/obj/tests/fuzz/%_fuzz.o $(fuzz_SHARED) \
		$(fuzz_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(tracedb_LIBS)

## fuzz: fuzz every reader of foreign bytes, FUZZ_SECONDS=60 each (needs clang)
.PHONY: fuzz fuzz-now
fuzz:
	+@$(MAKE) --no-print-directory fuzz-now CC=clang SAN=fuzzer-no-link,address,undefined
fuzz-now: $(FUZZERS:%=$(B)/tests/%_fuzz)
	@for name in $(FUZZERS); do mkdir -p $(B)/corpus/$$name && \
		$(B)/tests/$${name}_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
			-rss_limit_mb=1024 -artifact_prefix=$(B)/corpus/ $(B)/corpus/$$name \
			tests/fuzz/corpus/$$name || exit 1; done
