/* SPDX-License-Identifier: MIT */
#include "analyzer/value_select.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

TEST(selection_agrees_with_sorting)
{
	static int64_t values[500], sorted[500], again[500];
	uint64_t state = 12345;
	for (int round = 0; round < 200; round++) {
		size_t count = 1 + (size_t)(round * 7) % 500;
		for (size_t i = 0; i < count; i++) {
			state = state * 6364136223846793005U + 1442695040888963407U;
			/* Few different values, all of them, or a slope. */
			values[i] = round % 3 == 0 ? (int64_t)(state >> 61) :
				round % 3 == 1 ? (int64_t)state : (int64_t)i;
		}
		memcpy(sorted, values, sizeof sorted);
		qsort(sorted, count, sizeof *sorted, compare);
		for (size_t nth = 0; nth < count; nth += 1 + count / 5) {
			memcpy(again, values, sizeof again);
			CHECK_INT(value_select(again, count, nth), sorted[nth]);
		}
	}
}

TEST(medians_of_unsorted_values)
{
	int64_t odd[] = { 9, 1, 5 }, even[] = { 10, 1, 4, 3 };
	int64_t far[] = { INT64_MAX, INT64_MIN }, one[] = { -7 };
	CHECK_INT(value_select_median(odd, 3), 5);
	CHECK_INT(value_select_median(even, 4), 3);
	CHECK_INT(value_select_median(far, 2), -1);
	CHECK_INT(value_select_median(one, 1), -7);
	CHECK_INT(value_select_median(NULL, 0), 0);
}
