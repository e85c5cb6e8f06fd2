/* SPDX-License-Identifier: MIT */
#include "analyzer/job.h"

#include "analyzer/trace_measures.h"

#include <stdlib.h>
#include <string.h>

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot analyse: no memory for the steps");
}

static bool is_counted_on(const struct step_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (list->steps[i].number != list->steps[0].number + (int64_t)i)
			return false;
	return true;
}

/* Numbers of a trace's steps: those of their names where they count on, else from 0. */
static int64_t first_number(const struct step_list *list, bool is_by_name)
{
	return is_by_name ? list->steps[0].number : 0;
}

/*
 * Steps that all traces with GPU work have. Names say which is which; steps that were only counted
 * are the same only where all ranks have equally many.
 */
static bool find_common(struct job *job, bool *is_by_name)
{
	struct job_steps *steps = &job->steps;
	const struct step_list *first = NULL;
	int64_t begin = INT64_MIN, end = INT64_MAX;
	bool has_equal_counts = true;
	*is_by_name = true;
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct step_list *list = &job->measures[job->gpus[g].trace].steps;
		first = first == NULL ? list : first;
		if (list->count == 0) {
			steps->reason = list->reason != NULL ? list->reason :
				"no steps were found in every trace";
			return false;
		}
		if (list->anchor != first->anchor) {
			steps->reason = "the traces do not agree on what a step is";
			return false;
		}
		*is_by_name = *is_by_name && list->anchor == STEP_RANGE && is_counted_on(list);
		has_equal_counts = has_equal_counts && list->count == first->count;
	}
	if (first == NULL)
		return false;
	if (!*is_by_name && !has_equal_counts) {
		steps->reason = "the traces have different numbers of steps";
		return false;
	}
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct step_list *list = &job->measures[job->gpus[g].trace].steps;
		int64_t number = first_number(list, *is_by_name);
		begin = number > begin ? number : begin;
		end = number + (int64_t)list->count < end ? number + (int64_t)list->count : end;
	}
	if (begin >= end) {
		steps->reason = "the traces have no step in common";
		return false;
	}
	steps->anchor = first->anchor;
	steps->name = first->name;
	steps->micro_batches = first->micro_batches;
	steps->collectives_per_step = first->collectives_per_step;
	steps->agreement_e12 = first->agreement_e12;
	steps->reason = first->reason;
	steps->first_number = begin;
	steps->count = (size_t)(end - begin);
	return true;
}

static bool bound_gpu(struct job *job, struct job_gpu *gpu, bool is_by_name, struct error *error)
{
	const struct trace_measures *measures = &job->measures[gpu->trace];
	const struct job_steps *steps = &job->steps;
	size_t offset = (size_t)(steps->first_number - first_number(&measures->steps, is_by_name));
	int64_t *bounds = calloc(measures->steps.count + 1, sizeof *bounds);
	gpu->step_ns = calloc(steps->count + 1, sizeof *gpu->step_ns);
	gpu->steps = calloc(steps->count + 1, sizeof *gpu->steps);
	gpu->step_parts = calloc(steps->count + 1, sizeof *gpu->step_parts);
	bool ok = bounds != NULL && gpu->step_ns != NULL && gpu->steps != NULL &&
		  gpu->step_parts != NULL;
	if (!ok)
		(void)no_memory(error);
	ok = ok && steps_bound(bounds, &measures->steps, measures->timeline, gpu->gpu, error);
	if (ok) {
		memcpy(gpu->step_ns, bounds + offset, (steps->count + 1) * sizeof *bounds);
		for (size_t i = 0; i < steps->count; i++)
			gpu->steps[i] =
				(struct interval){ gpu->step_ns[i], gpu->step_ns[i + 1] };
	}
	free(bounds);
	return ok;
}

static void add_load_time(const struct job *job, int64_t *load_ns, bool is_by_name)
{
	const struct job_steps *steps = &job->steps;
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct job_gpu *gpu = &job->gpus[g];
		const struct trace_measures *measures = &job->measures[gpu->trace];
		struct step_list view = measures->steps;
		view.steps += steps->first_number - first_number(&measures->steps, is_by_name);
		view.count = steps->count;
		steps_load_time(load_ns, &view, gpu->step_ns, measures->timeline);
	}
}

/* Of each step the longest over the GPUs. */
static void find_durations(struct job *job)
{
	struct job_steps *steps = &job->steps;
	for (size_t i = 0; i < steps->count; i++)
		for (size_t g = 0; g < job->gpu_count; g++) {
			int64_t ns = job->gpus[g].step_ns[i + 1] - job->gpus[g].step_ns[i];
			if (ns > steps->duration_ns[i])
				steps->duration_ns[i] = ns;
		}
}

bool job_find_steps(struct job *job, struct error *error)
{
	struct job_steps *steps = &job->steps;
	bool is_by_name = false;
	if (!find_common(job, &is_by_name))
		return true;
	int64_t *load_ns = calloc(steps->count + 1, sizeof *load_ns);
	steps->duration_ns = calloc(steps->count + 1, sizeof *steps->duration_ns);
	bool ok = load_ns != NULL && steps->duration_ns != NULL;
	if (!ok)
		(void)no_memory(error);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		ok = bound_gpu(job, &job->gpus[g], is_by_name, error);
	if (ok) {
		add_load_time(job, load_ns, is_by_name);
		find_durations(job);
		struct step_list view = { .anchor = steps->anchor, .count = steps->count };
		ok = steps_choose(&steps->choice, &view, steps->duration_ns, load_ns, error);
		steps->is_known = ok;
	}
	free(load_ns);
	return ok;
}

bool job_window_steady(struct job *job)
{
	const struct step_choice *choice = &job->steps.choice;
	if (!job->steps.is_known || choice->first >= choice->end) {
		job->window_reason = job->steps.reason != NULL ? job->steps.reason :
			"no steps were found";
		return false;
	}
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct job_gpu *gpu = &job->gpus[g];
		if (gpu->step_ns[choice->first] >= gpu->step_ns[choice->end]) {
			job->window_reason = "a GPU has no work in the steps";
			return false;
		}
	}
	for (size_t g = 0; g < job->gpu_count; g++) {
		struct job_gpu *gpu = &job->gpus[g];
		gpu->window = (struct time_window){ gpu->step_ns[choice->first],
						    gpu->step_ns[choice->end] };
	}
	job->window = WINDOW_STEADY;
	job->window_reason = choice->reason;
	return true;
}
