/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_waits.h"

#include "analyzer/collective_order.h"
#include "analyzer/metric_partition.h"

#include <stdlib.h>
#include <string.h>

enum { PERCENT_BROKEN_MAX = 5 };	/* of a group's instances may contradict its meaning */

static const struct { const char *operation; enum wait_rule rule; bool is_barrier; } rules[] = {
	{ "AllReduce", WAIT_ALL, true },      { "AllGather", WAIT_ALL, true },
	{ "ReduceScatter", WAIT_ALL, true },  { "AlltoAll", WAIT_ALL, true },
	{ "AllGatherV", WAIT_ALL, true },     { "Barrier", WAIT_ALL, true },
	{ "SendRecv", WAIT_ALL, false },      { "Send/Recv", WAIT_ALL, false },
	{ "Broadcast", WAIT_FOR_ROOT, false }, { "Scatter", WAIT_FOR_ROOT, false },
	{ "Reduce", WAIT_OF_ROOT, false },    { "Gather", WAIT_OF_ROOT, false },
};

enum wait_rule operation_wait_rule(const char *operation)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (strcmp(rules[i].operation, operation) == 0)
			return rules[i].rule;
	return WAIT_NOT_KNOWN;
}

bool operation_is_barrier(const char *operation)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (strcmp(rules[i].operation, operation) == 0)
			return rules[i].is_barrier;
	return false;
}

struct filling {
	struct collective_match *match;
	const struct comm_lane *lanes;
	struct collective_instance *instance;
	struct collective_member *members;	/* of the instance */
	int64_t earliest_end_ns;
	int64_t shortest_ns;
};

static const struct comm_kernel *kernel_of(const struct filling *filling, size_t member)
{
	const struct collective_member *at = &filling->members[member];
	return &filling->lanes[at->lane].kernels[at->kernel];
}

static void members_align(struct filling *filling)
{
	struct collective_match *match = filling->match;
	for (size_t i = 0; i < filling->instance->member_count; i++) {
		struct collective_member *member = &filling->members[i];
		const struct comm_kernel *kernel = kernel_of(filling, i);
		int64_t duration_ns = kernel->end_ns - kernel->start_ns;
		/* Its end is where clocks were compared; a kernel keeps its duration. */
		member->end_ns = collective_align(match, member->lane, kernel->end_ns);
		member->start_ns = member->end_ns - duration_ns;
		member->wait_ns = 0;
		member->transfer_ns = duration_ns;
		if (i == 0 || duration_ns < filling->shortest_ns)
			filling->shortest_ns = duration_ns;
	}
}

static void spreads_find(struct filling *filling)
{
	struct collective_instance *instance = filling->instance;
	int64_t earliest_end_ns = INT64_MAX, second_ns = INT64_MIN;
	instance->start_ns = INT64_MAX;
	instance->latest_start_ns = instance->end_ns = INT64_MIN;
	for (size_t i = 0; i < instance->member_count; i++) {
		const struct collective_member *member = &filling->members[i];
		if (member->start_ns < instance->start_ns)
			instance->start_ns = member->start_ns;
		if (member->end_ns > instance->end_ns)
			instance->end_ns = member->end_ns;
		if (member->end_ns < earliest_end_ns)
			earliest_end_ns = member->end_ns;
		if (member->start_ns > instance->latest_start_ns) {
			second_ns = instance->latest_start_ns;
			instance->latest_start_ns = member->start_ns;
			instance->latest_member = (uint32_t)(instance->first_member + i);
			instance->latest_count = 1;
		} else {
			second_ns = member->start_ns > second_ns ? member->start_ns : second_ns;
			instance->latest_count +=
				member->start_ns == instance->latest_start_ns;
		}
	}
	filling->earliest_end_ns = earliest_end_ns;
	instance->start_spread_ns = instance->latest_start_ns - instance->start_ns;
	instance->end_spread_ns = instance->end_ns - earliest_end_ns;
	instance->lead_ns = instance->latest_start_ns - second_ns;
}

/* Two members are compared: the two worst clocks. */
static int64_t error_of(const struct filling *filling)
{
	int64_t worst_ns = 0, second_ns = 0;
	for (size_t i = 0; i < filling->instance->member_count; i++) {
		int64_t error_ns = filling->match->clocks[filling->members[i].lane].error_ns;
		if (error_ns < 0)
			return -1;
		if (error_ns > worst_ns) {
			second_ns = worst_ns;
			worst_ns = error_ns;
		} else if (error_ns > second_ns) {
			second_ns = error_ns;
		}
	}
	return worst_ns + second_ns;
}

static void wait_set(struct filling *filling, size_t at, int64_t for_ns)
{
	struct collective_member *member = &filling->members[at];
	int64_t duration_ns = member->end_ns - member->start_ns;
	int64_t wait_ns = for_ns - member->start_ns;
	wait_ns = wait_ns > duration_ns ? duration_ns : wait_ns;
	member->wait_ns = wait_ns < 0 ? 0 : wait_ns;
	member->transfer_ns = duration_ns - member->wait_ns;
}

