/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_picture.h"

#include "base/array.h"
#include "viewer-export/html_grid.h"
#include "viewer-export/html_json.h"
#include "viewer-export/html_samples.h"
#include "viewer-export/output.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEPT_BYTES_MAX = 1 << 22,
	RECORD_BYTES_MAX = 1 << 24,
	NAME_BYTES_MAX = 800,	/* a colour depends on 200 characters */
	CELLS_MAX = 1 << 17,	/* of all rows, then buckets widen, */
	CELLS_OF_ROW_MIN = 256,	/* but not beyond this, */
	CELLS_AT_ALL_MAX = 1 << 19,	/* and the last rows are left out */
	SHADES = 16,		/* theme.js */
};

/* A record that stands in `kept`. */
struct kept_record {
	enum html_record type;
	size_t at;
	size_t size;
};

struct html_picture {
	struct html_grid grid;
	struct text kept;
	struct kept_record *records;
	size_t record_count, record_room;
	struct html_samples **counters;
	size_t counter_count, counter_room;
	struct text labels;		/* JSON, one after the other */
	size_t *label_ends;		/* in it; a label may be missing: it ends where it begins */
	size_t label_count, label_room;
	uint32_t *label_numbers;	/* in the picture, from 1; 0: none yet */
	uint32_t number_count;
	struct text record;
	struct html_pack *pack;
};

bool html_picture_open(struct html_picture **out)
{
	struct html_picture *picture = *out = calloc(1, sizeof *picture);
	if (picture == NULL)
		return false;
	text_begin(&picture->kept, KEPT_BYTES_MAX);
	text_begin(&picture->labels, KEPT_BYTES_MAX);
	text_begin(&picture->record, RECORD_BYTES_MAX);
	return true;
}

void html_picture_close(struct html_picture *picture)
{
	if (picture == NULL)
		return;
	html_grid_end(&picture->grid);
	for (size_t i = 0; i < picture->counter_count; i++)
		free(picture->counters[i]);
	html_pack_close(picture->pack);
	text_end(&picture->kept);
	text_end(&picture->labels);
	text_end(&picture->record);
	free(picture->records);
	free(picture->counters);
	free(picture->label_ends);
	free(picture->label_numbers);
	free(picture);
}

bool html_picture_keep(struct html_picture *picture, enum html_record type,
		       const struct text *record)
{
	struct kept_record *records = array_grow(picture->records, &picture->record_room,
						 picture->record_count, sizeof records[0]);
	if (records == NULL)
		return false;
	picture->records = records;
	records[picture->record_count++] = (struct kept_record){
		.type = type, .at = picture->kept.length, .size = record->length,
	};
	text_add_bytes(&picture->kept, text_string(record), record->length);
	return true;
}

/* Spans that overlap have lanes of their own there. */
static bool is_flat(enum export_track_kind kind)
{
	return kind == TRACK_WORK || kind == TRACK_GRAPHS || kind == TRACK_SYNC ||
	       kind == TRACK_EVENTS || kind == TRACK_STEPS || kind == TRACK_IDLE ||
	       kind == TRACK_WAITS || kind == TRACK_LOSSES;
}

bool html_picture_add_track(struct html_picture *picture, const struct export_track *track)
{
	return html_grid_add_track(&picture->grid, track->track_id, is_flat(track->kind),
				   track->kind == TRACK_FINDINGS);
}

/* Not in the middle of a character. */
static size_t name_cut(const char *name)
{
	size_t size = strlen(name);
	if (size <= NAME_BYTES_MAX)
		return size;
	for (size = NAME_BYTES_MAX; size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80;)
		size--;
	return size;
}

