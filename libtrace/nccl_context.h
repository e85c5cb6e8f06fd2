/* SPDX-License-Identifier: MIT */
/*
 * The communicators that NCCL made known to the profiler plugin, one a communicator and rank. NCCL
 * holds their indexes as contexts; they stay after finalize, for events may come late.
 *
 * Thread: any, at the same time.
 */
#ifndef LIBTRACE_NCCL_CONTEXT_H
#define LIBTRACE_NCCL_CONTEXT_H

#include "libtrace/nccl_event.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct nccl_context {
	const struct nccl_abi *abi;
	int node_count;		/* -1: unknown, as the next */
	int rank_count;
	struct nccl_owner owner;
	atomic_int owner_state;	/* NCCL_OWNER_KNOWN, with release, after `owner` was filled in */
};

enum { NCCL_OWNER_UNKNOWN, NCCL_OWNER_BEING_READ, NCCL_OWNER_KNOWN };

/* Index from 1; 0 when there are too many. */
uint32_t nccl_context_add(const struct nccl_context *context);

/* NULL: no such context. Indexes count from 1 without a gap. */
struct nccl_context *nccl_context_at(uint64_t index);

/* Pairs with the release of whoever filled in the owner. */
static inline bool nccl_context_is_known(const struct nccl_context *context)
{
	return atomic_load_explicit(&context->owner_state, memory_order_acquire) ==
	       NCCL_OWNER_KNOWN;
}

#endif
