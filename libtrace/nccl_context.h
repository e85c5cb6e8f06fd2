/* SPDX-License-Identifier: MIT */
/*
 * The communicators that NCCL made known to the profiler plugin, one a communicator and rank. NCCL
 * holds their indexes as contexts; they stay after finalize, for events may come late.
 *
 * Thread: any, at the same time.
 */
#ifndef LIBTRACE_NCCL_CONTEXT_H
#define LIBTRACE_NCCL_CONTEXT_H

#include "libtrace/nccl_abi.h"

#include <stdint.h>

struct nccl_context {
	const struct nccl_abi *abi;
	uint64_t hash;
	int node_count;
	int rank_count;
	int rank;
	char name[64];		/* or empty */
};

/* Index from 1; 0 when there are too many. */
uint32_t nccl_context_add(const struct nccl_context *context);

/* NULL: no such context. Indexes count from 1 without a gap. */
const struct nccl_context *nccl_context_at(uint64_t index);

#endif
