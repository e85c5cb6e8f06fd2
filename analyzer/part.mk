# SPDX-License-Identifier: MIT
# analyzer: timeline, interval algebra, metrics, findings and their renderers. Uses base and tracedb.
PARTS += analyzer
analyzer_SRC := $(wildcard analyzer/*.c)
$(eval $(call archive,analyzer))
