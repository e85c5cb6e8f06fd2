/* SPDX-License-Identifier: MIT */
#include "analyzer/straggler.h"

#include "analyzer/metric_blame.h"
#include "analyzer/ratio.h"
#include "analyzer/root_cause.h"
#include "analyzer/straggler_table.h"

#include <stdlib.h>
#include <string.h>

static const size_t REASON_BYTES_MAX = 4096;

const char *straggler_kind_name(enum straggler_kind kind)
{
	static const char *const names[] = {
		[STRAGGLER_NONE] = "none", [STRAGGLER_CULPRIT] = "culprit",
		[STRAGGLER_CO_CULPRITS] = "co-culprits", [STRAGGLER_ROTATING] = "rotating",
		[STRAGGLER_PAUSE] = "pause",
		[STRAGGLER_LIMITED] = "limited", [STRAGGLER_UNKNOWN] = "unknown",
	};
	return names[kind];
}

static int64_t longest_window_ns(const struct job *job)
{
	int64_t longest_ns = 0;
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct time_window *window = &job->gpus[g].window;
		if (window->end_ns - window->start_ns > longest_ns)
			longest_ns = window->end_ns - window->start_ns;
	}
	return longest_ns;
}

/* Why there is nothing to judge by: the first group that could not be matched says it. */
static bool explain_nothing(struct stragglers *out, const struct job *job, struct arena *arena)
{
	struct text reason;
	out->kind = STRAGGLER_UNKNOWN;
	if (job->gpu_count < 2) {
		out->reason = "there is only one GPU";
		return true;
	}
	text_begin(&reason, REASON_BYTES_MAX);
	for (size_t g = 0; g < job->match->group_count && reason.length == 0; g++)
		collective_reason_add(&reason, &job->match->groups[g]);
	if (reason.length == 0)
		text_add(&reason, "no collective that all ranks must enter was matched");
	out->reason = arena_copy_text(arena, text_string(&reason), reason.length);
	text_end(&reason);
	return out->reason != NULL;
}

static void take_verdict(struct stragglers *out, const struct job *job, const struct blame *blame,
			 const struct verdict *verdict, const struct straggler_table *table)
{
	static const enum straggler_kind kinds[] = {
		[VERDICT_NONE] = STRAGGLER_NONE, [VERDICT_CULPRIT] = STRAGGLER_CULPRIT,
		[VERDICT_CO_CULPRITS] = STRAGGLER_CO_CULPRITS,
		[VERDICT_ROTATING] = STRAGGLER_ROTATING, [VERDICT_UNKNOWN] = STRAGGLER_UNKNOWN,
	};
	out->kind = kinds[verdict->kind];
	out->reason = verdict->reason;
	out->may_be_critical = verdict->may_be_critical;
	out->instances = blame->instances;
	out->ambiguous = blame->ambiguous;
	out->incomplete = table->incomplete;
	out->entropy_e12 = blame->entropy_e12;
	for (size_t g = 0; g < out->gpu_count; g++) {
		const struct blame_rank *rank = &blame->ranks[g];
		const struct verdict_rank *judged = &verdict->ranks[g];
		out->gpus[g] = (struct rank_blame){
			.caused_ns = rank->caused_ns,
			.score_e12 = rank->score_e12,
			.times_latest = rank->times_latest,
			.steps_latest = rank->steps_latest,
			.persistence_low_e12 = judged->persistence_low_e12,
			.lateness_ns = judged->lateness_ns,
			.shapley_ns = rank->shapley_ns,
			.tied = straggler_tied_count(table, job, g),
			.is_named = judged->is_named,
			.passed_to = SIZE_MAX,
			.coverage_e12 = -1,
		};
	}
	if (table->incomplete == 0)
		return;
	out->kind = STRAGGLER_LIMITED;
	out->reason = "ranks are missing: the latest captured one need not be the latest of all";
	for (size_t g = 0; g < out->gpu_count; g++)
		out->gpus[g].is_named = false;
}

