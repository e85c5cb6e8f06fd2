/* SPDX-License-Identifier: MIT */
#include "analyzer/report_words.h"

#include "analyzer/ratio.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"

#include <string.h>

enum { GROUPS_SHOWN = 3, REASON_COLUMNS = 200, WORDS_BYTES_MAX = 1 << 20 };

/* The finding that says why one is late, if the verdict names somebody and it is known. */
static const struct finding *accusation(const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	bool is_pause = stragglers->kind == STRAGGLER_PAUSE;
	if (stragglers->kind != STRAGGLER_CULPRIT && stragglers->kind != STRAGGLER_CO_CULPRITS &&
	    !is_pause)
		return NULL;
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		if (finding->is_accusation && finding->gpu != SIZE_MAX &&
		    (is_pause || stragglers->gpus[finding->gpu].is_named))
			return finding;
	}
	return NULL;
}

/*
 * What repairing would gain most; NULL where nothing is known to gain anything. Where the verdict
 * is limited or unknown, nobody is named here either.
 */
static const struct finding *largest_loss(const struct report *report)
{
	enum straggler_kind kind = report->stragglers.kind;
	bool may_accuse = kind != STRAGGLER_LIMITED && kind != STRAGGLER_UNKNOWN;
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		if (finding->recoverable_ns <= 0)
			return NULL;
		if (may_accuse || !finding->is_accusation)
			return finding;
	}
	return NULL;
}

/* "10.9 % of all GPU time (3.168 ms a step)", of a loss that all GPUs share. */
static void add_loss(struct text *out, const struct report *report, int64_t lost_ns)
{
	int64_t steps = report_steps_used(report), all_ns = 0;
	if (__builtin_mul_overflow(lost_ns, (int64_t)report->gpu_count, &all_ns))
		all_ns = INT64_MAX;
	number_add_percent(out, all_ns, report->totals.window_ns);
	text_add(out, " of all GPU time (");
	text_add_duration(out, steps > 0 ? lost_ns / steps : lost_ns);
	text_add(out, steps > 0 ? " a step)" : ")");
}

static void add_part(struct text *out, const char *name, int64_t part_ns, int64_t whole_ns,
		     bool is_first)
{
	text_add(out, is_first ? "" : ", ");
	text_add(out, name);
	text_add_char(out, ' ');
	number_add_percent(out, part_ns, whole_ns);
}

/* Waiting is a part of its own where it is known on all GPUs. */
static void add_shares(struct text *out, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	const struct report_waits waits = report_waits_sum(report);
	add_part(out, "compute", totals->compute_ns, totals->window_ns, true);
	if (waits.wait_ns < 0)
		add_part(out, "exposed communication", totals->comm_ns, totals->window_ns, false);
	else {
		add_part(out, "waiting", waits.wait_ns, totals->window_ns, false);
		add_part(out, "transfer", waits.transfer_ns, totals->window_ns, false);
	}
	add_part(out, "copies", totals->copy_ns, totals->window_ns, false);
	add_part(out, "idle", totals->idle_ns - totals->not_recorded_ns, totals->window_ns, false);
	if (totals->not_recorded_ns > 0)
		add_part(out, "not recorded", totals->not_recorded_ns, totals->window_ns, false);
	text_add(out, " of ");
	text_add_duration(out, totals->window_ns);
	text_add(out, " on ");
	words_add_counted(out, (int64_t)report->gpu_count, "GPU\n", "GPUs\n");
}

static void add_mostly(struct text *out, const struct report *report)
{
	const struct report_totals *totals = &report->totals;
	const struct { int64_t ns; const char *words; } parts[] = {
		{ totals->compute_ns, "compute" },
		{ totals->comm_ns, "communication that no compute hides" },
		{ totals->copy_ns, "copies that nothing hides" },
		{ totals->idle_ns - totals->not_recorded_ns, "idle" },
		{ totals->not_recorded_ns, "not recorded" },
	};
	size_t most = 0;
	for (size_t i = 1; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i].ns > parts[most].ns)
			most = i;
	text_add_format(out, "mostly %s, ", parts[most].words);
	number_add_percent(out, parts[most].ns, totals->window_ns);
	text_add(out, " of ");
	text_add_duration(out, totals->window_ns);
	text_add(out, " GPU time\n");
}

/* "rank 1", "rank 1 and rank 3" */
static void add_named(struct text *out, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	size_t named = 0, shown = 0;
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		named += stragglers->gpus[g].is_named;
	for (size_t g = 0; g < stragglers->gpu_count; g++) {
		if (!stragglers->gpus[g].is_named)
			continue;
		text_add(out, shown == 0 ? "" : shown + 1 == named ? " and " : ", ");
		words_add_who(out, report, g);
		shown++;
	}
	text_add(out, named == 1 ? " makes" : " make");
	text_add(out, " the others wait: ");
	add_loss(out, report, stragglers->fix_set_ns);
	text_add_char(out, '\n');
}

