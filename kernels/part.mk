# SPDX-License-Identifier: MIT
# kernels: CUDA programs that print the truth a perfect profiler must find (README.md). CUDA only, nothing of ours;
# not part of `make all`: building them takes nvcc and a while.
NVCC ?= $(firstword $(wildcard $(CUDA_HOME)/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
kernels_ARCHITECTURES ?= 80 86 89 90 120
kernels_NAMES := $(basename $(notdir $(wildcard kernels/*.cu)))
kernels_newest = $(lastword $(kernels_ARCHITECTURES))
kernels_FLAGS = -std=c++17 -O2 -Xcompiler -Wall,-Wextra \
	$(foreach sm,$(kernels_ARCHITECTURES),-gencode arch=compute_$(sm)$(comma)code=sm_$(sm)) \
	-gencode arch=compute_$(kernels_newest)$(comma)code=compute_$(kernels_newest)

$(B)/kernels/%: kernels/%.cu $(wildcard kernels/*.cuh)
	@mkdir -p $(@D)
	$(call quiet,NVCC)$(NVCC) $(kernels_FLAGS) -o $@ $< -ldl

## kernels: CUDA programs with known truth, in build/kernels (needs nvcc)
.PHONY: kernels
ifneq ($(NVCC),)
kernels: $(kernels_NAMES:%=$(B)/kernels/%)
else
kernels:
	@echo 'kernels: skipped ($(kernels_NAMES)): no nvcc; name its folder by CUDA_HOME='
endif

TAP_TESTS += kernels/compile_test.sh
