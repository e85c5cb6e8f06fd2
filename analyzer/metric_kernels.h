/* SPDX-License-Identifier: MIT */
/*
 * How often each kernel ran and how long in all, by the place of its symbol in the timeline.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_KERNELS_H
#define ANALYZER_METRIC_KERNELS_H

#include "analyzer/metric_partition.h"
#include "analyzer/timeline.h"

struct kernel_total {
	int64_t count;
	int64_t total_ns;	/* sum of durations in the window, saturated */
	int64_t longest_ns;
};

/* Adds a GPU's kernels to `totals`, which has timeline->kernel_count items. */
void kernel_totals_add(struct kernel_total *totals, const struct timeline_gpu *gpu,
		       const struct time_window *window);

#endif
