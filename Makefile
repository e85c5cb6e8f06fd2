# SPDX-License-Identifier: MIT
# One make graph, no recursion. Every room says in its part.mk what it holds and what it uses.
# `make help` lists the targets (from the "## target: text" lines) and the options.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/sh

include mk/config.mk
include mk/rules.mk

include base/part.mk
include tracedb/part.mk
-include libtrace/part.mk
-include analyzer/part.mk
-include viewer-export/part.mk
-include laggard/part.mk
-include kernels/part.mk
-include samples/part.mk
-include tests/part.mk
-include docs/part.mk
include mk/install.mk

include mk/targets.mk

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