/* Gains in time of every GPU, by what is seen of them (straggler_table.h). */
static bool find_gains(struct stragglers *out, const struct job *job,
		       const struct straggler_table *table, struct error *error)
{
	bool *is_fixed = calloc(job->gpu_count + 1, sizeof *is_fixed);
	bool ok = is_fixed != NULL, has_named = false;
	for (size_t g = 0; ok && g < job->gpu_count; g++) {
		is_fixed[g] = true;
		out->gpus[g].fix_one_ns = straggler_loss_ns(table, job, is_fixed);
		is_fixed[g] = false;
		ok = out->gpus[g].fix_one_ns >= 0;
	}
	for (size_t g = 0; ok && g < job->gpu_count; g++) {
		is_fixed[g] = out->gpus[g].is_named;
		has_named = has_named || is_fixed[g];
	}
	if (ok)
		out->fix_set_ns = has_named ? straggler_loss_ns(table, job, is_fixed) : 0;
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		is_fixed[g] = true;
	if (ok)
		out->fix_all_ns = straggler_loss_ns(table, job, is_fixed);
	ok = ok && out->fix_set_ns >= 0 && out->fix_all_ns >= 0;
	free(is_fixed);
	return ok || fail(error, ERROR_SYSTEM, "cannot analyse: no memory to compare the ranks");
}

/*
 * The verdict adds up what is late at all barriers; what is lost in the end (straggler_loss_ns) may
 * be less, and then too little to speak of.
 */
static void recheck_gates(struct stragglers *out, int64_t window_ns)
{
	const struct verdict_gates *gates = &verdict_gates_usual;
	bool is_named = out->kind == STRAGGLER_CULPRIT || out->kind == STRAGGLER_CO_CULPRITS;
	int64_t loss_ns = is_named ? out->fix_set_ns : out->fix_all_ns;
	int64_t least_e12 = is_named ? gates->share_min_e12 : gates->rotating_share_min_e12;
	if ((!is_named && out->kind != STRAGGLER_ROTATING) || window_ns <= 0 ||
	    ratio_e12(loss_ns, window_ns) >= least_e12)
		return;
	out->kind = STRAGGLER_NONE;
	out->reason = "late arrivals cost next to nothing";
	out->fix_set_ns = 0;
	for (size_t g = 0; g < out->gpu_count; g++)
		out->gpus[g].is_named = false;
}

static bool judge(struct stragglers *out, const struct job *job,
		  const struct straggler_table *table, struct error *error)
{
	const struct blame_input input = {
		.rank_count = job->gpu_count,
		.instance_count = table->count,
		.arrival_ns = table->arrival_ns,
		.wait_ns = table->wait_ns,
		.step = table->step,
		.exposed_cap_ns = table->cap_ns,
		.clock_error_ns = table->clock_error_ns,
		.window_ns = longest_window_ns(job),
	};
	struct blame blame = { 0 };
	struct verdict verdict = { 0 };
	bool ok = blame_measure(&blame, &input, error) &&
		verdict_decide(&verdict, &blame, &input, &verdict_gates_usual, error);
	if (ok)
		take_verdict(out, job, &blame, &verdict, table);
	for (size_t i = 0; ok && i < table->count * job->gpu_count; i++)
		out->waits_ns = add_saturated(out->waits_ns, table->wait_ns[i]);
	blame_end(&blame);
	verdict_end(&verdict);
	ok = ok && find_gains(out, job, table, error);
	if (ok)
		recheck_gates(out, input.window_ns);
	return ok && root_causes_find(out->gpus, job, table->instance, table->count, error);
}

bool stragglers_find(struct stragglers *out, const struct job *job, struct arena *arena,
		     struct error *error)
{
	struct straggler_table table = { 0 };
	*out = (struct stragglers){ .reason = "", .gpu_count = job->gpu_count };
	out->gpus = arena_take_array(arena, job->gpu_count + 1, sizeof *out->gpus);
	bool ok = out->gpus != NULL && straggler_table_make(&table, job);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		out->gpus[g].passed_to = SIZE_MAX;
	if (ok && table.count == 0)
		ok = explain_nothing(out, job, arena);
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse: no memory to compare the ranks");
	else if (table.count > 0)
		ok = judge(out, job, &table, error);
	straggler_table_end(&table);
	return ok;
}
