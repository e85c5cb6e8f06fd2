/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_sweep.h"

#include "analyzer/idle_host.h"

#include <stdlib.h>

enum {
	KERNELS_SAMPLED = 16384,	/* for their median duration */
	KERNELS_WITHOUT_GAP_MAX = 3,	/* that do not yet end a run */
	CALLS_TRIED_MAX = 64,
};

struct run {
	int64_t start_ns;
	int64_t end_ns;
	int gaps;
	int without;	/* kernels without a gap before them since the last gap */
};

static int compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* Median duration of the compute kernels, of a sample where they are many. */
static bool find_median(const struct timeline *timeline, const struct lane *lane,
			int64_t *median_ns)
{
	size_t step = lane->count / KERNELS_SAMPLED + 1, count = 0;
	int64_t *durations_ns = malloc((lane->count / step + 1) * sizeof *durations_ns);
	if (durations_ns == NULL)
		return false;
	for (size_t i = 0; i < lane->count; i += step)
		if (timeline->kernels[lane->what[i]].class == KERNEL_COMPUTE)
			durations_ns[count++] = lane->end_ns[i] - lane->start_ns[i];
	if (count > 1)
		qsort(durations_ns, count, sizeof *durations_ns, compare);
	*median_ns = count == 0 ? 0 : durations_ns[(count - 1) / 2];
	free(durations_ns);
	return true;
}

/* Since the launch before it on its thread; INT64_MAX if there is none nearby. */
static int64_t launch_interval_ns(const struct host_calls *calls, uint32_t launch)
{
	size_t first = calls->threads[calls->thread[launch]].first;
	size_t least = launch > CALLS_TRIED_MAX ? launch - CALLS_TRIED_MAX : 0;
	for (size_t i = launch; i > first && i > least; i--)
		if (calls->class[i - 1] == CALL_LAUNCH)
			return calls->start_ns[launch] - calls->start_ns[i - 1];
	return INT64_MAX;
}

static bool is_late(const struct timeline *timeline, const struct timeline_event *event,
		    int64_t gap_start_ns, int64_t median_ns)
{
	if (event->kind != LANE_KERNEL || event->launch == NO_CALL ||
	    timeline->calls.class[event->launch] != CALL_LAUNCH ||
	    timeline->calls.end_ns[event->launch] <= gap_start_ns)
		return false;
	int64_t interval_ns = launch_interval_ns(&timeline->calls, event->launch);
	return interval_ns > median_ns && interval_ns <= LAUNCH_BOUND_NS_MAX;
}

static bool run_end(struct intervals *out, struct run *run)
{
	bool ok = run->gaps < LAUNCH_BOUND_GAPS || intervals_add(out, run->start_ns, run->end_ns);
	*run = (struct run){ 0 };
	return ok;
}

bool launch_bound_find(struct intervals *out, const struct timeline *timeline,
		       const struct timeline_gpu *gpu)
{
	struct timeline_walk walk = timeline_walk_begin(gpu);
	struct timeline_event event;
	struct run run = { 0 };
	int64_t median_ns = 0, busy_ns = gpu->start_ns;
	if (timeline->calls.count == 0)
		return true;
	if (!find_median(timeline, &gpu->lanes[LANE_KERNEL], &median_ns))
		return false;
	bool ok = true;
	while (ok && timeline_walk_next(&walk, &event)) {
		if (event.start_ns == event.end_ns || event.kind == LANE_GRAPH)
			continue;
		if (event.start_ns <= busy_ns) {
			if (run.gaps > 0 && ++run.without > KERNELS_WITHOUT_GAP_MAX)
				ok = run_end(out, &run);
		} else if (is_late(timeline, &event, busy_ns, median_ns)) {
			run.start_ns = run.gaps == 0 ? busy_ns : run.start_ns;
			run.end_ns = event.start_ns;
			run.without = 0;
			run.gaps++;
		} else {
			ok = run_end(out, &run);
		}
		busy_ns = event.end_ns > busy_ns ? event.end_ns : busy_ns;
	}
	return ok && run_end(out, &run);
}
