/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/metric_statistics.h"
#include "analyzer/ratio.h"
#include "analyzer/report.h"
#include "analyzer/report_numbers.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* Below, the trace does not say why the rank is late. */
	COVERAGE_PERCENT = 80,
	/* Culprits are co-culprits where together they save so much more than one by one. */
	TOGETHER_PERCENT = 150,
	PAUSE_STEP_PERCENT = 20,	/* of the median step: shorter ones are jitter */
	PAUSE_STEPS_PERCENT = 30,	/* of the steps: more are no exception */
	WORDS_BYTES = 512,
};

static const int64_t PAUSE_NS_MIN = 1000000;

/* GPUs that wait where one is late: those that barriers tie to it; SIZE_MAX: to any. */
static size_t waiting_count(const struct report *report, size_t gpu)
{
	const struct stragglers *stragglers = &report->stragglers;
	size_t most = 0;
	if (stragglers->instances == 0)
		return report->gpu_count;
	if (gpu != SIZE_MAX)
		return stragglers->gpus[gpu].tied;
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		most = stragglers->gpus[g].tied > most ? stragglers->gpus[g].tied : most;
	return most;
}

/* All GPUs that barriers tie together wait for `lost_ns` in the window. */
static void loss_fill(struct finding *finding, const struct report *report, int64_t lost_ns)
{
	int64_t steps = report_steps_used(report);
	int64_t count = (int64_t)waiting_count(report, finding->gpu);
	if (__builtin_mul_overflow(lost_ns, count, &finding->gpu_ns))
		finding->gpu_ns = INT64_MAX;
	finding->recoverable_ns = finding->gpu_ns;
	finding->per_step_ns = steps > 0 ? lost_ns / steps : -1;
	finding->share_e12 = report->totals.window_ns == 0 ? 0 :
		ratio_e12(finding->gpu_ns, report->totals.window_ns);
}

/* What a late rank did, in groups that have a finding each. */
static const struct { enum finding_id id; enum time_part first, last; } groups[] = {
	{ FINDING_GPU_SLOW, PART_COMPUTE, PART_COMPUTE },
	{ FINDING_SLOW_COPIES, PART_IDLE + CAUSE_COPY, PART_IDLE + CAUSE_COPY },
	{ FINDING_HOST_SYNC, PART_IDLE + CAUSE_SYNC, PART_IDLE + CAUSE_AFTER_SYNC },
	{ FINDING_ALLOCATION, PART_IDLE + CAUSE_ALLOC, PART_IDLE + CAUSE_ALLOC },
	{ FINDING_LOAD, PART_IDLE + CAUSE_LOAD, PART_IDLE + CAUSE_LOAD },
	{ FINDING_COMM_SETUP, PART_IDLE + CAUSE_COMM_SETUP, PART_IDLE + CAUSE_COMM_SETUP },
	{ FINDING_DATA, PART_IDLE + CAUSE_DATA, PART_IDLE + CAUSE_DATA },
	{ FINDING_LAUNCH_BOUND, PART_IDLE + CAUSE_LAUNCH_BOUND, PART_IDLE + CAUSE_LAUNCH_BOUND },
	{ FINDING_HOST_LATE, PART_IDLE + CAUSE_HOST, PART_IDLE + CAUSE_HOST },
	{ FINDING_STRAGGLER, PART_IDLE + CAUSE_STREAM, PART_IDLE + CAUSE_NOT_RECORDED },
	{ FINDING_STRAGGLER, PART_TRANSFER, PART_TRANSFER },
};

enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

static size_t main_group(const struct rank_blame *blame)
{
	size_t most = 0;
	int64_t most_ns = -1;
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		int64_t ns = 0;
		for (int part = (int)groups[i].first; part <= (int)groups[i].last; part++)
			ns += blame->cause.ns[part];
		if (ns > most_ns) {
			most_ns = ns;
			most = i;
		}
	}
	return most;
}

