/* SPDX-License-Identifier: MIT */
#include "analyzer/run_steps.h"

#include "analyzer/metric_partition.h"
#include "analyzer/report.h"
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

enum { PART_NAME_BYTES = 64 };

/* Kernels a step on all GPUs together, where the window is just the steady steps. */
static int64_t kernels_of_report(const struct report *report)
{
	const struct step_choice *choice = &report->job.steps.choice;
	int64_t kernels = 0;
	if (report->job.window != WINDOW_STEADY || choice->end <= choice->first)
		return -1;
	for (size_t i = 0; i < report->gpu_count; i++)
		kernels = add_saturated(kernels, report->gpus[i].rows.kernels);
	return kernels / (int64_t)(choice->end - choice->first);
}

static bool is_wait_known(const struct report *report)
{
	for (size_t i = 0; i < report->gpu_count; i++)
		if (!report->job.gpus[i].is_wait_known)
			return false;
	return true;
}

static bool causes_take(struct run_builder *builder, int64_t number,
			const struct time_parts *parts, struct error *error)
{
	char name[PART_NAME_BYTES];
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		if (parts->ns[PART_IDLE + cause] == 0)
			continue;
		(void)snprintf(name, sizeof name, "idle/%s",
			       idle_cause_name((enum idle_cause)cause));
		if (!run_builder_add_part(builder, number, name, parts->ns[PART_IDLE + cause],
					  error))
			return false;
	}
	return true;
}

static bool step_take(struct run_builder *builder, int64_t number, const struct time_parts *parts,
		      bool has_waits, struct error *error)
{
	int64_t wait_ns = parts->ns[PART_WAIT], transfer_ns = parts->ns[PART_TRANSFER];
	const struct { const char *name; int64_t ns; bool is_known; } taken[] = {
		{ "compute", parts->ns[PART_COMPUTE], true },
		{ "comm", wait_ns + transfer_ns, true },
		{ "comm-wait", wait_ns, has_waits },
		{ "comm-transfer", transfer_ns, has_waits },
		{ "copy", time_parts_copy(parts), true },
		{ "idle", time_parts_idle(parts), true },
	};
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (taken[i].is_known && !run_builder_add_part(builder, number, taken[i].name,
							       taken[i].ns, error))
			return false;
	return causes_take(builder, number, parts, error);
}

static bool steps_take(struct run_builder *builder, const struct report *report,
		       struct error *error)
{
	const struct job_steps *steps = &report->job.steps;
	bool has_waits = is_wait_known(report);
	bool has_parts = report->job.window != WINDOW_EXPLICIT;
	for (size_t step = steps->choice.first; step < steps->choice.end; step++)
		for (size_t g = 0; g < report->gpu_count; g++) {
			const struct job_gpu *gpu = &report->job.gpus[g];
			int64_t number = steps->first_number + (int64_t)step;
			int64_t length_ns = gpu->step_ns[step + 1] - gpu->step_ns[step];
			if (!run_builder_add_step(builder, number, length_ns, -1, error) ||
			    (has_parts && !step_take(builder, number, &gpu->step_parts[step],
						     has_waits, error)))
				return false;
		}
	return true;
}

bool run_steps_of_report(struct run_steps *run, const struct report *report, const char *path,
			 struct error *error)
{
	const struct job_steps *steps = &report->job.steps;
	struct run_builder *builder = NULL;
	if (!run_builder_begin(&builder, path, error))
		return false;
	if (steps->is_known && !steps_take(builder, report, error)) {
		run_builder_abandon(builder);
		return false;
	}
	if (!run_builder_finish(builder, run, error))
		return false;
	run->gpu_count = (int64_t)report->gpu_count;
	run->ranks = report->ranks.world_size;
	if (steps->is_known) {
		run->anchor = step_anchor_name(steps->anchor);
		run->kernels = kernels_of_report(report);
	}
	return true;
}
