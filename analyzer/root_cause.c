/* SPDX-License-Identifier: MIT */
#include "analyzer/root_cause.h"

#include "analyzer/metric_delay.h"
#include "analyzer/ratio.h"

#include <stdlib.h>
#include <string.h>

struct tracing {
	const struct job *job;
	struct rank_blame *gpus;
	int64_t *received_ns;	/* of each member: cost that later collectives put on its wait */
	uint32_t **member_of_lane;	/* members of each lane, in order of its kernels */
	size_t *lane_members;
	int64_t *passed_ns;	/* [from][to] */
};

/* What a GPU did before the barrier, since the one before of the same communicator. */
static const struct time_parts *parts_before(const struct job *job, size_t lane, uint32_t instance,
					     struct interval *between)
{
	for (size_t s = 0; s < SYNC_SETS_MAX; s++) {
		const struct sync_set *set = &job->gpus[lane].sync[s];
		size_t begin = 0, end = set->count;
		while (begin < end) {
			size_t middle = begin + (end - begin) / 2;
			if (set->instance[middle] < instance)
				begin = middle + 1;
			else
				end = middle;
		}
		if (begin == set->count || set->instance[begin] != instance)
			continue;
		*between = set->items[begin];
		return &set->parts[begin];
	}
	return NULL;
}

static bool list_members(struct tracing *tracing)
{
	const struct collective_match *match = tracing->job->match;
	for (size_t lane = 0; lane < tracing->job->gpu_count; lane++) {
		size_t kernels = tracing->job->lanes[lane].count;
		uint32_t *list = malloc((kernels + 1) * sizeof *list);
		tracing->member_of_lane[lane] = list;
		if (list == NULL)
			return false;
		for (size_t k = 0; k < kernels; k++)
			if (match->member_of[lane][k] != COLLECTIVE_NONE)
				list[tracing->lane_members[lane]++] = match->member_of[lane][k];
	}
	return true;
}

static const struct comm_kernel *kernel_of(const struct job *job, uint32_t member)
{
	const struct collective_member *found = &job->match->members[member];
	return &job->lanes[found->lane].kernels[found->kernel];
}

/*
 * Puts cost on the waits that the late rank itself had in `between`, in proportion. What finds no
 * wait to carry it is unknown.
 */
