# SPDX-License-Identifier: MIT
# libtrace: the guest that records a process. Uses base, tracedb, and SQLite, linked statically and hidden.
# Two libraries: libtrace.so, small, for every process; libtrace-capture.so, which it loads where there is a GPU.
PARTS += libtrace
libtrace_SRC := $(wildcard libtrace/*.c)
libtrace_PRELOAD := $(wildcard libtrace/preload/*.c) \
	$(addprefix libtrace/, thread_state.c settings.c mapped_objects.c notice.c)
$(eval $(call archive,libtrace))

$(B)/obj/libtrace/trace_facts.o: OBJECT_CFLAGS := -DLAGGARD_VERSION='"$(VERSION)"'
$(B)/obj/libtrace/trace_facts.o: $(B)/version.stamp

# Sanitizers bring symbols that only the program's runtime defines, and relocations of their own.
libtrace_STRICT := -Wl,-z,text -Wl,-z,now -Wl,-z,nodelete $(if $(SAN),,-Wl,-z,defs)
libtrace_OBJECTS := $(call objects,$(filter-out libtrace/thread_state.c,$(libtrace_SRC)))

$(B)/lib/libtrace.so: $(call objects,$(libtrace_PRELOAD)) $(B)/obj/base.a libtrace/preload/exports.map
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -shared $(LDFLAGS) $(libtrace_STRICT) -Wl,--exclude-libs,ALL -Wl,--gc-sections \
		-Wl,--version-script=libtrace/preload/exports.map -Wl,-soname,libtrace.so -Wl,--as-needed -o $@ \
		$(filter %.o %.a,$^) -ldl

$(B)/lib/libtrace-capture.so: $(libtrace_OBJECTS) $(B)/obj/tracedb.a $(B)/obj/base.a $(SQLITE_A) libtrace/capture.map \
		$(B)/lib/libtrace.so
	$(if $(SQLITE_A),,$(error libtrace-capture.so needs a static SQLite: install libsqlite3-dev, \
		or make SQLITE_SOURCE=folder with sqlite3.c))
	$(call quiet,LINK)$(CC) -shared $(LDFLAGS) $(libtrace_STRICT) -Wl,--exclude-libs,ALL \
		-Wl,--version-script=libtrace/capture.map -Wl,-soname,libtrace-capture.so -Wl,-rpath,'$$ORIGIN' \
		-Wl,--as-needed -o $@ $(libtrace_OBJECTS) $(B)/obj/tracedb.a $(B)/obj/base.a $(SQLITE_A) \
		$(B)/lib/libtrace.so -lm -ldl -lpthread

ALL += $(B)/lib/libtrace.so $(B)/lib/libtrace-capture.so
