/* SPDX-License-Identifier: MIT */
/*
 * What communication costs the kernels that run beside it: NCCL's kernels take multiprocessors and
 * memory bandwidth, so a computation that is hidden behind them is not free. Each kernel (name and
 * launch shape) is compared with itself: how long it takes alone and how long beside communication.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_CONTENTION_H
#define ANALYZER_METRIC_CONTENTION_H

#include "analyzer/metric_partition.h"
#include "analyzer/timeline.h"

/* Fewer samples on either side say nothing. */
enum { CONTENTION_SAMPLES_MIN = 5 };

struct kernel_contention {
	uint32_t kernel;		/* place in timeline->kernels */
	int64_t alone_count;
	int64_t alone_median_ns;
	int64_t beside_count;		/* runs that touch communication */
	int64_t beside_median_ns;
	int64_t beside_ns;		/* sum of their durations */
	int64_t cost_ns;		/* beside_ns - beside_count * alone_median_ns, >= 0 */
};

struct contention {
	struct kernel_contention *items;	/* most costly first; only those comparable */
	size_t count;
	int64_t cost_ns;
	int64_t compared_ns;		/* beside_ns of all items */
	int64_t beside_ns;		/* of all compute kernels, comparable or not */
};

/*
 * Only runs that lie wholly in the window are compared. False: memory is short (8 bytes a kernel,
 * 16 a symbol, 16 a stretch of communication, for a moment).
 */
bool contention_measure(struct contention *contention, const struct timeline *timeline,
			const struct timeline_gpu *gpu, const struct time_window *window);
void contention_end(struct contention *contention);

#endif
