/* SPDX-License-Identifier: MIT */
/*
 * Does the program give the GPU enough to do at once? Kernels with fewer blocks than the GPU has
 * multiprocessors leave some of them empty, and very short kernels cost more to launch than to run:
 * the signs of a batch that is too small.
 *
 * Thread: pure functions; kernel_blocks_load is the reader's thread's.
 */
#ifndef ANALYZER_METRIC_OCCUPANCY_H
#define ANALYZER_METRIC_OCCUPANCY_H

#include "analyzer/metric_partition.h"
#include "analyzer/timeline.h"

enum { SHORT_KERNEL_NS = 10 * 1000 };

/* Sums are of durations (kernels side by side count each), clipped to the window. */
struct occupancy {
	int64_t sm_count;		/* 0 if unknown: then nothing is said about grids */
	int64_t kernels;		/* compute kernels in the window */
	int64_t kernels_ns;
	int64_t shaped_kernels;		/* those whose grid is known */
	int64_t shaped_ns;
	int64_t small_grid_kernels;	/* of them: fewer blocks than multiprocessors */
	int64_t small_grid_ns;
	int64_t short_kernels;		/* shorter than SHORT_KERNEL_NS */
	int64_t short_ns;
	int64_t median_ns;		/* of whole durations; 0 without kernels */
	int64_t kernels_per_s;		/* of the window */
};

/*
 * Blocks of each kernel by its place in timeline->kernels; 0 where unknown. The caller frees it.
 */
bool kernel_blocks_load(int64_t **blocks, const struct timeline *timeline,
			struct trace_reader *reader, struct error *error);

/* False: memory is short (8 bytes a kernel, for a moment). */
bool occupancy_measure(struct occupancy *occupancy, const struct timeline *timeline,
		       const struct timeline_gpu *gpu, const int64_t *blocks, int64_t sm_count,
		       const struct time_window *window);

#endif
