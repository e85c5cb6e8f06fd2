/* SPDX-License-Identifier: MIT */
#include "viewer-export/page.h"

#include <string.h>

/* The files as they are, between two symbols: the assembler reads them, so that none is copied. */
#define PAGE_FILE(symbol, path) \
	__asm__(".pushsection .rodata\n" \
		".globl page_" #symbol "_begin\n.hidden page_" #symbol "_begin\n" \
		".globl page_" #symbol "_end\n.hidden page_" #symbol "_end\n" \
		"page_" #symbol "_begin:\n.incbin \"viewer-export/page/" path "\"\n" \
		"page_" #symbol "_end:\n.byte 0\n.popsection\n"); \
	extern const char page_##symbol##_begin[], page_##symbol##_end[]

PAGE_FILE(html, "view.html");
PAGE_FILE(css, "view.css");
PAGE_FILE(script, "view.js");
PAGE_FILE(source, "source_tiles.js");

static const struct page_file {
	const char *path;
	const char *begin;
	const char *end;
	const char *type;
} files[] = {
	{ "", page_html_begin, page_html_end, "text/html; charset=utf-8" },
	{ "view.css", page_css_begin, page_css_end, "text/css; charset=utf-8" },
	{ "view.js", page_script_begin, page_script_end, "text/javascript; charset=utf-8" },
	{ "source_tiles.js", page_source_begin, page_source_end,
	  "text/javascript; charset=utf-8" },
};

const char *page_file_find(const char *path, size_t *size, const char **type)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(files[i].path, path) == 0) {
			*size = (size_t)(files[i].end - files[i].begin);
			*type = files[i].type;
			return files[i].begin;
		}
	return NULL;
}
