# SPDX-License-Identifier: MIT
# The public targets. `make help` is drawn from the "## target: text" lines.

## all: build/bin/laggard (with its links analyzer and viewer-export) and build/lib/libtrace.so
.PHONY: all
all: $(ALL) compile_commands.json

## help: this list
.PHONY: help
help:
	@sed -n 's/^## \([a-z-]*\): /\1|/p' mk/*.mk */part.mk tests/*/part.mk 2>/dev/null | \
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
