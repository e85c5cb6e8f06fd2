# SPDX-License-Identifier: MIT
# tests/gpu: everything on a real GPU, in one command (README.md). `make check` tests the driver itself, on the rig.
gpu_SRC := tests/gpu/cupti_floor.c tests/gpu/cupti_delivery.c
PARTS += gpu
gpu_NEEDS := $(B)/tests/gpu/libcupti_floor.so $(B)/tests/gpu/libcupti_delivery.so
TAP_TESTS += tests/gpu/self_test.py
TAP_NEEDS += $(gpu_NEEDS)

$(gpu_NEEDS): $(B)/tests/gpu/lib%.so: $(B)/obj/tests/gpu/%.o
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -shared $(LDFLAGS) -Wl,-z,nodelete -o $@ $^ -ldl -lpthread

## check-gpu: kernels, PyTorch, NCCL and overhead on this machine's GPU, at most 8 minutes; build/gpu-verify.json
.PHONY: check-gpu
check-gpu: all kernels $(rig_products) $(gpu_NEEDS) $(B)/tests/cupti_layout_check
	CUDA_HOME='$(CUDA_HOME)' tests/gpu/verify --build $(B) --python '$(PYTHON)' --output $(B)/gpu-verify.json
