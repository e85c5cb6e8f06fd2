/* SPDX-License-Identifier: MIT */
/*
 * The sweep behind gpu_time.h: its state, and what its files give each other. gpu_time.c walks,
 * gpu_gaps.c says why nothing ran, gpu_producers.c what work waited for, launch_bound.c finds the
 * stretches where the host is too slow.
 *
 * Thread: one sweep, one thread.
 */
#ifndef ANALYZER_GPU_SWEEP_H
#define ANALYZER_GPU_SWEEP_H

#include "analyzer/gpu_time.h"

enum { SLICE_SETS_MAX = 4, STREAM_OPERATIONS_KEPT = 4 };

/* In order of priority: at any time the first active one is what the GPU does. */
enum sweep_class {
	SWEEP_COMPUTE,
	SWEEP_TRANSFER,
	SWEEP_WAIT,
	SWEEP_COPY,
	SWEEP_GRAPH, /* inside a CUDA graph that was traced as a whole: idle, as far as is known */
	SWEEP_IDLE,
	SWEEP_NOTHING,
};

/* Events come in order of start, so a class is active until the latest end seen of it. */
struct sweep_active {
	int64_t end_ns;
	uint32_t what;	/* SWEEP_COPY: transfer kind of what ends then */
	size_t comm;	/* SWEEP_WAIT: place among the GPU's communication kernels */
};

/* A communication kernel that waits now and will transfer. */
struct sweep_pending {
	int64_t start_ns;
	int64_t end_ns;
};

/* An operation that a stream has begun. */
struct stream_operation {
	int64_t end_ns;
	uint32_t launch;
	enum sweep_class class;
};

struct stream_history {
	struct stream_operation operations[STREAM_OPERATIONS_KEPT];	/* a ring */
	uint32_t count;
};

/* A stretch without compute that waits for the kernel that ends it. */
struct absent_piece {
	int64_t start_ns;
	int64_t end_ns;
	enum sweep_class class;
};

struct gpu_sweep {
	const struct gpu_time_input *input;
	struct gpu_time *time;
	int64_t at_ns;		/* everything before is accounted for */
	int64_t end_ns;		/* of the window and the slices */
	struct sweep_active active[SWEEP_IDLE];
	struct sweep_pending *pending;	/* a heap by start */
	size_t pending_count;
	size_t pending_room;
	size_t comm_at;		/* place of the next communication kernel */
	struct stream_history *streams;
	uint32_t before;	/* launch of the operation that began last, or NO_CALL */
	int64_t idle_start_ns;	/* of the idle gap that reaches to at_ns; INT64_MAX: none */
	struct absent_piece *absent;	/* since the last compute */
	size_t absent_count;
	size_t absent_room;
	bool has_input;		/* since the last compute a batch was copied to the GPU */
	struct intervals launch_bound;
	size_t launch_bound_at;
	size_t step_at;
	size_t slice[SLICE_SETS_MAX];
	size_t absent_slice[SLICE_SETS_MAX];
	bool is_short;		/* of memory */
};

/* Adds a stretch to the window, clipped, and to all slices. */
void gpu_sweep_add(struct gpu_sweep *sweep, enum time_part part, int64_t start_ns, int64_t end_ns);

/* The same for time without compute. */
void gpu_sweep_add_absent(struct gpu_sweep *sweep, enum idle_cause cause, int64_t start_ns,
			  int64_t end_ns);

/* Part of [start, end) inside the window. */
int64_t gpu_sweep_inside(const struct gpu_sweep *sweep, int64_t start_ns, int64_t end_ns);

/*
 * Nothing ran from idle_start_ns to at_ns, where `event` begins (NULL: nothing follows). Accounts
 * for it.
 */
void gpu_gaps_close_idle(struct gpu_sweep *sweep, const struct timeline_event *event);

/* Is it a copy of a batch to the GPU? */
bool gpu_gaps_is_input(const struct timeline_event *event);

/* The stretches without compute end where the kernel `event` begins (NULL: none follows). */
void gpu_gaps_close_absent(struct gpu_sweep *sweep, const struct timeline_event *event);

/*
 * The operation with the latest end that the launched kernel or copy had to wait for: the one
 * before it on its stream, or what another stream, perhaps of another GPU, had been given when its
 * event was recorded. `class` is SWEEP_NOTHING without.
 */
struct stream_operation gpu_producer_find(const struct gpu_sweep *sweep,
					  const struct timeline_event *event);

/*
 * Stretches of at least LAUNCH_BOUND_GAPS gaps in a row, each ended by a kernel that was launched
 * only after the GPU had run dry, at the pace of the host. False: memory is short.
 */
bool launch_bound_find(struct intervals *out, const struct timeline *timeline,
		       const struct timeline_gpu *gpu);

#endif
