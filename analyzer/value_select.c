/* SPDX-License-Identifier: MIT */
#include "analyzer/value_select.h"

#include <stdlib.h>

static int value_compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static int64_t middle_of_three(int64_t a, int64_t b, int64_t c)
{
	if (a > b)
		return b > c ? b : a > c ? c : a;
	return a > c ? a : b > c ? c : b;
}

static void values_swap(int64_t *a, int64_t *b)
{
	int64_t kept = *a;
	*a = *b;
	*b = kept;
}

int64_t value_select(int64_t *values, size_t count, size_t nth)
{
	size_t low = 0, high = count;	/* the wanted one is in [low, high) */
	/* Values made to defeat the choice of the pivot are sorted instead. */
	for (int rounds = 0; high - low > 8 && rounds < 64; rounds++) {
		int64_t pivot = middle_of_three(values[low], values[low + (high - low) / 2],
						values[high - 1]);
		size_t below = low, at = low, above = high;	/* below | equal | above */
		while (at < above) {
			if (values[at] < pivot)
				values_swap(&values[at++], &values[below++]);
			else if (values[at] > pivot)
				values_swap(&values[at], &values[--above]);
			else
				at++;
		}
		if (nth < below)
			high = below;
		else if (nth >= above)
			low = above;
		else
			return pivot;
	}
	qsort(values + low, high - low, sizeof *values, value_compare);
	return values[nth];
}

int64_t value_select_median(int64_t *values, size_t count)
{
	if (count == 0)
		return 0;
	int64_t upper = value_select(values, count, count / 2);
	if (count % 2 != 0)
		return upper;
	int64_t lower = value_select(values, count, count / 2 - 1);
	return lower + (int64_t)(((uint64_t)upper - (uint64_t)lower) / 2);
}
