/* SPDX-License-Identifier: MIT */
/*
 * A result of collective_match while it is being made: which kernels are members of which instance,
 * before anything is known about their times.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef ANALYZER_COLLECTIVE_DRAFT_H
#define ANALYZER_COLLECTIVE_DRAFT_H

#include "analyzer/collective_class.h"
#include "analyzer/collective_match.h"

struct matcher {
	struct collective_match *match;
	const struct comm_lane *lanes;
	struct collective_classes classes;
	size_t *host_of;	/* by lane */
	size_t *component;	/* by lane: the first lane that its clock is comparable with */
	size_t group_room, instance_room, member_room;
};

/* Groups, their instances, and those' members are made one after another. NULL, false: no memory.
 */
struct collective_group *draft_group_begin(struct matcher *matcher,
					   const struct collective_class *class);
bool draft_instance_begin(struct matcher *matcher, int64_t sequence);
bool draft_member_add(struct matcher *matcher, const struct class_entry *entry);
void draft_group_end(struct collective_group *group, size_t lane_count, size_t kernel_count);

/* From now on the clocks of two lanes can be compared, and those of all comparable with them. */
void matcher_components_join(struct matcher *matcher, size_t a, size_t b);

#endif
