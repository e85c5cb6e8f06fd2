/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_block.h"

#include "base/array.h"
#include "viewer-export/html_pack.h"

#include <stdlib.h>
#include <string.h>

void html_block_begin(struct html_block *block)
{
	*block = (struct html_block){ .count = 0 };
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_begin(&block->columns[i], HTML_BLOCK_BYTES_MAX * 2);
}

void html_block_end(struct html_block *block)
{
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_end(&block->columns[i]);
	free(block->values);
	block->values = NULL;
	block->value_room = 0;
}

bool html_block_reserve_key(struct html_block *block, size_t key)
{
	int64_t *values = array_reach(block->values, &block->value_room, key, sizeof values[0]);
	if (values != NULL)
		block->values = values;
	return values != NULL;
}

/* Damaged times may be anything: differences wrap around, and so they do in the page. */
static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void flow_add(struct html_block *block)
{
	if (block->count > 0)
		text_add_varint(&block->columns[COLUMN_FLOW], (uint64_t)block->flow_track);
	block->flow_track = 0;
}

void html_block_add(struct html_block *block, int64_t start_ns, int64_t duration_ns, size_t label,
		    size_t shape)
{
	flow_add(block);
	text_add_zigzag(&block->columns[COLUMN_GAP], difference(start_ns, block->end_ns));
	text_add_varint(&block->columns[COLUMN_DURATION], (uint64_t)duration_ns);
	text_add_zigzag(&block->columns[COLUMN_LABEL], difference((int64_t)label, block->label));
	text_add_varint(&block->columns[COLUMN_SHAPE], shape);
	block->start_ns = start_ns;
	block->end_ns = (int64_t)((uint64_t)start_ns + (uint64_t)duration_ns);
	block->label = (int64_t)label;
	block->has_correlation = false;
	block->count++;
}

void html_block_add_value(struct html_block *block, size_t key, int64_t value)
{
	text_add_zigzag(&block->columns[COLUMN_ARGUMENTS],
			difference(value, block->values[key]));
	block->values[key] = value;
}

void html_block_add_correlation(struct html_block *block, int64_t correlation)
{
	if (!block->has_range || correlation < block->correlation_min)
		block->correlation_min = correlation;
	if (!block->has_range || correlation > block->correlation_max)
		block->correlation_max = correlation;
	block->has_range = true;
	block->has_correlation = true;
}

bool html_block_is_full(const struct html_block *block)
{
	return block->count >= HTML_BLOCK_SLICES_MAX;
}

bool html_block_take(struct html_block *block, int64_t track_id, struct text *text)
{
	bool ok = true;
	flow_add(block);
	text_add_varint(text, (uint64_t)track_id);
	text_add_varint(text, block->count);
	text_add_varint(text, block->count_before);
	text_add_zigzag(text, block->has_range ? block->correlation_min : 0);
	text_add_zigzag(text, block->has_range ? block->correlation_max : -1);
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_add_varint(text, block->columns[i].length);
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++) {
		ok = ok && text_is_ok(&block->columns[i]);
		text_add_bytes(text, text_string(&block->columns[i]), block->columns[i].length);
		text_clear(&block->columns[i]);
	}
	block->count_before += block->count;
	block->count = 0;
	block->end_ns = 0;
	block->label = 0;
	block->has_range = false;
	if (block->values != NULL)
		memset(block->values, 0, block->value_room * sizeof block->values[0]);
	return ok && text_is_ok(text);
}
