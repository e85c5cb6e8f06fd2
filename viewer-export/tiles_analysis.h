/* SPDX-License-Identifier: MIT */
/*
 * What an analysis adds to the tracks of tiles.h: on each GPU its steps, its idle time by cause and
 * its waits in collectives, as analysis_draw.h draws them for an export, kept in memory. Slices of
 * such a track are in order and never overlap.
 *
 * Memory: 32 bytes a slice, and what is said of slices one by one, up to a limit.
 *
 * Thread: made by one; then constant, for any number.
 */
#ifndef VIEWER_EXPORT_TILES_ANALYSIS_H
#define VIEWER_EXPORT_TILES_ANALYSIS_H

#include "viewer-export/format.h"
#include "viewer-export/tiles.h"

#include <stdatomic.h>

/* Instead of a table's number in a row of these tracks. */
enum { TILES_ANALYSIS_SOURCE = 1000 };

struct shown_slice {
	int64_t start_ns;
	int64_t end_ns;
	size_t arguments;	/* place of its text in tiles_analysis.arguments */
	uint32_t label;
};

struct shown_track {
	char name[64];
	enum export_track_kind kind;
	size_t trace;
	int64_t device_id;
	int64_t gpu_id;		/* in the analysis */
	struct shown_slice *slices;
	size_t count;
	size_t room;
};

struct shown_label {
	char *name;
	char *category;
	char *color;		/* "": by name and category */
};

struct tiles_analysis {
	char *path;
	struct shown_track *tracks;
	size_t count, room;
	struct shown_label *labels;
	size_t label_count, label_room;
	struct text arguments;	/* of slices, each ended by a zero */
	bool has_time;
	int64_t first_ns;
	int64_t last_ns;
};

/* Reads it, onto the time line of the tiles. Fails where it is of none of the traces. */
bool tiles_analysis_read(struct tiles_analysis **out, struct tiles *tiles, const char *path,
			 struct error *error);
void tiles_analysis_free(struct tiles_analysis *analysis);	/* NULL is fine */

/* Number in tracks of the one with this id of tiles.h; false: it is no track of an analysis. */
bool tiles_analysis_find(struct tiles *tiles, int64_t track, const struct tiles_analysis **analysis,
			 size_t *place);
int64_t tiles_analysis_track_id(const struct tiles_analysis *analysis, size_t place);

/* The answers of tiles.h for such a track. */
bool tiles_analysis_add_tile(const struct tiles_analysis *analysis, size_t place,
			     const struct tiles_view *view, struct text *text, struct error *error);
bool tiles_analysis_add_slice(const struct tiles_analysis *analysis, size_t place, int64_t row,
			      struct text *text, struct error *error);

/* The tracks of a GPU, for the list of them. */
void tiles_analysis_add_tracks(const struct tiles_analysis *analysis, size_t trace,
			       int64_t device_id, int64_t process_id, struct text *text);

/* Where a finding shows: the longest piece of idle time or of waiting of the GPU, or null. */
void tiles_analysis_add_place(const struct tiles_analysis *analysis, const char *finding,
			      int64_t gpu_id, struct text *text);

#endif
