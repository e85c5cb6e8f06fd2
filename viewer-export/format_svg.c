/* SPDX-License-Identifier: MIT */
/*
 * A picture (SVG) for papers and pages: a row for each track, its name at the left, time from left
 * to right. A row has a shading that says how busy it was, column by column, and above it its
 * longest slices as boxes. What is drawn is bounded, however long the trace: a few shapes for the
 * shading of a row, BOXES_MAX boxes, ROWS_MAX rows. Counters, instants, arrows and findings are not
 * drawn.
 *
 * How long the trace is turns out at its end: columns begin with a nanosecond, and each time they
 * do not suffice, two become one.
 */
#include "viewer-export/svg.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum {
	ROWS_MAX = 400,
	NAME_BYTES_MAX = 96,	/* of a box; more never fits */
	NAMES_BYTES_MAX = 1 << 24,
	TEXT_BYTES_MAX = 1 << 28,
};

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static bool svg_begin(struct export_stream *stream, const struct export_head *head,
		      struct error *error)
{
	struct svg *svg = calloc(1, sizeof *svg);
	if (svg == NULL)
		return no_memory(error);
	stream->state = svg;
	svg->base_ns = head->base_ns;
	svg->has_window = head->has_window;
	svg->origin_ns = head->has_window && head->window_start_ns > 0 ? head->window_start_ns : 0;
	svg->limit_ns = head->has_window ? head->window_end_ns : INT64_MAX;
	svg->last_ns = svg->origin_ns;
	svg->column_ns = 1;
	text_begin(&stream->text, TEXT_BYTES_MAX);
	text_begin(&svg->names, NAMES_BYTES_MAX + 1024);
	text_add_char(&svg->names, 0);
	return text_is_ok(&svg->names) || no_memory(error);
}

/* NULL: memory is short. */
static struct svg_row *row_add(struct svg *svg, const char *name, int64_t order)
{
	struct svg_row *rows = array_grow(svg->rows, &svg->row_room, svg->row_count,
					  sizeof rows[0]);
	if (rows == NULL)
		return NULL;
	svg->rows = rows;
	char *copy = strdup(name);
	if (copy == NULL)
		return NULL;
	rows[svg->row_count] = (struct svg_row){ .name = copy, .order = order };
	return &rows[svg->row_count++];
}

static bool svg_process(struct export_stream *stream, const struct export_process *process,
			struct error *error)
{
	struct svg *svg = stream->state;
	struct svg_row *row = row_add(svg, process->name, process->order);
	if (row == NULL || !id_map_put(&svg->row_of_process, (uint64_t)process->process_id,
				       (int64_t)svg->row_count - 1))
		return no_memory(error);
	row->is_process = true;
	row->process_row = svg->row_count - 1;
	return true;
}

static bool svg_track(struct export_stream *stream, const struct export_track *track,
		      struct error *error)
{
	struct svg *svg = stream->state;
	int64_t process_row = 0;
	/* They lie one on the other, over all of the picture. */
	if (track->kind == TRACK_FINDINGS)
		return true;
	if (svg->row_count >= ROWS_MAX) {
		svg->rows_hidden++;
		return true;
	}
	(void)id_map_get(&svg->row_of_process, (uint64_t)track->process_id, &process_row);
	struct svg_row *row = row_add(svg, track->name, track->order);
	if (row == NULL || !id_map_put(&svg->row_of_track, (uint64_t)track->track_id,
				       (int64_t)svg->row_count - 1))
		return no_memory(error);
	row->kind = track->kind;
	row->process_row = (size_t)process_row;
	return true;
}

static void svg_labels_forget(struct export_stream *stream)
{
	struct svg *svg = stream->state;
	svg->label_count = 0;
	id_map_end(&svg->label_of_key);
}

static size_t svg_label_find(struct export_stream *stream, uint64_t key)
{
	const struct svg *svg = stream->state;
	int64_t handle;
	return key != 0 && id_map_get(&svg->label_of_key, key, &handle) ? (size_t)handle :
									  LABEL_NONE;
}

static enum paint paint_of_cause(const char *cause)
{
	int paint = PAINT_IDLE + 1;
	while (paint < PAINT_COUNT && strcmp(svg_paints[paint].cause, cause) != 0)
		paint++;
	return paint < PAINT_COUNT ? (enum paint)paint : PAINT_IDLE;
}

