/* SPDX-License-Identifier: MIT */
/*
 * What a GPU did with every nanosecond, and why it did nothing: the partition of metric_partition.h
 * once more, with exposed communication split into waiting and transferring and with a cause for
 * every idle stretch, for the window, for each step and for each slice that the caller asks for.
 *
 * Two questions are answered side by side, and both sum exactly:
 *  - idle: nothing ran at all; asked of the operation that ended the gap (time_parts);
 *  - absent: nothing computed; asked of the next compute kernel, what kept it (absent_ns). There,
 *    communication and copies count only where the kernel waited for them: exposed is not blocking.
 *
 * A gap is maximal; operations without length are not there; a CUDA graph traced as a whole ends a
 * gap, and alone it is unexplained idle time. Of operations that begin together, kernels come
 * before copies and these before graphs. Up to the issue of the operation that ends it
 * (host_issue_ns) the host is asked (idle_host.h); of an idle gap the rest is CAUSE_LATENCY if
 * shorter than LAUNCH_LATENCY_NS_MAX, else CAUSE_UNEXPLAINED. Without a launch, or with nothing
 * behind it, a gap is CAUSE_UNEXPLAINED.
 *
 * Of an absent gap, where the host synchronises while the GPU communicates or copies, it is blocked
 * by that. What follows the issue is blocked up to the end of the producer: of the operations that
 * end by the kernel's start the one that ends last, among the last one of the kernel's stream, and
 * for each event that this stream was told to wait for since that one's launch and by the kernel's
 * own, the last operation of the event's stream, of the 4 that began last, that was launched before
 * the record.
 * If that gives no time and the trace knows no event's record, communication or a copy that was
 * exposed until at most PRODUCER_NEAR_NS before the kernel is the producer (also of kernels without
 * launch). The rest is as of idle gaps.
 *
 * A batch (is_input) is copied by a copy from the host of INPUT_BYTES_MIN or more: it ends the gap,
 * or it has begun since the last compute kernel and a kernel ends it. A step begins (is_head) where
 * one of the caller's bounds (of steps that are ranges) lies in the gap, ends included; without
 * bounds, where a batch is copied.
 * Launch-bound: LAUNCH_BOUND_GAPS or more gaps, each ended by a kernel whose launch returned after
 * the gap began and came later than the median compute kernel's duration, but at most
 * LAUNCH_BOUND_NS_MAX, after the launch before it on its thread (of the last 64 calls); up to three
 * operations in between may come without a gap.
 *
 * What lies in a gap of the capture (capture_gaps.h) is CAUSE_NOT_RECORDED in both answers,
 * whatever the calls around it say: nobody knows whether the GPU was idle.
 *
 * A gap that reaches over a bound of the window is explained whole, and what lies inside counts, so
 * that windows that meet sum to one over all. Only before a GPU's first operation a gap begins with
 * the window.
 *
 * Memory: what the caller's slices take, 20 bytes a stream, 8 bytes a communication kernel, 24
 * a piece of the longest stretch without compute, 16 a communication kernel that waits at a time.
 *
 * Thread: pure functions over a loaded timeline.
 */
#ifndef ANALYZER_GPU_TIME_H
#define ANALYZER_GPU_TIME_H

#include "analyzer/intervals.h"
#include "analyzer/metric_partition.h"
#include "analyzer/time_parts.h"
#include "analyzer/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Up to here a rest after the launch is the way to the GPU; beyond, it is not explained. */
	LAUNCH_LATENCY_NS_MAX = 20000,
	/* A producer that ended so shortly before the kernel started is taken for its reason. */
	PRODUCER_NEAR_NS = 20000,
	/* Launch-bound: so many gaps in a row, each by a launch at most so long after the last. */
	LAUNCH_BOUND_GAPS = 8,
	LAUNCH_BOUND_NS_MAX = 200000,
	/* Waits for events that a kernel's stream was told last: earlier ones are not looked at. */
	STREAM_WAITS_TRIED = 64,
	INPUT_BYTES_MIN = 64 * 1024,
	WORST_GAPS_MAX = 10,
};

/* Slices of time, sorted and disjoint, each with its parts; in the window or not. */
struct time_slices {
	const struct interval *items;
	struct time_parts *parts;
	size_t count;
};

struct idle_gap {
	int64_t start_ns;	/* trace clock, within the window */
	int64_t end_ns;
	enum idle_cause cause;	/* of its longest part */
	int64_t cause_ns;
	uint32_t call;		/* evidence of that part, or NO_CALL, NO_RANGE */
	uint32_t range;
	uint32_t launch;	/* of the operation that ended it, or NO_CALL */
	enum lane_kind next_kind;	/* that operation; LANE_COUNT: none followed */
	uint32_t next_what;
};

/* A piece of idle time in the window, with one cause. */
struct idle_piece {
	enum idle_cause cause;
	int64_t start_ns;
	int64_t end_ns;
	uint32_t call;		/* as in idle_gap */
	uint32_t range;
	uint32_t launch;
	enum lane_kind next_kind;
	uint32_t next_what;
};

/* Called for each piece, those of a gap in any order; may be NULL. */
typedef void (*idle_piece_add)(void *context, const struct idle_piece *piece);

struct gpu_time_input {
	const struct timeline *timeline;
	const struct timeline_gpu *gpu;
	struct time_window window;
	const int64_t *wait_end_ns;	/* of each communication kernel; NULL: waits not known */
	const int64_t *step_ns;	/* where steps begin, ascending; NULL where that is not known */
	size_t step_bounds;		/* how many */
	int64_t step_median_ns;		/* 0 without */
	struct time_slices *slices;	/* any number of sets; their parts are added to */
	size_t slice_sets;
	idle_piece_add add_piece;
	void *piece_context;
};

struct gpu_time {
	struct time_parts parts; /* sum: the window; of absent_ns: the window without compute */
	int64_t cause_gaps[CAUSE_COUNT];	/* gaps in which the cause occurs */
	struct idle_gap worst[WORST_GAPS_MAX];	/* longest first */
	size_t worst_count;
	int64_t *exposed_wait_ns;	/* of each communication kernel; the caller's, or NULL */
};

/* False: memory is short. */
bool gpu_time_measure(struct gpu_time *time, const struct gpu_time_input *input);

#endif
