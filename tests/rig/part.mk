# SPDX-License-Identifier: MIT
# tests/rig: the simulated machine (README.md). Doubles of libcuda, libcupti (four versions), libnccl and
# libnvidia-ml, and a training program that plays scenarios. Test doubles: nothing here is installed.
RIG := $(B)/rig
RIG_CFLAGS = $(CPPFLAGS) $(CFLAGS) $(if $(CUDA_HOME),-DRIG_HAVE_NVTX -isystem $(CUDA_HOME)/include)
rig_nvtx := nvtx_own $(if $(CUDA_HOME),nvtx_real)
rig_objects = $(patsubst %,$(RIG)/obj/%.o,$(1))
rig_cupti_objects := cupti_entry cupti_callbacks cupti_records cupti_activities cupti_buffers \
	cupti_layout cupti_names cupti_faults
rig_versions := 11.8 12.4 13.0 13.4
rig_cupti_11.8 := libcupti.so.11.8
rig_cupti_12.4 := libcupti.so.12
rig_cupti_13.0 := libcupti.so.13
rig_cupti_13.4 := libcupti.so.13
rig_cudart_11.8 := libcudart.so.11.0
rig_cudart_12.4 := libcudart.so.12
rig_cudart_13.0 := libcudart.so.13
rig_cudart_13.4 := libcudart.so.13
rig_common := libcuda.so.1 libnccl.so.2 libnvidia-ml.so.1
rig_link = $(CC) $(CFLAGS) $(LDFLAGS)

$(RIG)/obj/%.o: tests/rig/%.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(RIG_CFLAGS) -MMD -MP -c -o $@ $<
$(RIG)/obj/driver-nodevice.o: tests/rig/driver.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(RIG_CFLAGS) -DRIG_NO_DEVICE -MMD -MP -c -o $@ $<
$(RIG)/obj/cupti_version-%.o: tests/rig/cupti_version.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(RIG_CFLAGS) -DRIG_CUPTI_VERSION=$(subst .,,$*) -MMD -MP -c -o $@ $<

$(RIG)/common/libcuda.so.1: $(call rig_objects,driver driver_api machine words)
$(RIG)/common/libnccl.so.2: $(call rig_objects,nccl nccl_walk nccl_layout nccl_nvtx $(rig_nvtx))
$(RIG)/common/libnvidia-ml.so.1: $(call rig_objects,nvml machine words)
$(RIG)/lib-nodevice/libcuda.so.1: $(call rig_objects,driver-nodevice driver_api machine words)
$(addprefix $(RIG)/common/,$(rig_common)) $(RIG)/lib-nodevice/libcuda.so.1:
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -shared -Wl,-soname,$(@F) -o $@ $(filter %.o,$^) -ldl -lpthread

# $(call rig_version,13.0): one folder with everything that a process of that CUDA version loads.
define rig_version
$(RIG)/lib-$(1)/$(rig_cupti_$(1)): $(call rig_objects,$(rig_cupti_objects) cupti_version-$(1)) \
		$(RIG)/common/libcuda.so.1
	@mkdir -p $$(@D)
	@echo '$$(@F) { *; };' > $$@.map	# as the real one: references to it carry its version
	$$(call quiet,LD)$$(rig_link) -shared -Wl,-soname,$$(@F) -Wl,-rpath,'$$$$ORIGIN' -o $$@ \
		-Wl,--version-script=$$@.map $$(filter %.o,$$^) -L$(RIG)/common -l:libcuda.so.1 -ldl -lpthread
$(RIG)/lib-$(1)/$(rig_cudart_$(1)): $(call rig_objects,cudart)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(rig_link) -shared -Wl,-soname,$$(@F) -o $$@ $$(filter %.o,$$^)
$(RIG)/lib-$(1)/.links: $(addprefix $(RIG)/common/,$(rig_common))
	@mkdir -p $$(@D)
	@for name in $(rig_common); do ln -sf ../common/$$$$name $$(@D)/$$$$name; done; touch $$@
rig_products += $(RIG)/lib-$(1)/$(rig_cupti_$(1)) $(RIG)/lib-$(1)/$(rig_cudart_$(1)) \
	$(RIG)/lib-$(1)/.links
endef
rig_products :=
$(foreach version,$(rig_versions),$(eval $(call rig_version,$(version))))

$(RIG)/lib-nodevice/.links: $(RIG)/lib-13.0/.links $(RIG)/lib-13.0/libcupti.so.13
	@mkdir -p $(@D)
	@for name in libnccl.so.2 libnvidia-ml.so.1; do ln -sf ../common/$$name $(@D)/$$name; done
	@for name in libcupti.so.13 libcudart.so.13; do \
		cp -f $(RIG)/lib-13.0/$$name $(@D)/$$name; done; touch $@
$(RIG)/lib-nodevice/.links: $(RIG)/lib-13.0/libcudart.so.13

$(RIG)/bin/rig-train: $(call rig_objects,train play play_nvtx dump clock simulate simulate_items \
		simulate_coll scenario machine words $(rig_nvtx)) $(RIG)/common/libcuda.so.1 $(RIG)/common/libnccl.so.2
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -rdynamic -Wl,-rpath,'$$ORIGIN/../lib-13.0:$$ORIGIN' -o $@ $(filter %.o,$^) \
		-L$(RIG)/common -l:libcuda.so.1 -l:libnccl.so.2 -ldl -lpthread
$(RIG)/bin/rig-run: $(call rig_objects,rig_run scenario machine words)
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -o $@ $^
$(RIG)/bin/rig-strides: $(call rig_objects,strides)
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -o $@ $^ -ldl
$(RIG)/bin/libclient.so: $(call rig_objects,client) $(RIG)/lib-13.0/libcupti.so.13
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -shared -Wl,-rpath,'$$ORIGIN/../lib-13.0' -o $@ $(filter %.o,$^) \
		-L$(RIG)/lib-13.0 -l:libcupti.so.13 -lpthread
# Only against headers of the version that it speaks about.
ifneq ($(wildcard $(CUDA_HOME)/include/cupti_activity.h),)
rig_has_cupti_13.0 := $(shell grep -q 'CUpti_ActivityKernel10;' \
	$(CUDA_HOME)/include/cupti_activity.h && echo yes)
endif
$(RIG)/bin/rig-layout-check: $(call rig_objects,layout_check)
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -o $@ $^
$(RIG)/bin/libprobe.so: $(call rig_objects,probe probe_ranges)
	@mkdir -p $(@D)
	$(call quiet,LD)$(rig_link) -shared -o $@ $^ -ldl -lpthread

rig_products += $(RIG)/lib-nodevice/.links $(RIG)/lib-nodevice/libcuda.so.1 $(RIG)/bin/rig-train \
	$(RIG)/bin/rig-run $(RIG)/bin/rig-strides $(RIG)/bin/libprobe.so \
	$(RIG)/bin/libclient.so $(if $(rig_has_cupti_13.0),$(RIG)/bin/rig-layout-check)

## check-rig: the rig against its oracle, and against the real libraries where they are
.PHONY: check-rig
check-rig: rig
	$(PYTHON) tests/rig/selftest.py --build $(RIG) $(if $(CUDA_HOME),--cuda $(CUDA_HOME))

## rig: the simulated machine for tests without a GPU, in build/rig
.PHONY: rig
rig: $(rig_products)

-include $(wildcard $(RIG)/obj/*.d)
