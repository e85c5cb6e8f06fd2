/* SPDX-License-Identifier: MIT */
#include "analyzer/steps.h"

#include "analyzer/ratio.h"
#include "analyzer/step_marks.h"
#include "analyzer/step_ranges.h"

#include <stdlib.h>
#include <string.h>

void steps_end(struct step_list *list)
{
	free(list->steps);
	free(list->gpu_bounds);
	*list = (struct step_list){ .agreement_e12 = -1 };
}

const char *step_anchor_name(enum step_anchor anchor)
{
	static const char *const names[] = { [STEP_NONE] = NULL, [STEP_RANGE] = "range",
		[STEP_COLLECTIVES] = "collectives", [STEP_OPTIMIZER] = "optimizer",
		[STEP_KERNELS] = "kernels" };
	return names[anchor];
}

typedef bool (*marks_of)(struct step_marks *marks, const struct timeline *timeline, size_t gpu);

/* The GPU that ran most kernels, or most collectives, speaks for the trace. */
static size_t gpu_busiest(const struct timeline *timeline, bool by_collectives)
{
	size_t busiest = 0, most = 0;
	for (size_t i = 0; i < timeline->gpu_count; i++) {
		const struct timeline_gpu *gpu = &timeline->gpus[i];
		size_t rows = by_collectives ? gpu->comm_count : gpu->lanes[LANE_KERNEL].count;
		if (rows > most) {
			most = rows;
			busiest = i;
		}
	}
	return busiest;
}

/*
 * How much two counts of the same stretch agree; `multiple` is how many of the smaller go into one
 * of the larger. False: they do not, beyond what is tolerated.
 */
static bool counts_agree(size_t a, size_t b, size_t *multiple, int64_t *agreement_e12)
{
	size_t larger = a > b ? a : b, smaller = a > b ? b : a;
	*agreement_e12 = -1;
	*multiple = 1;
	if (smaller == 0)
		return false;
	*multiple = (larger + smaller / 2) / smaller;
	size_t scaled = smaller * *multiple;
	size_t low = scaled < larger ? scaled : larger, high = scaled < larger ? larger : scaled;
	*agreement_e12 = ratio_e12((int64_t)low, (int64_t)high);
	/* One step more or less is how recording begins and ends. */
	if (*multiple == 1 && smaller >= STEPS_MIN && larger - smaller == 1)
		return true;
	return (high - low) * 100 <= high * STEPS_DISAGREE_PERCENT;
}

/*
 * An optimiser's kernels stand around the end of a step, so the window is half a step late, or half
 * of what is between two of them.
 */
static size_t groups_within(const struct optimizer_groups *groups, int64_t start_ns, int64_t end_ns,
			    size_t steps)
{
	size_t count = 0;
	if (groups->count < 2)
		return groups->count;
	int64_t apart_ns = (groups->items[groups->count - 1].start_ns - groups->items[0].start_ns) /
			   (int64_t)(groups->count - 1);
	int64_t half_ns = (end_ns - start_ns) / (int64_t)steps / 2;
	half_ns = apart_ns / 2 < half_ns ? apart_ns / 2 : half_ns;
	start_ns += half_ns;
	end_ns += half_ns;
	for (size_t i = 0; i < groups->count; i++)
		count += groups->items[i].start_ns >= start_ns &&
			 groups->items[i].start_ns < end_ns;
	return count;
}

/* The bound closest to a time. */
static size_t bound_nearest(const struct step_marks *marks, int64_t time_ns)
{
	size_t low = 0, high = marks->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (marks->bounds[middle] < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && time_ns - marks->bounds[low - 1] < marks->bounds[low] - time_ns)
		low--;
	return low;
}

/*
 * What recurs are micro-batches: steps end where the optimiser runs. Those before the first that is
 * whole are dropped.
 */
static void marks_merge(struct step_marks *marks, const struct optimizer_groups *groups,
			size_t multiple)
{
	size_t count = 0, last = SIZE_MAX;
	int64_t *bounds = marks->bounds;
	for (size_t i = 0; i < groups->count; i++) {
		size_t at = bound_nearest(marks, groups->items[i].start_ns);
		if (count == 0 && at == multiple)
			bounds[count++] = bounds[0];
		if (last == SIZE_MAX || at > last)
			bounds[count++] = bounds[at];
		last = at;
	}
	marks->count = count == 0 ? 0 : count - 1;
	marks->length *= multiple;
	marks->parts = multiple;
	marks->part_length = marks->length / multiple;
}

/* Parts that make up nearly all of a step: it is a few steps and something that is logged. */
static bool is_logged_now_and_then(const struct step_marks *marks, size_t multiple)
{
	return marks->parts == multiple &&
	       marks->parts * marks->part_length * 10 >= marks->length * 9;
}

