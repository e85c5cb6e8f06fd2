/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_grid.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS_OF_ALL_MAX = 1 << 21 };	/* 48 MB */

/* Damaged times may be anything: what lies beyond is drawn here. */
static const int64_t TIME_MAX_NS = INT64_C(1) << 61;

static int64_t time_cut(int64_t time_ns)
{
	return time_ns < 0 ? 0 : time_ns < TIME_MAX_NS ? time_ns : TIME_MAX_NS - 1;
}

void html_grid_end(struct html_grid *grid)
{
	for (size_t i = 0; i < grid->track_room; i++) {
		for (size_t row = 0; row < grid->tracks[i].row_room; row++)
			free(grid->tracks[i].rows[row]);
		free(grid->tracks[i].points);
	}
	free(grid->tracks);
	*grid = (struct html_grid){ .cell_count = 0 };
}

bool html_grid_add_track(struct html_grid *grid, int64_t track_id, bool is_flat, bool is_outside)
{
	struct html_grid_track *tracks = array_reach(grid->tracks, &grid->track_room,
						     (size_t)track_id, sizeof tracks[0]);
	if (tracks == NULL)
		return false;
	grid->tracks = tracks;
	tracks[track_id].is_flat = is_flat;
	tracks[track_id].is_outside = is_outside;
	if (grid->cell_count == 0)
		grid->cell_count = HTML_GRID_CELLS_MAX;
	return true;
}

static void cell_merge(struct html_cell *cell, const struct html_cell *from)
{
	cell->busy_ns += from->busy_ns;
	if (from->is_used && (!cell->is_used || from->duration_ns > cell->duration_ns)) {
		cell->duration_ns = from->duration_ns;
		cell->label = from->label;
	}
	cell->is_used = cell->is_used || from->is_used;
}

static void row_widen(struct html_cell *cells, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct html_cell cell = cells[2 * i];
		cell_merge(&cell, &cells[2 * i + 1]);
		cells[i] = cell;
	}
	memset(&cells[count / 2], 0, (count - count / 2) * sizeof cells[0]);
}

static void points_widen(int64_t *points, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		int64_t first = points[2 * i], second = points[2 * i + 1];
		points[i] = first < 0 || (second >= 0 && second < first) ? second : first;
	}
	for (size_t i = count / 2; i < count; i++)
		points[i] = -1;
}

void html_grid_widen(struct html_grid *grid)
{
	for (size_t i = 0; i < grid->track_room; i++) {
		struct html_grid_track *track = &grid->tracks[i];
		for (size_t row = 0; row < track->row_room; row++)
			row_widen(track->rows[row], grid->cell_count);
		if (track->points != NULL)
			points_widen(track->points, grid->cell_count);
	}
	grid->level++;
}

size_t html_grid_used(const struct html_grid *grid)
{
	size_t used = (size_t)(grid->end_ns >> grid->level) + 1;
	return !grid->has_time ? 0 : used < grid->cell_count ? used : grid->cell_count;
}

/* Fewer buckets for each row: the later half is empty after a merge. */
static void grid_shrink(struct html_grid *grid)
{
	html_grid_widen(grid);
	grid->cell_count /= 2;
	for (size_t i = 0; i < grid->track_room; i++) {
		struct html_grid_track *track = &grid->tracks[i];
		for (size_t row = 0; row < track->row_room; row++) {
			void *less = realloc(track->rows[row],
					     grid->cell_count * sizeof(struct html_cell));
			track->rows[row] = less != NULL ? less : track->rows[row];
		}
		void *less = realloc(track->points, track->points == NULL ? 1 : grid->cell_count *
				     sizeof track->points[0]);
		if (track->points != NULL && less != NULL)
			track->points = less;
		else if (track->points == NULL)
			free(less);
	}
}

static void grid_reach(struct html_grid *grid, const struct html_grid_track *track,
		       int64_t start_ns, int64_t end_ns)
{
	int64_t last_ns = end_ns > start_ns ? end_ns - 1 : start_ns;
	while ((size_t)(last_ns >> grid->level) >= grid->cell_count)
		html_grid_widen(grid);
	if (track->is_outside)
		return;
	if (!grid->has_time || start_ns < grid->start_ns)
		grid->start_ns = start_ns;
	if (!grid->has_time || end_ns > grid->end_ns)
		grid->end_ns = end_ns;
	grid->has_time = true;
}

static bool row_make(struct html_grid *grid, struct html_grid_track *track)
{
	while ((grid->row_count + 1) * grid->cell_count > CELLS_OF_ALL_MAX &&
	       grid->cell_count > HTML_GRID_CELLS_MIN)
		grid_shrink(grid);
	struct html_cell *cells = calloc(grid->cell_count, sizeof cells[0]);
	if (cells == NULL)
		return false;
	track->rows[track->row_room++] = cells;
	grid->row_count++;
	return true;
}

/* Memory for the row and those above it, as far as rows are kept. */
static bool rows_reach(struct html_grid *grid, struct html_grid_track *track, size_t row)
{
	while (track->row_room <= row && track->row_room < HTML_GRID_ROWS_MAX)
		if (!row_make(grid, track))
			return false;
	return true;
}

static void cell_add(struct html_grid_track *track, size_t row, size_t cell,
		     const struct html_cell *added)
{
	cell_merge(&track->rows[row][cell], added);
	if (track->row_count <= row)
		track->row_count = row + 1;
}

