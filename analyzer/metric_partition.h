/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a GPU went: every nanosecond of the window is compute, exposed communication,
 * exposed copy or idle, in this order of priority. Together with the counts of the rows that lie in
 * the window.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_PARTITION_H
#define ANALYZER_METRIC_PARTITION_H

#include "analyzer/timeline.h"

struct time_window {
	int64_t start_ns;	/* on the trace's own clock */
	int64_t end_ns;
};

struct partition {
	struct time_window window;
	int64_t window_ns;	/* = compute + comm + copy + idle */
	int64_t compute_ns;	/* |compute| */
	int64_t comm_ns;	/* |comm \ compute| */
	int64_t copy_ns;	/* |copy \ (compute u comm)| */
	int64_t idle_ns;	/* window - |all| */
	int64_t compute_union_ns;
	int64_t comm_union_ns;
	int64_t copy_union_ns;
	int64_t comm_compute_overlap_ns;
	int64_t idle_gaps;	/* maximal idle stretches; their lengths sum to idle_ns */
	int64_t longest_gap_ns;
	int64_t longest_gap_start_ns;	/* since the window's start; 0 without a gap */
	int64_t graph_only_ns;	/* part of idle_ns that lies inside CUDA graphs traced as a whole */
};

struct row_counts {
	int64_t gpu_rows;	/* kernels + copies */
	int64_t kernels;	/* communication included */
	int64_t comm_kernels;
	int64_t memcpys;
	int64_t memsets;
	int64_t memset_bytes;
	int64_t memset_ns;	/* sum of durations */
	int64_t streams;	/* with at least one row */
	int64_t graphs;		/* CUDA graphs traced as a whole */
	int64_t zero_duration_rows;
	int64_t same_stream_overlaps;	/* rows that start before one of their stream has ended */
	int64_t same_stream_overlap_max_ns;
};

/* From the GPU's first start to its last end; empty without rows. */
struct time_window window_all(const struct timeline_gpu *gpu);

/*
 * Does a row lie in the window at all? A row without length counts where it starts, the last end
 * included.
 */
bool window_holds(const struct time_window *window, int64_t start_ns, int64_t end_ns);

struct partition partition_measure(const struct timeline *timeline, const struct timeline_gpu *gpu,
				   const struct time_window *window);

/* False: memory is short (12 bytes a stream). */
bool row_counts_measure(struct row_counts *counts, const struct timeline *timeline,
			const struct timeline_gpu *gpu, const struct time_window *window);

/* a + b, or the largest number: sums of hostile sizes stay where they are instead of wrapping. */
int64_t add_saturated(int64_t a, int64_t b);

#endif