/* Ranks are missing: the latest of those here, and that it need not be the latest of all. */
static void add_limited(struct text *out, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	size_t latest = 0;
	for (size_t g = 1; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].caused_ns > stragglers->gpus[latest].caused_ns)
			latest = g;
	text_add(out, "Latest of the captured ranks: ");
	if (stragglers->gpus[latest].caused_ns == 0)
		text_add(out, "none stands out");
	else if (report->traces[report->gpus[latest].trace].rank >= 0)
		text_add_integer(out, report->traces[report->gpus[latest].trace].rank);
	else
		words_add_who(out, report, latest);
	text_add(out, "; verdict limited to captured ranks ");
	number_add_count(out, report->ranks.captured);
	if (report->ranks.world_size > 0) {
		text_add(out, " of ");
		number_add_count(out, report->ranks.world_size);
	}
	text_add_char(out, '\n');
}

static void add_pause(struct text *out, const struct report *report)
{
	const struct finding *pause = accusation(report);
	if (pause == NULL) {
		text_add(out, "single steps stand still; ");
		add_mostly(out, report);
		return;
	}
	words_add_who(out, report, pause->gpu);
	text_add(out, " stood still in single steps, and all waited: ");
	number_add_percent_e12(out, pause->share_e12 < 0 ? 0 : pause->share_e12);
	text_add(out, " of all GPU time\n");
}

static void add_headline(struct text *out, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	if (report->gpu_count == 1) {
		add_mostly(out, report);
		return;
	}
	switch (stragglers->kind) {
	case STRAGGLER_CULPRIT:
	case STRAGGLER_CO_CULPRITS:
		if (accusation(report) != NULL) {
			add_named(out, report);
			return;
		}
		text_add(out, "No rank can be blamed: they run different programs; ");
		add_mostly(out, report);
		return;
	case STRAGGLER_ROTATING:
		text_add(out, "ranks take turns in being late, no single one is to blame: ");
		add_loss(out, report, stragglers->fix_all_ns);
		text_add_char(out, '\n');
		return;
	case STRAGGLER_PAUSE:
		add_pause(out, report);
		return;
	case STRAGGLER_LIMITED:
		add_limited(out, report);
		return;
	case STRAGGLER_NONE:
		text_add(out, "Nobody makes the others wait; ");
		add_mostly(out, report);
		return;
	case STRAGGLER_UNKNOWN:
		text_add(out, "Who waits for whom is not known: ");
		name_add(out, stragglers->reason, REASON_COLUMNS);
		text_add_char(out, '\n');
		return;
	}
}

/* The sentence of the finding that matters most, and what to do. */
static void add_reason(struct text *out, const struct report *report)
{
	const struct finding *accused = accusation(report);
	const struct finding *finding = accused != NULL ? accused : largest_loss(report);
	if (finding == NULL)
		return;
	text_add(out, accused != NULL ? "Why: " : "Largest loss: ");
	finding_add_words(out, report, finding);
	text_add_format(out, "\nNext: %s\n", finding_advice(finding->id));
	const struct finding *largest = largest_loss(report);
	if (accused == NULL || largest == NULL || largest == accused)
		return;
	text_add(out, "Costs more: ");
	finding_add_words(out, report, largest);
	text_add_char(out, '\n');
}

static void add_steps(struct text *out, const struct report *report)
{
	const struct job_steps *steps = &report->job.steps;
	if (!steps->is_known) {
		text_add(out, "No steps found");
		if (steps->reason != NULL)
			text_add_format(out, ": %s", steps->reason);
		text_add_char(out, '\n');
		return;
	}
	int64_t used = (int64_t)(steps->choice.end - steps->choice.first);
	if (steps->choice.reason != NULL)
		words_add_counted(out, used, "step", "steps");
	else {
		words_add_counted(out, used, "steady step of ", "steady steps of ");
		number_add_count(out, (int64_t)steps->count);
	}
	text_add(out, ", median ");
	text_add_duration(out, steps->choice.median_ns);
	text_add(out, " +- ");
	text_add_duration(out, steps->choice.mad_ns);
	text_add(out, ", longest ");
	text_add_duration(out, report_step_extreme_ns(report, true));
	if (steps->choice.slow_count > 0)
		text_add_format(out, ", %zu slow", steps->choice.slow_count);
	text_add_char(out, '\n');
}

