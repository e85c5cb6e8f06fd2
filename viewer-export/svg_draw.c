/* SPDX-License-Identifier: MIT */
#include "viewer-export/svg.h"

#include "viewer-export/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_BYTES = 1 << 20,
	NAMES_WIDTH = 300,	/* pixels */
	PLOT_WIDTH = 1024,
	MARGIN = 8,
	LEGEND_HEIGHT = 16,	/* of a line of it */
	AXIS_HEIGHT = 32,
	ROW_HEIGHT = 16,
	BOX_HEIGHT = 14,
	INSET = 2,		/* a box inside a box is so much lower at its top */
	INSETS_MAX = 4,
	BOX_WIDTH_MIN = 150,	/* hundredths of a pixel: narrower ones are left to the shading */
	CHARACTER_WIDTH = 6,
	LABEL_CHARACTERS_MAX = 48,
	LEVELS = 8,		/* of shading */
	TICKS = 8,
};

const struct svg_paint svg_paints[PAINT_COUNT] = {
	[PAINT_KERNEL] = { "kernels", "#4e86c0", NULL },
	[PAINT_COMMUNICATION] = { "communication", "#d9605a", NULL },
	[PAINT_COPY] = { "copies", "#57a35a", NULL },
	[PAINT_MEMSET] = { "memsets", "#a6a13e", NULL },
	[PAINT_GRAPH] = { "CUDA graphs", "#5aa9a4", NULL },
	[PAINT_CALL] = { "CUDA calls", "#a984b8", NULL },
	[PAINT_RANGE] = { "ranges", "#dca23f", NULL },
	[PAINT_COLLECTIVE] = { "NCCL operations", "#c9745f", NULL },
	[PAINT_WAIT] = { "waits", "#8f959c", NULL },
	[PAINT_OVERHEAD] = { "profiling", "#7d6f66", NULL },
	[PAINT_STEP] = { "steps", "#86b3d6", NULL },
	[PAINT_OTHER] = { "other", "#9aa5b1", NULL },
	[PAINT_IDLE] = { "idle", "#c8a2a0", NULL },
	[PAINT_IDLE_SYNC] = { "idle: sync", "#e0b070", "sync" },
	[PAINT_IDLE_AFTER_SYNC] = { "idle: after a sync", "#c98f4a", "after-sync" },
	[PAINT_IDLE_ALLOC] = { "idle: allocation", "#a9713a", "alloc" },
	[PAINT_IDLE_LOAD] = { "idle: loading code", "#8c6a4f", "module-load" },
	[PAINT_IDLE_COMM_SETUP] = { "idle: communicators", "#b8736b", "comm-setup" },
	[PAINT_IDLE_DATA] = { "idle: data", "#e0cc62", "data" },
	[PAINT_IDLE_LAUNCH] = { "idle: slow launches", "#e5853a", "launch-bound" },
	[PAINT_IDLE_HOST] = { "idle: host", "#d3a89c", "host-other" },
	[PAINT_IDLE_COMM] = { "idle: communication", "#e39b97", "blocked-comm" },
	[PAINT_IDLE_COPY] = { "idle: a copy", "#a5cba3", "blocked-copy" },
	[PAINT_IDLE_STREAM] = { "idle: another stream", "#b5afd4", "blocked-stream" },
	[PAINT_IDLE_LATENCY] = { "idle: launch latency", "#b9cbd9", "launch-latency" },
	[PAINT_IDLE_UNEXPLAINED] = { "idle: unexplained", "#cfcfcf", "unexplained" },
	[PAINT_IDLE_NOT_RECORDED] = { "not recorded", "#ededed", "not-recorded" },
};

#define ADD(text, literal) text_add_bytes((text), "" literal, sizeof(literal) - 1)

static bool text_flush(struct export_stream *stream, struct error *error)
{
	struct text *text = &stream->text;
	if (!text_is_ok(text))
		return fail(error, ERROR_SYSTEM, "no memory to export");
	if (!output_write(stream->output, text_string(text), text->length, error))
		return false;
	text_clear(text);
	return true;
}

