# SPDX-License-Identifier: MIT
# laggard: the program: main and the command table, the launcher, help, man pages, completions. Uses all others.
PARTS += laggard
laggard_SRC := $(wildcard laggard/*.c)
$(eval $(call archive,laggard))

# `laggard view` serves by libmicrohttpd, which it opens when it runs: only the header is needed here. Without it
# everything else is built, and view says what it lacks.
has_microhttpd := $(shell $(CC) -include microhttpd.h -fsyntax-only -x c /dev/null 2>/dev/null && echo yes)
$(if $(has_microhttpd),,$(info laggard: without libmicrohttpd-dev 'laggard view' is left out; mk/install_packages.sh \
	installs it))
$(B)/microhttpd.stamp: force
	@mkdir -p $(@D); echo '$(has_microhttpd)' | cmp -s - $@ || echo '$(has_microhttpd)' > $@
$(B)/obj/laggard/http_server.o $(B)/obj/laggard/http_library.o: $(B)/microhttpd.stamp
$(B)/obj/laggard/http_server.o $(B)/obj/laggard/http_library.o: \
	OBJECT_CFLAGS = $(if $(has_microhttpd),-DLAGGARD_HAS_MICROHTTPD)

# Users before what they use.
laggard_ARCHIVES := $(foreach part,laggard analyzer viewer-export tracedb base, \
	$(if $(filter $(part),$(PARTS)),$(B)/obj/$(part).a))

# Where `run` finds libtrace.so, as seen from the folder of the installed program.
laggard_LIBDIR := $(patsubst $(PREFIX)/%,../%,$(LIBDIR))
$(B)/libdir.stamp: force
	@mkdir -p $(@D); echo '$(laggard_LIBDIR)' | cmp -s - $@ || echo '$(laggard_LIBDIR)' > $@
$(B)/obj/laggard/version.o: $(B)/version.stamp
$(B)/obj/laggard/version.o: OBJECT_CFLAGS = -DLAGGARD_VERSION='"$(VERSION)"' -DLAGGARD_COMMIT='"$(COMMIT)"'
$(B)/obj/laggard/library.o: $(B)/libdir.stamp
$(B)/obj/laggard/library.o: OBJECT_CFLAGS = -DLAGGARD_LIBDIR='"$(laggard_LIBDIR)"'

# Of libtrace only what both sides have to agree on; never the archive: it defines _exit.
laggard_SHARED := $(call objects,libtrace/settings.c libtrace/control_path.c)

$(B)/bin/laggard: $(laggard_SHARED) $(laggard_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)
$(B)/bin/analyzer $(B)/bin/viewer-export: | $(B)/bin/laggard
	$(call quiet,LINK)ln -sf laggard $@
ALL += $(B)/bin/laggard $(B)/bin/analyzer $(B)/bin/viewer-export