static enum paint paint_of(const struct export_label *label)
{
	static const struct { const char *category; enum paint paint; } categories[] = {
		{ "gpu_memcpy", PAINT_COPY }, { "gpu_memset", PAINT_MEMSET },
		{ "cuda_graph", PAINT_GRAPH }, { "cuda_runtime", PAINT_CALL },
		{ "cuda_driver", PAINT_CALL }, { "api", PAINT_CALL }, { "nvtx", PAINT_RANGE },
		{ "gpu_range", PAINT_RANGE }, { "nccl", PAINT_COLLECTIVE }, { "sync", PAINT_WAIT },
		{ "overhead", PAINT_OVERHEAD }, { "step", PAINT_STEP },
		{ "collective wait", PAINT_WAIT },
	};
	if (strcmp(label->category, "kernel") == 0)
		return label->color != NULL ? PAINT_COMMUNICATION : PAINT_KERNEL;
	if (strcmp(label->category, "idle") == 0)
		return paint_of_cause(label->name);
	for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
		if (strcmp(categories[i].category, label->category) == 0)
			return categories[i].paint;
	return PAINT_OTHER;
}

/* The name where all names stand, cut between two characters; 0 where there is no more room. */
static bool name_keep(struct svg *svg, const char *name, uint32_t *place)
{
	size_t whole = strlen(name), length = 0;
	int64_t found;
	*place = 0;
	while (length < whole) {
		size_t size = utf8_sequence_length(name + length, whole - length);
		if (length + (size == 0 ? 1 : size) > NAME_BYTES_MAX)
			break;
		length += size == 0 ? 1 : size;
	}
	if (bytes_map_get(&svg->name_places, name, length, &found)) {
		*place = (uint32_t)found;
		return true;
	}
	if (svg->names.length + length >= NAMES_BYTES_MAX)
		return true;
	*place = (uint32_t)svg->names.length;
	text_add_bytes(&svg->names, name, length);
	text_add_char(&svg->names, 0);
	return text_is_ok(&svg->names) && bytes_map_put(&svg->name_places, name, length, *place);
}

static bool svg_label_add(struct export_stream *stream, uint64_t key,
			  const struct export_label *label, size_t *handle, struct error *error)
{
	struct svg *svg = stream->state;
	if (svg->label_count >= NAMES_BYTES_MAX / 16)
		svg_labels_forget(stream);
	struct svg_label *labels = array_grow(svg->labels, &svg->label_room, svg->label_count,
					      sizeof labels[0]);
	if (labels == NULL)
		return no_memory(error);
	svg->labels = labels;
	labels[svg->label_count].paint = paint_of(label);
	if (!name_keep(svg, label->name, &labels[svg->label_count].name) ||
	    (key != 0 && !id_map_put(&svg->label_of_key, key, (int64_t)svg->label_count)))
		return no_memory(error);
	*handle = svg->label_count++;
	return true;
}

/* Damaged traces have sums beyond all time. */
static int64_t add_capped(int64_t sum_ns, int64_t more_ns)
{
	const int64_t limit = INT64_MAX / 4;
	more_ns = more_ns < limit ? more_ns : limit;
	return sum_ns + more_ns < limit ? sum_ns + more_ns : limit;
}

/* Two columns become one, in all rows. */
static void columns_merge(struct svg *svg)
{
	for (size_t i = 0; i < svg->row_count; i++) {
		int64_t *busy = svg->rows[i].busy_ns;
		for (size_t j = 0; busy != NULL && j < COLUMNS; j++)
			busy[j] = j < COLUMNS / 2 ?
					  add_capped(busy[2 * j], busy[2 * j + 1]) :
					  0;
	}
	svg->column_ns *= 2;
}

static void columns_add(struct svg *svg, struct svg_row *row, int64_t start_ns, int64_t end_ns)
{
	int64_t at_ns = start_ns - svg->origin_ns;
	int64_t left_ns = end_ns - start_ns;
	while ((end_ns - svg->origin_ns) / svg->column_ns >= COLUMNS)
		columns_merge(svg);
	while (left_ns > 0) {
		int64_t column = at_ns / svg->column_ns;
		int64_t rest_ns = svg->column_ns - at_ns % svg->column_ns;
		int64_t part_ns = left_ns < rest_ns ? left_ns : rest_ns;
		row->busy_ns[column] = add_capped(row->busy_ns[column], part_ns);
		at_ns += part_ns;
		left_ns -= part_ns;
	}
}

/* Of equal length the earlier one stays. */
static bool box_is_less(const struct svg_box *a, const struct svg_box *b)
{
	if (a->duration_ns != b->duration_ns)
		return a->duration_ns < b->duration_ns;
	return a->start_ns > b->start_ns;
}

