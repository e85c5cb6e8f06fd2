# SPDX-License-Identifier: MIT
# tests/sources: libtrace's NVTX, NCCL and NVML sources over the real logs, with a drain that keeps its rows.
PARTS += sources
sources_SRC := $(wildcard tests/sources/*.c)

# Objects one by one: the archive would bring the real drain.
sources_OBJECTS := $(call objects,$(addprefix tests/sources/,fake_drain.c fake_nvtx.c) \
	$(wildcard libtrace/nvtx_*.c libtrace/nccl_*.c libtrace/nvml_*.c) $(addprefix libtrace/, \
	registry.c open_table.c thread_log.c free_list.c mapped_objects.c host_facts.c host_sampler.c host_state.c \
	futex.c command_mask.c page_ahead.c thread_state.c own_thread.c sample_ring.c capture_window.c window_watch.c) \
	tracedb/tables.c tracedb/vocabulary.c)
$(B)/tests/sources: $(call objects,$(wildcard tests/sources/*_test.c) tests/unit/harness.c) \
		$(sources_OBJECTS) $(B)/obj/base.a | $(RIG)/common/libnvidia-ml.so.1
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lm -ldl -lpthread

# Against the real headers and the real NCCL, where they are.
sources_NVTX := $(shell grep -l 'NVTX_EXT_PAYLOAD_COMPATID 0x0104' \
	$(CUDA_HOME)/include/nvtx3/nvToolsExtPayload.h 2>/dev/null)
sources_NCCL := $(firstword $(wildcard $(CUDA_HOME)/lib64/libnccl.so.2 $(CUDA_HOME)/lib/libnccl.so.2))
$(B)/obj/tests/sources/real_nvtx.o: OBJECT_CFLAGS := $(if $(sources_NVTX),-DHAVE_NVTX \
	-isystem $(CUDA_HOME)/include -DLIBNCCL='"$(sources_NCCL)"')
$(B)/tests/injection.so: $(call objects,tests/sources/injection.c) $(sources_OBJECTS) $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -shared $(LDFLAGS) -Wl,-z,nodelete -o $@ $^ -lm -ldl -lpthread
$(B)/tests/real-nvtx: $(call objects,tests/sources/real_nvtx.c tests/real_libraries/nccl_play.c) \
		| $(B)/tests/injection.so
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -ldl -lpthread

# Our declarations of NVTX, compiled against the real ones.
$(B)/obj/tests/layout/nvtx_layout_check.o: OBJECT_CFLAGS := $(if $(sources_NVTX),-DHAVE_NVTX \
	-isystem $(CUDA_HOME)/include)
$(B)/tests/nvtx-layout: $(call objects,tests/layout/nvtx_layout_check.c)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -ldl

TAP_TESTS += $(B)/tests/nvtx-layout $(B)/tests/sources $(B)/tests/real-nvtx
