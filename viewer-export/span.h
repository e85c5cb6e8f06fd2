/* SPDX-License-Identifier: MIT */
/*
 * What the rows of each table are for a timeline: spans or points in time that belong to a group (a
 * stream, a thread, a thread's NVTX domain), each group a track or several lanes of one. Survey and
 * walk both go by this table, so that they agree on which row is which span.
 *
 * Thread: pure functions and constant data.
 */
#ifndef VIEWER_EXPORT_SPAN_H
#define VIEWER_EXPORT_SPAN_H

#include "tracedb/tables.h"
#include "viewer-export/lanes.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * In the order in which their tracks stand below each other in a thread or on a GPU; as in enum
 * export_track_kind.
 */
enum span_family {
	FAMILY_RANGE,		/* key: thread, domain or RANGES_* */
	FAMILY_COLLECTIVE,	/* key: thread, witness */
	FAMILY_CALL,		/* key: thread */
	FAMILY_OVERHEAD,	/* key: thread */
	FAMILY_HOST,		/* samples of what threads do; key: thread */
	FAMILY_WORK,		/* kernels, copies and memsets; key: stream */
	FAMILY_GRAPH,		/* key: stream */
	FAMILY_PROJECTED,	/* key: stream */
	FAMILY_SYNC,		/* key: stream, or 0 and the context */
	FAMILY_EVENT,		/* key: stream */
	FAMILY_GAUGE,		/* counters: no track; key: device, or GAUGES_HOST */
	FAMILY_COUNT
};

/* Second key of FAMILY_RANGE instead of a domain. */
enum { RANGES_FRAMEWORK = -1, RANGES_START_END = -2 };

/* Second key of FAMILY_GAUGE: counters of the host. */
enum { GAUGES_HOST = 1 };

struct span_key {
	int64_t first;
	int64_t second;
};

struct span_source {
	enum trace_table table;
	enum span_family family;
	unsigned kind;			/* EXPORT_* bit it is written for */
	uint64_t columns;		/* what start, duration and key are read from */
	int start_column;
	int duration_column;		/* -1: points */
	int correlation_column;		/* between a call and what it launched; -1: none */
	struct span_key (*key)(const void *row);
};

/* A row of any table. */
union span_row {
	struct kernel_row kernel;
	struct memcpy_row memcpy;
	struct memset_row memset;
	struct api_call_row call;
	struct synchronization_row synchronization;
	struct cuda_event_row event;
	struct graph_launch_row graph;
	struct range_row range;
	struct mark_row mark;
	struct gpu_range_row projected;
	struct collective_row collective;
	struct overhead_row overhead;
	struct host_sample_row host;
	struct allocation_row allocation;
	struct sample_row sample;
};

/* Sources of one family stand together, in the order in which the walk writes them. */
extern const struct span_source span_sources[];
extern const size_t span_source_count;

enum lane_rule span_family_rule(enum span_family family);
/* Something launches its spans. */
bool span_family_has_flows(enum span_family family);
bool span_family_is_on_device(enum span_family family);

/* Memory of the host says nothing about a GPU. */
bool memory_is_on_host(int64_t memory);

/* A span as times since the trace's epoch: ends never lie before starts, and nothing overflows. */
struct span {
	int64_t start_ns;
	int64_t end_ns;
};

struct span span_of_row(const struct span_source *source, const void *row);

/* The correlation id of a row that was read with that column; 0: none. */
int64_t span_correlation(const struct span_source *source, const void *row);

/* Times beyond 73 years from the epoch are garbage; cut there, sums of a few never overflow. */
int64_t span_time_cut(int64_t time_ns);

/* Half open, but what has no length touches [first_ns, stop_ns) where it stands. */
bool span_touches(int64_t start_ns, int64_t end_ns, int64_t first_ns, int64_t stop_ns);

/* False: the row has no place in time (an event whose time was not collected). */
bool span_is_timed(const struct span_source *source, const void *row);

#endif
