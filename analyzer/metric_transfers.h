/* SPDX-License-Identifier: MIT */
/*
 * Copies of a GPU by direction, and by direction and memory kinds of both ends.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_TRANSFERS_H
#define ANALYZER_METRIC_TRANSFERS_H

#include "analyzer/metric_partition.h"
#include "analyzer/timeline.h"

/* Below this a copy's time is latency, not bandwidth. */
enum { SMALL_COPY_BYTES = 64 * 1024 };

struct transfer {
	int direction;			/* enum copy_direction */
	int source_memory;		/* enum memory_kind; both 0 in sums over a direction */
	int destination_memory;
	int64_t count;
	int64_t bytes; /* of a copy cut by the window: its share by time, rounded down */
	int64_t sum_ns;			/* of durations */
	int64_t busy_ns;		/* union */
	int64_t exposed_ns;		/* union without what compute kernels hide */
	int64_t small_count;		/* copies below SMALL_COPY_BYTES */
	int64_t small_ns;		/* their durations */
};

struct transfers {
	struct transfer *by_kind;	/* by direction, source, destination */
	size_t kind_count;
	struct transfer *by_direction;
	size_t direction_count;
};

/*
 * False: memory is short. Takes 16 bytes a copy and 16 a kernel that runs during a copy, for a
 * moment.
 */
bool transfers_measure(struct transfers *transfers, const struct timeline *timeline,
		       const struct timeline_gpu *gpu, const struct time_window *window);
void transfers_end(struct transfers *transfers);

#endif
