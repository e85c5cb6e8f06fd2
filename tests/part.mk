# SPDX-License-Identifier: MIT
# Tests. Every kind is a program that prints TAP; tests/run counts them and prints 'N passed, N failed'.
UNIT_SRC := $(wildcard tests/unit/*.c tests/property/*.c)
UNIT_PARTS := laggard libtrace viewer-export analyzer tracedb base
PARTS += tests
tests_SRC := $(UNIT_SRC)

$(B)/tests/unit: $(call objects,$(UNIT_SRC)) \
		$(foreach part,$(UNIT_PARTS),$(if $(filter $(part),$(PARTS)),$(B)/obj/$(part).a))
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)

-include $(wildcard tests/*/part.mk)
