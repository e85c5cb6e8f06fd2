/* SPDX-License-Identifier: MIT */
/*
 * A trace in memory: what ran on each of its GPUs, as columns sorted by start. Rows that cannot be
 * true (negative duration, time beyond TIME_LIMIT_NS, a stream nobody knows) are left out and
 * counted.
 *
 * Memory: 28 bytes a kernel, 36 a copy or memset (of several GPUs up to half of that again), 136 a
 * communication kernel, and what host_calls.h, host_ranges.h and event_waits.h say; sorting takes
 * 12 bytes a row for a moment where rows are out of order.
 *
 * Thread: loading is the reader's thread's; a loaded timeline may be read by any number of threads.
 */
#ifndef ANALYZER_TIMELINE_H
#define ANALYZER_TIMELINE_H

#include "analyzer/comm_kernel.h"
#include "analyzer/event_waits.h"
#include "analyzer/host_calls.h"
#include "analyzer/host_ranges.h"
#include "base/arena.h"
#include "analyzer/capture_gaps.h"
#include "base/error.h"
#include "tracedb/reader.h"
#include "tracedb/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Columns that the analysis reads of the big tables: a bare SELECT over them is what it is measured
 * against.
 */
#define TIMELINE_KERNEL_COLUMNS \
	(COLUMN_BIT(kernel, start_ns) | COLUMN_BIT(kernel, duration_ns) | \
	 COLUMN_BIT(kernel, stream_id) | COLUMN_BIT(kernel, kernel_id) | \
	 COLUMN_BIT(kernel, correlation_id))
#define TIMELINE_MEMCPY_COLUMNS \
	(COLUMN_BIT(memcpy, start_ns) | COLUMN_BIT(memcpy, duration_ns) | \
	 COLUMN_BIT(memcpy, stream_id) | COLUMN_BIT(memcpy, direction) | \
	 COLUMN_BIT(memcpy, source_memory) | COLUMN_BIT(memcpy, destination_memory) | \
	 COLUMN_BIT(memcpy, bytes) | COLUMN_BIT(memcpy, correlation_id))
#define TIMELINE_MEMSET_COLUMNS \
	(COLUMN_BIT(memset, start_ns) | COLUMN_BIT(memset, duration_ns) | \
	 COLUMN_BIT(memset, stream_id) | COLUMN_BIT(memset, bytes) | \
	 COLUMN_BIT(memset, correlation_id))
#define TIMELINE_GRAPH_LAUNCH_COLUMNS \
	(COLUMN_BIT(graph_launch, start_ns) | COLUMN_BIT(graph_launch, duration_ns) | \
	 COLUMN_BIT(graph_launch, stream_id) | COLUMN_BIT(graph_launch, correlation_id))

enum lane_kind {
	LANE_KERNEL,
	LANE_COPY,  /* memcpy and memset */
	LANE_GRAPH, /* CUDA graphs that were traced as a whole: not GPU work of a known class */
	LANE_COUNT
};

/* One kind of rows of one GPU. */
struct lane {
	size_t count;
	size_t room;
	int64_t *start_ns;
	int64_t *end_ns;
	uint32_t *stream;	/* place in the trace's streams */
	uint32_t *what; /* LANE_KERNEL: place in timeline.kernels; LANE_COPY: transfer_kind_of() */
	uint32_t *launch;	/* place of the launching call in timeline.calls, or NO_CALL */
	int64_t *bytes;		/* LANE_COPY only */
	bool is_unsorted;
};

/* A copy's direction and memory kinds in one number; a memset is TRANSFER_MEMSET. */
enum { TRANSFER_KIND_COUNT = COPY_DIRECTION_COUNT * 256, TRANSFER_MEMSET = TRANSFER_KIND_COUNT };
uint32_t transfer_kind_of(int64_t direction, int64_t source_memory, int64_t destination_memory);
int transfer_kind_direction(uint32_t kind);
int transfer_kind_source(uint32_t kind);
int transfer_kind_destination(uint32_t kind);

struct timeline_gpu {
	int64_t device_id;
	const char *name;	/* "" if unknown */
	const char *uuid;
	struct lane lanes[LANE_COUNT];
	int64_t start_ns;	/* earliest start and latest end of kernels and copies */
	int64_t end_ns;
	/* Its communication kernels, as in lanes[LANE_KERNEL], by start. */
	struct comm_kernel *comms;
	size_t comm_count;
	size_t comm_room;
	int64_t no_launch_rows;		/* correlation occurs in no API call */
	int64_t before_launch_rows;	/* started before the call that launched them */
};

struct timeline_kernel {
	const char *name;	/* as recorded; "" for kernels whose symbol is missing */
	int64_t name_id;
	enum kernel_class class;
};

struct timeline_rejects {
	int64_t negative_duration;
	int64_t time_out_of_range;
	int64_t unknown_stream;
};

struct timeline {
	struct arena *arena;
	struct timeline_gpu *gpus;	/* by device id; also those without any row */
	size_t gpu_count;
	struct timeline_kernel *kernels;	/* [0]: symbol missing */
	size_t kernel_count;
	size_t stream_count;		/* streams are numbered 0 .. stream_count - 1 */
	struct host_calls calls;
	struct host_ranges ranges;
	struct event_waits waits;
	struct capture_gaps gaps;
	int64_t api_calls;		/* rows */
	int64_t missing_symbol_rows;	/* kernel rows whose kernel_id is not in kernel_symbol */
	int64_t negative_bytes_rows;	/* counted as 0 bytes */
	struct timeline_rejects rejects;
};

/* Names are borrowed from the reader. */
bool timeline_load(struct timeline **out, struct trace_reader *reader, struct error *error);
void timeline_close(struct timeline *timeline);

/* Rows of kernels and copies of a GPU. */
int64_t timeline_gpu_rows(const struct timeline_gpu *gpu);

/* A walk over all lanes of a GPU in order of start. */
struct timeline_event {
	enum lane_kind kind;
	int64_t start_ns;
	int64_t end_ns;
	uint32_t stream;
	uint32_t what;
	uint32_t launch;
	size_t row;		/* place in its lane */
	int64_t bytes;
};

struct timeline_walk {
	const struct timeline_gpu *gpu;
	size_t next[LANE_COUNT];
};

static inline struct timeline_walk timeline_walk_begin(const struct timeline_gpu *gpu)
{
	return (struct timeline_walk){ .gpu = gpu };
}

/* Inline: it runs once a row, in the loops that decide how long an analysis takes. */
static inline bool timeline_walk_next(struct timeline_walk *walk, struct timeline_event *event)
{
	int best = -1;
	int64_t start_ns = 0;
	for (int kind = 0; kind < LANE_COUNT; kind++) {
		const struct lane *lane = &walk->gpu->lanes[kind];
		size_t at = walk->next[kind];
		if (at < lane->count && (best < 0 || lane->start_ns[at] < start_ns)) {
			best = kind;
			start_ns = lane->start_ns[at];
		}
	}
	if (best < 0)
		return false;
	const struct lane *lane = &walk->gpu->lanes[best];
	size_t at = walk->next[best]++;
	event->start_ns = start_ns;
	event->kind = (enum lane_kind)best;
	event->end_ns = lane->end_ns[at];
	event->stream = lane->stream[at];
	event->what = lane->what[at];
	event->launch = lane->launch[at];
	event->row = at;
	event->bytes = lane->bytes == NULL ? 0 : lane->bytes[at];
	return true;
}

#endif