/* Hundredths of a pixel from the left edge of the plot. */
static int64_t place_of(const struct svg *svg, int64_t time_ns)
{
	int64_t range_ns = svg->last_ns - svg->origin_ns, at_ns = time_ns - svg->origin_ns;
	if (range_ns <= 0 || at_ns <= 0)
		return 0;
	at_ns = at_ns < range_ns ? at_ns : range_ns;
	for (; range_ns > INT64_C(1) << 40; range_ns >>= 1)
		at_ns >>= 1;
	return at_ns * (PLOT_WIDTH * 100) / range_ns;
}

/* Where a column begins; behind the last one time may be at its end. */
static int64_t column_start(const struct svg *svg, int column)
{
	int64_t room_ns = INT64_MAX - svg->origin_ns;
	return column > room_ns / svg->column_ns ? INT64_MAX :
						   svg->origin_ns + column * svg->column_ns;
}

static void add_place(struct text *text, int64_t hundredths)
{
	text_add_format(text, "%" PRId64 ".%02d", hundredths / 100, (int)(hundredths % 100));
}

static int level_of(const struct svg *svg, int64_t busy_ns)
{
	if (busy_ns <= 0)
		return 0;
	if (busy_ns >= svg->column_ns)
		return LEVELS;
	int64_t level = busy_ns / (svg->column_ns / LEVELS + 1);
	return level < 1 ? 1 : (int)level;
}

/* One shape for each level of shading. */
static void shading_write(const struct svg *svg, struct text *text, const struct svg_row *row,
			  int y)
{
	enum paint most = PAINT_OTHER;
	for (int i = 0; i < PAINT_COUNT; i++)
		if (row->painted_ns[i] > row->painted_ns[most])
			most = (enum paint)i;
	for (int level = 1; level <= LEVELS; level++) {
		bool is_open = false;
		for (int i = 0; i < COLUMNS; i++) {
			if (level_of(svg, row->busy_ns[i]) != level)
				continue;
			int end = i + 1;
			while (end < COLUMNS && level_of(svg, row->busy_ns[end]) == level)
				end++;
			if (!is_open)
				text_add_format(text,
						"<path class=\"s p%d\" opacity=\"%d.%02d\" d=\"",
						(int)most, level / 8, level % 8 * 100 / 8);
			is_open = true;
			int64_t left = place_of(svg, column_start(svg, i));
			int64_t right = place_of(svg, column_start(svg, end));
			ADD(text, "M");
			add_place(text, left);
			text_add_format(text, ",%dv%dH", y + 1, BOX_HEIGHT);
			add_place(text, right);
			text_add_format(text, "v-%dz", BOX_HEIGHT);
			i = end;
		}
		if (is_open)
			ADD(text, "\"/>\n");
	}
}

/* At most so many characters of a text; what is cut off is said. */
static void add_cut(struct text *text, const char *string, size_t characters)
{
	size_t whole = strlen(string), length = 0, count = 0;
	while (length < whole && count < characters) {
		size_t size = utf8_sequence_length(string + length, whole - length);
		length += size == 0 ? 1 : size;
		count++;
	}
	text_add_xml(text, string, length);
	if (length < whole)
		ADD(text, "\xe2\x80\xa6");
}

/* By time, what holds others first. */
static int box_compare(const void *left, const void *right)
{
	const struct svg_box *a = left, *b = right;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->duration_ns < b->duration_ns) - (a->duration_ns > b->duration_ns);
}

