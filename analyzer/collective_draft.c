/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_draft.h"

#include "base/array.h"

struct collective_group *draft_group_begin(struct matcher *matcher,
					   const struct collective_class *class)
{
	struct collective_match *match = matcher->match;
	struct collective_group *groups = array_grow(match->groups, &matcher->group_room,
						     match->group_count, sizeof groups[0]);
	if (groups == NULL)
		return NULL;
	const struct class_entry *entry = &matcher->classes.entries[class->first];
	const struct comm_lane *lane = &matcher->lanes[entry->lane];
	const struct comm_kernel *kernel = &lane->kernels[entry->kernel];
	match->groups = groups;
	struct collective_group *group = &groups[match->group_count++];
	*group = (struct collective_group){
		.communicator_hash = kernel->communicator_hash,
		.operation = class->operation,
		.rank_count = kernel->rank_count >= 0 ? kernel->rank_count : lane->world_size,
		.bytes = -1,
		.is_keyed = class->is_keyed,
		.is_barrier = operation_is_barrier(class->operation),
	};
	if (entry->ends >= 0)
		group->rank_count = 2;
	return group;
}

bool draft_instance_begin(struct matcher *matcher, int64_t sequence)
{
	struct collective_match *match = matcher->match;
	struct collective_instance *instances = array_grow(match->instances,
		&matcher->instance_room, match->instance_count, sizeof instances[0]);
	if (instances == NULL || match->instance_count >= UINT32_MAX)
		return false;
	match->instances = instances;
	instances[match->instance_count++] = (struct collective_instance){
		.group = (uint32_t)(match->group_count - 1),
		.first_member = match->member_count,
		.sequence = sequence,
	};
	match->groups[match->group_count - 1].matched++;
	return true;
}

bool draft_member_add(struct matcher *matcher, const struct class_entry *entry)
{
	struct collective_match *match = matcher->match;
	struct collective_member *members = array_grow(match->members, &matcher->member_room,
						       match->member_count, sizeof members[0]);
	if (members == NULL || match->member_count >= COLLECTIVE_NONE)
		return false;
	match->members = members;
	members[match->member_count++] = (struct collective_member){ .lane = entry->lane,
								     .kernel = entry->kernel };
	match->instances[match->instance_count - 1].member_count++;
	return true;
}

void draft_group_end(struct collective_group *group, size_t lane_count, size_t kernel_count)
{
	group->lane_count = lane_count;
	group->kernel_count = kernel_count;
	group->unmatched = kernel_count - group->matched * lane_count;
	group->is_complete = group->rank_count < 0 || (int64_t)lane_count >= group->rank_count;
}

void matcher_components_join(struct matcher *matcher, size_t a, size_t b)
{
	size_t kept = matcher->component[a], gone = matcher->component[b];
	for (size_t l = 0; l < matcher->match->lane_count; l++)
		if (matcher->component[l] == gone)
			matcher->component[l] = kept;
}
