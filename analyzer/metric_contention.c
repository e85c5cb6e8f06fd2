/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_contention.h"

#include "analyzer/intervals.h"
#include "analyzer/value_select.h"
#include "base/column.h"

#include <stdlib.h>

enum side { SIDE_ALONE, SIDE_BESIDE, SIDE_COUNT };

/* Durations by kernel, those of runs alone before those beside communication. */
struct durations {
	size_t *end[SIDE_COUNT];	/* by kernel: one after the last of that side */
	int64_t *values;
};

struct run_walk {
	const struct timeline *timeline;
	const struct lane *lane;
	const struct intervals *comm;
	const struct time_window *window;
	size_t next_row;
	size_t next_comm;
};

/* The next compute kernel that lies in the window. */
static bool run_walk_next(struct run_walk *walk, size_t *row, enum side *side)
{
	const struct lane *lane = walk->lane;
	const struct intervals *comm = walk->comm;
	while (walk->next_row < lane->count) {
		size_t at = walk->next_row++;
		int64_t start_ns = lane->start_ns[at], end_ns = lane->end_ns[at];
		if (walk->timeline->kernels[lane->what[at]].class == KERNEL_COMMUNICATION ||
		    start_ns < walk->window->start_ns || end_ns > walk->window->end_ns)
			continue;
		while (walk->next_comm < comm->count &&
		       comm->items[walk->next_comm].end_ns <= start_ns)
			walk->next_comm++;
		bool is_beside = walk->next_comm < comm->count &&
			comm->items[walk->next_comm].start_ns < end_ns;
		*row = at;
		*side = is_beside ? SIDE_BESIDE : SIDE_ALONE;
		return true;
	}
	return false;
}

static bool comm_find(struct intervals *comm, const struct timeline *timeline,
		      const struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++)
		if (timeline->kernels[lane->what[i]].class == KERNEL_COMMUNICATION &&
		    !intervals_add(comm, lane->start_ns[i], lane->end_ns[i]))
			return false;
	return true;
}

static bool durations_fill(struct durations *durations, struct run_walk walk, int64_t *beside_ns)
{
	size_t kernels = walk.timeline->kernel_count, row, total = 0;
	struct run_walk again = walk;
	enum side side;
	for (int i = 0; i < SIDE_COUNT; i++)
		if ((durations->end[i] = calloc(kernels + 1, sizeof *durations->end[i])) == NULL)
			return false;
	while (run_walk_next(&walk, &row, &side))
		durations->end[side][walk.lane->what[row]]++;
	/* From counts to where each side begins; filling moves that to where it ends. */
	for (size_t k = 0; k < kernels; k++)
		for (int i = 0; i < SIDE_COUNT; i++) {
			size_t count = durations->end[i][k];
			durations->end[i][k] = total;
			total += count;
		}
	durations->values = column_new(total, sizeof *durations->values);
	if (durations->values == NULL)
		return false;
	while (run_walk_next(&again, &row, &side)) {
		int64_t duration_ns = again.lane->end_ns[row] - again.lane->start_ns[row];
		durations->values[durations->end[side][again.lane->what[row]]++] = duration_ns;
		if (side == SIDE_BESIDE)
			*beside_ns = add_saturated(*beside_ns, duration_ns);
	}
	return true;
}

static struct kernel_contention kernel_compare(const struct durations *durations, size_t kernel)
{
	size_t first = kernel == 0 ? 0 : durations->end[SIDE_BESIDE][kernel - 1];
	size_t middle = durations->end[SIDE_ALONE][kernel];
	size_t end = durations->end[SIDE_BESIDE][kernel];
	struct kernel_contention found = {
		.kernel = (uint32_t)kernel,
		.alone_count = (int64_t)(middle - first),
		.beside_count = (int64_t)(end - middle),
	};
	if (found.alone_count < CONTENTION_SAMPLES_MIN ||
	    found.beside_count < CONTENTION_SAMPLES_MIN)
		return found;
	found.alone_median_ns = value_select_median(durations->values + first, middle - first);
	found.beside_median_ns = value_select_median(durations->values + middle, end - middle);
	int64_t difference_ns = 0;	/* sums of differences stay small where sums need not */
	for (size_t i = middle; i < end; i++) {
		found.beside_ns = add_saturated(found.beside_ns, durations->values[i]);
		difference_ns = add_saturated(difference_ns,
					      durations->values[i] - found.alone_median_ns);
	}
	found.cost_ns = difference_ns > 0 ? difference_ns : 0;
	return found;
}

static int contention_compare(const void *left, const void *right)
{
	const struct kernel_contention *a = left, *b = right;
	if (a->cost_ns != b->cost_ns)
		return a->cost_ns < b->cost_ns ? 1 : -1;
	return (a->kernel > b->kernel) - (a->kernel < b->kernel);
}

static bool contention_collect(struct contention *contention, const struct durations *durations,
			       size_t kernels)
{
	contention->items = malloc((kernels + 1) * sizeof *contention->items);
	if (contention->items == NULL)
		return false;
	for (size_t k = 0; k < kernels; k++) {
		struct kernel_contention found = kernel_compare(durations, k);
		if (found.alone_count < CONTENTION_SAMPLES_MIN ||
		    found.beside_count < CONTENTION_SAMPLES_MIN)
			continue;
		contention->items[contention->count++] = found;
		contention->cost_ns = add_saturated(contention->cost_ns, found.cost_ns);
		contention->compared_ns = add_saturated(contention->compared_ns, found.beside_ns);
	}
	if (contention->count > 1)
		qsort(contention->items, contention->count, sizeof *contention->items,
		      contention_compare);
	return true;
}

bool contention_measure(struct contention *contention, const struct timeline *timeline,
			const struct timeline_gpu *gpu, const struct time_window *window)
{
	struct intervals comm = { 0 };
	struct durations durations = { 0 };
	const struct run_walk walk = {
		.timeline = timeline,
		.lane = &gpu->lanes[LANE_KERNEL],
		.comm = &comm,
		.window = window,
	};
	*contention = (struct contention){ 0 };
	bool ok = comm_find(&comm, timeline, walk.lane) &&
		durations_fill(&durations, walk, &contention->beside_ns) &&
		contention_collect(contention, &durations, timeline->kernel_count);
	intervals_end(&comm);
	for (int i = 0; i < SIDE_COUNT; i++)
		free(durations.end[i]);
	free(durations.values);
	if (!ok)
		contention_end(contention);
	return ok;
}

void contention_end(struct contention *contention)
{
	free(contention->items);
	*contention = (struct contention){ 0 };
}
