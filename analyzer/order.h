/* SPDX-License-Identifier: MIT */
/*
 * Sorting of columns that belong together by one of them. Stable, O(n) on rows that are nearly in
 * order, 12 bytes a row of scratch memory, none where rows are in order.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef ANALYZER_ORDER_H
#define ANALYZER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows are numbered with 32 bits. */
#define ORDER_ROWS_MAX ((size_t)UINT32_MAX)

struct order_column {
	void *values;
	size_t size;		/* of one value: 4 or 8 bytes */
};

/*
 * Sorts `count` <= ORDER_ROWS_MAX rows of all columns (the keys' own column among them) by `keys`.
 * False: memory is short, nothing moved.
 */
bool order_rows(const int64_t *keys, size_t count, const struct order_column *columns,
		size_t column_count);

/*
 * Brings the rows of each group (0 .. group_count - 1) together, the groups in their order, the
 * rows of each in the order they came; `groups`, which is not among the columns, says it of each
 * row. O(n) whatever the order. False: memory is short, nothing moved.
 */
bool order_groups(uint32_t *groups, size_t count, size_t group_count,
		  const struct order_column *columns, size_t column_count);

#endif
