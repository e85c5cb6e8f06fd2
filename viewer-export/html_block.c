/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_block.h"

#include "base/array.h"
#include "viewer-export/html_pack.h"
#include "viewer-export/html_picture.h"

#include <stdlib.h>
#include <string.h>

bool html_columns_begin(struct html_columns *columns)
{
	*columns = (struct html_columns){ .value_room = 0 };
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_begin(&columns->columns[i], HTML_BLOCK_BYTES_MAX * 2);
	columns->order = calloc(HTML_BLOCK_SLICES_HELD, sizeof columns->order[0]);
	return columns->order != NULL;
}

void html_columns_end(struct html_columns *columns)
{
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_end(&columns->columns[i]);
	free(columns->values);
	free(columns->order);
	columns->values = NULL;
	columns->order = NULL;
}

void html_block_end(struct html_block *block)
{
	free(block->slices);
	free(block->values);
	*block = (struct html_block){ .count = 0 };
}

bool html_block_add(struct html_block *block, int64_t start_ns, int64_t duration_ns, size_t label,
		    size_t shape)
{
	struct html_slice *slices = array_grow(block->slices, &block->slice_room, block->count,
					       sizeof slices[0]);
	if (slices == NULL)
		return false;
	block->slices = slices;
	slices[block->count++] = (struct html_slice){
		.start_ns = start_ns, .duration_ns = duration_ns, .label = (int64_t)label,
		.shape = (uint32_t)shape, .first_value = (uint32_t)block->value_count,
	};
	return true;
}

bool html_block_add_value(struct html_block *block, size_t key, int64_t value, bool is_correlation)
{
	struct html_value *values = array_grow(block->values, &block->value_room,
					       block->value_count, sizeof values[0]);
	if (values == NULL)
		return false;
	block->values = values;
	values[block->value_count++] = (struct html_value){
		.value = value, .key = (uint32_t)key, .is_correlation = is_correlation,
	};
	return true;
}

static bool has_correlation(const struct html_block *block, const struct html_slice *slice)
{
	for (size_t i = slice->first_value; i < block->value_count; i++)
		if (block->values[i].is_correlation)
			return true;
	return false;
}

bool html_block_set_flow(struct html_block *block, int64_t start_ns, int64_t track)
{
	if (block->count == 0)
		return false;
	struct html_slice *last = &block->slices[block->count - 1];
	if (last->start_ns != start_ns || !has_correlation(block, last))
		return false;
	last->flow_track = track;
	return true;
}

bool html_block_is_full(const struct html_block *block)
{
	return block->count >= HTML_BLOCK_SLICES_HELD;
}

static bool is_before(const struct html_slice *slices, uint32_t a, uint32_t b)
{
	if (slices[a].start_ns != slices[b].start_ns)
		return slices[a].start_ns < slices[b].start_ns;
	if (slices[a].duration_ns != slices[b].duration_ns)
		return slices[a].duration_ns > slices[b].duration_ns;
	return a < b;
}

static void heap_sink(const struct html_slice *slices, uint32_t *order, size_t at, size_t count)
{
	for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
		if (child + 1 < count && is_before(slices, order[child], order[child + 1]))
			child++;
		if (!is_before(slices, order[at], order[child]))
			return;
		uint32_t moved = order[at];
		order[at] = order[child];
		order[child] = moved;
	}
}

/* For what comes in no order at all. */
static void order_sort(const struct html_slice *slices, uint32_t *order, size_t count)
{
	for (size_t at = count / 2; at-- > 0;)
		heap_sink(slices, order, at, count);
	for (size_t end = count; end-- > 1;) {
		uint32_t last = order[end];
		order[end] = order[0];
		order[0] = last;
		heap_sink(slices, order, 0, end);
	}
}

/* Mostly a few stand out of order: moving those is cheap. */
static void order_make(const struct html_slice *slices, uint32_t *order, size_t count)
{
	size_t moves = 16 * count;
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	for (size_t i = 1; i < count; i++) {
		uint32_t index = order[i];
		size_t j = i;
		for (; j > 0 && moves > 0 && is_before(slices, index, order[j - 1]); j--, moves--)
			order[j] = order[j - 1];
		order[j] = index;
	}
	if (moves == 0)
		order_sort(slices, order, count);
}

