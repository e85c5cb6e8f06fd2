# SPDX-License-Identifier: MIT
# How sources become objects, archives and programs. Parts only set NAME_SRC and add themselves to PARTS.

quiet = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)';)

# The stamp changes when the compiler or a flag does; every object depends on it.
flags_now := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(SQLITE_LIBS)
$(B)/flags.stamp: force
	@mkdir -p $(@D); echo '$(subst ','\'',$(flags_now))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(flags_now))' > $@

$(B)/obj/%.o: %.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(OBJECT_CFLAGS) -MMD -MP -c -o $@ $<

# $(call archive,part): objects of the part in build/obj/part.a
objects = $(patsubst %.c,$(B)/obj/%.o,$(filter %.c,$(1)))
define archive
$(B)/obj/$(1).a: $$(call objects,$$($(1)_SRC))
	@mkdir -p $$(@D); rm -f $$@
	$$(call quiet,AR)$$(AR) rcs $$@ $$^
endef

# The version is a stamp of its own, so that a commit rebuilds one file only.
$(B)/version.stamp: force
	@mkdir -p $(@D); echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' > $@

ifneq ($(SQLITE_SOURCE),)
$(B)/obj/sqlite3.o: $(SQLITE_SOURCE)/sqlite3.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) -std=gnu11 -O2 -fPIC -fvisibility=hidden -DSQLITE_THREADSAFE=1 \
		-DHAVE_PREAD=1 -DHAVE_PWRITE=1 -DSQLITE_OMIT_LOAD_EXTENSION -w -c -o $@ $<
$(SQLITE_A): $(B)/obj/sqlite3.o
	$(call quiet,AR)$(AR) rcs $@ $^
# Whoever links tracedb links SQLite.
$(B)/obj/tracedb.a: | $(SQLITE_A)
endif

.PHONY: force
force:
