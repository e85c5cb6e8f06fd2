/* SPDX-License-Identifier: MIT */
/*
 * All traces of a set as tracks that can be looked at part by part: what `laggard view` serves.
 * Opening reads samples only; a few threads then scan the traces, one each (tile_trace.h). Answers
 * are JSON; times in them are nanoseconds since "base_ns".
 *
 *     tracks   {"base_ns": "1790...", "start_ns", "end_ns", "exact", "rows", "rows_read",
 *               "traces": [{"path", "rank", "host", "pid", "error"}],
 *               "processes": [{"id", "name", "kind": "host"|"gpu", "rank", "device", "trace"}],
 *               "tracks": [{"id", "process", "name", "kind", "thread", "stream", "lane"}],
 *               "counters": [{"id", "process", "name", "series"}],
 *               "analysis_state": "none"|"making"|"shown"|"failed",
 *               "analysis": null | {"current", "verdict", "reason", "findings": [{..., "place":
 *               null | {"track", "row", "start_ns", "duration_ns"}}]}}
 *              "current" false: some traces are not in it, or have changed since
 *     tile     {"exact", "names": [[name, category, color?], ...], and either
 *               "slices": {"start", "duration", "name", "depth", "row"}  arrays, by start; or
 *               "buckets": {"first_ns", "bucket_ns", "busy", "name", "count"}}
 *              A bucket's busy time is the union of the track's slices in it. bucket_ns is a power
 *              of two, and buckets are aligned to it on the trace's own clock. "name" is an index
 *              in names (a slice with a large share of the bucket), -1 where nothing is.
 *     slice    {"name", "category", "start_ns", "duration_ns", "track", "row", "arguments": {...},
 *               "flows": [{"track", "row", "name", "start_ns", "duration_ns", "is_from"}]}
 *     search   {"names": N, "slices": [{"track", "row", "name", "start_ns", "duration_ns"}],
 *               "next": null | "T.S.R", "exact"}     "next" is where the next search goes on
 *     counter  {"exact", "time": [...], "minimum": [...], "maximum": [...]}   one a bucket
 *
 * A row is written "S.R": the number of its table and its row id. "exact" false says that an answer
 * is an estimate which a later one replaces.
 *
 * Thread: any number may ask; opening and closing is one thread's.
 */
#ifndef VIEWER_EXPORT_TILES_H
#define VIEWER_EXPORT_TILES_H

#include "base/error.h"
#include "base/text.h"
#include "tracedb/trace_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiles;

enum {
	TILE_BUCKETS_ASKED_MAX = 1 << 14,
	TILE_SLICES_ASKED_MAX = 1 << 16,
	TILE_FOUND_MAX = 10000,
};

/* A time that can be asked for; beyond it sums might overflow. */
#define TILE_TIME_MAX_NS (INT64_C(1) << 60)

struct tiles_options {
	size_t scan_threads;		/* 0: nothing is scanned, all stays an estimate */
	bool awaits_analysis;		/* tiles_show_analysis will be called */
};

/* What is told of the analysis: "none", "making", "shown", "failed". */
enum tiles_analysis_state { ANALYSIS_NONE, ANALYSIS_MAKING, ANALYSIS_SHOWN, ANALYSIS_FAILED };

/* The set's readers belong to the tiles until they are closed. */
bool tiles_open(struct tiles **out, struct trace_set *set, const struct tiles_options *options,
		struct error *error);

/*
 * Begins to read an analysis database, in a thread of its own: its tracks and findings are there
 * once its state is "shown". Once at most, by the thread that opened the tiles; NULL: there is none
 * after all.
 */
void tiles_show_analysis(struct tiles *tiles, const char *path);

/* Ends the scans first. NULL is fine. */
void tiles_close(struct tiles *tiles);

/* A part of a track. ERROR_USAGE: there is no such track. */
struct tiles_view {
	int64_t track;
	int64_t start_ns;
	int64_t end_ns;
	int64_t buckets;
	int64_t slices;
};

struct tiles_row {
	int64_t source;
	int64_t row;
};

/* Where a search begins; all 0 at first. */
struct tiles_place {
	int64_t trace;
	int64_t source;
	int64_t row;
};

bool tiles_add_tracks(struct tiles *tiles, struct text *text, struct error *error);
bool tiles_add_tile(struct tiles *tiles, const struct tiles_view *view, struct text *text,
		    struct error *error);
bool tiles_add_slice(struct tiles *tiles, int64_t track, const struct tiles_row *row,
		     struct text *text, struct error *error);
bool tiles_add_search(struct tiles *tiles, const char *words, int64_t limit,
		      const struct tiles_place *from, struct text *text, struct error *error);
bool tiles_add_counter(struct tiles *tiles, int64_t counter, int64_t start_ns, int64_t end_ns,
		       int64_t buckets, struct text *text, struct error *error);

#endif
