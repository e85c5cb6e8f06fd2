# SPDX-License-Identifier: MIT
# samples: the C++ ones, built for the GPUs that kernels/ is built for, so that tests/gpu/verify need not compile them.
samples_NAMES := $(basename $(notdir $(wildcard samples/*.cu)))
samples_NCCL := $(firstword $(foreach folder,$(NCCL_HOME) $(CUDA_HOME) /usr,\
	$(if $(wildcard $(folder)/include/nccl.h),$(folder))))
samples_BUILT := $(if $(samples_NCCL),$(samples_NAMES),$(filter-out ddp_nccl,$(samples_NAMES)))
$(B)/samples/ddp_nccl: samples_LINK = -I$(samples_NCCL)/include -L$(samples_NCCL)/lib -lnccl

$(B)/samples/%: samples/%.cu
	@mkdir -p $(@D)
	$(call quiet,NVCC)$(NVCC) $(kernels_FLAGS) -o $@ $< $(samples_LINK)

## samples: the C++ programs of samples/, in build/samples (needs nvcc; ddp_nccl NCCL, too)
.PHONY: samples
ifneq ($(NVCC),)
samples: $(samples_BUILT:%=$(B)/samples/%)
else
samples:
	@echo 'samples: skipped ($(samples_NAMES)): no nvcc; name its folder by CUDA_HOME='
endif
