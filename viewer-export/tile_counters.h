/* SPDX-License-Identifier: MIT */
/*
 * The counters of a trace's GPUs (memory, and what was sampled), kept whole: they are few beside
 * the rest. The walk's own writer makes them, so they are those of an export.
 *
 * Thread: reading is the scan's thread; the finished list is read by any.
 */
#ifndef VIEWER_EXPORT_TILE_COUNTERS_H
#define VIEWER_EXPORT_TILE_COUNTERS_H

#include "base/error.h"
#include "viewer-export/tile_trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tile_point {
	int64_t time_ns;	/* since the trace's epoch */
	int64_t value;
};

struct tile_counter {
	int64_t device_id;
	char *name;
	char *series;
	struct tile_point *points;	/* by time */
	size_t count;
	size_t room;
};

struct tile_counters {
	struct tile_counter *list;
	size_t count;
	size_t room;
	size_t points_left;	/* that may still be kept; what does not fit is left out */
	bool is_cut;
};

/* After the scan, with a reader of its own. */
bool tile_counters_read(struct tile_counters *counters, struct tile_trace *trace,
			size_t points_max, struct error *error);
void tile_counters_end(struct tile_counters *counters);

#endif