/* The member that is the root; false: it is not known, or not captured. */
static bool root_find(const struct filling *filling, size_t *root)
{
	for (size_t i = 0; i < filling->instance->member_count; i++) {
		const struct comm_kernel *kernel = kernel_of(filling, i);
		if (kernel->peer >= 0 && kernel->communicator_rank == kernel->peer) {
			*root = i;
			return true;
		}
	}
	return false;
}

static bool waits_set(struct filling *filling, enum wait_rule rule)
{
	const struct collective_instance *instance = filling->instance;
	size_t root = 0;
	if (rule == WAIT_NOT_KNOWN || (rule != WAIT_ALL && !root_find(filling, &root)))
		return false;
	for (size_t i = 0; i < instance->member_count; i++) {
		if (rule == WAIT_ALL || (rule == WAIT_OF_ROOT && i == root))
			wait_set(filling, i, instance->latest_start_ns);
		else if (rule == WAIT_FOR_ROOT && i != root)
			wait_set(filling, i, filling->members[root].start_ns);
	}
	return true;
}

/* Does an instance that should be a barrier look like one? */
static bool is_plausible(const struct filling *filling, const struct collective_group *group)
{
	const struct collective_instance *instance = filling->instance;
	int64_t error_ns = instance->error_ns < 0 ? 0 : instance->error_ns;
	if (instance->latest_start_ns - filling->earliest_end_ns >
	    COLLECTIVE_CLOCK_TOLERANCE_NS + error_ns)
		return false;
	return group->is_keyed || instance->end_spread_ns <=
		order_tolerance_ns(filling->shortest_ns, error_ns);
}

static void group_add(const struct filling *filling, struct collective_group *group)
{
	const struct collective_instance *instance = filling->instance;
	int64_t bytes = -1;
	for (size_t i = 0; i < instance->member_count; i++) {
		const struct comm_kernel *kernel = kernel_of(filling, i);
		bytes = kernel->bytes > bytes ? kernel->bytes : bytes;
		group->wait_ns = add_saturated(group->wait_ns, filling->members[i].wait_ns);
		group->transfer_ns =
			add_saturated(group->transfer_ns, filling->members[i].transfer_ns);
	}
	if (bytes >= 0 && __builtin_add_overflow(group->bytes < 0 ? 0 : group->bytes, bytes,
						 &group->bytes))
		group->bytes = INT64_MAX;
}

static void instance_fill(struct filling *filling, struct collective_group *group,
			  size_t *broken)
{
	struct collective_instance *instance = filling->instance;
	enum wait_rule rule = operation_wait_rule(group->operation);
	bool is_sound = true;
	members_align(filling);
	spreads_find(filling);
	instance->error_ns = error_of(filling);
	instance->is_ordered = instance->error_ns >= 0 && instance->latest_count == 1 &&
			       instance->lead_ns > instance->error_ns;
	instance->is_complete = group->is_complete;
	if (rule == WAIT_ALL)
		is_sound = is_plausible(filling, group);
	if (!is_sound) {
		*broken += 1;
		if (instance->end_spread_ns > group->worst_ns)
			group->worst_ns = instance->end_spread_ns;
	}
	instance->is_wait_known = is_sound && instance->error_ns >= 0 && waits_set(filling, rule);
	instance->wait_ns = 0;
	for (size_t i = 0; i < instance->member_count; i++)
		instance->wait_ns = add_saturated(instance->wait_ns, filling->members[i].wait_ns);
}

/* A group whose instances contradict its meaning makes no claim about waiting at all. */
static void waits_withdraw(struct filling *filling)
{
	filling->instance->is_wait_known = false;
	filling->instance->wait_ns = 0;
	for (size_t i = 0; i < filling->instance->member_count; i++)
		wait_set(filling, i, INT64_MIN / 2);
}

static struct filling filling_of(struct collective_match *match, const struct comm_lane *lanes,
				 size_t at)
{
	struct collective_instance *instance = &match->instances[at];
	return (struct filling){ .match = match, .lanes = lanes, .instance = instance,
				 .members = &match->members[instance->first_member] };
}

void collective_waits_fill(struct collective_match *match, const struct comm_lane *lanes)
{
	size_t *broken = calloc(match->group_count + 1, sizeof broken[0]), none = 0;
	for (size_t i = 0; i < match->instance_count; i++) {
		uint32_t group = match->instances[i].group;
		struct filling filling = filling_of(match, lanes, i);
		instance_fill(&filling, &match->groups[group],
			      broken != NULL ? &broken[group] : &none);
	}
	for (size_t i = 0; i < match->instance_count; i++) {
		uint32_t at = match->instances[i].group;
		struct collective_group *group = &match->groups[at];
		struct filling filling = filling_of(match, lanes, i);
		if (broken != NULL && broken[at] * 100 > group->matched * PERCENT_BROKEN_MAX) {
			waits_withdraw(&filling);
			group->reason = MATCH_ENDS_DIFFER;
		}
		group->is_wait_known = group->is_wait_known || filling.instance->is_wait_known;
		group_add(&filling, group);
	}
	free(broken);
}
