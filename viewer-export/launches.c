/* SPDX-License-Identifier: MIT */
#include "viewer-export/launches.h"

#include "base/array.h"

#include <stdlib.h>

/* A call's place in the order while it is being made. */
struct ordered_call {
	int64_t correlation;
	uint32_t call;
};

bool launch_index_add(struct launch_index *index, int64_t correlation_id)
{
	int64_t *correlations = array_grow(index->correlations, &index->room, index->count,
					   sizeof correlations[0]);
	if (correlations == NULL || index->count >= UINT32_MAX)
		return false;
	index->correlations = correlations;
	if (index->count > 0 && correlations[index->count - 1] > correlation_id)
		index->is_unsorted = true;
	correlations[index->count++] = correlation_id;
	return true;
}

static int ordered_call_compare(const void *left, const void *right)
{
	const struct ordered_call *a = left, *b = right;
	if (a->correlation != b->correlation)
		return a->correlation < b->correlation ? -1 : 1;
	return a->call < b->call ? -1 : a->call > b->call;
}

bool launch_index_solve(struct launch_index *index)
{
	if (!index->is_unsorted)
		return true;
	struct ordered_call *calls = malloc(index->count * sizeof calls[0]);
	index->order = malloc(index->count * sizeof index->order[0]);
	if (calls == NULL || index->order == NULL) {
		free(calls);
		return false;
	}
	for (size_t i = 0; i < index->count; i++)
		calls[i] = (struct ordered_call){ index->correlations[i], (uint32_t)i };
	qsort(calls, index->count, sizeof calls[0], ordered_call_compare);
	for (size_t i = 0; i < index->count; i++)
		index->order[i] = calls[i].call;
	free(calls);
	return true;
}

static int64_t correlation_at(const struct launch_index *index, size_t place)
{
	return index->correlations[index->order == NULL ? place : index->order[place]];
}

/* Narrows [low, high) around the first place at or above `wanted`, outward from the hint. */
static void gallop(const struct launch_index *index, int64_t wanted, size_t *low, size_t *high)
{
	size_t at = index->hint < index->count ? index->hint : index->count - 1;
	size_t step = 1;
	if (correlation_at(index, at) < wanted) {
		*low = at + 1;
		while (at + step < index->count && correlation_at(index, at + step) < wanted) {
			*low = at + step + 1;
			step *= 2;
		}
		*high = at + step < index->count ? at + step : index->count;
		return;
	}
	*high = at;
	while (step <= at && correlation_at(index, at - step) >= wanted) {
		*high = at - step;
		step *= 2;
	}
	*low = step <= at ? at - step + 1 : 0;
}

bool launch_index_find(struct launch_index *index, int64_t correlation_id, size_t *call)
{
	if (correlation_id == 0 || index->count == 0)
		return false;
	size_t low, high;
	gallop(index, correlation_id, &low, &high);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (correlation_at(index, middle) < correlation_id)
			low = middle + 1;
		else
			high = middle;
	}
	index->hint = low;
	if (low == index->count || correlation_at(index, low) != correlation_id)
		return false;
	*call = index->order == NULL ? low : index->order[low];
	return true;
}

void launch_index_end(struct launch_index *index)
{
	free(index->correlations);
	free(index->order);
	*index = (struct launch_index){ .count = 0 };
}
