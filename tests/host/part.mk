# SPDX-License-Identifier: MIT
#tests / host : the guest in its host : what libtrace.so exports, leaves alone, \
	and records under the rig.
HOST_PROGRAMS := $(B)/tests/host/forker $(B)/tests/host/late $(B)/tests/host/life \
	$(B)/tests/host/faulter.so
TAP_TESTS += tests/host/exports_test.sh tests/host/host_test.py tests/host/rig_capture_test.py
TAP_TESTS += tests/host/life_test.py tests/host/kill_test.py tests/host/sustained_test.py
TAP_TESTS += tests/host/fault_test.py
TAP_TESTS += tests/host/rig_report_test.py tests/host/same_contents_test.py tests/host/host_sample_test.py
TAP_TESTS += tests/host/kinds_test.py
TAP_TESTS += tests/host/cupti_errors_test.py
TAP_TESTS += tests/host/other_client_test.py
TAP_NEEDS += $(HOST_PROGRAMS)

# Plain programs of somebody else: none of our flags, but for the one sanitizer that insists.
$(B)/tests/host/%: tests/host/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 $(filter -fsanitize=thread,$(SANITIZE)) -o $@ $< -lpthread -ldl

## check-contents: the same training through more pairs of CUPTI, NCCL and NVTX versions
.PHONY: check-contents
check-contents: all rig
	python3 tests/host/same_contents_test.py --pairs

life_SRC := $(wildcard tests/host/life*.c) tests/rig/nvtx_own.c
$(B)/tests/host/life: $(life_SRC) tests/host/life.h tests/rig/nvtx.h $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Itests/rig -rdynamic \
		$(filter -fsanitize=thread,$(SANITIZE)) -o $@ $(life_SRC) -lpthread -ldl -lm

$(B)/tests/host/faulter.so: tests/host/faulter.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -shared -fPIC -o $@ $< -ldl -lpthread

KILLS ?= 1000
RECORDS_PER_S ?= 500000
SUSTAINED_S ?= 60

## check-kill: kill -9 at KILLS (1000) random moments: every trace opens and lacks at most the last second
.PHONY: check-kill
check-kill: all rig $(HOST_PROGRAMS)
	B='$(B)' $(PYTHON) tests/host/kill_test.py $(KILLS)

## check-sustained: RECORDS_PER_S (500000) from 64 threads for SUSTAINED_S (60): nothing is lost
.PHONY: check-sustained
check-sustained: all rig $(HOST_PROGRAMS)
	B='$(B)' $(PYTHON) tests/host/sustained_test.py $(RECORDS_PER_S) $(SUSTAINED_S)

## check-faults-guest: every allocation and every call on files that libtrace.so makes fails once
.PHONY: check-faults-guest
check-faults-guest: all rig $(HOST_PROGRAMS)
	B='$(B)' $(PYTHON) tests/host/fault_test.py all
