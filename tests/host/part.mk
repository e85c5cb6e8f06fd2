# SPDX-License-Identifier: MIT
# tests/host: the guest in its host: what libtrace.so exports, leaves alone, and records under the rig.
HOST_PROGRAMS := $(B)/tests/host/forker $(B)/tests/host/late
TAP_TESTS += tests/host/exports_test.sh tests/host/host_test.py tests/host/rig_capture_test.py
TAP_TESTS += tests/host/rig_report_test.py tests/host/same_contents_test.py
TAP_NEEDS += $(HOST_PROGRAMS)

# Plain programs of somebody else: none of our flags, but for the one sanitizer that insists.
$(B)/tests/host/%: tests/host/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 $(filter -fsanitize=thread,$(SANITIZE)) -o $@ $< -lpthread -ldl

## check-contents: the same training through more pairs of CUPTI, NCCL and NVTX versions
.PHONY: check-contents
check-contents: all rig
	python3 tests/host/same_contents_test.py --pairs