/* A GPU to compare with: of those not named the one with the lower median of compute. */
static size_t typical_gpu(const struct report *report, size_t except)
{
	size_t typical = SIZE_MAX;
	size_t best_below = SIZE_MAX;
	for (size_t g = 0; g < report->gpu_count; g++) {
		size_t below = 0, others = 0;
		if (g == except || report->stragglers.gpus[g].is_named)
			continue;
		for (size_t h = 0; h < report->gpu_count; h++) {
			if (h == except || report->stragglers.gpus[h].is_named)
				continue;
			others++;
			below += report->gpus[h].partition.compute_ns <
				 report->gpus[g].partition.compute_ns;
		}
		size_t distance = below * 2 >= others ? below * 2 - others : others - below * 2;
		if (distance < best_below) {
			best_below = distance;
			typical = g;
		}
	}
	return typical;
}

static const char *keep_words(struct report *report, struct text *words)
{
	const char *kept = text_is_ok(words) ?
		arena_copy_text(report->arenas[0], text_string(words), words->length) : NULL;
	text_end(words);
	return kept == NULL ? "" : kept;
}

/* What the samples say about the clocks of a slow GPU beside a typical one. */
static const char *clock_words(struct report *report, size_t gpu, size_t typical)
{
	const struct clocks *mine = &report->facts[gpu].clocks;
	const struct clocks *theirs = &report->facts[typical].clocks;
	struct text words;
	text_begin(&words, WORDS_BYTES);
	if (mine->clock_sm_mhz.count > 0 && theirs->clock_sm_mhz.count > 0 &&
	    mine->clock_sm_mhz.mean < theirs->clock_sm_mhz.mean)
		text_add_format(&words, "; SM clock %lld MHz, the others' %lld MHz",
				(long long)mine->clock_sm_mhz.mean,
				(long long)theirs->clock_sm_mhz.mean);
	for (int i = 0; i < CLOCK_REASON_COUNT; i++)
		if (clock_reasons[i].class != CLOCK_REASON_BENIGN && mine->reasons[i] > 0 &&
		    mine->reasons[i] * 2 > mine->reason_samples)
			text_add_format(&words, "; lowered by: %s", clock_reasons[i].name);
	if (mine->temperature_c.count > 0 && mine->temperature_c.max >= 83)
		text_add_format(&words, "; up to %lld C", (long long)mine->temperature_c.max);
	return keep_words(report, &words);
}

static bool is_link_low(const struct link *link)
{
	return link->is_width_low || link->is_generation_low;
}

static int64_t link_number(int64_t generation, int64_t width)
{
	return generation << 8 | width;
}

static int64_t gpu_count_ns(const struct gpu_facts *facts)
{
	int64_t sum_ns = 0;
	for (size_t i = 0; i < facts->work_count; i++)
		sum_ns = add_saturated(sum_ns, facts->work[i].total_ns);
	return sum_ns;
}

/* Slower at equal work, or more work? Programs that differ cannot be compared. */
static bool refine_compute(struct report *report, struct finding *finding)
{
	size_t typical = typical_gpu(report, finding->gpu);
	if (typical == SIZE_MAX)
		return true;
	const struct gpu_facts *late = &report->facts[finding->gpu];
	const struct gpu_facts *other = &report->facts[typical];
	struct work_difference difference = work_compare(late, other);
	if (!work_is_same_program(late, other))
		return false;
	if (difference.more_ns > difference.slower_ns) {
		finding->id = FINDING_UNEVEN_WORK;
		return true;
	}
	int64_t others_ns = gpu_count_ns(other);
	finding->a = others_ns <= 0 || difference.slower_ns <= 0 ? 0 :
		ratio_e12(difference.slower_ns, others_ns);
	finding->words = clock_words(report, finding->gpu, typical);
	return true;
}

static void refine_copies(struct report *report, struct finding *finding)
{
	const struct link *link = &report->facts[finding->gpu].link;
	if (!is_link_low(link))
		return;
	int64_t generation = link->generation_loaded > 0 ? link->generation_loaded :
		link->generation_first;
	int64_t width = link->width_loaded > 0 ? link->width_loaded : link->width_first;
	struct text words;
	text_begin(&words, WORDS_BYTES);
	text_add_format(&words, "not %lld x%lld as slot and card allow; all the others wait",
			(long long)link->generation_max, (long long)link->width_max);
	finding->id = FINDING_LINK;
	finding->a = link_number(generation, width);
	finding->words = keep_words(report, &words);
}

