# SPDX-License-Identifier: MIT
# viewer-export: one walk over the traces, one file per output format. Uses base, tracedb, zlib.
PARTS += viewer-export
viewer-export_SRC := $(wildcard viewer-export/*.c)
$(eval $(call archive,viewer-export))

# The files of the page are part of the program.
$(B)/obj/viewer-export/page.o: $(wildcard viewer-export/page/*)
