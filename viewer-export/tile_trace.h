/* SPDX-License-Identifier: MIT */
/*
 * One trace, opened for looking at any part of it at once, however large it is. Nothing is read
 * whole before the first answer: tables have row ids and lie nearly in the order of time, so that a
 * sample of each (spots of neighbouring rows, evenly spread) tells the bounds, the tracks and about
 * how busy they are. Beside the answers one scan on a thread of its own (tile_scan.h) learns what
 * makes them exact: for each block of TILE_BLOCK_ROWS rows the times it spans (zones), and for each
 * track how busy it is (busy.h). From then on a stretch of time is found by its zones, whatever the
 * order of the rows, and only those blocks are read.
 *
 * Memory: the buckets of all tracks (TILE_BUCKETS_BYTES_MAX at most), 40 bytes a block of rows, a
 * bounded cache of blocks. It does not grow with the number of rows otherwise.
 *
 * Thread: any number; a trace has one lock, and whoever uses its members holds it.
 */
#ifndef VIEWER_EXPORT_TILE_TRACE_H
#define VIEWER_EXPORT_TILE_TRACE_H

#include "base/error.h"
#include "base/id_map.h"
#include "tracedb/reader.h"
#include "viewer-export/busy.h"
#include "viewer-export/survey.h"
#include "viewer-export/tile_describe.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TILE_BLOCK_ROWS = 1024,
	TILE_BUCKETS = 1 << 16,		/* a track, at most */
	TILE_BUCKETS_MIN = 1 << 8,
	TILE_GROUPS_MAX = 1 << 14,	/* tracks of a trace; spans of others are left out */
	TILE_NAMES_MAX = 1 << 20,	/* names told apart in a trace */
};

#define TILE_BUCKETS_BYTES_MAX ((size_t)256 << 20)

/* A row as a span of a track. */
struct tile_span {
	int64_t start_ns;	/* since the trace's epoch */
	int64_t end_ns;
	int64_t row;
	uint32_t group;
	uint32_t name;		/* in tile_trace.names; 0: look at the row */
};

/* TILE_BLOCK_ROWS rows of a table; the last block has fewer. */
struct tile_zone {
	int64_t first_row;
	int64_t first_ns;	/* the earliest start */
	int64_t last_ns;	/* the latest end */
	int64_t correlation_min;	/* of those that are not 0 */
	int64_t correlation_max;
};

struct tile_block {
	size_t source;
	size_t zone;
	struct tile_span *spans;	/* NULL: nothing cached here */
	size_t count;
};

/* A few neighbouring rows, for estimates. */
struct tile_spot {
	size_t first;		/* in tile_source.samples */
	size_t count;
	int64_t first_ns;
	int64_t window_ns;	/* that its rows stand for */
};

struct tile_source {
	int64_t first_row;
	int64_t last_row;	/* when the trace was opened: what comes later is not shown */
	struct tile_zone *zones;
	size_t zone_count;
	size_t zone_room;
	struct tile_span *samples;
	size_t sample_count;
	size_t sample_room;
	struct tile_spot *spots;
	size_t spot_count;
};

struct tile_family {
	struct busy *busy;	/* by group */
	size_t busy_count;
	size_t busy_room;
	bool is_exact;		/* scanned, nothing marked */
};

/* What spans are called, resolved when it is asked for. */
struct tile_name {
	size_t source;
	int64_t row;		/* a row that bears it */
	bool is_resolved;
	const char *name;
	const char *category;
	const char *color;	/* may be NULL */
};

struct tile_trace {
	pthread_mutex_t lock;
	struct trace_reader *reader;	/* borrowed; for answers */
	struct survey survey;		/* bounds and groups, as far as they are known */
	struct tile_source sources[SPAN_SOURCES_MAX];
	struct tile_family families[FAMILY_COUNT];
	struct busy_grid grid;
	size_t group_count;
	size_t buckets_max;		/* of a track */
	size_t families_scanned;
	bool is_scanned;		/* all of them */
	bool has_failed;
	struct error error;		/* why the scan failed */
	int64_t rows_scanned;
	int64_t rows_all;
	int64_t spans_left_out;		/* of groups beyond TILE_GROUPS_MAX */
	struct id_map name_numbers;
	struct tile_name *names;
	size_t name_count;
	size_t name_room;
	struct arena *name_texts;
	struct tile_describer *describer;
	struct tile_block *blocks;	/* cache: a block has one place */
	size_t block_count;
};

struct tile_trace_options {
	size_t spot_count;		/* a table */
	size_t buckets_bytes_max;	/* of all tracks */
	size_t cached_blocks;
};

/* The reader stays the caller's and is used under the lock only. */
bool tile_trace_open(struct tile_trace **out, struct trace_reader *reader,
		     const struct tile_trace_options *options, struct error *error);
void tile_trace_close(struct tile_trace *trace);	/* no thread uses it any more */

/* Members below: with the lock held. */

/* What is read of a row of a source for spans. */
uint64_t tile_source_columns(size_t source);

/*
 * The span of a row, its group and name made if they are new. `*is_shown` false: it has no place
 * in time, or its group is one too many.
 */
bool tile_span_of_row(struct tile_trace *trace, size_t source, const union span_row *row,
		      int64_t row_id, struct tile_span *span, bool *is_shown);

/* Rows of one source in [first_row, last_row], appended to an array. */
struct tile_spans {
	struct tile_span *list;
	size_t count;
	size_t room;
};

bool tile_read_rows(struct tile_trace *trace, struct trace_reader *reader, size_t source,
		    int64_t first_row, int64_t last_row, struct tile_spans *spans,
		    struct error *error);

/* The spans of a scanned block; borrowed until the next call. */
bool tile_read_block(struct tile_trace *trace, size_t source, size_t zone,
		     const struct tile_span **spans, size_t *count, struct error *error);

/* The spans of a scanned source that touch [first_ns, end_ns), of all groups, appended. */
bool tile_gather(struct tile_trace *trace, size_t source, int64_t first_ns, int64_t end_ns,
		 struct tile_spans *spans, struct error *error);

/* Rows in the blocks that this would read. */
int64_t tile_gather_rows(const struct tile_trace *trace, size_t source, int64_t first_ns,
			 int64_t end_ns);

/* Name, category and colour of a span; borrowed for the life of the trace. */
bool tile_name_of(struct tile_trace *trace, size_t source, const struct tile_span *span,
		  const struct tile_name **name, struct error *error);

bool tile_no_memory(const struct tile_trace *trace, struct error *error);

#endif
