# SPDX-License-Identifier: MIT
# tests/host: the guest in its host: what libtrace.so exports, leaves alone, and records under the rig.
HOST_PROGRAMS := $(B)/tests/host/forker $(B)/tests/host/late $(B)/tests/host/life
TAP_TESTS += tests/host/exports_test.sh tests/host/host_test.py tests/host/rig_capture_test.py
TAP_TESTS += tests/host/life_test.py
TAP_TESTS += tests/host/rig_report_test.py
TAP_NEEDS += $(HOST_PROGRAMS)

# Plain programs of somebody else: none of our flags, but for the one sanitizer that insists.
$(B)/tests/host/%: tests/host/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 $(filter -fsanitize=thread,$(SANITIZE)) -o $@ $< -lpthread -ldl

life_SRC := $(wildcard tests/host/life*.c) tests/rig/nvtx_own.c
$(B)/tests/host/life: $(life_SRC) tests/host/life.h tests/rig/nvtx.h $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Itests/rig -rdynamic \
		$(filter -fsanitize=thread,$(SANITIZE)) -o $@ $(life_SRC) -lpthread -ldl -lm
