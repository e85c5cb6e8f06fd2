/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the host (NVTX, framework operators and annotations) by start.
 *
 * Memory: 24 bytes a range.
 *
 * Thread: loading is the reader's thread's; loaded ranges may be read by any number of threads.
 */
#ifndef ANALYZER_HOST_RANGES_H
#define ANALYZER_HOST_RANGES_H

#include "analyzer/host_calls.h"
#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns that the analysis reads of range. */
#define HOST_RANGE_COLUMNS \
	(COLUMN_BIT(range, start_ns) | COLUMN_BIT(range, duration_ns) | \
	 COLUMN_BIT(range, thread_id) | COLUMN_BIT(range, name_id))

/* What a range says about the host, by its name. */
enum range_class {
	RANGE_OTHER,
	RANGE_DATA,		/* fetches the next batch: DataLoader, __next__, fetch, collate */
	RANGE_COMM_SETUP,	/* makes communicators */
	RANGE_GROUP_END,	/* ncclGroupEnd: makes communicators where it takes long */
	RANGE_PAUSE,		/* garbage collection */
};

enum range_class range_class_of(const char *name);

struct host_range_name {
	const char *name;	/* borrowed from the reader */
	enum range_class class;
};

struct host_ranges {
	size_t count;
	size_t room;
	int64_t *start_ns;
	int64_t *end_ns;
	uint32_t *thread;	/* place in host_calls.threads */
	uint32_t *name;		/* place in `names` */
	struct host_range_name *names;
	size_t name_count;
	size_t name_room;
	/* Places of the ranges that have a class, by start. */
	uint32_t *classed;
	int64_t *classed_reach_ns;	/* latest end of it and those before it */
	size_t classed_count;
};

/* Threads become known to `calls`. The reader's strings must be loaded. */
bool host_ranges_load(struct host_ranges *ranges, struct host_calls *calls,
		      struct trace_reader *reader, struct error *error);
void host_ranges_end(struct host_ranges *ranges);

#endif
