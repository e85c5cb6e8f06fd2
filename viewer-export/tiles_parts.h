/* SPDX-License-Identifier: MIT */
/*
 * What the files of tiles.h share.
 *
 * Thread: as in tiles.h; a trace's members with its lock held.
 */
#ifndef VIEWER_EXPORT_TILES_PARTS_H
#define VIEWER_EXPORT_TILES_PARTS_H

#include "viewer-export/origin.h"
#include "viewer-export/tile_counters.h"
#include "viewer-export/tile_trace.h"
#include "viewer-export/tiles.h"
#include "viewer-export/tiles_analysis.h"

#include <stdatomic.h>

struct tiles_trace {
	const struct trace_input *input;
	struct tile_trace *tiles;	/* NULL: could not be read */
	struct error error;		/* why */
	int64_t offset_ns;		/* from its epoch to the time line */
	struct tile_counters counters;
	bool has_counters;		/* read: they change no more */
};

struct tiles {
	struct tiles_trace *traces;
	size_t count;
	int64_t base_ns;
	_Atomic(struct tiles_analysis *) analysis;	/* set once, then constant */
	atomic_int analysis_state;	/* enum tiles_analysis_state */
	char *analysis_path;		/* to be read by the thread */
	pthread_t analysis_thread;
	bool has_analysis_thread;
	atomic_bool stop;
	atomic_size_t next;		/* part of a trace to be scanned */
	pthread_t *threads;
	size_t thread_count;
};

/* Tracks and counters are named by numbers that stay: trace, family, group; 52 bits at most. */
int64_t tiles_track_id(size_t trace, enum span_family family, uint32_t group);

/* ERROR_USAGE: no such track. Locks its trace on success. */
bool tiles_find_track(struct tiles *tiles, int64_t track, struct tiles_trace **trace,
		      enum span_family *family, uint32_t *group, struct error *error);

/* The analysis as a JSON value. */
bool tiles_add_analysis(struct tiles *tiles, struct text *text, struct error *error);

#endif
