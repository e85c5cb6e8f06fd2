/* SPDX-License-Identifier: MIT */
/*
 * Nesting levels of push/pop ranges, per thread and domain: what push and pop return to the
 * program, what lets the drain see where events were lost, and what the push of a range leaves for
 * its pop: whether it is recorded, and whether it opened the capture window.
 *
 * Thread: each thread has its own; no locks, no heap.
 */
#ifndef LIBTRACE_NVTX_LEVEL_H
#define LIBTRACE_NVTX_LEVEL_H

#include <stdint.h>

/* Marks of a range, beside those of window_watch.h. */
enum { NVTX_RANGE_RECORDED = 4, NVTX_RANGE_MARKS = 3 /* how many kinds of marks there are */ };

/* The level of the new range, from 0; NVTX_LEVEL_UNKNOWN when the thread uses too many domains. */
int32_t nvtx_level_push(uint32_t domain, unsigned marks);

/*
 * The level of the range that ends; -1 if none is open. `marks` are those of its push; where they
 * are not known any more (very deep ones) it passes for recorded.
 */
int32_t nvtx_level_pop(uint32_t domain, unsigned *marks);

#endif
