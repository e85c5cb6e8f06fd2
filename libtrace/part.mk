# SPDX-License-Identifier: MIT
# libtrace: the guest that records a process. Uses base, tracedb, and SQLite, linked statically and hidden.
PARTS += libtrace
libtrace_SRC := $(wildcard libtrace/*.c)
$(eval $(call archive,libtrace))

$(B)/obj/libtrace/trace_facts.o: OBJECT_CFLAGS := -DLAGGARD_VERSION='"$(VERSION)"'
$(B)/obj/libtrace/trace_facts.o: $(B)/version.stamp

# Sanitizers bring symbols that only the program's runtime defines, and relocations of their own.
libtrace_STRICT := -Wl,-z,text -Wl,-z,now -Wl,-z,nodelete $(if $(SAN),,-Wl,-z,defs)
libtrace_OBJECTS := $(call objects,$(libtrace_SRC))

$(B)/lib/libtrace.so: $(libtrace_OBJECTS) $(B)/obj/tracedb.a $(B)/obj/base.a $(SQLITE_A) libtrace/exports.map
	@mkdir -p $(@D)
	$(if $(SQLITE_A),,$(error libtrace.so needs a static SQLite: install libsqlite3-dev, \
		or make SQLITE_SOURCE=folder with sqlite3.c))
	$(call quiet,LINK)$(CC) -shared $(LDFLAGS) $(libtrace_STRICT) -Wl,--exclude-libs,ALL \
		-Wl,--version-script=libtrace/exports.map -Wl,-soname,libtrace.so -Wl,--as-needed -o $@ \
		$(libtrace_OBJECTS) $(B)/obj/tracedb.a $(B)/obj/base.a $(SQLITE_A) -lm -ldl -lpthread

ALL += $(B)/lib/libtrace.so
