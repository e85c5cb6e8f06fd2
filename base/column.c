/* SPDX-License-Identifier: MIT */
#include "base/column.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

/* Below this a page that is touched only in part wastes too much. */
static const size_t HUGE_BYTES_MIN = HUGE_PAGE_BYTES;

/* The advice is only a wish: what comes of it changes nothing but the time. */
static void *huge_new(size_t bytes)
{
	void *values = NULL;
	size_t whole = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	if (whole < bytes || posix_memalign(&values, HUGE_PAGE_BYTES, whole) != 0)
		return NULL;
	(void)madvise(values, whole, MADV_HUGEPAGE);
	return values;
}

bool column_resize(void *column, size_t room, size_t size)
{
	void *old, *grown;
	memcpy(&old, column, sizeof old);
	if (room > SIZE_MAX / size)
		return false;
	size_t bytes = room * size, kept = malloc_usable_size(old);
	/* What is large already is moved by the system, page by page; that copies nothing. */
	bool becomes_huge = bytes >= HUGE_BYTES_MIN && kept < HUGE_BYTES_MIN;
	grown = becomes_huge ? huge_new(bytes) : realloc(old, bytes);
	if (grown == NULL)
		return false;
	if (becomes_huge && old != NULL) {
		memcpy(grown, old, kept < bytes ? kept : bytes);
		free(old);
	}
	memcpy(column, &grown, sizeof grown);
	return true;
}

void *column_new(size_t room, size_t size)
{
	void *column = NULL;
	return column_resize(&column, room == 0 ? 1 : room, size) ? column : NULL;
}
