/* SPDX-License-Identifier: MIT */
/*
 * Memory that the program's threads will soon write: its pages are fetched from the system by the
 * drain thread, ahead of them, for a page fault costs more than the hundred events that a page
 * holds. How far ahead grows with what was used; the rest of the memory stays address space.
 *
 * Thread: note on any thread; fill on the drain thread only.
 */
#ifndef LIBTRACE_PAGE_AHEAD_H
#define LIBTRACE_PAGE_AHEAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Units (blocks, buffers) that are first used in the order of their numbers. */
struct page_ahead {
	unsigned char *memory;
	size_t unit_bytes;
	uint32_t unit_count;
	_Atomic uint32_t used;	/* units ever used */
	uint32_t ready;		/* units whose pages are there */
};

/* A unit is taken into use. */
static inline void page_ahead_note(struct page_ahead *ahead, uint32_t unit)
{
	/* A lost update costs a page fault and nothing else. */
	if (unit >= atomic_load_explicit(&ahead->used, memory_order_relaxed))
		atomic_store_explicit(&ahead->used, unit + 1, memory_order_relaxed);
}

void page_ahead_fill(struct page_ahead *ahead);

#endif
