# SPDX-License-Identifier: MIT
# tracedb: the trace database (tables.def), its writer, reader and importers. Uses base, sqlite3, zlib, yajl.
PARTS += tracedb
tracedb_SRC := $(wildcard tracedb/*.c)
# The static C++ run time has the demangler with a bounded output (demangle.c); only that object is taken from it.
libstdcxx := $(shell $(CC) -print-file-name=libstdc++.a)
tracedb_LIBS := $(SQLITE_LIBS) -lyajl -lz $(if $(findstring /,$(libstdcxx)),$(libstdcxx),-lstdc++)
$(eval $(call archive,tracedb))
