/* SPDX-License-Identifier: MIT */
/*
 * NCCL's own NVTX ranges as collectives and communicators. Fields are taken by their names and
 * calls by the text of the range: ids of schemas and enums mean different things in different
 * releases.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NCCL_RANGES_H
#define LIBTRACE_NCCL_RANGES_H

#include "libtrace/drain.h"
#include "libtrace/nvtx_payload.h"

#include <stdbool.h>
#include <stdint.h>

/* What the payloads of one call said, at its begin and its end. */
struct nccl_call {
	uint64_t communicator;
	uint64_t parent;
	int64_t bytes;		/* -1: not said; so are the others */
	int64_t root;
	int64_t peer;
	int64_t rank;
	int64_t rank_count;
	int64_t device_id;
	char reduction[32];
	uint64_t told;		/* in nccl_calls, 0: it moves no data */
};

bool nccl_range_is_call(const char *domain, const char *text);

void nccl_call_begin(struct nccl_call *call);
void nccl_call_read(struct nccl_call *call, const struct nvtx_payload *payload);

/* The range has begun, `text` is its name; its payload has been read. */
void nccl_call_open(struct drain *drain, struct nccl_call *call, const char *text,
		    const struct range_row *range);
void nccl_call_drop(struct nccl_call *call);	/* its end is not known */

/* The range has ended. */
void nccl_call_close(struct drain *drain, const struct nccl_call *call, const char *text,
		     const struct range_row *range);

#endif
