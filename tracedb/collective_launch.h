/* SPDX-License-Identifier: MIT */
/*
 * Joins the NCCL operations of a trace that carry no id with the kernels that ran them, by the
 * calls that launched these: what NVTX alone told, and what the profiler plugin tells up to v4.
 *
 * (1) A call around the launch ran it. (2) Events of the plugin that follow the launch on its
 * thread, before the next launch, are what it ran. (3) A launch within ncclGroupEnd ran the calls
 * of the group, those of its GPU; where a GPU launches several kernels there, what they ran is
 * known only if their names tell. What stays in doubt is not joined.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_COLLECTIVE_LAUNCH_H
#define TRACEDB_COLLECTIVE_LAUNCH_H

#include "tracedb/collective_set.h"

/* The call that launched a kernel of NCCL. */
struct collective_launch {
	int64_t correlation_id;
	int64_t thread_id;
	int64_t start_ns;
	int64_t device_id;	/* of the kernel */
	const char *operation;	/* nccl_operation_of_kernel() */
};

/*
 * All launches of the trace; sorts them. Then collective_set_find knows them. The reader's strings
 * must be loaded.
 */
bool collective_set_join_launches(struct collective_set *set, struct collective_launch *launches,
				  size_t count, struct error *error);

/* The same for who has no calls at hand: reads kernels and calls, if there is anything to join. */
bool collective_set_read_launches(struct collective_set *set, struct error *error);

#endif
