/* SPDX-License-Identifier: MIT */
#include "analyzer/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 };

struct sorter {
	const int64_t *keys;
	uint32_t *order;	/* row numbers, in the order so far */
	uint32_t *scratch;
};

static int64_t key_at(const struct sorter *sorter, size_t place)
{
	return sorter->keys[sorter->order[place]];
}

static void sort_block(struct sorter *sorter, size_t begin, size_t end)
{
	for (size_t i = begin + 1; i < end; i++) {
		uint32_t row = sorter->order[i];
		int64_t key = sorter->keys[row];
		size_t to = i;
		while (to > begin && key_at(sorter, to - 1) > key) {
			sorter->order[to] = sorter->order[to - 1];
			to--;
		}
		sorter->order[to] = row;
	}
}

/* First place in [begin, end) whose key is above (or, if `is_equal_enough`, not below) `key`. */
static size_t find_place(const struct sorter *sorter, size_t begin, size_t end, int64_t key,
			 bool is_equal_enough)
{
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		int64_t here = key_at(sorter, middle);
		if (here > key || (is_equal_enough && here == key))
			end = middle;
		else
			begin = middle + 1;
	}
	return begin;
}

/* Only what overlaps moves: rows nearly in order cost two binary searches a merge. */
static void merge_neighbours(struct sorter *sorter, size_t begin, size_t middle, size_t end)
{
	if (key_at(sorter, middle - 1) <= key_at(sorter, middle))
		return;
	begin = find_place(sorter, begin, middle, key_at(sorter, middle), false);
	end = find_place(sorter, middle, end, key_at(sorter, middle - 1), true);
	size_t left_count = middle - begin, left = 0, right = middle;
	memcpy(sorter->scratch, sorter->order + begin, left_count * sizeof *sorter->scratch);
	while (left < left_count) {
		uint32_t row = sorter->scratch[left];
		if (right < end && key_at(sorter, right) < sorter->keys[row])
			sorter->order[begin++] = sorter->order[right++];
		else
			sorter->order[begin++] = sorter->scratch[left++];
	}
}

static void find_order(struct sorter *sorter, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sorter->order[i] = (uint32_t)i;
	for (size_t begin = 0; begin < count; begin += BLOCK)
		sort_block(sorter, begin, count - begin < BLOCK ? count : begin + BLOCK);
	for (size_t width = BLOCK; width < count; width *= 2)
		for (size_t begin = 0; begin + width < count; begin += 2 * width) {
			size_t end = count - begin < 2 * width ? count : begin + 2 * width;
			merge_neighbours(sorter, begin, begin + width, end);
		}
}

/*
 * Brings a column into order by way of the scratch memory; the two sizes are spelled out because
 * they are hot.
 */
static void reorder_column(const uint32_t *order, size_t count, const struct order_column *column,
			   void *scratch)
{
	if (column->size == sizeof(uint64_t)) {
		const uint64_t *from = column->values;
		uint64_t *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[i] = from[order[i]];
	} else {
		const uint32_t *from = column->values;
		uint32_t *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[i] = from[order[i]];
	}
	memcpy(column->values, scratch, count * column->size);
}

bool order_rows(const int64_t *keys, size_t count, const struct order_column *columns,
		size_t column_count)
{
	assert(count <= ORDER_ROWS_MAX);
	for (size_t c = 0; c < column_count; c++)
		assert(columns[c].size == sizeof(uint64_t) || columns[c].size == sizeof(uint32_t));
	if (count < 2)
		return true;
	uint32_t *order = malloc(count * sizeof *order);
	uint64_t *scratch = malloc(count * sizeof *scratch);
	bool ok = order != NULL && scratch != NULL;
	if (ok) {
		struct sorter sorter = { .keys = keys,
					 .order = order,
					 .scratch = (uint32_t *)scratch };
		find_order(&sorter, count);
		for (size_t c = 0; c < column_count; c++)
			reorder_column(order, count, &columns[c], scratch);
	}
	free(order);
	free(scratch);
	return ok;
}