static bool list_from_marks(struct step_list *list, const struct timeline *timeline,
			    const struct step_marks *marks, size_t gpu, marks_of find)
{
	size_t room = marks->count + 1;
	list->steps = calloc(room, sizeof *list->steps);
	list->gpu_bounds = calloc(room * timeline->gpu_count, sizeof *list->gpu_bounds);
	if (list->steps == NULL || list->gpu_bounds == NULL)
		return false;
	list->count = marks->count;
	for (size_t i = 0; i < marks->count; i++)
		list->steps[i] = (struct step){ .number = (int64_t)i,
						.host_start_ns = STEP_TIME_UNKNOWN,
						.host_end_ns = STEP_TIME_UNKNOWN };
	for (size_t i = 0; i < timeline->gpu_count; i++) {
		struct step_marks own = { 0 };
		if (i != gpu && find != NULL && !find(&own, timeline, i))
			return false;
		/* A GPU that shows no such steps of its own is cut where the other is. */
		const int64_t *bounds = own.count == marks->count ? own.bounds : marks->bounds;
		memcpy(list->gpu_bounds + i * room, bounds, room * sizeof *bounds);
		marks_end(&own);
	}
	if (marks->name != NULL) {
		size_t length = strnlen(marks->name, STEP_FAMILY_MAX - 1);
		memcpy(list->name, marks->name, length);
		list->name[length] = '\0';
	}
	/* Parts of one row are a layer's or a bucket's, hardly a batch's. */
	list->micro_batches = marks->part_length > 1 ? marks->parts : 0;
	return true;
}

static size_t marks_within(const struct step_marks *marks, int64_t start_ns, int64_t end_ns)
{
	size_t count = 0;
	for (size_t i = 0; i < marks->count; i++) {
		int64_t length_ns = marks->bounds[i + 1] - marks->bounds[i];
		int64_t middle_ns = marks->bounds[i] + length_ns / 2;
		count += middle_ns >= start_ns && middle_ns < end_ns;
	}
	return count;
}

enum verdict {
	VERDICT_STEPS,		/* each period is a step */
	VERDICT_MICRO_BATCHES,	/* a few periods are */
	VERDICT_OTHER_ANCHOR,	/* part of a period is, or more than can be put together */
	VERDICT_NONE		/* contradicted */
};

/* Collectives that are all alike tell nothing: then the kernels' sequence has its say. */
static bool kernels_judge(enum verdict *verdict, struct step_list *list,
			  const struct step_marks *marks, const struct timeline *timeline,
			  size_t gpu)
{
	struct step_marks kernels;
	size_t multiple;
	*verdict = VERDICT_STEPS;
	if (!marks_of_kernels(&kernels, timeline, gpu))
		return false;
	size_t count = marks_within(&kernels, marks->bounds[0], marks->bounds[marks->count]);
	marks_end(&kernels);
	if (count < STEPS_MIN) {
		list->reason = "the collectives are all alike: each is taken for a step";
		return true;
	}
	list->second = STEP_KERNELS;
	list->second_count = (int64_t)count;
	if (!counts_agree(marks->count, count, &multiple, &list->agreement_e12)) {
		*verdict = VERDICT_NONE;
		list->reason = "what recurs among the collectives and among the kernels differs in "
			       "number by more than 5 %";
	} else if (multiple > 1 && count < marks->count) {
		*verdict = VERDICT_OTHER_ANCHOR;
		list->second = STEP_COLLECTIVES;
		list->second_count = (int64_t)marks->count;
		list->collectives_per_step = multiple;
	}
	return true;
}

static enum verdict optimizer_judge(struct step_list *list, const struct step_marks *marks,
				    const struct optimizer_groups *groups, size_t *multiple)
{
	size_t count = groups_within(groups, marks->bounds[0], marks->bounds[marks->count],
				     marks->count);
	*multiple = 1;
	if (count < STEPS_MIN)
		return VERDICT_STEPS;
	list->second = STEP_OPTIMIZER;
	list->second_count = (int64_t)count;
	if (!counts_agree(marks->count, count, multiple, &list->agreement_e12)) {
		list->reason = "what recurs among the collectives and the optimiser's kernels "
			       "differ in number by more than 5 %";
		return VERDICT_NONE;
	}
	if (*multiple > 1 && count < marks->count)
		return VERDICT_MICRO_BATCHES;
	if (*multiple > 1 && is_logged_now_and_then(marks, *multiple)) {
		list->second = STEP_COLLECTIVES;
		list->second_count = (int64_t)marks->count;
		list->collectives_per_step = marks->part_length;
		return VERDICT_OTHER_ANCHOR;
	}
	return VERDICT_STEPS;
}