/* Damaged times may be anything: differences wrap around, and so they do in the page. */
static int64_t difference(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static size_t values_end(const struct html_block *block, size_t slice)
{
	return slice + 1 < block->count ? block->slices[slice + 1].first_value
					: block->value_count;
}

struct correlations {
	bool is_any;
	int64_t min, max;
};

static bool values_write(const struct html_block *block, size_t slice, struct html_columns *columns,
			 struct correlations *range)
{
	size_t end = values_end(block, slice);
	for (size_t i = block->slices[slice].first_value; i < end; i++) {
		const struct html_value *value = &block->values[i];
		int64_t *last = array_reach(columns->values, &columns->value_room, value->key,
					    sizeof last[0]);
		if (last == NULL)
			return false;
		columns->values = last;
		text_add_zigzag(&columns->columns[COLUMN_ARGUMENTS],
				difference(value->value, last[value->key]));
		last[value->key] = value->value;
		if (!value->is_correlation)
			continue;
		if (!range->is_any || value->value < range->min)
			range->min = value->value;
		if (!range->is_any || value->value > range->max)
			range->max = value->value;
		range->is_any = true;
	}
	return true;
}

static bool columns_fill(const struct html_block *block, struct html_columns *columns,
			 size_t count, struct correlations *range)
{
	struct text *text = columns->columns;
	int64_t end_ns = 0, label = 0;
	for (size_t i = 0; i < count; i++) {
		const struct html_slice *slice = &block->slices[columns->order[i]];
		text_add_zigzag(&text[COLUMN_GAP], difference(slice->start_ns, end_ns));
		text_add_varint(&text[COLUMN_DURATION], (uint64_t)slice->duration_ns);
		text_add_zigzag(&text[COLUMN_LABEL], difference(slice->label, label));
		text_add_varint(&text[COLUMN_SHAPE], slice->shape);
		text_add_varint(&text[COLUMN_FLOW], (uint64_t)slice->flow_track);
		if (!values_write(block, columns->order[i], columns, range))
			return false;
		end_ns = (int64_t)((uint64_t)slice->start_ns + (uint64_t)slice->duration_ns);
		label = slice->label;
	}
	return true;
}

static bool picture_fill(const struct html_block *block, const struct html_columns *columns,
			 size_t count, int64_t track_id)
{
	for (size_t i = 0; columns->is_picture && i < count; i++) {
		const struct html_slice *slice = &block->slices[columns->order[i]];
		if (!html_picture_add_slice(columns->picture, track_id, slice->start_ns,
					    slice->duration_ns, slice->label))
			return false;
	}
	return true;
}

/* The first `count` of `order` are written; the others stay, as they came. */
static void rest_keep(struct html_block *block, const uint32_t *order, size_t count)
{
	const uint32_t written = UINT32_MAX;
	size_t kept = 0, values = 0;
	for (size_t i = 0; i < count; i++)
		block->slices[order[i]].shape = written;
	for (size_t i = 0; i < block->count; i++) {
		struct html_slice slice = block->slices[i];
		if (slice.shape == written)
			continue;
		size_t of_it = values_end(block, i) - slice.first_value;
		if (of_it != 0)
			memmove(&block->values[values], &block->values[slice.first_value],
				of_it * sizeof block->values[0]);
		slice.first_value = (uint32_t)values;
		values += of_it;
		block->slices[kept++] = slice;
	}
	block->count = kept;
	block->value_count = values;
}

bool html_block_take(struct html_block *block, struct html_columns *columns, int64_t track_id,
		     struct text *text)
{
	struct correlations range = { .is_any = false };
	size_t count = block->count < HTML_BLOCK_SLICES_MAX ? block->count : HTML_BLOCK_SLICES_MAX;
	if (columns->values != NULL)
		memset(columns->values, 0, columns->value_room * sizeof columns->values[0]);
	order_make(block->slices, columns->order, block->count);
	bool ok = columns_fill(block, columns, count, &range) &&
		  picture_fill(block, columns, count, track_id);
	text_add_varint(text, (uint64_t)track_id);
	text_add_varint(text, count);
	text_add_varint(text, block->count_before);
	text_add_zigzag(text, range.is_any ? range.min : 0);
	text_add_zigzag(text, range.is_any ? range.max : -1);
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++)
		text_add_varint(text, columns->columns[i].length);
	for (size_t i = 0; i < HTML_COLUMN_COUNT; i++) {
		ok = ok && text_is_ok(&columns->columns[i]);
		text_add_bytes(text, text_string(&columns->columns[i]), columns->columns[i].length);
		text_clear(&columns->columns[i]);
	}
	block->count_before += count;
	rest_keep(block, columns->order, count);
	return ok && text_is_ok(text);
}
