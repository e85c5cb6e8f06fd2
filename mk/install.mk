# SPDX-License-Identifier: MIT
## install: programs, library, man pages and completions below $(DESTDIR)$(PREFIX)
.PHONY: install uninstall
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(LIBDIR)'
	install -m 755 $(B)/bin/laggard '$(DESTDIR)$(PREFIX)/bin/laggard'
	ln -sf laggard '$(DESTDIR)$(PREFIX)/bin/analyzer'
	ln -sf laggard '$(DESTDIR)$(PREFIX)/bin/viewer-export'
	install -m 755 $(B)/lib/libtrace.so '$(DESTDIR)$(LIBDIR)/libtrace.so'

## uninstall: remove what install put there
uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/laggard' '$(DESTDIR)$(PREFIX)/bin/analyzer' \
		'$(DESTDIR)$(PREFIX)/bin/viewer-export' '$(DESTDIR)$(LIBDIR)/libtrace.so'
