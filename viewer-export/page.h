/* SPDX-License-Identifier: MIT */
/*
 * The files of our own page, as `laggard view` serves them.
 *
 * Thread: pure functions.
 */
#ifndef VIEWER_EXPORT_PAGE_H
#define VIEWER_EXPORT_PAGE_H

#include <stddef.h>

/* "" is the page itself. NULL: there is no such file. */
const char *page_file_find(const char *path, size_t *size, const char **type);

#endif
