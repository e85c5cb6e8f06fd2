/* SPDX-License-Identifier: MIT */
/*
 * A coarse picture of all tracks while they go by: for each depth of nesting of a track, the busy
 * time in buckets of one width, and which slice is the longest there. Memory has a bound: where
 * time or the number of rows grows, the buckets of all tracks widen (widths are powers of two, so
 * pairs are added and sums stay exact).
 *
 * Slices come nearly in the order of their starts. One that comes later is taken for what it nearly
 * always is, a range around others that was written when it ended: where it covers a bucket wholly,
 * what is in it moves a row down, exactly. Only in the two buckets at its ends the rows are a
 * guess; the time in all rows of a bucket together is right everywhere.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_GRID_H
#define VIEWER_EXPORT_HTML_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTML_GRID_CELLS_MAX = 2048,	/* buckets of a row */
	HTML_GRID_CELLS_MIN = 64,
	HTML_GRID_ROWS_MAX = 24,	/* of a track; what lies deeper is not kept */
};

struct html_cell {
	int64_t busy_ns;
	int64_t duration_ns;		/* of the longest slice here, also what lies outside */
	uint32_t label;			/* its label */
	bool is_used;			/* by slices, which may all be of no length */
};

struct html_grid_track {
	bool is_flat;			/* its slices never overlap */
	bool is_outside;		/* its times do not count for those of the whole */
	struct html_cell *rows[HTML_GRID_ROWS_MAX];
	size_t row_room;		/* rows that have memory; row_count of them are used */
	size_t row_count;
	int64_t *points;		/* first instant in each bucket; -1: none */
	int64_t ends_ns[HTML_GRID_ROWS_MAX];	/* of the slices that are open */
	size_t depth;
	int64_t last_start_ns;
};

/* All zeros is an empty grid. Bucket i covers [i << level, (i + 1) << level). */
struct html_grid {
	unsigned level;
	size_t cell_count;		/* of each row; 0: no track yet */
	size_t row_count;		/* of all tracks, that have memory */
	struct html_grid_track *tracks;	/* by track id */
	size_t track_room;
	bool has_time;
	int64_t start_ns;
	int64_t end_ns;
};

void html_grid_end(struct html_grid *grid);

/* False, here and below: memory is short. */
bool html_grid_add_track(struct html_grid *grid, int64_t track_id, bool is_flat, bool is_outside);
bool html_grid_add_slice(struct html_grid *grid, int64_t track_id, int64_t start_ns,
			 int64_t duration_ns, uint32_t label);
bool html_grid_add_point(struct html_grid *grid, int64_t track_id, int64_t time_ns);

/* Buckets up to the last that holds anything. */
size_t html_grid_used(const struct html_grid *grid);

/* Twice as wide; as many are free at the end as were merged. */
void html_grid_widen(struct html_grid *grid);

#endif
