/* SPDX-License-Identifier: MIT */
#include "viewer-export/page.h"

#include <string.h>

static const char index_html[] = "<!DOCTYPE html><meta charset=\"utf-8\"><title>laggard</title>";

const char *page_file_find(const char *path, size_t *size, const char **type)
{
	if (path[0] != 0)
		return NULL;
	*size = strlen(index_html);
	*type = "text/html; charset=utf-8";
	return index_html;
}
