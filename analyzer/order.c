/* SPDX-License-Identifier: MIT */
#include "analyzer/order.h"

#include "base/column.h"

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
 * Brings rows [begin, end) of a column into their order, which moves none beyond them, by way of
 * the scratch memory; the two sizes are spelled out because they are hot.
 */
static void reorder_span(const uint32_t *order, size_t begin, size_t end,
			 const struct order_column *column, void *scratch)
{
	size_t count = end - begin;
	order += begin;
	if (column->size == sizeof(uint64_t)) {
		uint64_t *values = column->values, *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[i] = values[order[i]];
		memcpy(values + begin, scratch, count * sizeof *values);
	} else {
		uint32_t *values = column->values, *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[i] = values[order[i]];
		memcpy(values + begin, scratch, count * sizeof *values);
	}
}

/* The end of the shortest stretch from `begin` on whose rows stay among themselves. */
static size_t span_end(const uint32_t *order, size_t begin)
{
	size_t farthest = order[begin], at = begin;
	for (; at < farthest; at++)
		farthest = order[at + 1] > farthest ? order[at + 1] : farthest;
	return at + 1;
}

static void reorder(const uint32_t *order, size_t count, const struct order_column *columns,
		    size_t column_count, void *scratch)
{
	for (size_t begin = 0; begin < count;) {
		size_t end = span_end(order, begin);
		for (size_t c = 0; end - begin > 1 && c < column_count; c++)
			reorder_span(order, begin, end, &columns[c], scratch);
		begin = end;
	}
}

static void check_columns(const struct order_column *columns, size_t column_count, size_t count)
{
	assert(count <= ORDER_ROWS_MAX);
	for (size_t c = 0; c < column_count; c++)
		assert(columns[c].size == sizeof(uint64_t) || columns[c].size == sizeof(uint32_t));
}

bool order_rows(const int64_t *keys, size_t count, const struct order_column *columns,
		size_t column_count)
{
	check_columns(columns, column_count, count);
	bool is_sorted = true;
	for (size_t i = 1; is_sorted && i < count; i++)
		is_sorted = keys[i - 1] <= keys[i];
	if (is_sorted)
		return true;
	uint32_t *order = column_new(count, sizeof *order);
	uint64_t *scratch = column_new(count, sizeof *scratch);
	bool ok = order != NULL && scratch != NULL;
	if (ok) {
		struct sorter sorter = { .keys = keys,
					 .order = order,
					 .scratch = (uint32_t *)scratch };
		find_order(&sorter, count);
		reorder(order, count, columns, column_count, scratch);
	}
	free(order);
	free(scratch);
	return ok;
}

static void regroup_column(const uint32_t *groups, size_t count, size_t *next,
			   const struct order_column *column, void *scratch)
{
	if (column->size == sizeof(uint64_t)) {
		const uint64_t *from = column->values;
		uint64_t *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[next[groups[i]]++] = from[i];
	} else {
		const uint32_t *from = column->values;
		uint32_t *to = scratch;
		for (size_t i = 0; i < count; i++)
			to[next[groups[i]]++] = from[i];
	}
	memcpy(column->values, scratch, count * column->size);
}

/* Groups in order: `first` says where each begins. */
static void groups_fill(uint32_t *groups, size_t count, size_t group_count, const size_t *first)
{
	for (size_t g = 0; g < group_count; g++)
		for (size_t i = first[g]; i < first[g + 1] && i < count; i++)
			groups[i] = (uint32_t)g;
}

bool order_groups(uint32_t *groups, size_t count, size_t group_count,
		  const struct order_column *columns, size_t column_count)
{
	check_columns(columns, column_count, count);
	bool is_grouped = true;
	for (size_t i = 1; is_grouped && i < count; i++)
		is_grouped = groups[i - 1] <= groups[i];
	if (is_grouped)
		return true;
	size_t *first = calloc(group_count + 1, sizeof *first);
	size_t *next = malloc((group_count + 1) * sizeof *next);
	uint64_t *scratch = column_new(count, sizeof *scratch);
	bool ok = first != NULL && next != NULL && scratch != NULL;
	if (ok) {
		for (size_t i = 0; i < count; i++)
			first[groups[i] + 1]++;
		for (size_t g = 0; g < group_count; g++)
			first[g + 1] += first[g];
		for (size_t c = 0; c < column_count; c++) {
			memcpy(next, first, (group_count + 1) * sizeof *next);
			regroup_column(groups, count, next, &columns[c], scratch);
		}
		groups_fill(groups, count, group_count, first);
	}
	free(first);
	free(next);
	free(scratch);
	return ok;
}
