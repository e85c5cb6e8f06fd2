/* SPDX-License-Identifier: MIT */
/*
 * The calls of NCCL that NVTX told of, until it is known whether the profiler plugin tells of them,
 * too: what both saw becomes one row, with the fields of both. The plugin's row takes what NVTX
 * knows; a call that it does not claim is written as NVTX told it.
 *
 * NVTX tells of a call before the plugin does, on the same thread but for communicators that do not
 * block. Inside a group the plugin's events come at its end.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NCCL_CALLS_H
#define LIBTRACE_NCCL_CALLS_H

#include "libtrace/drain.h"
#include "libtrace/nccl_event.h"

#include <stdbool.h>
#include <stdint.h>

/* What NVTX knows of a call. Times are since the trace's epoch. */
struct nccl_told {
	int64_t thread_id;
	int64_t start_ns;
	int64_t duration_ns;	/* -1: it has not returned */
	uint64_t hash;		/* of the communicator; 0: not said */
	const char *operation;	/* a constant */
	int64_t bytes;		/* -1: not said; so is the next */
	int64_t peer;
	int64_t reduction_id;
};

/* The id of the call, which stays valid until it is written; 0 when memory is short. */
uint64_t nccl_calls_begin(struct drain *drain, const struct nccl_told *told);
void nccl_calls_end(struct drain *drain, uint64_t id, int64_t duration_ns);
void nccl_calls_drop(uint64_t id);	/* its end is not known: it is no row */

/* ncclGroupStart (+1) or ncclGroupEnd (-1) has returned. */
void nccl_calls_group(struct drain *drain, int64_t thread_id, int change);

/*
 * The plugin's event of the same call, which comes while the call lasts: NVTX's row will not be
 * written before nccl_calls_release. 0: there is no such call. Sends and receives that NCCL makes
 * of an all-to-all, a gather or a scatter are parts of it (`is_part`), which stays NVTX's to write.
 */
uint64_t nccl_calls_hold(int64_t thread_id, uint64_t hash, const struct nccl_event *event,
			 bool *is_part);
void nccl_calls_add_part(struct drain *drain, uint64_t id, const struct nccl_event *event);
void nccl_calls_release(uint64_t id);
const struct nccl_told *nccl_calls_find(uint64_t id);

/*
 * An operation without an event of its call: the call behind it, which is done with. False: NVTX
 * has told of none yet; when it does, that one will not be written.
 */
bool nccl_calls_claim(const struct nccl_event *event, uint64_t hash, int64_t thread_id,
		      int64_t time_ns, struct nccl_told *told);

/* About once a second: writes what nobody claimed. */
void nccl_calls_settle(struct drain *drain);
void nccl_calls_finish(struct drain *drain);

#endif
