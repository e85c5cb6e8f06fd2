# SPDX-License-Identifier: MIT
# viewer-export: one walk over the traces, one file per output format. Uses base, tracedb, zlib.
PARTS += viewer-export
viewer-export_SRC := $(wildcard viewer-export/*.c)
$(eval $(call archive,viewer-export))
