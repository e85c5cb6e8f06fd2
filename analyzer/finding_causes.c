/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/metric_statistics.h"
#include "analyzer/ratio.h"
#include "analyzer/report.h"

#include <stdlib.h>

/* Below this share of all GPU time a cause is not worth a line. */
static const int64_t SHARE_MIN_E12 = RATIO_ONE / 200;

enum { WORDS_BYTES = 256 };

static const struct { enum finding_id id; enum idle_cause first, last; } groups[] = {
	{ FINDING_HOST_SYNC, CAUSE_SYNC, CAUSE_AFTER_SYNC },
	{ FINDING_ALLOCATION, CAUSE_ALLOC, CAUSE_ALLOC },
	{ FINDING_LOAD, CAUSE_LOAD, CAUSE_LOAD },
	{ FINDING_COMM_SETUP, CAUSE_COMM_SETUP, CAUSE_COMM_SETUP },
	{ FINDING_DATA, CAUSE_DATA, CAUSE_DATA },
	{ FINDING_LAUNCH_BOUND, CAUSE_LAUNCH_BOUND, CAUSE_LAUNCH_BOUND },
	{ FINDING_HOST_LATE, CAUSE_HOST, CAUSE_HOST },
};

static int64_t cause_ns(const struct report *report, size_t gpu, size_t group)
{
	int64_t ns = 0;
	for (int cause = (int)groups[group].first; cause <= (int)groups[group].last; cause++)
		ns += report->job.gpus[gpu].time.parts.ns[PART_IDLE + cause];
	return ns;
}

static int64_t median_kernel_ns(const struct report *report)
{
	int64_t least_ns = INT64_MAX;
	for (size_t g = 0; g < report->gpu_count; g++)
		if (report->facts[g].occupancy.median_ns < least_ns)
			least_ns = report->facts[g].occupancy.median_ns;
	return least_ns == INT64_MAX ? 0 : least_ns;
}

/* What a launch costs this machine's host at best, where that was measured. */
static const char *launch_words(struct report *report)
{
	struct text words;
	text_begin(&words, WORDS_BYTES);
	for (size_t g = 0; g < report->gpu_count && words.length == 0; g++) {
		const struct gpu_ceilings *ceilings = &report->facts[g].ceilings;
		if (ceilings->launch_call_ns <= 0)
			continue;
		text_add(&words, "; a launch takes this machine's host ");
		text_add_duration(&words, ceilings->launch_call_ns);
		text_add(&words, " at best, measured ");
		gpu_ceilings_add_date(&words, ceilings);
	}
	const char *kept = text_is_ok(&words) ?
		arena_copy_text(report->arenas[0], text_string(&words), words.length) : NULL;
	text_end(&words);
	return kept == NULL ? "" : kept;
}

/*
 * What a cause costs all GPUs alike: what one of them has beyond is a matter of who makes the
 * others wait. Ranks of one job lose time together where each loses it, so the typical GPU counts
 * for all.
 */
static bool find_cause(struct report *report, size_t group, int64_t *scratch)
{
	int64_t steps = report_steps_used(report), gaps = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		scratch[g] = cause_ns(report, g, group);
		gaps += report->job.gpus[g].time.cause_gaps[groups[group].first];
	}
	values_sort(scratch, report->gpu_count);
	int64_t common_ns = median_lower(scratch, report->gpu_count);
	struct finding finding = {
		.id = groups[group].id, .gpu = SIZE_MAX, .per_step_ns = -1,
		.count = gaps,
		.a = median_kernel_ns(report),
	};
	if (groups[group].id == FINDING_LAUNCH_BOUND)
		finding.words = launch_words(report);
	if (__builtin_mul_overflow(common_ns, (int64_t)report->gpu_count, &finding.gpu_ns))
		finding.gpu_ns = INT64_MAX;
	finding.recoverable_ns = finding.gpu_ns;
	finding.share_e12 = ratio_e12(finding.gpu_ns, report->totals.window_ns);
	if (steps > 0)
		finding.per_step_ns = common_ns / steps;
	return finding.share_e12 < SHARE_MIN_E12 || finding_add(report, &finding);
}

bool findings_find_causes(struct report *report)
{
	if (report->gpu_count == 0 || report->totals.window_ns == 0)
		return true;
	int64_t *scratch = calloc(report->gpu_count, sizeof *scratch);
	bool ok = scratch != NULL;
	for (size_t group = 0; ok && group < sizeof groups / sizeof groups[0]; group++)
		ok = find_cause(report, group, scratch);
	free(scratch);
	return ok;
}
