/* SPDX-License-Identifier: MIT */
/*
 * Nesting levels of push/pop ranges, per thread and domain: what push and pop return to the
 * program, and what lets the drain see where events were lost.
 *
 * Thread: each thread has its own; no locks, no heap.
 */
#ifndef LIBTRACE_NVTX_LEVEL_H
#define LIBTRACE_NVTX_LEVEL_H

#include <stdint.h>

/* The level of the new range, from 0; NVTX_LEVEL_UNKNOWN when the thread uses too many domains. */
int32_t nvtx_level_push(uint32_t domain);

/* The level of the range that ends; -1 if none is open. */
int32_t nvtx_level_pop(uint32_t domain);

#endif