/* The name ends where the next box begins, if that lies inside. */
static void box_write(const struct svg *svg, struct text *text, const struct svg_box *box,
		      const struct svg_box *next, int y, int inset)
{
	int64_t left = place_of(svg, box->start_ns);
	int64_t width = place_of(svg, box->start_ns + box->duration_ns) - left;
	const char *name = svg->names.bytes + box->name;
	int64_t free_width = next != NULL && place_of(svg, next->start_ns) < left + width ?
				     place_of(svg, next->start_ns) - left :
				     width;
	size_t characters = (size_t)(free_width / 100 / CHARACTER_WIDTH);
	if (width < BOX_WIDTH_MIN)
		return;
	text_add_format(text, "<g data-start=\"%" PRId64 "\" data-duration=\"%" PRId64
			"\"><title>", box->start_ns, box->duration_ns);
	text_add_xml(text, name, strlen(name));
	ADD(text, " \xc2\xb7 ");
	text_add_duration(text, box->duration_ns);
	text_add_format(text, "</title><rect class=\"p%d\" x=\"", (int)box->paint);
	add_place(text, left);
	text_add_format(text, "\" y=\"%d\" width=\"", y + 1 + inset * INSET);
	add_place(text, width);
	text_add_format(text, "\" height=\"%d\"/>", BOX_HEIGHT - inset * INSET);
	if (characters >= 4) {
		ADD(text, "<text class=\"n\" x=\"");
		add_place(text, left + 200);
		text_add_format(text, "\" y=\"%d\">", y + 12);
		add_cut(text, name, characters - 2);
		ADD(text, "</text>");
	}
	ADD(text, "</g>\n");
}

static void boxes_write(const struct svg *svg, struct text *text, const struct svg_row *row, int y)
{
	int64_t ends[INSETS_MAX + 1];
	int depth = 0;
	if (row->box_count > 1)
		qsort(row->boxes, row->box_count, sizeof row->boxes[0], box_compare);
	for (size_t i = 0; i < row->box_count; i++) {
		const struct svg_box *box = &row->boxes[i];
		while (depth > 0 && ends[depth - 1] <= box->start_ns)
			depth--;
		box_write(svg, text, box, i + 1 < row->box_count ? box + 1 : NULL, y, depth);
		if (depth < INSETS_MAX)
			ends[depth++] = box->start_ns + box->duration_ns;
	}
}

/* Round steps, in the largest unit in which they are whole numbers. */
static void axis_write(const struct svg *svg, struct text *text, int top, int height)
{
	static const struct { int64_t ns; const char *name; } units[] = {
		{ 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" }, { 1, "ns" },
	};
	static const int64_t factors[] = { 2, 5, 10 };
	int64_t range_ns = svg->last_ns - svg->origin_ns, decade_ns = 1, step_ns = 1;
	for (size_t i = 0; step_ns < range_ns / TICKS; i++) {
		step_ns = decade_ns * factors[i % 3];
		decade_ns = i % 3 == 2 ? step_ns : decade_ns;
	}
	size_t unit = 0;
	while (step_ns < units[unit].ns)
		unit++;
	for (int64_t i = 0; i <= range_ns / step_ns; i++) {
		int64_t at_ns = i * step_ns;
		ADD(text, "<path class=\"a\" d=\"M");
		add_place(text, place_of(svg, svg->origin_ns + at_ns));
		text_add_format(text, ",%dV%d\"/><text class=\"t\" x=\"", top - 4, height);
		add_place(text, place_of(svg, svg->origin_ns + at_ns));
		text_add_format(text, "\" y=\"%d\">%" PRId64 " %s</text>\n", top - 8,
				at_ns / units[unit].ns, units[unit].name);
	}
}

/* Where an entry of the legend stands, and where the next one may. */
static void legend_place(enum paint paint, int *x, int *y)
{
	int width = 28 + CHARACTER_WIDTH * (int)strlen(svg_paints[paint].title);
	if (*x > 0 && *x + width > PLOT_WIDTH) {
		*x = 0;
		*y += LEGEND_HEIGHT;
	}
	*x += width;
}

static int legend_height(const struct svg *svg)
{
	int x = 0, y = 0;
	for (int i = 0; i < PAINT_COUNT; i++)
		if (svg->is_painted[i])
			legend_place((enum paint)i, &x, &y);
	return y + LEGEND_HEIGHT;
}

static void head_write(const struct svg *svg, struct text *text, int height)
{
	int x = 0, y = 0;
	text_add_format(text,
			"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
			"viewBox=\"%d 0 %d %d\" data-base=\"%" PRId64
			"\" data-start=\"%" PRId64 "\" data-end=\"%" PRId64 "\">\n"
			"<style>text{font:10px sans-serif;fill:#7d838a;unicode-bidi:plaintext}"
			".n{fill:#14181c}.r{text-anchor:end}.h{font-weight:bold;text-anchor:end}"
			".t{text-anchor:middle}.a{stroke:#8a9098;stroke-opacity:.35;fill:none}",
			NAMES_WIDTH + PLOT_WIDTH + 5 * MARGIN, height, -NAMES_WIDTH - MARGIN,
			NAMES_WIDTH + PLOT_WIDTH + 5 * MARGIN, height, svg->base_ns,
			svg->origin_ns, svg->last_ns);
	for (int i = 0; i < PAINT_COUNT; i++)
		if (svg->is_painted[i])
			text_add_format(text, ".p%d{fill:%s}", i,
					svg_paints[i].color);
	ADD(text, "rect{stroke:#fff;stroke-opacity:.5;stroke-width:.5}</style>\n");
	for (int i = 0; i < PAINT_COUNT; i++) {
		const char *title = svg_paints[i].title;
		if (!svg->is_painted[i])
			continue;
		legend_place((enum paint)i, &x, &y);
		int left = x - 28 - CHARACTER_WIDTH * (int)strlen(title);
		text_add_format(text, "<rect class=\"p%d\" x=\"%d\" y=\"%d\" width=\"10\" "
				"height=\"10\"/><text x=\"%d\" y=\"%d\">%s</text>\n", i, left,
				y + 8, left + 14, y + 17, title);
	}
}

/* Processes in their order, below each its tracks. */
struct place {
	int64_t process_order;
	bool is_track;
	int64_t order;
	size_t row;
};

static int place_compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->process_order != b->process_order)
		return a->process_order < b->process_order ? -1 : 1;
	if (a->is_track != b->is_track)
		return a->is_track ? 1 : -1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* Rows that hold something, and the processes of such rows. */
