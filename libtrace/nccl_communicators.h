/* SPDX-License-Identifier: MIT */
/*
 * The NCCL communicators of this process, one a communicator and rank, put together from what NVTX
 * payloads and the profiler plugin each know. Writes communicator rows, and rank, world size and
 * NCCL version of the trace.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NCCL_COMMUNICATORS_H
#define LIBTRACE_NCCL_COMMUNICATORS_H

#include "libtrace/drain.h"

#include <stdint.h>

/* What a witness knows; -1 for unknown numbers, 0 for unknown hashes. */
struct nccl_member {
	uint64_t hash;
	int64_t rank;
	int64_t rank_count;
	int64_t node_count;
	int64_t device_id;
	uint64_t parent_hash;
	const char *name;	/* or NULL */
	int64_t thread_id;	/* that initialised it, -1 */
};

/* Adds to what is known; the communicator_id, 0 when memory is short. */
int64_t nccl_communicator_note(struct drain *drain, const struct nccl_member *member);

/*
 * For witnesses that know only the hash: the one rank this process has of it, or the one this
 * thread initialised. Where that is ambiguous or was never seen, a communicator of unknown rank.
 */
int64_t nccl_communicator_of_hash(struct drain *drain, uint64_t hash, int64_t thread_id);

void nccl_communicators_finish(void);

#endif
