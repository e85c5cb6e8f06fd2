/* SPDX-License-Identifier: MIT */
#include "analyzer/lateness.h"

#include <stdlib.h>

#include "analyzer/metric_statistics.h"

__extension__ typedef __int128 wide;

static int64_t add_signed(int64_t a, wide b)
{
	wide sum = (wide)a + b;
	/* Never LATENESS_NONE. */
	return sum > INT64_MAX ? INT64_MAX : sum < -INT64_MAX ? -INT64_MAX : (int64_t)sum;
}

static size_t members_sort(int64_t *sorted, const int64_t *arrival_ns, size_t rank_count)
{
	size_t count = 0;
	for (size_t rank = 0; rank < rank_count; rank++)
		if (arrival_ns[rank] != ARRIVAL_NONE)
			sorted[count++] = arrival_ns[rank];
	values_sort(sorted, count);
	return count;
}

static void instance_add(struct lateness *lateness, const int64_t *arrival_ns,
			 const int64_t *sorted, size_t count, size_t step)
{
	/* The lower median of the others is one of two, whichever side of it the rank is on. */
	size_t middle = (count - 2) / 2;
	for (size_t rank = 0; rank < lateness->rank_count; rank++) {
		if (arrival_ns[rank] == ARRIVAL_NONE)
			continue;
		int64_t others_ns =
			sorted[arrival_ns[rank] <= sorted[middle] ? middle + 1 : middle];
		int64_t *ns = &lateness->ns[rank * lateness->step_count + step];
		*ns = add_signed(*ns == LATENESS_NONE ? 0 : *ns,
				 (wide)arrival_ns[rank] - others_ns);
	}
}

static size_t step_find(const int64_t *steps, size_t count, int64_t step)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (steps[middle] < step)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Distinct steps of instances with at least two members, ascending. */
static size_t steps_collect(int64_t *steps, const struct blame_input *input)
{
	size_t found = 0, distinct = 0;
	for (size_t i = 0; i < input->instance_count; i++) {
		size_t members = 0;
		for (size_t rank = 0; rank < input->rank_count; rank++)
			members += input->arrival_ns[i * input->rank_count + rank] != ARRIVAL_NONE;
		if (input->step[i] >= 0 && members >= 2)
			steps[found++] = input->step[i];
	}
	values_sort(steps, found);
	for (size_t i = 0; i < found; i++)
		if (i == 0 || steps[i] != steps[i - 1])
			steps[distinct++] = steps[i];
	return distinct;
}

bool lateness_build(struct lateness *lateness, const struct blame_input *input,
		    struct error *error)
{
	size_t ranks = input->rank_count, count = input->instance_count;
	*lateness = (struct lateness){ .rank_count = ranks };
	int64_t *steps = calloc(count == 0 ? 1 : count, sizeof *steps);
	int64_t *sorted = calloc(ranks == 0 ? 1 : ranks, sizeof *sorted);
	if (steps != NULL)
		lateness->step_count = steps_collect(steps, input);
	if (ranks == 0 || lateness->step_count <= SIZE_MAX / ranks)
		lateness->ns = calloc(ranks * lateness->step_count + 1, sizeof *lateness->ns);
	bool is_ok = steps != NULL && sorted != NULL && lateness->ns != NULL;
	for (size_t i = 0; is_ok && i < ranks * lateness->step_count; i++)
		lateness->ns[i] = LATENESS_NONE;
	for (size_t i = 0; is_ok && i < count; i++) {
		const int64_t *arrival_ns = &input->arrival_ns[i * ranks];
		size_t members = members_sort(sorted, arrival_ns, ranks);
		if (members >= 2 && input->step[i] >= 0)
			instance_add(lateness, arrival_ns, sorted, members,
				     step_find(steps, lateness->step_count, input->step[i]));
	}
	free(steps);
	free(sorted);
	if (is_ok)
		return true;
	lateness_end(lateness);
	return fail(error, ERROR_SYSTEM, "not enough memory for the steps of %zu ranks", ranks);
}

void lateness_end(struct lateness *lateness)
{
	free(lateness->ns);
	*lateness = (struct lateness){ 0 };
}
