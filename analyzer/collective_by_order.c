/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_by_order.h"

#include "analyzer/collective_clocks.h"
#include "analyzer/collective_order.h"

#include <stdlib.h>
#include <string.h>

/* One lane's part of a class that is matched by order. */
struct part {
	const struct class_entry *entries;
	size_t count;
	uint32_t lane;
	int64_t *times;		/* starts, then ends, on clocks as known so far */
	int64_t shift;		/* within its cluster: entry k is the leader's k + shift */
	size_t cluster;		/* the leader's place among the parts */
};

struct parts {
	struct part *list;
	size_t count;
	int64_t *times;
};

static void part_align(const struct matcher *matcher, struct part *part)
{
	for (size_t k = 0; k < part->count; k++) {
		const struct comm_kernel *kernel =
			&matcher->lanes[part->lane].kernels[part->entries[k].kernel];
		int64_t end_ns = collective_align(matcher->match, part->lane, kernel->end_ns);
		part->times[k] = end_ns - (kernel->end_ns - kernel->start_ns);
		part->times[part->count + k] = end_ns;
	}
}

static struct order_side side_of(const struct part *part)
{
	return (struct order_side){ part->times, part->times + part->count, part->count };
}

static bool parts_begin(const struct matcher *matcher, const struct collective_class *class,
			struct parts *parts)
{
	const struct class_entry *entries = matcher->classes.entries + class->first;
	size_t at = 0;
	parts->count = 0;
	parts->times = malloc(2 * class->count * sizeof parts->times[0]);
	parts->list = calloc(class->lane_count, sizeof parts->list[0]);
	if (parts->times == NULL || parts->list == NULL)
		return false;
	while (at < class->count) {
		struct part *part = &parts->list[parts->count];
		*part = (struct part){ .entries = entries + at, .lane = entries[at].lane,
				       .times = parts->times + 2 * at, .cluster = parts->count };
		while (at < class->count && entries[at].lane == part->lane) {
			part->count++;
			at++;
		}
		part_align(matcher, part);
		parts->count++;
	}
	return true;
}

static void parts_end(struct parts *parts)
{
	free(parts->times);
	free(parts->list);
}

/* The lane's clock from ends of a pair that was matched; those it was comparable with follow. */
static bool clock_learn(struct matcher *matcher, const struct part *leader, const struct part *part,
			bool is_alone)
{
	struct collective_match *match = matcher->match;
	struct clock_point *points = malloc((part->count + 1) * sizeof points[0]);
	struct clock_fit fit;
	size_t kept = 0;
	if (points == NULL)
		return false;
	for (size_t k = 0; k < part->count; k++) {
		int64_t i = (int64_t)k + part->shift;
		if (i < 0 || i >= (int64_t)leader->count)
			continue;
		int64_t raw_ns =
			matcher->lanes[part->lane].kernels[part->entries[k].kernel].end_ns +
			match->clocks[part->lane].shift_ns;
		points[kept++] = (struct clock_point){ raw_ns,
			leader->times[leader->count + (size_t)i] - raw_ns };
	}
	bool ok = clock_fit_points(&fit, points, kept);
	free(points);
	if (!ok)
		return false;
	int64_t moved_ns = fit.offset_ns - match->clocks[part->lane].fit.offset_ns;
	for (size_t l = 0; l < match->lane_count && ok; l++) {
		struct lane_clock *clock = &match->clocks[l];
		bool is_it = l == part->lane;
		if (!is_it && (is_alone || matcher->component[l] != matcher->component[part->lane]))
			continue;
		if (!is_it && matcher->host_of[l] != matcher->host_of[part->lane]) {
			clock_fit_move(&clock->fit, moved_ns);
			continue;
		}
		clock_fit_end(&clock->fit);
		ok = clock_fit_copy(&clock->fit, &fit);
		clock->error_ns = fit.spread_ns;
	}
	clock_fit_end(&fit);
	return ok;
}

static int64_t error_known(const struct matcher *matcher, size_t lane)
{
	int64_t error_ns = matcher->match->clocks[lane].error_ns;
	return error_ns < 0 ? 0 : error_ns;
}

