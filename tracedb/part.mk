# tracedb: the trace database (tables.def), its writer, reader and importers. Uses base, sqlite3, zlib, yajl.
PARTS += tracedb
tracedb_SRC := $(wildcard tracedb/*.c)
tracedb_LIBS := $(SQLITE_LIBS) -lyajl -lz -lstdc++
$(eval $(call archive,tracedb))