/* Where the launching thread was: the range of its longest gap with this cause. */
static void refine_host(struct report *report, struct finding *finding)
{
	const struct report_gpu *gpu = &report->gpus[finding->gpu];
	for (size_t i = 0; i < gpu->worst_count; i++) {
		if (gpu->worst[i].cause != CAUSE_HOST || gpu->worst[i].range == NULL)
			continue;
		struct text words;
		text_begin(&words, WORDS_BYTES);
		text_add_format(&words, ", in range '%.80s'", gpu->worst[i].range);
		finding->words = keep_words(report, &words);
		return;
	}
}

static bool accuse(struct report *report, size_t gpu, int64_t lost_ns)
{
	const struct rank_blame *blame = &report->stragglers.gpus[gpu];
	bool is_explained = blame->coverage_e12 >= RATIO_ONE / 100 * COVERAGE_PERCENT;
	struct finding finding = {
		.id = is_explained ? groups[main_group(blame)].id : FINDING_STRAGGLER,
		.gpu = gpu, .is_accusation = true, .count = blame->times_latest,
		.a = blame->coverage_e12 < 0 ? 0 : blame->coverage_e12,
	};
	loss_fill(&finding, report, lost_ns);
	if (finding.id == FINDING_GPU_SLOW && !refine_compute(report, &finding))
		return true;
	if (finding.id == FINDING_SLOW_COPIES)
		refine_copies(report, &finding);
	if (finding.id == FINDING_HOST_LATE)
		refine_host(report, &finding);
	if (!report->stragglers.may_be_critical &&
	    finding_severity(finding.id, finding.share_e12) == SEVERITY_ERROR)
		finding.severity = SEVERITY_WARNING;
	return finding_add(report, &finding);
}

/* "ranks 2 and 3", or "GPUs 2 and 3" where one of them has no rank. */
static void words_name(struct text *words, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	bool has_ranks = true, is_first = true;
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].is_named && report->traces[report->gpus[g].trace].rank < 0)
			has_ranks = false;
	for (size_t g = 0; g < stragglers->gpu_count; g++) {
		if (!stragglers->gpus[g].is_named)
			continue;
		text_add(words, !is_first ? " and " : has_ranks ? "ranks " : "GPUs ");
		text_add_integer(words, has_ranks ?
			report->traces[report->gpus[g].trace].rank : (int64_t)g);
		is_first = false;
	}
}

static bool accuse_together(struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	struct finding finding = { .id = FINDING_CO_CULPRITS, .gpu = SIZE_MAX,
				   .is_accusation = true };
	struct text words;
	text_begin(&words, WORDS_BYTES);
	for (size_t g = 0; g < stragglers->gpu_count; g++) {
		if (!stragglers->gpus[g].is_named)
			continue;
		finding.gpu = finding.gpu == SIZE_MAX ? g : finding.gpu;
		finding.count++;
	}
	words_name(&words, report);
	finding.words = keep_words(report, &words);
	loss_fill(&finding, report, stragglers->fix_set_ns);
	return finding_add(report, &finding);
}

static bool accuse_named(struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	size_t named = 0;
	int64_t alone_ns = 0;
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].is_named) {
			named++;
			alone_ns = add_saturated(alone_ns, stragglers->gpus[g].fix_one_ns);
		}
	if (named > 1 && stragglers->fix_set_ns > alone_ns / 100 * TOGETHER_PERCENT)
		return accuse_together(report);
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].is_named &&
		    !accuse(report, g, named == 1 ? stragglers->fix_set_ns :
			    stragglers->gpus[g].fix_one_ns))
			return false;
	return true;
}

/* A part of one GPU's step beyond what it usually is. */
struct excess {
	size_t gpu;
	size_t step;
	enum idle_cause cause;
	int64_t ns;
};

static bool usual_ns(const struct report *report, size_t gpu, enum time_part part,
		     int64_t *scratch, int64_t *usual)
{
	const struct step_choice *choice = &report->job.steps.choice;
	size_t count = 0;
	for (size_t step = choice->first; step < choice->end; step++)
		scratch[count++] = report->job.gpus[gpu].step_parts[step].ns[part];
	values_sort(scratch, count);
	*usual = median_lower(scratch, count);
	return count > 0;
}

