/* SPDX-License-Identifier: MIT */
/*
 * The picture of an export while its slices come: rows, how busy each was, its longest slices. What
 * is kept is bounded. Shared by format_svg.c, which gathers, and svg_draw.c, which draws.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_SVG_H
#define VIEWER_EXPORT_SVG_H

#include "base/id_map.h"
#include "viewer-export/format.h"

enum {
	COLUMNS = 1024,		/* of the shading; at least half of them are used */
	BOXES_MAX = 200,	/* of a row */
};

/* What a slice is, and the colour that says so. */
enum paint {
	PAINT_KERNEL, PAINT_COMMUNICATION, PAINT_COPY, PAINT_MEMSET, PAINT_GRAPH, PAINT_CALL,
	PAINT_RANGE, PAINT_COLLECTIVE, PAINT_WAIT, PAINT_OVERHEAD, PAINT_STEP, PAINT_OTHER,
	PAINT_IDLE,	/* of a cause that is not known here; those that are follow */
	PAINT_IDLE_SYNC, PAINT_IDLE_AFTER_SYNC, PAINT_IDLE_ALLOC, PAINT_IDLE_LOAD,
	PAINT_IDLE_COMM_SETUP, PAINT_IDLE_DATA, PAINT_IDLE_LAUNCH, PAINT_IDLE_HOST,
	PAINT_IDLE_COMM, PAINT_IDLE_COPY, PAINT_IDLE_STREAM, PAINT_IDLE_LATENCY,
	PAINT_IDLE_UNEXPLAINED, PAINT_IDLE_NOT_RECORDED,
	PAINT_COUNT
};

struct svg_paint {
	const char *title;
	const char *color;
	const char *cause;	/* of idle time, as an analysis names it; NULL: none */
};

extern const struct svg_paint svg_paints[PAINT_COUNT];

struct svg_box {
	int64_t start_ns;
	int64_t duration_ns;
	uint32_t name;		/* place in svg.names; 0: none */
	enum paint paint;
};

struct svg_row {
	char *name;
	int64_t order;
	int64_t process_id;
	enum export_track_kind kind;
	bool is_process;
	size_t process_row;	/* of a track: the row of its process */
	int64_t *busy_ns;	/* by column; NULL: nothing came */
	int64_t painted_ns[PAINT_COUNT];	/* the shading has the one with the most */
	struct svg_box *boxes;	/* a heap with the shortest on top */
	size_t box_count;
	size_t box_room;
};

struct svg_label {
	uint32_t name;
	enum paint paint;
};

struct svg {
	struct svg_row *rows;
	size_t row_count;
	size_t row_room;
	size_t rows_hidden;
	struct id_map row_of_track;
	struct id_map row_of_process;
	struct svg_label *labels;
	size_t label_count;
	size_t label_room;
	struct id_map label_of_key;
	struct bytes_map name_places;
	struct text names;	/* one after the other, each terminated; place 0 is "" */
	int64_t base_ns;	/* Unix time of 0 */
	bool has_window;
	int64_t origin_ns;	/* where the picture begins */
	int64_t limit_ns;	/* where it may end at most */
	int64_t last_ns;	/* where it ends */
	int64_t column_ns;
	bool is_painted[PAINT_COUNT];
};

/* All of the picture into a text, part by part as it is flushed. */
bool svg_draw(struct export_stream *stream, struct svg *svg, struct error *error);

#endif
