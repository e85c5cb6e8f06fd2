# SPDX-License-Identifier: MIT
# viewer-export: one walk over the traces, one file per output format. Uses base, tracedb, zlib.
PARTS += viewer-export
viewer-export_SRC := $(wildcard viewer-export/*.c)
$(eval $(call archive,viewer-export))

# Our page, as C: for the HTML export, and for `laggard view`. Scripts in the order in which they use each other.
page_SCRIPT = $(patsubst %,viewer-export/page/%.js,$(1))
page_DRAWN := text theme draw rows counters details findings statistics find input shown
html_page_SCRIPTS := $(call page_SCRIPT,source source_unpack source_decode source_slices source_embedded \
	source_picture $(page_DRAWN) main)
view_page_SCRIPTS := $(call page_SCRIPT,source source_tiles $(page_DRAWN) main_view)
page_FILES := viewer-export/page_bytes.sh viewer-export/page/page.html viewer-export/page/page.css
$(B)/obj/viewer-export/html_page.c: $(page_FILES) $(html_page_SCRIPTS)
	@mkdir -p $(@D)
	$(call quiet,GEN)sh viewer-export/page_bytes.sh export viewer-export/page $(html_page_SCRIPTS) > $@
$(B)/obj/viewer-export/view_page.c: $(page_FILES) $(view_page_SCRIPTS)
	@mkdir -p $(@D)
	$(call quiet,GEN)sh viewer-export/page_bytes.sh view viewer-export/page $(view_page_SCRIPTS) > $@
$(B)/obj/viewer-export/%_page.o: $(B)/obj/viewer-export/%_page.c viewer-export/html_page.h $(B)/flags.stamp
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/obj/viewer-export.a: $(B)/obj/viewer-export/html_page.o $(B)/obj/viewer-export/view_page.o
