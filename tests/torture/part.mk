# SPDX-License-Identifier: MIT
# tests/torture: operations on traces while memory, disk space and reads fail, one after the other.
# `make check` tries some of the places, `make torture` all of them.
torture_tests_SRC := $(wildcard tests/torture/*.c)
PARTS += torture_tests
torture_WRAPPED := malloc calloc realloc free strdup strndup realpath scandir pthread_create yajl_alloc \
	gzdopen deflateInit2_ open open64 fopen write pwrite64 ftruncate64 fsync fdatasync close mkdtemp \
	mkstemp rename linkat fwrite fflush read pread64

TORTURE_STEPS ?= 0
TAP_TESTS += $(B)/tests/torture
$(B)/tests/torture: $(call objects,$(torture_tests_SRC)) $(B)/obj/tests/fuzz/fuzz.o \
		$(B)/obj/tests/fuzz/feed.o $(B)/obj/tests/fuzz/hostile_database.o \
		$(foreach part,viewer-export analyzer tracedb base,$(B)/obj/$(part).a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) $(torture_WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(tracedb_LIBS)

## torture: every allocation, write and read fails once, in every operation on traces
.PHONY: torture
torture: $(B)/tests/torture
	TORTURE_STEPS=$(TORTURE_STEPS) $(B)/tests/torture
