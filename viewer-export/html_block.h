/* SPDX-License-Identifier: MIT */
/*
 * Slices of one track as columns, a block at a time: gap from the end of the slice before,
 * duration, label, and what each has of its own. source_decode.js reads it.
 *
 * A block is: track, count, slices of the track before it, lowest and highest correlation (zigzag);
 * the lengths of its columns; the columns. Numbers are LEB128, signed ones zigzag. Every block but
 * a track's last is full: the page finds a slice by its number.
 *
 * Recorders write neighbours out of order (a range when it ends, a kernel when its buffer is done).
 * So more slices are held back than a block takes, and a block gets the earliest of them, in the
 * order of their starts, the longer first where two start together: the page then has nothing or
 * little to sort. A slice that comes later still stands where it came.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_BLOCK_H
#define VIEWER_EXPORT_HTML_BLOCK_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTML_BLOCK_SLICES_MAX = 8192,
	HTML_BLOCK_SLICES_HELD = HTML_BLOCK_SLICES_MAX * 3 / 2,
	HTML_BLOCK_BYTES_MAX = 1 << 24,
};

enum html_column {
	COLUMN_GAP,		/* signed */
	COLUMN_DURATION,
	COLUMN_LABEL,		/* signed difference to the one before */
	COLUMN_SHAPE,		/* which arguments it has: a list of keys */
	COLUMN_FLOW,		/* track of the call that launched it; 0: none */
	COLUMN_ARGUMENTS,	/* differences to the key's last value in the block */
	HTML_COLUMN_COUNT
};

/* A slice that waits for its block. */
struct html_slice {
	int64_t start_ns;
	int64_t duration_ns;
	int64_t label;
	int64_t flow_track;
	uint32_t shape;
	uint32_t first_value;		/* of `values`; its last is before the next slice's first */
};

struct html_value {
	int64_t value;
	uint32_t key;
	bool is_correlation;
};

struct html_block {
	struct html_slice *slices;	/* as they came */
	size_t slice_room;
	size_t count;
	struct html_value *values;
	size_t value_room, value_count;
	size_t count_before;		/* in blocks already written */
};

struct html_picture;

/* What several blocks share while one is written: the columns, and the last value of each key. */
struct html_columns {
	struct text columns[HTML_COLUMN_COUNT];
	int64_t *values;		/* by key */
	size_t value_room;
	uint32_t *order;		/* HTML_BLOCK_SLICES_HELD of them */
	struct html_picture *picture;	/* gets the slices in this order, while is_picture */
	bool is_picture;
};

bool html_columns_begin(struct html_columns *columns);
void html_columns_end(struct html_columns *columns);

/* A block of zeros is empty. */
void html_block_end(struct html_block *block);

/* False: memory is short. */
bool html_block_add(struct html_block *block, int64_t start_ns, int64_t duration_ns, size_t label,
		    size_t shape);
/* Of the slice that was added last. */
bool html_block_add_value(struct html_block *block, size_t key, int64_t value, bool is_correlation);

/*
 * The call that launched the slice that was added last stands on `track`. False: that slice does
 * not start at `start_ns`, or has no correlation by which the call could be found.
 */
bool html_block_set_flow(struct html_block *block, int64_t start_ns, int64_t track);

/* Must a block be taken before another slice is added? */
bool html_block_is_full(const struct html_block *block);

/* The next block as bytes; the slices after it stay. False: memory is short. */
bool html_block_take(struct html_block *block, struct html_columns *columns, int64_t track_id,
		     struct text *text);

#endif
