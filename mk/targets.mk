# SPDX-License-Identifier: MIT
# The public targets. `make help` is drawn from the "## target: text" lines.

## all: build/bin/laggard (with its links analyzer and viewer-export) and the libraries in build/lib
.PHONY: all
all: $(ALL) compile_commands.json

## packages: install what building needs, if anything is missing (Debian, Ubuntu)
.PHONY: packages
packages:
	@CC='$(CC)' SQLITE_SOURCE='$(SQLITE_SOURCE)' sh mk/install_packages.sh

## test-packages: the same, and what tests need: Chromium, the Trace Viewer, Node.js, protoc, NVIDIA's libraries
.PHONY: test-packages
test-packages: packages real-libraries
	@if [ -f tests/browser/install.sh ]; then sh tests/browser/install.sh || \
		echo 'the browser tests will be skipped'; fi

# What is installed decides what is built, so make reads its files anew once everything is there.
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

## check: install what is missing, build, run all tests; ends with 'N passed, N failed'
.PHONY: check check-now
check: test-packages
	@+$(MAKE) --no-print-directory $(jobs) check-now
check-now: all man completions $(rig_products) $(TAP_NEEDS) $(B)/tests/unit $(TAP_TESTS)
	@B='$(B)' CC='$(CC)' SAN='$(SAN)' CUDA_HOME='$(CUDA_HOME)' PYTHON='$(PYTHON)' \
		$(PYTHON) tests/run --build $(B) $(B)/tests/unit $(TAP_TESTS)

## check-matrix: make check with gcc and clang: plain, address+undefined, thread
.PHONY: check-matrix
check-matrix:
	+for compiler in gcc clang; do for sanitizer in '' address,undefined thread; do \
		echo "== $$compiler $$sanitizer"; \
		$(MAKE) --no-print-directory check CC=$$compiler SAN=$$sanitizer || exit 1; done; done

## tidy: only the tests of the source text itself
.PHONY: tidy
tidy: $(B)/bin/laggard
	@B='$(B)' CC='$(CC)' $(PYTHON) tests/run --build $(B) tests/tidy/tidy_test.py

## demo: install what is missing, build, capture a training run, analyse it, export its timeline
.PHONY: demo
demo: packages
	@+$(MAKE) --no-print-directory $(jobs) demo-now
.PHONY: demo-now
demo-now: all $(rig_products)
	@B='$(B)' CUDA_HOME='$(CUDA_HOME)' PYTHON='$(PYTHON)' sh samples/demo.sh

## help: this list
.PHONY: help
help:
	@sed -n 's/^## \([a-z-]*\): /\1|/p' mk/targets.mk mk/install.mk */part.mk tests/*/part.mk 2>/dev/null | \
		awk -F'|' '{ printf "  %-16s %s\n", $$1, $$2 }'
	@echo
	@echo '  CC=clang  SAN=address,undefined | SAN=thread  DEBUG=1  WERROR=1  V=1'
	@echo '  PREFIX=/usr/local  DESTDIR=  CUDA_HOME=  SQLITE_SOURCE=folder with sqlite3.c'

## clean: remove everything that was built
.PHONY: clean
clean:
	$(call quiet,CLEAN)rm -rf build compile_commands.json

# Written by hand from the rules: no tool is needed for it.
compile_commands.json: mk/compile_commands.sh $(B)/flags.stamp
	$(call quiet,GEN)sh mk/compile_commands.sh '$(CC) $(CPPFLAGS) $(CFLAGS)' \
		$(foreach part,$(PARTS),$($(part)_SRC)) > $@

## format: wrap the lines of over 100 columns (clang-format); no other line is touched
.PHONY: format
format:
	@$(PYTHON) mk/format_long_lines.py $(filter-out %.def,$(wildcard */*.[ch] tests/*/*.[ch]))
