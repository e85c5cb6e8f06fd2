/* SPDX-License-Identifier: MIT */
/*
 * Slices of one track as columns, until a block is full: gap from the end of the slice before,
 * duration, label, and what each has of its own. source_decode.js reads it.
 *
 * A block is: track, count, slices of the track before it, lowest and highest correlation (zigzag);
 * the lengths of its columns; the columns. Numbers are LEB128, signed ones zigzag. Every block but
 * a track's last is full: the page finds a slice by its number.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_BLOCK_H
#define VIEWER_EXPORT_HTML_BLOCK_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTML_BLOCK_SLICES_MAX = 8192, HTML_BLOCK_BYTES_MAX = 1 << 24 };

enum html_column {
	COLUMN_GAP,		/* signed */
	COLUMN_DURATION,
	COLUMN_LABEL,		/* signed difference to the one before */
	COLUMN_SHAPE,		/* which arguments it has: a list of keys */
	COLUMN_FLOW,		/* track of the call that launched it; 0: none */
	COLUMN_ARGUMENTS,	/* differences to the key's last value in the block */
	HTML_COLUMN_COUNT
};

struct html_block {
	struct text columns[HTML_COLUMN_COUNT];
	int64_t *values;	/* the last ones, by key; owned */
	size_t value_room;
	size_t count;
	size_t count_before;	/* in blocks already written */
	int64_t end_ns;
	int64_t start_ns;	/* of the last slice */
	int64_t label;
	int64_t flow_track;	/* of the last slice: known only after it */
	bool has_correlation;	/* the last slice */
	bool has_range;
	int64_t correlation_min;
	int64_t correlation_max;
};

void html_block_begin(struct html_block *block);
void html_block_end(struct html_block *block);

/* Is there room for `key`'s value? False: memory is short. */
bool html_block_reserve_key(struct html_block *block, size_t key);

void html_block_add(struct html_block *block, int64_t start_ns, int64_t duration_ns, size_t label,
		    size_t shape);
void html_block_add_value(struct html_block *block, size_t key, int64_t value);
void html_block_add_correlation(struct html_block *block, int64_t correlation);
bool html_block_is_full(const struct html_block *block);

/* The block as bytes; it is empty then. False: memory is short. */
bool html_block_take(struct html_block *block, int64_t track_id, struct text *text);

#endif