static size_t rows_place(const struct svg *svg, struct place *places)
{
	size_t count = 0;
	bool *is_shown = calloc(svg->row_count + 1, sizeof is_shown[0]);
	for (size_t i = 0; is_shown != NULL && i < svg->row_count; i++)
		if (svg->rows[i].busy_ns != NULL)
			is_shown[i] = is_shown[svg->rows[i].process_row] = true;
	for (size_t i = 0; is_shown != NULL && i < svg->row_count; i++)
		if (is_shown[i])
			places[count++] = (struct place){
				svg->rows[svg->rows[i].process_row].order,
				!svg->rows[i].is_process, svg->rows[i].order, i,
			};
	free(is_shown);
	if (count > 1)
		qsort(places, count, sizeof places[0], place_compare);
	return count;
}

static void row_write(const struct svg *svg, struct text *text, const struct svg_row *row, int y)
{
	text_add_format(text, "<text class=\"%s\" x=\"-%d\" y=\"%d\">",
			row->is_process ? "h" : "r", MARGIN, y + 12);
	add_cut(text, row->name, LABEL_CHARACTERS_MAX);
	ADD(text, "</text>\n");
	if (row->is_process)
		return;
	shading_write(svg, text, row, y);
	boxes_write(svg, text, row, y);
}

bool svg_draw(struct export_stream *stream, struct svg *svg, struct error *error)
{
	struct text *text = &stream->text;
	struct place *places = calloc(svg->row_count + 1, sizeof places[0]);
	bool ok = true;
	if (places == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to export");
	if (svg->has_window && svg->limit_ns != INT64_MAX && svg->limit_ns > svg->last_ns)
		svg->last_ns = svg->limit_ns;
	size_t count = rows_place(svg, places);
	int top = legend_height(svg) + AXIS_HEIGHT;
	int height = top + (int)count * ROW_HEIGHT + 2 * MARGIN;
	head_write(svg, text, height);
	axis_write(svg, text, top, height - MARGIN);
	for (size_t i = 0; ok && i < count; i++) {
		row_write(svg, text, &svg->rows[places[i].row], top + (int)i * ROW_HEIGHT);
		ok = text->length < FLUSH_BYTES || text_flush(stream, error);
	}
	if (svg->rows_hidden > 0)
		text_add_format(text, "<text x=\"0\" y=\"%d\">and %zu more tracks</text>\n",
				height - 4, svg->rows_hidden);
	ADD(text, "</svg>\n");
	free(places);
	return ok && text_flush(stream, error);
}
