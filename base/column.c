/* SPDX-License-Identifier: MIT */
#include "base/column.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

/* Below this a page that is touched only in part wastes too much. */
static const size_t HUGE_BYTES_MIN = 3 * (size_t)HUGE_PAGE_BYTES / 2;

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
	size_t bytes = room * size;
	bool is_huge = bytes >= HUGE_BYTES_MIN;
	grown = is_huge ? huge_new(bytes) : realloc(old, bytes);
	if (grown == NULL)
		return false;
	/* realloc would move to where no huge page can begin. */
	if (is_huge && old != NULL) {
		size_t kept = malloc_usable_size(old);
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
