/* SPDX-License-Identifier: MIT */
#include "analyzer/straggler.h"

#include "analyzer/metric_blame.h"
#include "analyzer/ratio.h"
#include "analyzer/root_cause.h"

#include <stdlib.h>
#include <string.h>

static const size_t REASON_BYTES_MAX = 4096;

const char *straggler_kind_name(enum straggler_kind kind)
{
	static const char *const names[] = {
		[STRAGGLER_NONE] = "none", [STRAGGLER_CULPRIT] = "culprit",
		[STRAGGLER_CO_CULPRITS] = "co-culprits", [STRAGGLER_ROTATING] = "rotating",
		[STRAGGLER_LIMITED] = "limited", [STRAGGLER_UNKNOWN] = "unknown",
	};
	return names[kind];
}

/* The barriers of the window as tables for metric_blame. */
struct table {
	size_t room;
	size_t count;
	uint32_t *instance;
	int64_t *arrival_ns;	/* gpu_count a barrier */
	int64_t *wait_ns;
	int64_t *step;
	int64_t *cap_ns;	/* largest gain of an on-time rank */
	int64_t clock_error_ns;
	int64_t incomplete;
};

static void table_end(struct table *table)
{
	free(table->instance);
	free(table->arrival_ns);
	free(table->wait_ns);
	free(table->step);
	free(table->cap_ns);
}

static bool is_in_windows(const struct job *job, const struct collective_instance *instance)
{
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&job->match->members[instance->first_member + m];
		const struct job_gpu *gpu = &job->gpus[member->lane];
		const struct comm_kernel *kernel =
			&job->lanes[member->lane].kernels[member->kernel];
		if (kernel->start_ns < gpu->window.start_ns ||
		    kernel->start_ns >= gpu->window.end_ns)
			return false;
	}
	return true;
}

static bool is_judged(const struct job *job, const struct collective_instance *instance)
{
	return job->match->groups[instance->group].is_barrier && instance->is_wait_known &&
	       instance->member_count > 1 && is_in_windows(job, instance);
}

/* The step in which its first member starts; without steps each barrier is one. */
static int64_t step_of(const struct job *job, size_t index)
{
	const struct collective_instance *instance = &job->match->instances[index];
	const struct collective_member *member =
		&job->match->members[instance->first_member];
	const int64_t *bounds_ns = job->gpus[member->lane].step_ns;
	int64_t start_ns = job->lanes[member->lane].kernels[member->kernel].start_ns;
	if (bounds_ns == NULL)
		return (int64_t)index;
	size_t begin = 0, end = job->steps.count + 1;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (bounds_ns[middle] <= start_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin == 0 || begin > job->steps.count ? -1 : (int64_t)begin - 1;
}

/*
 * A wait that compute hides still delays the communication behind it, so that an on-time rank gains
 * up to what the waiter shows of communication in the whole step, and never more.
 */
static int64_t exposed_ns_of(const struct job_gpu *gpu, int64_t step)
{
	if (gpu->step_parts == NULL || step < 0)
		return INT64_MAX;
	const struct time_parts *parts = &gpu->step_parts[step];
	return parts->ns[PART_TRANSFER] + parts->ns[PART_WAIT];
}

static void table_add(struct table *table, const struct job *job, size_t index)
{
	const struct collective_instance *instance = &job->match->instances[index];
	int64_t *arrival_ns = &table->arrival_ns[table->count * job->gpu_count];
	int64_t *wait_ns = &table->wait_ns[table->count * job->gpu_count];
	int64_t step = step_of(job, index), cap_ns = 0;
	for (size_t g = 0; g < job->gpu_count; g++) {
		arrival_ns[g] = ARRIVAL_NONE;
		wait_ns[g] = 0;
	}
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&job->match->members[instance->first_member + m];
		int64_t exposed_ns = member->start_ns == instance->latest_start_ns ? 0 :
			exposed_ns_of(&job->gpus[member->lane], step);
		arrival_ns[member->lane] = member->start_ns;
		wait_ns[member->lane] = member->wait_ns;
		cap_ns = exposed_ns > cap_ns ? exposed_ns : cap_ns;
	}
	table->instance[table->count] = (uint32_t)index;
	table->step[table->count] = step;
	table->cap_ns[table->count++] = cap_ns;
}

static bool table_make(struct table *table, const struct job *job)
{
	const struct collective_match *match = job->match;
	for (size_t i = 0; i < match->instance_count; i++)
		table->room += is_judged(job, &match->instances[i]);
	size_t cells = (table->room + 1) * job->gpu_count;
	table->instance = malloc((table->room + 1) * sizeof *table->instance);
	table->arrival_ns = malloc(cells * sizeof *table->arrival_ns);
	table->wait_ns = malloc(cells * sizeof *table->wait_ns);
	table->step = malloc((table->room + 1) * sizeof *table->step);
	table->cap_ns = malloc((table->room + 1) * sizeof *table->cap_ns);
	if (table->instance == NULL || table->arrival_ns == NULL || table->wait_ns == NULL ||
	    table->step == NULL || table->cap_ns == NULL)
		return false;
	for (size_t i = 0; i < match->instance_count; i++) {
		if (!is_judged(job, &match->instances[i]))
			continue;
		table->incomplete += !match->instances[i].is_complete;
		table_add(table, job, i);
	}
	for (size_t lane = 0; lane < match->lane_count; lane++)
		if (match->clocks[lane].error_ns > table->clock_error_ns)
			table->clock_error_ns = match->clocks[lane].error_ns;
	return true;
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

static void take_verdict(struct stragglers *out, const struct blame *blame,
			 const struct verdict *verdict, const struct table *table)
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
	out->fix_all_ns = blame->fix_all_ns;
	out->fix_set_ns = verdict->named_count > 0 ? verdict->gain_ns : 0;
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
			.fix_one_ns = rank->fix_one_ns,
			.shapley_ns = rank->shapley_ns,
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

static bool judge(struct stragglers *out, const struct job *job, const struct table *table,
		  struct error *error)
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
		take_verdict(out, &blame, &verdict, table);
	for (size_t i = 0; ok && i < table->count * job->gpu_count; i++)
		out->waits_ns = add_saturated(out->waits_ns, table->wait_ns[i]);
	blame_end(&blame);
	verdict_end(&verdict);
	return ok && root_causes_find(out->gpus, job, table->instance, table->count, error);
}

bool stragglers_find(struct stragglers *out, const struct job *job, struct arena *arena,
		     struct error *error)
{
	struct table table = { 0 };
	*out = (struct stragglers){ .reason = "", .gpu_count = job->gpu_count };
	out->gpus = arena_take_array(arena, job->gpu_count + 1, sizeof *out->gpus);
	bool ok = out->gpus != NULL && table_make(&table, job);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		out->gpus[g].passed_to = SIZE_MAX;
	if (ok && table.count == 0)
		ok = explain_nothing(out, job, arena);
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse: no memory to compare the ranks");
	else if (table.count > 0)
		ok = judge(out, job, &table, error);
	table_end(&table);
	return ok;
}