bool html_picture_add_label(struct html_picture *picture, size_t number,
			    const struct export_label *label)
{
	struct text *text = &picture->labels;
	size_t *ends = array_reach(picture->label_ends, &picture->label_room, number,
				   sizeof ends[0]);
	if (ends == NULL)
		return false;
	picture->label_ends = ends;
	for (; picture->label_count < number; picture->label_count++)
		ends[picture->label_count] = text->length;
	if (text_is_ok(text)) {
		size_t begin = text->length;
		text_add(text, "{\"name\":");
		text_add_json_bytes(text, label->name, name_cut(label->name));
		text_add(text, ",\"category\":");
		text_add_json(text, label->category);
		text_add(text, ",\"color\":");
		text_add_json(text, label->color != NULL ? label->color : "");
		text_add(text, ",\"arguments\":[]}");
		if (!text_is_ok(text))
			text->length = begin;
	}
	ends[picture->label_count++] = text->length;
	return true;
}

bool html_picture_add_slice(struct html_picture *picture, int64_t track_id, int64_t start_ns,
			    int64_t duration_ns, int64_t label)
{
	return html_grid_add_slice(&picture->grid, track_id, start_ns, duration_ns,
				   (uint32_t)label);
}

bool html_picture_add_instant(struct html_picture *picture, int64_t track_id, int64_t time_ns)
{
	return html_grid_add_point(&picture->grid, track_id, time_ns);
}

bool html_picture_add_sample(struct html_picture *picture, size_t counter, int64_t time_ns,
			     int64_t value)
{
	while (picture->counter_count <= counter) {
		struct html_samples **counters = array_grow(picture->counters,
							    &picture->counter_room,
							    picture->counter_count,
							    sizeof counters[0]);
		if (counters == NULL)
			return false;
		picture->counters = counters;
		counters[picture->counter_count] = calloc(1, sizeof *counters[0]);
		if (counters[picture->counter_count] == NULL)
			return false;
		picture->counter_count++;
	}
	html_samples_add(picture->counters[counter], time_ns, value);
	return true;
}

static bool put(struct html_picture *picture, enum html_record type, struct error *error)
{
	return html_pack_put(picture->pack, type, &picture->record, error);
}

static bool records_write(struct html_picture *picture, struct error *error)
{
	for (size_t i = 0; i < picture->record_count; i++) {
		const struct kept_record *kept = &picture->records[i];
		text_add_bytes(&picture->record, text_string(&picture->kept) + kept->at,
			       kept->size);
		if (!put(picture, kept->type, error))
			return false;
	}
	for (size_t i = 0; i < picture->counter_count; i++) {
		text_add_varint(&picture->record, i);
		html_samples_write(picture->counters[i], &picture->record);
		if (!put(picture, RECORD_SAMPLES, error))
			return false;
	}
	return true;
}

static bool label_write(struct html_picture *picture, size_t label, struct error *error)
{
	if (label >= picture->label_count || picture->label_numbers[label] != 0)
		return true;
	size_t begin = label > 0 ? picture->label_ends[label - 1] : 0;
	size_t size = picture->label_ends[label] - begin;
	if (size == 0)
		return true;
	picture->label_numbers[label] = ++picture->number_count;
	text_add_bytes(&picture->record, text_string(&picture->labels) + begin, size);
	return put(picture, RECORD_LABEL, error);
}

/* Label 0 stands for those of which too little is known. */
static uint32_t label_number(const struct html_picture *picture, size_t label)
{
	return label < picture->label_count ? picture->label_numbers[label] : 0;
}

