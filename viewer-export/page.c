/* SPDX-License-Identifier: MIT */
#include "viewer-export/page.h"

#include "viewer-export/html_page.h"

#include <string.h>

static const struct page_file {
	const char *path;
	const unsigned char *bytes;
	const size_t *size;
	const char *type;
} files[] = {
	{ "", view_page_html, &view_page_html_bytes, "text/html; charset=utf-8" },
	{ "page.css", view_page_style, &view_page_style_bytes, "text/css; charset=utf-8" },
	{ "page.js", view_page_script, &view_page_script_bytes, "text/javascript; charset=utf-8" },
};

const char *page_file_find(const char *path, size_t *size, const char **type)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(files[i].path, path) == 0) {
			*size = *files[i].size;
			*type = files[i].type;
			return (const char *)files[i].bytes;
		}
	return NULL;
}