static void boxes_sink(struct svg_row *row)
{
	struct svg_box *boxes = row->boxes;
	for (size_t at = 0;;) {
		size_t least = at, child = 2 * at + 1;
		for (size_t i = child; i < child + 2 && i < row->box_count; i++)
			if (box_is_less(&boxes[i], &boxes[least]))
				least = i;
		if (least == at)
			return;
		struct svg_box moved = boxes[at];
		boxes[at] = boxes[least];
		boxes[least] = moved;
		at = least;
	}
}

static bool boxes_add(struct svg_row *row, const struct svg_box *box)
{
	if (row->box_count == BOXES_MAX) {
		if (!box_is_less(&row->boxes[0], box))
			return true;
		row->boxes[0] = *box;
		boxes_sink(row);
		return true;
	}
	struct svg_box *boxes = array_grow(row->boxes, &row->box_room, row->box_count,
					   sizeof boxes[0]);
	if (boxes == NULL)
		return false;
	row->boxes = boxes;
	size_t at = row->box_count++;
	for (; at > 0 && box_is_less(box, &boxes[(at - 1) / 2]); at = (at - 1) / 2)
		boxes[at] = boxes[(at - 1) / 2];
	boxes[at] = *box;
	return true;
}

static bool svg_slice(struct export_stream *stream, const struct export_slice *slice,
		      struct error *error)
{
	struct svg *svg = stream->state;
	int64_t place;
	int64_t start_ns = slice->start_ns, end_ns = slice->start_ns + slice->duration_ns;
	if (!id_map_get(&svg->row_of_track, (uint64_t)slice->track_id, &place))
		return true;
	struct svg_row *row = &svg->rows[place];
	const struct svg_label *label = &svg->labels[slice->label];
	enum paint paint = row->kind == TRACK_RANGES ? PAINT_RANGE : label->paint;
	start_ns = start_ns < svg->origin_ns ? svg->origin_ns : start_ns;
	end_ns = end_ns > svg->limit_ns ? svg->limit_ns : end_ns;
	if (end_ns < start_ns)
		return true;
	if (row->busy_ns == NULL) {
		row->busy_ns = calloc(COLUMNS, sizeof row->busy_ns[0]);
		if (row->busy_ns == NULL)
			return no_memory(error);
	}
	svg->last_ns = end_ns > svg->last_ns ? end_ns : svg->last_ns;
	svg->is_painted[paint] = true;
	row->painted_ns[paint] = add_capped(row->painted_ns[paint], end_ns - start_ns);
	columns_add(svg, row, start_ns, end_ns);
	return boxes_add(row, &(struct svg_box){ slice->start_ns, slice->duration_ns, label->name,
						 paint }) ||
	       no_memory(error);
}

static bool svg_instant(struct export_stream *stream, const struct export_instant *instant,
			struct error *error)
{
	(void)stream;
	(void)instant;
	(void)error;
	return true;
}

static bool svg_counter(struct export_stream *stream, const struct export_counter *counter,
			struct error *error)
{
	(void)stream;
	(void)counter;
	(void)error;
	return true;
}

static bool svg_flow(struct export_stream *stream, const struct export_flow *flow,
		     struct error *error)
{
	(void)stream;
	(void)flow;
	(void)error;
	return true;
}

static bool svg_end(struct export_stream *stream, const struct export_summary *summary,
		    struct error *error)
{
	(void)summary;
	return svg_draw(stream, stream->state, error);
}

static void svg_free(struct export_stream *stream)
{
	struct svg *svg = stream->state;
	if (svg == NULL)
		return;
	for (size_t i = 0; i < svg->row_count; i++) {
		free(svg->rows[i].name);
		free(svg->rows[i].busy_ns);
		free(svg->rows[i].boxes);
	}
	text_end(&stream->text);
	text_end(&svg->names);
	id_map_end(&svg->row_of_track);
	id_map_end(&svg->row_of_process);
	id_map_end(&svg->label_of_key);
	bytes_map_end(&svg->name_places);
	free(svg->rows);
	free(svg->labels);
	free(svg);
	stream->state = NULL;
}

const struct export_format svg_format = {
	.name = "svg",
	.extension = ".svg",
	.summary = "a picture (SVG) for papers and pages; --window says of what",
	.begin = svg_begin,
	.process = svg_process,
	.track = svg_track,
	.labels_forget = svg_labels_forget,
	.label_find = svg_label_find,
	.label_add = svg_label_add,
	.slice = svg_slice,
	.instant = svg_instant,
	.counter = svg_counter,
	.flow = svg_flow,
	.end = svg_end,
	.free = svg_free,
};