/* Labels stand before the cells that have them. */
static bool labels_write(struct html_picture *picture, size_t used, struct error *error)
{
	picture->label_numbers = calloc(picture->label_count + 1, sizeof(uint32_t));
	if (picture->label_numbers == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to export");
	text_add(&picture->record, "{\"name\":\"\",\"category\":\"overhead\",\"arguments\":[]}");
	bool ok = put(picture, RECORD_LABEL, error);
	for (size_t i = 0; ok && i < picture->grid.track_room; i++) {
		const struct html_grid_track *track = &picture->grid.tracks[i];
		for (size_t row = 0; row < track->row_count; row++)
			for (size_t cell = 0; ok && cell < used; cell++)
				ok = !track->rows[row][cell].is_used ||
				     label_write(picture, track->rows[row][cell].label, error);
	}
	return ok;
}

static unsigned char shade(const struct html_cell *cell, unsigned level)
{
	uint64_t wide_ns = UINT64_C(1) << level, busy_ns = (uint64_t)cell->busy_ns;
	if (!cell->is_used)
		return 0;
	if (busy_ns >= wide_ns)
		return 1 + SHADES;
	/* Rounded up, without overflow: wide_ns is at most 2^61. */
	return (unsigned char)(1 + (level < 4 ? (busy_ns * SHADES + wide_ns - 1) >> level :
				    (busy_ns + (wide_ns >> 4) - 1) >> (level - 4)));
}

static void points_write(const struct html_grid_track *track, size_t used, struct text *text)
{
	int64_t before = 0;
	size_t count = 0;
	for (size_t i = 0; track->points != NULL && i < used; i++)
		count += track->points[i] >= 0;
	text_add_varint(text, count);
	for (size_t i = 0; count > 0 && i < used; i++)
		if (track->points[i] >= 0) {
			text_add_zigzag(text, track->points[i] - before);
			before = track->points[i];
		}
}

static bool track_write(struct html_picture *picture, int64_t track_id, size_t used,
			struct error *error)
{
	const struct html_grid_track *track = &picture->grid.tracks[track_id];
	struct text *text = &picture->record;
	text_add_varint(text, (uint64_t)track_id);
	text_add_varint(text, track->row_count);
	points_write(track, html_grid_used(&picture->grid), text);
	text_add_varint(text, track->row_count == 0 ? 0 : used);
	for (size_t row = 0; used > 0 && row < track->row_count; row++) {
		const struct html_cell *cells = track->rows[row];
		uint32_t before = 0;
		for (size_t i = 0; i < used; i++)
			text_add_char(text, (char)shade(&cells[i], picture->grid.level));
		for (size_t i = 0; i < used; i++) {
			if (!cells[i].is_used)
				continue;
			uint32_t number = label_number(picture, cells[i].label);
			text_add_zigzag(text, (int64_t)number - before);
			before = number;
		}
	}
	return put(picture, RECORD_CELLS, error);
}

static size_t rows_used(const struct html_grid *grid)
{
	size_t count = 0;
	for (size_t i = 0; i < grid->track_room; i++)
		count += grid->tracks[i].row_count;
	return count;
}

static bool grid_write(struct html_picture *picture, struct error *error)
{
	struct html_grid *grid = &picture->grid;
	size_t rows = rows_used(grid), done = 0;
	while (rows * html_grid_used(grid) > CELLS_MAX &&
	       html_grid_used(grid) > CELLS_OF_ROW_MIN)
		html_grid_widen(grid);
	size_t used = html_grid_used(grid);
	text_add_varint(&picture->record, (uint64_t)grid->start_ns);
	text_add_varint(&picture->record, (uint64_t)grid->end_ns);
	text_add_varint(&picture->record, grid->level);
	text_add_varint(&picture->record, used);
	if (!put(picture, RECORD_GRID, error) || !labels_write(picture, used, error))
		return false;
	for (size_t i = 0; i < grid->track_room; i++) {
		const struct html_grid_track *track = &grid->tracks[i];
		if (track->row_count == 0 && track->points == NULL)
			continue;
		done += track->row_count * used;
		if (!track_write(picture, (int64_t)i, done <= CELLS_AT_ALL_MAX ? used : 0, error))
			return false;
	}
	return true;
}

bool html_picture_write(struct html_picture *picture, struct output *output, struct error *error)
{
	if (!text_is_ok(&picture->kept) || !picture->grid.has_time)
		return true;
	return html_pack_open(&picture->pack, output, HTML_PACK_PICTURE, error) &&
	       records_write(picture, error) && grid_write(picture, error) &&
	       put(picture, RECORD_END, error) && html_pack_finish(picture->pack, error);
}
