/* SPDX-License-Identifier: MIT */
/*
 * Device memory: how much was held at most, how often memory is taken and given back, and what
 * would still fit. CUDA's own allocations and those inside a framework's cache are counted apart.
 *
 * Thread: the reader's thread.
 */
#ifndef ANALYZER_METRIC_MEMORY_H
#define ANALYZER_METRIC_MEMORY_H

#include "analyzer/device_facts.h"
#include "analyzer/device_samples.h"
#include "analyzer/metric_partition.h"

struct memory_flow {
	int64_t allocations;		/* in the window */
	int64_t releases;
	int64_t allocated_bytes;
	int64_t peak_bytes;		/* held at most in the window, of what was seen taken */
	int64_t held_bytes;		/* at the end of the window */
	int64_t unmatched_releases;	/* of memory that nobody saw taken: before the trace */
};

struct memory {
	int64_t device_id;
	int64_t device_bytes;		/* 0 if unknown */
	struct memory_flow cuda;
	struct memory_flow framework;	/* inside the framework's cache */
	int64_t pool_peak_bytes;	/* CUDA's pools together, in the window; 0 without */
	int64_t pool_calls; /* of cuda's allocations and releases: from pools, which is cheap */
	int64_t reserved_peak_bytes;	/* by the cache, as the source says; -1 if it does not */
	int64_t used_peak_bytes;	/* by all processes, sampled in the window; -1 without */
	int64_t headroom_bytes;		/* device_bytes less the best known peak; -1 if unknown */
	bool is_framework_only;		/* rows of the cache, none of CUDA */
};

struct memories {
	struct memory *items;	/* in the order of timeline->gpus */
	size_t count;
};

/*
 * Reads `allocation` and `memory_pool` in order of time. Takes 16 bytes an address that CUDA gave
 * out, 24 a sorted row in SQLite. `windows`: one a GPU of the timeline.
 */
bool memories_measure(struct memories *memories, struct trace_reader *reader,
		      const struct timeline *timeline, const struct time_window *windows,
		      const struct device_facts *facts, const struct device_samples *samples,
		      struct error *error);
void memories_end(struct memories *memories);

#endif