static bool parts_compare(struct matcher *matcher, struct parts *parts, size_t leader_at,
			  size_t part_at, struct order_match *found)
{
	struct part *leader = &parts->list[leader_at], *part = &parts->list[part_at];
	bool is_comparable = matcher->component[leader->lane] == matcher->component[part->lane];
	bool is_shared = matcher->host_of[leader->lane] == matcher->host_of[part->lane];
	struct order_rule rule = {
		.error_ns = error_known(matcher, leader->lane) + error_known(matcher, part->lane),
		.is_clock_open = is_shared || !is_comparable,
		.is_clock_shared = is_shared,
	};
	struct order_side a = side_of(leader), b = side_of(part);
	if (!order_match(found, &a, &b, &rule))
		return false;
	if (found->reason != MATCH_DONE)
		return true;
	part->shift = found->shift;
	part->cluster = leader_at;
	if (found->is_offset) {
		if (!clock_learn(matcher, leader, part, is_shared && is_comparable))
			return false;
		for (size_t p = leader_at + 1; p < parts->count; p++)
			part_align(matcher, &parts->list[p]);
	}
	matcher_components_join(matcher, leader->lane, part->lane);
	return true;
}

/* Instances of one cluster: those places of the leader that all its parts have. */
static bool cluster_keep(struct matcher *matcher, const struct collective_class *class,
			 const struct parts *parts, size_t leader)
{
	int64_t from = 0, to = (int64_t)parts->list[leader].count;
	size_t lane_count = 0, kernel_count = 0;
	for (size_t p = leader; p < parts->count; p++) {
		const struct part *part = &parts->list[p];
		if (part->cluster != leader)
			continue;
		int64_t first = part->shift, last = (int64_t)part->count + part->shift;
		from = first > from ? first : from;
		to = last < to ? last : to;
		lane_count++;
		kernel_count += part->count;
	}
	if (lane_count < 2)
		return true;
	if (draft_group_begin(matcher, class) == NULL)
		return false;
	struct collective_group *group = &matcher->match->groups[matcher->match->group_count - 1];
	/* Point to point acts as a barrier where all do it with all: nobody is left out. */
	if (strcmp(class->operation, "SendRecv") == 0)
		group->is_barrier = lane_count == parts->count;
	for (int64_t k = from; k < to; k++) {
		const struct part *first = &parts->list[leader];
		if (!draft_instance_begin(matcher, matcher->lanes[first->lane].kernels[
					    first->entries[k].kernel].sequence))
			return false;
		for (size_t p = leader; p < parts->count; p++) {
			const struct part *part = &parts->list[p];
			if (part->cluster == leader &&
			    !draft_member_add(matcher, &part->entries[k - part->shift]))
				return false;
		}
	}
	draft_group_end(group, lane_count, kernel_count);
	return true;
}

/* What is left of a class: one group that says why. */
static bool leftovers_keep(struct matcher *matcher, const struct collective_class *class,
			   size_t lane_count, size_t kernel_count, const struct order_match *why)
{
	struct collective_group *group;
	if (lane_count == 0)
		return true;
	group = draft_group_begin(matcher, class);
	if (group == NULL)
		return false;
	draft_group_end(group, lane_count, kernel_count);
	group->is_barrier = false;
	group->is_complete = false;
	group->reason = class->is_peerless ? MATCH_NO_PEER : why->reason;
	group->worst_ns = why->worst_ns;
	return true;
}

static bool clusters_find(struct matcher *matcher, struct parts *parts, struct order_match *why)
{
	*why = (struct order_match){ .reason = MATCH_ALONE };
	for (size_t a = 0; a < parts->count; a++) {
		if (parts->list[a].cluster != a)
			continue;
		for (size_t b = a + 1; b < parts->count; b++) {
			struct order_match found;
			if (parts->list[b].cluster != b)
				continue;
			if (!parts_compare(matcher, parts, a, b, &found))
				return false;
			if (found.reason == MATCH_DONE)
				continue;
			if (why->reason == MATCH_ALONE)
				why->reason = found.reason;
			if (found.worst_ns > why->worst_ns)
				why->worst_ns = found.worst_ns;
		}
	}
	return true;
}

bool class_match_by_order(struct matcher *matcher, const struct collective_class *class)
{
	struct parts parts = { .count = 0 };
	struct order_match why = { .reason = MATCH_ALONE };
	size_t lane_count = 0, kernel_count = 0;
	if (class->is_peerless)
		return leftovers_keep(matcher, class, class->lane_count, class->count, &why);
	bool ok = parts_begin(matcher, class, &parts) && clusters_find(matcher, &parts, &why);
	for (size_t a = 0; ok && a < parts.count; a++) {
		size_t followers = 0;
		for (size_t b = a + 1; b < parts.count; b++)
			followers += parts.list[b].cluster == a;
		if (followers > 0) {
			ok = cluster_keep(matcher, class, &parts, a);
		} else if (parts.list[a].cluster == a) {
			lane_count++;
			kernel_count += parts.list[a].count;
		}
	}
	ok = ok && leftovers_keep(matcher, class, lane_count, kernel_count, &why);
	parts_end(&parts);
	return ok;
}
