# SPDX-License-Identifier: MIT
# viewer-export: one walk over the traces, one file per output format. Uses base, tracedb, zlib.
PARTS += viewer-export
viewer-export_SRC := $(wildcard viewer-export/*.c)
$(eval $(call archive,viewer-export))

# The page of `laggard view`; its files are part of the program.
$(B)/obj/viewer-export/page.o: $(wildcard viewer-export/page/view.* viewer-export/page/source_tiles.js)

# The page of the HTML export, as C. Scripts in the order in which they use each other.
html_page_SCRIPTS := $(patsubst %,viewer-export/page/%.js,source source_unpack source_decode source_slices \
	source_embedded source_picture text theme draw rows counters details findings statistics find input shown main)
$(B)/obj/viewer-export/html_page.c: viewer-export/page_bytes.sh viewer-export/page/page.html \
		viewer-export/page/page.css $(html_page_SCRIPTS)
	@mkdir -p $(@D)
	$(call quiet,GEN)sh viewer-export/page_bytes.sh viewer-export/page $(html_page_SCRIPTS) > $@
$(B)/obj/viewer-export/html_page.o: $(B)/obj/viewer-export/html_page.c $(B)/flags.stamp
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/obj/viewer-export.a: $(B)/obj/viewer-export/html_page.o
