/* SPDX-License-Identifier: MIT */
#include "libtrace/page_ahead.h"

#include <errno.h>
#include <sys/mman.h>

enum { AHEAD_BYTES = 1 << 20 };

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23	/* Linux 5.14 */
#endif

void page_ahead_fill(struct page_ahead *ahead)
{
	uint32_t used = atomic_load_explicit(&ahead->used, memory_order_relaxed);
	uint32_t wanted = used + used / 4 + (uint32_t)(AHEAD_BYTES / ahead->unit_bytes) + 1;
	if (wanted > ahead->unit_count)
		wanted = ahead->unit_count;
	if (ahead->ready >= wanted)
		return;
	int errno_before = errno;
	/* Where the system does not know how, or has no memory, it stays as it is. */
	(void)madvise(ahead->memory + ahead->ready * ahead->unit_bytes,
		      (wanted - ahead->ready) * ahead->unit_bytes, MADV_POPULATE_WRITE);
	ahead->ready = wanted;
	errno = errno_before;
}