static void pass_on(struct tracing *tracing, size_t lane, const struct interval *between,
		    int64_t cost_ns)
{
	const struct job *job = tracing->job;
	const struct job_gpu *gpu = &job->gpus[lane];
	const uint32_t *list = tracing->member_of_lane[lane];
	size_t begin = 0, end = tracing->lane_members[lane];
	int64_t waits_ns = 0, left_ns = cost_ns;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (kernel_of(job, list[middle])->start_ns < between->start_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	for (size_t i = begin; i < tracing->lane_members[lane] &&
			       kernel_of(job, list[i])->start_ns < between->end_ns; i++)
		waits_ns = add_saturated(waits_ns,
					 gpu->exposed_wait_ns[job->match->members[list[i]].kernel]);
	for (size_t i = begin; waits_ns > 0 && i < tracing->lane_members[lane] &&
			       kernel_of(job, list[i])->start_ns < between->end_ns; i++) {
		int64_t own_ns = gpu->exposed_wait_ns[job->match->members[list[i]].kernel];
		int64_t part_ns = share_of(left_ns, own_ns, waits_ns); /* the last takes the rest */
		tracing->received_ns[list[i]] =
			add_saturated(tracing->received_ns[list[i]], part_ns);
		left_ns -= part_ns;
		waits_ns -= own_ns;
	}
	tracing->gpus[lane].passed_ns =
		add_saturated(tracing->gpus[lane].passed_ns, cost_ns - left_ns);
	tracing->gpus[lane].unknown_ns = add_saturated(tracing->gpus[lane].unknown_ns, left_ns);
	tracing->gpus[lane].root_ns = add_saturated(tracing->gpus[lane].root_ns, left_ns);
}

/*
 * What is compared: compute, and time without compute by cause. Where that was communication, the
 * part that was no wait counts as transfer; the waits are given back.
 */
enum { CATEGORY_COMPUTE, CATEGORY_CAUSES, CATEGORY_COUNT = CATEGORY_CAUSES + CAUSE_COUNT };

static int64_t categories_fill(int64_t *categories_ns, const struct time_parts *parts)
{
	int64_t wait_ns = parts->ns[PART_WAIT], blocked_ns = parts->absent_ns[CAUSE_COMM];
	wait_ns = wait_ns < blocked_ns ? wait_ns : blocked_ns;
	categories_ns[CATEGORY_COMPUTE] = parts->ns[PART_COMPUTE];
	for (int cause = 0; cause < CAUSE_COUNT; cause++)
		categories_ns[CATEGORY_CAUSES + cause] = parts->absent_ns[cause];
	categories_ns[CATEGORY_CAUSES + CAUSE_COMM] = blocked_ns - wait_ns;
	return wait_ns;
}

static enum time_part category_part(int category)
{
	if (category == CATEGORY_COMPUTE)
		return PART_COMPUTE;
	if (category == CATEGORY_CAUSES + CAUSE_COMM)
		return PART_TRANSFER;
	return PART_IDLE + (enum time_part)(category - CATEGORY_CAUSES);
}

/* The barrier of the same communicator before this one on a GPU; false: none in the window. */
static bool find_before(const struct job *job, size_t lane, uint32_t instance, uint32_t *before)
{
	for (size_t s = 0; s < SYNC_SETS_MAX; s++) {
		const struct sync_set *set = &job->gpus[lane].sync[s];
		size_t begin = 0, end = set->count;
		while (begin < end) {
			size_t middle = begin + (end - begin) / 2;
			if (set->instance[middle] < instance)
				begin = middle + 1;
			else
				end = middle;
		}
		if (begin < set->count && set->instance[begin] == instance) {
			*before = begin == 0 ? 0 : set->instance[begin - 1];
			return begin > 0;
		}
	}
	return false;
}

/*
 * A rank that lost time before the last barrier is late at this one, too, if the others got on with
 * their compute meanwhile: what nothing since then explains belongs to the wait before.
 */
static bool carry_back(struct tracing *tracing, uint32_t instance, size_t waiter, size_t culprit,
		       int64_t cost_ns)
{
	const struct collective_match *match = tracing->job->match;
	uint32_t before = 0;
	if (!find_before(tracing->job, waiter, instance, &before))
		return false;
	const struct collective_instance *last = &match->instances[before];
	if (last->latest_count != 1 || !last->is_ordered ||
	    match->members[last->latest_member].lane != culprit)
		return false;
	for (uint32_t m = 0; m < last->member_count; m++) {
		uint32_t member = (uint32_t)last->first_member + m;
		if (match->members[member].lane != waiter || match->members[member].wait_ns == 0)
			continue;
		tracing->received_ns[member] = add_saturated(tracing->received_ns[member], cost_ns);
		return true;
	}
	return false;
}

/* One waiter's wait, on the rank it waited for. */
static void trace_wait(struct tracing *tracing, uint32_t instance, uint32_t waiter, size_t culprit)
{
	const struct job *job = tracing->job;
	const struct collective_member *member = &job->match->members[waiter];
	struct rank_blame *blame = &tracing->gpus[culprit];
	int64_t surplus_ns[CATEGORY_COUNT], short_ns[CATEGORY_COUNT], long_ns[CATEGORY_COUNT];
	int64_t mine_ns[CATEGORY_COUNT], theirs_ns[CATEGORY_COUNT];
	int64_t received_ns = tracing->received_ns[waiter];
	struct interval between = { 0, 0 }, other = { 0, 0 };
	const struct time_parts *late = parts_before(job, culprit, instance, &between);
	const struct time_parts *early = parts_before(job, member->lane, instance, &other);
	if (late == NULL || early == NULL) {
		blame->unknown_ns = add_saturated(blame->unknown_ns, member->wait_ns + received_ns);
		blame->root_ns = add_saturated(blame->root_ns, member->wait_ns + received_ns);
		return;
	}
	int64_t own_wait_ns = categories_fill(mine_ns, late);
	(void)categories_fill(theirs_ns, early);
	const struct delay_input input = {
		.category_count = CATEGORY_COUNT, .culprit_ns = mine_ns, .waiter_ns = theirs_ns,
		.wait_ns = member->wait_ns, .culprit_wait_ns = own_wait_ns,
		.received_ns = received_ns,
	};
	struct delay_cost cost = delay_measure(&input, surplus_ns, short_ns, long_ns);
	int64_t taken_ns = 0;
	for (int i = 0; i < CATEGORY_COUNT; i++) {
		blame->cause.ns[category_part(i)] =
			add_saturated(blame->cause.ns[category_part(i)],
				      add_saturated(short_ns[i], long_ns[i]));
		taken_ns = add_saturated(taken_ns, add_saturated(short_ns[i], long_ns[i]));
	}
	int64_t passed_ns = cost.passed_short_ns + cost.passed_long_ns;
	int64_t rest_ns = member->wait_ns + received_ns - taken_ns - passed_ns;
	blame->root_ns = add_saturated(blame->root_ns, taken_ns);
	if (passed_ns > 0)
		pass_on(tracing, culprit, &between, passed_ns);
	if (rest_ns > 0 && !carry_back(tracing, instance, member->lane, culprit, rest_ns)) {
		blame->unknown_ns = add_saturated(blame->unknown_ns, rest_ns);
		blame->root_ns = add_saturated(blame->root_ns, rest_ns);
	}
}

static void trace_instance(struct tracing *tracing, uint32_t index)
{
	const struct collective_match *match = tracing->job->match;
	const struct collective_instance *instance = &match->instances[index];
	if (instance->latest_count != 1 || !instance->is_ordered)
		return;
	size_t culprit = match->members[instance->latest_member].lane;
	for (uint32_t m = 0; m < instance->member_count; m++) {
		uint32_t waiter = (uint32_t)instance->first_member + m;
		if (match->members[waiter].lane == culprit || match->members[waiter].wait_ns == 0)
			continue;
		if (tracing->received_ns[waiter] > 0)
			tracing->passed_ns[match->members[waiter].lane *
						   tracing->job->gpu_count + culprit] +=
				tracing->received_ns[waiter];
		trace_wait(tracing, index, waiter, culprit);
	}
}

static void conclude(struct tracing *tracing)
{
	size_t count = tracing->job->gpu_count;
	for (size_t g = 0; g < count; g++) {
		struct rank_blame *blame = &tracing->gpus[g];
		int64_t most_ns = 0;
		for (size_t to = 0; to < count && blame->passed_ns > 0; to++)
			if (tracing->passed_ns[g * count + to] > most_ns) {
				most_ns = tracing->passed_ns[g * count + to];
				blame->passed_to = to;
			}
		if (blame->root_ns > 0)
			blame->coverage_e12 =
				ratio_e12(blame->root_ns - blame->unknown_ns, blame->root_ns);
	}
}

bool root_causes_find(struct rank_blame *gpus, const struct job *job, const uint32_t *instances,
		      size_t count, struct error *error)
{
	struct tracing tracing = { .job = job, .gpus = gpus };
	tracing.received_ns = calloc(job->match->member_count + 1, sizeof *tracing.received_ns);
	tracing.member_of_lane = calloc(job->gpu_count + 1, sizeof *tracing.member_of_lane);
	tracing.lane_members = calloc(job->gpu_count + 1, sizeof *tracing.lane_members);
	tracing.passed_ns =
		calloc(job->gpu_count * job->gpu_count + 1, sizeof *tracing.passed_ns);
	bool ok = tracing.received_ns != NULL && tracing.member_of_lane != NULL &&
		  tracing.lane_members != NULL && tracing.passed_ns != NULL &&
		  list_members(&tracing);
	for (size_t i = count; ok && i > 0; i--)
		trace_instance(&tracing, instances[i - 1]);
	if (ok)
		conclude(&tracing);
	for (size_t lane = 0; tracing.member_of_lane != NULL && lane < job->gpu_count; lane++)
		free(tracing.member_of_lane[lane]);
	free(tracing.received_ns);
	free(tracing.member_of_lane);
	free(tracing.lane_members);
	free(tracing.passed_ns);
	return ok || fail(error, ERROR_SYSTEM, "cannot analyse: no memory for root causes");
}