/* The idle cause on one GPU that grew most in a slow step. */
static void find_excess(const struct report *report, size_t step, int64_t *scratch,
			struct excess *most)
{
	*most = (struct excess){ .gpu = SIZE_MAX, .step = step };
	for (size_t g = 0; g < report->gpu_count; g++)
		for (int cause = 0; cause < CAUSE_NOT_RECORDED; cause++) {
			enum time_part part = PART_IDLE + (enum time_part)cause;
			int64_t usual = 0;
			int64_t now_ns = report->job.gpus[g].step_parts[step].ns[part];
			if (now_ns <= most->ns || !usual_ns(report, g, part, scratch, &usual) ||
			    now_ns - usual <= most->ns)
				continue;
			*most = (struct excess){ g, step, (enum idle_cause)cause, now_ns - usual };
		}
}

/* Steps that one gap made far longer than the others. */
static bool find_pauses(struct report *report, int64_t *paused_ns)
{
	const struct job_steps *steps = &report->job.steps;
	const struct step_choice *choice = &steps->choice;
	if (report->job.window != WINDOW_STEADY || !steps->is_known || choice->slow_count == 0)
		return true;
	int64_t *scratch = calloc(steps->count + 1, sizeof *scratch);
	int64_t *lost_ns = calloc(report->gpu_count + 1, sizeof *lost_ns);
	int64_t *times = calloc(report->gpu_count + 1, sizeof *times);
	struct excess *worst = calloc(report->gpu_count + 1, sizeof *worst);
	bool ok = scratch != NULL && lost_ns != NULL && times != NULL && worst != NULL;
	for (size_t step = choice->first; ok && step < choice->end; step++) {
		int64_t longer_ns = steps->duration_ns[step] - choice->median_ns;
		struct excess most;
		if (!choice->is_slow[step] || longer_ns < PAUSE_NS_MIN ||
		    longer_ns < choice->median_ns / 100 * PAUSE_STEP_PERCENT)
			continue;
		find_excess(report, step, scratch, &most);
		if (most.gpu == SIZE_MAX || most.ns < longer_ns / 2)
			continue;
		lost_ns[most.gpu] += longer_ns < most.ns ? longer_ns : most.ns;
		times[most.gpu]++;
		if (most.ns > worst[most.gpu].ns)
			worst[most.gpu] = most;
	}
	for (size_t g = 0; ok && g < report->gpu_count; g++) {
		int64_t used = report_steps_used(report);
		if (times[g] == 0 || times[g] * 100 > used * PAUSE_STEPS_PERCENT + 100)
			continue;
		struct finding finding = {
			.id = worst[g].cause == CAUSE_DATA ? FINDING_DATA : FINDING_PAUSE,
			.gpu = g, .is_accusation = true, .count = times[g],
			.a = worst[g].ns,
			.b = steps->first_number + (int64_t)worst[g].step,
			.words = idle_cause_words(worst[g].cause),
		};
		loss_fill(&finding, report, lost_ns[g]);
		*paused_ns = add_saturated(*paused_ns, lost_ns[g]);
		ok = finding_add(report, &finding);
	}
	free(scratch);
	free(lost_ns);
	free(times);
	free(worst);
	return ok;
}

bool findings_find_stragglers(struct report *report)
{
	struct stragglers *stragglers = &report->stragglers;
	int64_t paused_ns = 0;
	bool ok = find_pauses(report, &paused_ns);
	/* Where ranks are missing or nothing was matched, nobody is accused. */
	for (size_t i = 0; i < report->finding_count; i++)
		report->findings[i].is_accusation = stragglers->kind != STRAGGLER_LIMITED &&
						    stragglers->kind != STRAGGLER_UNKNOWN;
	if (stragglers->kind == STRAGGLER_ROTATING && paused_ns > stragglers->fix_all_ns / 2) {
		stragglers->kind = STRAGGLER_PAUSE;
		stragglers->reason = "single steps in which one GPU stood still cost most of it";
	}
	switch (stragglers->kind) {
	case STRAGGLER_CULPRIT:
	case STRAGGLER_CO_CULPRITS:
		return ok && accuse_named(report);
	case STRAGGLER_ROTATING: {
		struct finding finding = { .id = FINDING_ROTATING, .gpu = SIZE_MAX,
					   .count = stragglers->instances };
		loss_fill(&finding, report, stragglers->fix_all_ns);
		return ok && finding_add(report, &finding);
	}
	case STRAGGLER_NONE:
	case STRAGGLER_PAUSE:
	case STRAGGLER_LIMITED:
	case STRAGGLER_UNKNOWN:
		break;
	}
	return ok;
}
