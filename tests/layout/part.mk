# SPDX-License-Identifier: MIT
# tests/layout: libtrace's own declarations against the real headers and libraries, where those are installed.
layout_headers := $(wildcard $(CUDA_HOME)/include/cupti_activity.h)
ifneq ($(layout_headers),)
layout_flags := $(shell grep -q 'CUpti_ActivityKernel10;' $(CUDA_HOME)/include/cupti_activity*.h && \
	echo -DHAVE_CUPTI_HEADERS -isystem $(CUDA_HOME)/include)
endif
layout_library := $(firstword $(wildcard $(CUDA_HOME)/extras/CUPTI/lib64/libcupti.so \
	$(CUDA_HOME)/lib64/libcupti.so))

$(B)/obj/tests/layout/cupti_layout_check.o: OBJECT_CFLAGS := $(layout_flags)
$(B)/tests/cupti_layout_check: $(B)/obj/tests/layout/cupti_layout_check.o $(B)/obj/libtrace.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ -ldl -lpthread
# The runner calls producers without arguments.
$(B)/tests/layout_test: $(B)/tests/cupti_layout_check
	@printf '#!/bin/sh\nexec %s %s\n' '$<' '$(layout_library)' > $@; chmod +x $@
TAP_TESTS += $(B)/tests/layout_test
