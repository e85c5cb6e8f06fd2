# SPDX-License-Identifier: MIT
# tests/real_libraries: libtrace, the doctor and the rig against NVIDIA's own libraries that load without a GPU.
# One folder for all configurations: it holds nothing that we built.
REAL_LIBRARIES ?= yes
REAL_FOLDER := build/real-libraries
real_programs = $(B)/tests/real_libraries/cupti_probe $(B)/tests/real_libraries/cuda_program \
	$(B)/tests/real_libraries/counting_injection.so $(B)/tests/real_libraries/nccl_program \
	$(if $(sources_NVTX),$(B)/tests/real_libraries/nvtx_listing.so)

## real-libraries: get NVIDIA's libraries for the tests with them, from Debian's non-free section (41 MB)
.PHONY: real-libraries
real-libraries:
	@REAL_LIBRARIES='$(REAL_LIBRARIES)' sh tests/real_libraries/fetch.sh $(REAL_FOLDER) || true

$(B)/tests/real_libraries/cupti_probe: $(call objects,tests/real_libraries/cupti_probe.c) \
		$(B)/obj/libtrace.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -ldl -lpthread

# Somebody else's program and tool: none of our flags.
$(B)/tests/real_libraries/%_program: tests/real_libraries/%_program.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra \
		$(filter -fsanitize=thread,$(SANITIZE)) -o $@ $< -lpthread -ldl
$(B)/tests/real_libraries/nccl_program: tests/real_libraries/nccl_program.c \
		tests/real_libraries/nccl_play.c tests/real_libraries/nccl_play.h $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -I. \
		$(filter -fsanitize=thread,$(SANITIZE)) -o $@ $(filter %.c,$^) -ldl
$(B)/tests/real_libraries/%.so: tests/real_libraries/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -shared -fPIC \
		$(if $(CUDA_HOME),-isystem $(CUDA_HOME)/include) -o $@ $<

TAP_TESTS += tests/real_libraries/cupti_test.py tests/real_libraries/injection_test.py \
	tests/real_libraries/doctor_test.py tests/real_libraries/nccl_test.py
TAP_NEEDS += $(real_programs) rig
