# SPDX-License-Identifier: MIT
# docs: man pages and completions, made by the program from its option tables; SCHEMA.md, from the tables of tracedb.
docs_COMMANDS := $(sort $(patsubst laggard/command_%.c,%,$(wildcard laggard/command_*.c)))
docs_MAN1 := $(B)/share/man/man1/laggard.1 $(docs_COMMANDS:%=$(B)/share/man/man1/laggard-%.1)
docs_MAN5 := $(B)/share/man/man5/laggard-trace.5
docs_BASH := $(B)/share/bash-completion/completions/laggard
docs_ZSH := $(B)/share/zsh/site-functions/_laggard
docs_FISH := $(B)/share/fish/vendor_completions.d/laggard.fish
docs_COMPLETIONS := $(docs_BASH) $(docs_ZSH) $(docs_FISH)

$(B)/share/man/man1/laggard.1: $(B)/bin/laggard
	@mkdir -p $(@D)
	$(call quiet,MAN)$(B)/bin/laggard man > $@
$(B)/share/man/man1/laggard-%.1: $(B)/bin/laggard
	@mkdir -p $(@D)
	$(call quiet,MAN)$(B)/bin/laggard man $* > $@
$(docs_MAN5): $(B)/bin/laggard
	@mkdir -p $(@D)
	$(call quiet,MAN)$(B)/bin/laggard man trace > $@
$(docs_BASH): completed_shell := bash
$(docs_ZSH): completed_shell := zsh
$(docs_FISH): completed_shell := fish
$(docs_COMPLETIONS): $(B)/bin/laggard
	@mkdir -p $(@D)
	$(call quiet,GEN)$(B)/bin/laggard completion $(completed_shell) > $@

## man: the manual pages, in build/share/man
.PHONY: man
man: $(docs_MAN1) $(docs_MAN5)

## completions: for bash, zsh and fish, in build/share
.PHONY: completions
completions: $(docs_COMPLETIONS)

## schema: write docs/SCHEMA.md anew from tracedb/tables.def, derived.def and ceilings.def
.PHONY: schema
schema: $(B)/bin/laggard
	$(call quiet,GEN)$(B)/bin/laggard schema > docs/SCHEMA.md
