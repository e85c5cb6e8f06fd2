/* SPDX-License-Identifier: MIT */
#include "analyzer/steps.h"

#include <stdlib.h>
#include <string.h>

/* What a step's work on one GPU does. The last item stands for what comes after the steps. */
struct step_work {
	int64_t first_ns;		/* earliest start; INT64_MAX without */
	int64_t first_compute_ns;
	int64_t last_ns;		/* latest end, and of what is launched before the next */
};

/* Steps that begin at or before a time of the host. Quick where times rise. */
static size_t steps_begun(const struct step_list *list, int64_t time_ns, size_t hint)
{
	const struct step *steps = list->steps;
	size_t low = 0, high = list->count;
	for (size_t i = hint; i <= hint + 1 && i <= list->count; i++)
		if ((i == 0 || steps[i - 1].host_start_ns <= time_ns) &&
		    (i == list->count || steps[i].host_start_ns > time_ns))
			return i;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (steps[middle].host_start_ns <= time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void earlier(int64_t *time_ns, int64_t other_ns)
{
	*time_ns = other_ns < *time_ns ? other_ns : *time_ns;
}

static void later(int64_t *time_ns, int64_t other_ns)
{
	*time_ns = other_ns > *time_ns ? other_ns : *time_ns;
}

/*
 * Work launched between two steps delays the next but does not begin it; behind the last step it
 * does: it is the end of the steps. `before_ns`: what was launched before the first.
 */
static void work_add(struct step_work *works, int64_t *before_ns, const struct step_list *list,
		     const struct timeline_event *event, bool is_compute, int64_t launch_ns,
		     size_t *hint)
{
	size_t begun = *hint = steps_begun(list, launch_ns, *hint);
	if (begun == 0) {
		later(before_ns, event->end_ns);
		return;
	}
	size_t at = begun - 1;
	bool is_inside = launch_ns < list->steps[at].host_end_ns;
	if (!is_inside && begun == list->count)
		at = list->count;
	later(&works[at].last_ns, event->end_ns);
	if (!is_inside && at < list->count)
		return;
	earlier(&works[at].first_ns, event->start_ns);
	if (is_compute)
		earlier(&works[at].first_compute_ns, event->start_ns);
}

static void works_collect(struct step_work *works, int64_t *before_ns, const struct step_list *list,
			  const struct timeline *timeline, size_t gpu)
{
	struct timeline_walk walk = timeline_walk_begin(&timeline->gpus[gpu]);
	struct timeline_event event;
	size_t hint = 0;
	while (timeline_walk_next(&walk, &event)) {
		int64_t launch_ns = event.start_ns;
		if (event.launch != NO_CALL)
			launch_ns = timeline->calls.start_ns[event.launch];
		bool is_compute = event.kind == LANE_GRAPH || (event.kind == LANE_KERNEL &&
			timeline->kernels[event.what].class == KERNEL_COMPUTE);
		work_add(works, before_ns, list, &event, is_compute, launch_ns, &hint);
	}
}

static void bounds_place(int64_t *bounds, const struct step_work *works, size_t count,
			 int64_t before_ns)
{
	int64_t last_ns = before_ns, floor_ns = INT64_MIN;
	for (size_t k = 0; k <= count; k++) {
		const struct step_work *work = &works[k];
		int64_t bound_ns = last_ns;
		if (last_ns == INT64_MIN)
			bound_ns = work->first_ns;
		else if (work->first_ns < last_ns && work->first_compute_ns < last_ns)
			bound_ns = work->first_compute_ns;
		/* Nothing has run yet at all: the steps begin where anything does. */
		bounds[k] = bound_ns < floor_ns ? floor_ns : bound_ns;
		if (bounds[k] != INT64_MAX)
			floor_ns = bounds[k];
		later(&last_ns, work->last_ns);
	}
	for (size_t k = count; k-- > 0;)
		earlier(&bounds[k], bounds[k + 1]);
}

bool steps_bound(int64_t *bounds, const struct step_list *list, const struct timeline *timeline,
		 size_t gpu, struct error *error)
{
	size_t room = list->count + 1;
	memset(bounds, 0, room * sizeof *bounds);
	if (list->count == 0 || (timeline_gpu_rows(&timeline->gpus[gpu]) == 0 &&
				 timeline->gpus[gpu].lanes[LANE_GRAPH].count == 0))
		return true;
	if (list->gpu_bounds != NULL) {
		memcpy(bounds, list->gpu_bounds + gpu * room, room * sizeof *bounds);
		return true;
	}
	struct step_work *works = malloc(room * sizeof *works);
	if (works == NULL)
		return fail(error, ERROR_SYSTEM, "cannot bound steps: memory is short");
	for (size_t i = 0; i < room; i++)
		works[i] = (struct step_work){ .first_ns = INT64_MAX,
					       .first_compute_ns = INT64_MAX,
					       .last_ns = INT64_MIN };
	int64_t before_ns = INT64_MIN;
	works_collect(works, &before_ns, list, timeline, gpu);
	bounds_place(bounds, works, list->count, before_ns);
	free(works);
	return true;
}

static void load_add(int64_t *load_ns, const struct step_list *list, const int64_t *bounds,
		     int64_t start_ns, int64_t end_ns)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int64_t begin_ns = bounds == NULL ? list->steps[middle].host_start_ns :
						    bounds[middle];
		if (begin_ns <= start_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && load_ns[low - 1] <= INT64_MAX - (end_ns - start_ns))
		load_ns[low - 1] += end_ns - start_ns;
}

void steps_load_time(int64_t *load_ns, const struct step_list *list, const int64_t *bounds,
		     const struct timeline *timeline)
{
	const struct host_calls *calls = &timeline->calls;
	const struct host_ranges *ranges = &timeline->ranges;
	if (list->anchor == STEP_RANGE)
		bounds = NULL;
	for (size_t i = 0; i < calls->count; i++)
		if (calls->class[i] == CALL_LOAD)
			load_add(load_ns, list, bounds, calls->start_ns[i], calls->end_ns[i]);
	for (size_t i = 0; i < ranges->classed_count; i++) {
		size_t at = ranges->classed[i];
		if (ranges->names[ranges->name[at]].class == RANGE_COMM_SETUP)
			load_add(load_ns, list, bounds, ranges->start_ns[at], ranges->end_ns[at]);
	}
}
