/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"

#include <stdlib.h>

bool report_render(const struct report *report, const struct report_style *style, struct text *out,
		   struct error *error)
{
	switch (style->format) {
	case REPORT_TEXT:
		report_add_text(out, report, style);
		break;
	case REPORT_JSON:
		report_add_json(out, report);
		break;
	case REPORT_MARKDOWN:
		report_add_markdown(out, report);
		break;
	}
	return text_is_ok(out) || fail(error, ERROR_SYSTEM, "cannot write the report: no memory");
}

bool report_step_at(const struct report *report, size_t gpu, int64_t time_ns, size_t *step)
{
	const int64_t *bounds_ns = report->job.gpus[gpu].step_ns;
	size_t begin = 0, end = report->job.steps.count + 1;
	if (bounds_ns == NULL)
		return false;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (bounds_ns[middle] <= time_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	if (begin == 0 || begin > report->job.steps.count)
		return false;
	*step = begin - 1;
	return true;
}

int64_t report_step_extreme_ns(const struct report *report, bool is_longest)
{
	const struct job_steps *steps = &report->job.steps;
	int64_t extreme_ns = 0;
	for (size_t i = steps->choice.first; steps->is_known && i < steps->choice.end; i++) {
		int64_t ns = steps->duration_ns[i];
		if (i == steps->choice.first || (is_longest ? ns > extreme_ns : ns < extreme_ns))
			extreme_ns = ns;
	}
	return extreme_ns;
}

bool report_knows_wait(const struct report *report, size_t gpu)
{
	return report->job.gpus[gpu].is_wait_known ||
	       report->gpus[gpu].partition.comm_union_ns == 0;
}

struct report_waits report_waits_of(const struct report *report, size_t gpu)
{
	const struct time_parts *parts = &report->job.gpus[gpu].time.parts;
	if (!report_knows_wait(report, gpu))
		return (struct report_waits){ -1, -1 };
	return (struct report_waits){ parts->ns[PART_TRANSFER], parts->ns[PART_WAIT] };
}

struct report_waits report_waits_sum(const struct report *report)
{
	struct report_waits sum = { 0 };
	for (size_t g = 0; g < report->gpu_count; g++) {
		struct report_waits waits = report_waits_of(report, g);
		if (waits.wait_ns < 0)
			return waits;
		sum.transfer_ns = add_saturated(sum.transfer_ns, waits.transfer_ns);
		sum.wait_ns = add_saturated(sum.wait_ns, waits.wait_ns);
	}
	return sum;
}

int64_t report_steps_used(const struct report *report)
{
	const struct job_steps *steps = &report->job.steps;
	return report->job.window == WINDOW_STEADY && steps->is_known ?
		(int64_t)(steps->choice.end - steps->choice.first) : 0;
}

enum severity report_severity(const struct report *report)
{
	enum severity highest = SEVERITY_NONE;
	for (size_t i = 0; i < report->finding_count; i++)
		if (report->findings[i].severity > highest)
			highest = report->findings[i].severity;
	return highest;
}

void report_close(struct report *report)
{
	if (report == NULL)
		return;
	for (size_t g = 0; report->facts != NULL && g < report->job.gpu_count; g++)
		gpu_facts_end(&report->facts[g]);
	free(report->facts);
	free(report->findings);
	job_end(&report->job);
	for (size_t i = 0; i < report->arena_count; i++)
		arena_close(report->arenas[i]);
	free(report->arenas);
	free(report);
}