/* Steps by collectives, held against the optimiser's kernels. */
static bool collectives_try(struct step_list *list, const struct timeline *timeline)
{
	size_t gpu = gpu_busiest(timeline, true), multiple = 1;
	struct step_marks marks;
	struct optimizer_groups groups = { 0 };
	if (!marks_of_collectives(&marks, timeline, gpu))
		return false;
	bool is_ok = marks.count < STEPS_MIN;
	if (is_ok || !optimizer_groups_find(&groups, timeline, gpu))
		goto out;
	enum verdict verdict = optimizer_judge(list, &marks, &groups, &multiple);
	is_ok = true;
	if (marks.length == 1 && list->second == STEP_NONE)
		is_ok = kernels_judge(&verdict, list, &marks, timeline, gpu);
	if (verdict == VERDICT_MICRO_BATCHES)
		marks_merge(&marks, &groups, multiple);
	if (!is_ok || verdict == VERDICT_NONE || verdict == VERDICT_OTHER_ANCHOR ||
	    marks.count < STEPS_MIN)
		goto out;
	list->anchor = STEP_COLLECTIVES;
	list->collectives_per_step = marks.length;
	is_ok = list_from_marks(list, timeline, &marks, gpu,
				verdict == VERDICT_STEPS ? marks_of_collectives : NULL);
out:
	optimizer_groups_end(&groups);
	marks_end(&marks);
	return is_ok;
}

static bool marks_try(struct step_list *list, const struct timeline *timeline, marks_of find,
		      enum step_anchor anchor)
{
	struct step_marks marks;
	size_t gpu = gpu_busiest(timeline, false);
	if (!find(&marks, timeline, gpu))
		return false;
	bool is_ok = true;
	/* One kernel over and over is no step. */
	if (marks.count >= STEPS_MIN && !(anchor == STEP_KERNELS && marks.length < 2)) {
		list->anchor = anchor;
		is_ok = list_from_marks(list, timeline, &marks, gpu, find);
	}
	marks_end(&marks);
	return is_ok;
}

/* Ranges stay what their author called steps; the second anchor only says what it thinks of it. */
static bool ranges_compare(struct step_list *list, const struct timeline *timeline,
			   struct error *error)
{
	size_t gpu = gpu_busiest(timeline, false), count = 0, multiple;
	struct step_marks marks = { 0 };
	struct optimizer_groups groups = { 0 };
	int64_t *bounds = malloc((list->count + 1) * sizeof *bounds);
	bool is_ok = bounds != NULL && steps_bound(bounds, list, timeline, gpu, error) &&
		     optimizer_groups_find(&groups, timeline, gpu) &&
		     marks_of_collectives(&marks, timeline, gpu);
	if (!is_ok)
		goto out;
	int64_t start_ns = bounds[0], end_ns = bounds[list->count];
	size_t collectives = marks_within(&marks, start_ns, end_ns);
	count = groups_within(&groups, start_ns, end_ns, list->count);
	list->second = count > 0 ? STEP_OPTIMIZER : STEP_NONE;
	if (count == 0 && collectives > 0) {
		count = collectives;
		list->second = STEP_COLLECTIVES;
	}
	list->second_count = (int64_t)count;
	/* Two ranges agree with anything: whatever is counted is a multiple. */
	if (list->count < STEPS_MIN)
		goto out;
	if (counts_agree(list->count, collectives, &multiple, &list->agreement_e12)) {
		bool is_more = collectives > list->count;
		list->collectives_per_step = is_more ? marks.length * multiple :
						       marks.length / multiple;
		list->micro_batches = is_more && multiple > 1 ? multiple : 0;
		if (multiple == 1 && marks.part_length > 1)
			list->micro_batches = marks.parts;
	}
	if (list->second == STEP_NONE)
		goto out;
	if (!counts_agree(list->count, count, &multiple, &list->agreement_e12))
		list->reason = "the ranges called steps are not as many as what recurs on the GPU";
	else if (list->second == STEP_OPTIMIZER && multiple > 1 && count < list->count)
		list->reason = "the optimiser does not run in every range called a step";
out:
	free(bounds);
	marks_end(&marks);
	optimizer_groups_end(&groups);
	return is_ok;
}

bool steps_detect(struct step_list *list, const struct timeline *timeline, struct error *error)
{
	*list = (struct step_list){ .agreement_e12 = -1 };
	if (timeline->gpu_count == 0) {
		list->reason = "the trace has no GPU";
		return true;
	}
	bool is_ok = step_ranges_find(list, timeline);
	if (is_ok && list->anchor == STEP_RANGE)
		is_ok = ranges_compare(list, timeline, error);
	if (is_ok && list->anchor == STEP_NONE)
		is_ok = collectives_try(list, timeline);
	if (is_ok && list->anchor == STEP_NONE && list->reason == NULL)
		is_ok = marks_try(list, timeline, marks_of_optimizer, STEP_OPTIMIZER);
	if (is_ok && list->anchor == STEP_NONE && list->reason == NULL)
		is_ok = marks_try(list, timeline, marks_of_kernels, STEP_KERNELS);
	if (is_ok && list->anchor == STEP_NONE && list->reason == NULL)
		list->reason = "no ranges are called steps, and nothing recurs on the GPU";
	if (is_ok)
		return true;
	steps_end(list);
	return fail(error, ERROR_SYSTEM, "cannot look for steps: memory is short");
}
