# SPDX-License-Identifier: MIT
# Where things go below $(DESTDIR). What install puts there, uninstall takes away again.
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
install_LINKS := analyzer viewer-export
install_LIBRARIES := libtrace.so libtrace-capture.so
install_FOLDERS = '$(BINDIR)' '$(LIBDIR)' '$(MANDIR)/man1' '$(MANDIR)/man5' '$(BASHDIR)' '$(ZSHDIR)' '$(FISHDIR)'

## install: programs, library, man pages and completions below $(DESTDIR)$(PREFIX)
.PHONY: install uninstall
install: all man completions
	for folder in $(install_FOLDERS); do install -d '$(DESTDIR)'"$$folder"; done
	install -m 755 $(B)/bin/laggard '$(DESTDIR)$(BINDIR)/laggard'
	for link in $(install_LINKS); do \
		ln -sf laggard '$(DESTDIR)$(BINDIR)'/$$link; \
		ln -sf laggard '$(DESTDIR)$(BASHDIR)'/$$link; done
	for library in $(install_LIBRARIES); do \
		install -m 755 $(B)/lib/$$library '$(DESTDIR)$(LIBDIR)'/$$library; done
	if [ -x $(B)/kernels/calibrate ]; then \
		install -m 755 $(B)/kernels/calibrate '$(DESTDIR)$(LIBDIR)/laggard-calibrate'; fi
	install -m 644 $(docs_MAN1) '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 $(docs_MAN5) '$(DESTDIR)$(MANDIR)/man5'
	install -m 644 $(docs_BASH) '$(DESTDIR)$(BASHDIR)'
	install -m 644 $(docs_ZSH) '$(DESTDIR)$(ZSHDIR)'
	install -m 644 $(docs_FISH) '$(DESTDIR)$(FISHDIR)'

# Folders are taken away only below DESTDIR: those of a real system are not ours.
## uninstall: remove what install put there
uninstall:
	for name in laggard $(install_LINKS); do \
		rm -f '$(DESTDIR)$(BINDIR)'/$$name '$(DESTDIR)$(BASHDIR)'/$$name; done
	for name in $(notdir $(docs_MAN1)); do rm -f '$(DESTDIR)$(MANDIR)/man1'/$$name; done
	for name in $(notdir $(docs_MAN5)); do rm -f '$(DESTDIR)$(MANDIR)/man5'/$$name; done
	for library in $(install_LIBRARIES); do rm -f '$(DESTDIR)$(LIBDIR)'/$$library; done
	rm -f '$(DESTDIR)$(LIBDIR)/laggard-calibrate' \
		'$(DESTDIR)$(ZSHDIR)/$(notdir $(docs_ZSH))' \
		'$(DESTDIR)$(FISHDIR)/$(notdir $(docs_FISH))'
	$(if $(DESTDIR),cd '$(DESTDIR)' && for folder in $(install_FOLDERS); do \
		rmdir -p --ignore-fail-on-non-empty ".$$folder" 2>/dev/null || true; done)

## check-install: install into a scratch folder, compare with the list, run it there, uninstall
.PHONY: check-install
check-install: all man completions
	$(PYTHON) tests/run --build $(B) tests/install/install_test.sh