/* A slice that came too late: around what is there already, as far as it can be. */
static void cell_wrap(struct html_grid_track *track, size_t cell, struct html_cell added)
{
	for (size_t row = 0; row < track->row_room; row++) {
		struct html_cell *here = &track->rows[row][cell];
		if (!here->is_used) {
			cell_add(track, row, cell, &added);
			return;
		}
		bool is_outer = added.duration_ns >= here->duration_ns;
		struct html_cell outer = is_outer ? added : *here;
		struct html_cell inner = is_outer ? *here : added;
		int64_t both_ns = here->busy_ns + added.busy_ns;
		if (added.busy_ns < here->busy_ns)
			outer.busy_ns = here->busy_ns;
		else
			outer.busy_ns = added.busy_ns;
		inner.busy_ns = both_ns - outer.busy_ns;
		*here = outer;
		added = inner;
	}
}

/* A late one within a bucket: nothing says that it lies around others, so beside them. */
static void cell_squeeze(struct html_grid_track *track, size_t cell, struct html_cell added,
			 int64_t wide_ns)
{
	for (size_t row = 0; row < track->row_room; row++) {
		int64_t free_ns = wide_ns - track->rows[row][cell].busy_ns;
		struct html_cell part = added;
		part.busy_ns = added.busy_ns < free_ns ? added.busy_ns : free_ns;
		added.busy_ns -= part.busy_ns;
		cell_add(track, row, cell, &part);
		if (added.busy_ns == 0)
			return;
	}
}

/* One of a track without depth: beside what is there. */
static void cell_fill(struct html_grid_track *track, size_t cell, const struct html_cell *added,
		      int64_t wide_ns)
{
	struct html_cell *here = &track->rows[0][cell];
	cell_add(track, 0, cell, added);
	here->busy_ns = here->busy_ns < wide_ns ? here->busy_ns : wide_ns;
}

/* The row of a slice that begins now; beyond the rows that are kept: HTML_GRID_ROWS_MAX. */
static size_t depth_take(struct html_grid_track *track, int64_t start_ns, int64_t end_ns)
{
	while (track->depth > 0 && track->ends_ns[track->depth - 1] <= start_ns)
		track->depth--;
	size_t row = track->is_flat ? 0 : track->depth;
	if (row < HTML_GRID_ROWS_MAX && !track->is_flat)
		track->ends_ns[track->depth++] = end_ns;
	track->last_start_ns = start_ns;
	return row;
}

/* Where it goes; HTML_GRID_ROWS_MAX: nowhere. A late one may move others to a row that is new. */
static bool slice_place(struct html_grid *grid, struct html_grid_track *track, int64_t start_ns,
			int64_t end_ns, size_t *row, bool *is_late)
{
	*is_late = start_ns < track->last_start_ns;
	*row = *is_late ? 0 : depth_take(track, start_ns, end_ns);
	size_t last = *is_late && !track->is_flat ? track->row_count : *row;
	if (*row >= HTML_GRID_ROWS_MAX)
		return true;
	if (!rows_reach(grid, track, last))
		return false;
	grid_reach(grid, track, start_ns, end_ns);
	return true;
}

bool html_grid_add_slice(struct html_grid *grid, int64_t track_id, int64_t start_ns,
			 int64_t duration_ns, uint32_t label)
{
	struct html_grid_track *track = &grid->tracks[track_id];
	bool is_late;
	size_t row;
	start_ns = time_cut(start_ns);
	int64_t left_ns = TIME_MAX_NS - start_ns;
	int64_t end_ns = start_ns + (duration_ns < 0 ? 0 : duration_ns < left_ns ? duration_ns :
								    left_ns);
	if (!slice_place(grid, track, start_ns, end_ns, &row, &is_late))
		return false;
	if (row >= HTML_GRID_ROWS_MAX)
		return true;
	int64_t cell = start_ns >> grid->level;
	bool is_wide = (end_ns - 1) >> grid->level > cell;
	do {
		int64_t from_ns = cell << grid->level, to_ns = (cell + 1) << grid->level;
		const struct html_cell added = {
			.busy_ns = (end_ns < to_ns ? end_ns : to_ns) -
				   (start_ns > from_ns ? start_ns : from_ns),
			.duration_ns = end_ns - start_ns, .label = label, .is_used = true,
		};
		if (track->is_flat)
			cell_fill(track, (size_t)cell, &added, to_ns - from_ns);
		else if (is_late && !is_wide)
			cell_squeeze(track, (size_t)cell, added, to_ns - from_ns);
		else if (is_late)
			cell_wrap(track, (size_t)cell, added);
		else
			cell_add(track, row, (size_t)cell, &added);
	} while (++cell << grid->level < end_ns);
	return true;
}

bool html_grid_add_point(struct html_grid *grid, int64_t track_id, int64_t time_ns)
{
	struct html_grid_track *track = &grid->tracks[track_id];
	time_ns = time_cut(time_ns);
	if (track->points == NULL) {
		track->points = malloc(grid->cell_count * sizeof track->points[0]);
		if (track->points == NULL)
			return false;
		for (size_t i = 0; i < grid->cell_count; i++)
			track->points[i] = -1;
	}
	grid_reach(grid, track, time_ns, time_ns);
	int64_t *point = &track->points[time_ns >> grid->level];
	if (*point < 0 || time_ns < *point)
		*point = time_ns;
	return true;
}
