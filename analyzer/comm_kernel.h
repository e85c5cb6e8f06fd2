/* SPDX-License-Identifier: MIT */
/*
 * Communication kernels of one GPU, with what the trace knows about the operation behind each: the
 * input of whatever compares ranks (collective_match, metric_clock). 136 bytes a kernel; texts are
 * borrowed from whoever made the lane.
 *
 * Pure. Thread: any; a lane that nobody changes may be read by any number of threads.
 */
#ifndef ANALYZER_COMM_KERNEL_H
#define ANALYZER_COMM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct comm_kernel {
	int64_t start_ns;	/* on the GPU, since the lane's epoch, on its own clock */
	int64_t end_ns;
	int64_t correlation_id;
	uint32_t stream;
	uint32_t kernel;		/* place in timeline.kernels */
	int64_t communicator_hash;	/* equal on every rank; 0: unknown */
	int64_t communicator_rank;	/* -1: unknown */
	int64_t rank_count;		/* of the communicator; -1: unknown */
	const char *operation;	/* "AllReduce", ...; of the name if no row says it; "" if unknown */
	int64_t sequence;	/* per communicator and operation; -1: unknown */
	int64_t bytes;		/* -1: unknown */
	int64_t peer;		/* or root; -1: none or unknown */
	const char *datatype;	/* NULL or "": unknown, as the next two */
	const char *algorithm;
	const char *protocol;
	int64_t operations;	/* that this kernel ran; 0: unknown */
};

/* One GPU of one trace. */
struct comm_lane {
	const struct comm_kernel *kernels;	/* by start */
	size_t count;
	int64_t rank;			/* of the process; -1: unknown */
	int64_t world_size;		/* -1: unknown */
	const char *host;		/* "" or NULL: unknown */
	const char *boot_id;		/* "" or NULL: unknown */
	int64_t epoch_ns; /* of the trace, 0 .. TIME_LIMIT_NS; its times are since it */
	int64_t device_id;
	size_t trace;			/* whose lane it is, among those analysed */
	bool is_repeated;	/* the very same work as an earlier lane: takes no part */
};

#endif