static int64_t idle_cause_sum_ns(const struct report *report, int cause)
{
	int64_t sum_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		sum_ns = add_saturated(sum_ns,
				       report->job.gpus[g].time.parts.ns[PART_IDLE + cause]);
	return sum_ns;
}

static void add_largest_cause(struct text *out, const struct report *report)
{
	int largest = 0;
	/* What was not recorded may not have been idle. */
	for (int cause = 1; cause < CAUSE_NOT_RECORDED; cause++)
		if (idle_cause_sum_ns(report, cause) > idle_cause_sum_ns(report, largest))
			largest = cause;
	int64_t sum_ns = idle_cause_sum_ns(report, largest);
	if (sum_ns == 0)
		return;
	size_t most = 0;
	for (size_t g = 1; g < report->gpu_count; g++)
		if (report->job.gpus[g].time.parts.ns[PART_IDLE + largest] >
		    report->job.gpus[most].time.parts.ns[PART_IDLE + largest])
			most = g;
	text_add_format(out, "Largest cause of idle time: %s, ",
			idle_cause_words((enum idle_cause)largest));
	number_add_percent(out, sum_ns, report->totals.window_ns);
	text_add(out, " of all GPU time");
	if (report->gpu_count > 1) {
		text_add(out, ", most on ");
		words_add_gpu(out, report, most);
	}
	text_add_char(out, '\n');
}

static void add_window(struct text *out, const struct report *report)
{
	if (report->job.window != WINDOW_EXPLICIT) {
		if (report->job.window_reason != NULL && report->job.steps.is_known)
			text_add_format(out, "Perhaps not steady: %s\n",
					report->job.window_reason);
		return;
	}
	text_add(out, "Limited to a window: from ");
	text_add_duration(out, report->window_start_ns);
	if (report->window_end_ns == INT64_MAX)
		text_add(out, " to the end");
	else {
		text_add(out, " to ");
		text_add_duration(out, report->window_end_ns);
	}
	text_add(out, ", counted from the first GPU activity\n");
}

/* What the headline says already is not said again. */
static void add_unmatched(struct text *out, const struct report *report)
{
	struct text lines;
	size_t shown = 0;
	if (report->gpu_count < 2)
		return;
	text_begin(&lines, WORDS_BYTES_MAX);
	words_add_unmatched(&lines, report);
	const char *line = text_string(&lines);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		const char *reason = strstr(line, ": ");
		bool is_said = report->stragglers.kind == STRAGGLER_UNKNOWN && reason != NULL &&
			strlen(report->stragglers.reason) == (size_t)(end - reason) - 2 &&
			memcmp(reason + 2, report->stragglers.reason,
			       (size_t)(end - reason) - 2) == 0;
		if (!is_said && shown++ < GROUPS_SHOWN)
			text_add_bytes(out, line, (size_t)(end - line) + 1);
	}
	text_end(&lines);
}

static void add_limits(struct text *out, const struct report *report)
{
	add_window(out, report);
	add_unmatched(out, report);
	if (report->ranks.missing_count > 0) {
		text_add(out, "Limited to the captured ranks: ");
		words_add_missing(out, report);
		text_add_char(out, '\n');
	}
	if (report->ranks.is_mixed)
		text_add(out, "The traces name different world sizes: perhaps not one job\n");
	if (report->totals.broken_traces > 0) {
		text_add(out, "Limited to the readable traces: ");
		number_add_count(out, report->totals.broken_traces);
		text_add(out, " of ");
		number_add_count(out, (int64_t)report->trace_count);
		text_add(out, " could not be read\n");
	}
	if (report->totals.lost_records > 0) {
		text_add(out, "Incomplete: ");
		words_add_counted(out, report->totals.lost_records, "record was lost",
				  "records were lost");
		text_add_char(out, '\n');
	}
	if (report->totals.graph_only_ns > 0) {
		text_add(out, "Idle includes ");
		text_add_duration(out, report->totals.graph_only_ns);
		text_add(out, " inside CUDA graphs that were traced as a whole: what ran there is "
			      "not known\n");
	}
}

void words_add_verdict(struct text *out, const struct report *report)
{
	if (report->gpu_count == 0) {
		text_add(out, "No GPU work in these traces\n");
	} else {
		size_t begin = out->length;
		add_headline(out, report);
		if (text_is_ok(out) && out->bytes[begin] >= 'a' && out->bytes[begin] <= 'z')
			out->bytes[begin] -= 'a' - 'A';
		add_reason(out, report);
		add_shares(out, report);
		add_steps(out, report);
		add_largest_cause(out, report);
	}
	add_limits(out, report);
}
