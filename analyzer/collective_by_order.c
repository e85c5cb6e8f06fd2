/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_by_order.h"

#include "analyzer/collective_clocks.h"
#include "analyzer/collective_order.h"

#include <stdlib.h>
#include <string.h>

enum {
	STREAM_KERNELS_MIN = 8,	/* fewer on a stream agree by chance */
	STREAM_PARTS_MAX = 1024,	/* they are compared in pairs */
};

/* One lane's part of a class that is matched by order. */
struct part {
	const struct class_entry *entries;
	size_t count;
	uint32_t lane;
	int64_t *times;		/* starts, then ends, on clocks as known so far */
	int64_t shift;		/* within its cluster: entry k is the leader's k + shift */
	size_t cluster;		/* the leader's place among the parts */
};

/* A part is a lane's kernels, or those on one of its streams. */
struct parts {
	bool is_by_stream;
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

static uint32_t stream_of(const struct matcher *matcher, const struct class_entry *entry)
{
	return matcher->lanes[entry->lane].kernels[entry->kernel].stream;
}

static bool is_same_part(const struct matcher *matcher, const struct parts *parts,
			 const struct class_entry *a, const struct class_entry *b)
{
	return a->lane == b->lane && (!parts->is_by_stream ||
				      stream_of(matcher, a) == stream_of(matcher, b));
}

static size_t parts_count(const struct matcher *matcher, const struct collective_class *class,
			  const struct parts *parts)
{
	const struct class_entry *entries = matcher->classes.entries + class->first;
	size_t count = 1;
	for (size_t i = 1; i < class->count; i++)
		count += !is_same_part(matcher, parts, &entries[i - 1], &entries[i]);
	return count;
}

static bool parts_begin(const struct matcher *matcher, const struct collective_class *class,
			struct parts *parts)
{
	const struct class_entry *entries = matcher->classes.entries + class->first;
	size_t at = 0;
	parts->times = malloc(2 * class->count * sizeof parts->times[0]);
	parts->list = calloc(parts_count(matcher, class, parts), sizeof parts->list[0]);
	if (parts->times == NULL || parts->list == NULL)
		return false;
	while (at < class->count) {
		struct part *part = &parts->list[parts->count];
		*part = (struct part){ .entries = entries + at, .lane = entries[at].lane,
				       .times = parts->times + 2 * at, .cluster = parts->count };
		while (at < class->count &&
		       is_same_part(matcher, parts, part->entries, &entries[at])) {
			part->count++;
			at++;
		}
		part_align(matcher, part);
		parts->count++;
	}
	return true;
}

/* One stream after the other, those of a lane together; false: memory is short. */
static bool class_sort_by_stream(struct matcher *matcher, const struct collective_class *class)
{
	struct class_entry *entries = matcher->classes.entries + class->first;
	struct class_entry *sorted = malloc(class->count * sizeof sorted[0]);
	size_t kept = 0;
	if (sorted == NULL)
		return false;
	for (size_t first = 0, end; first < class->count; first = end) {
		for (end = first; end < class->count; end++)
			if (entries[end].lane != entries[first].lane)
				break;
		/* Streams are few: a pass each, in their order of first use. */
		for (size_t i = first; i < end; i++) {
			uint32_t stream = stream_of(matcher, &entries[i]);
			if (entries[i].occurrence != 0)
				continue;
			for (size_t j = i; j < end; j++)
				if (stream_of(matcher, &entries[j]) == stream) {
					entries[j].occurrence = 1;
					sorted[kept++] = entries[j];
				}
		}
	}
	memcpy(entries, sorted, class->count * sizeof sorted[0]);
	free(sorted);
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
		group->is_barrier = lane_count == class->lane_count;
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

/* Not yet in a cluster, and of a lane that the leader's cluster lacks. */
static bool is_candidate(const struct parts *parts, size_t leader, size_t at)
{
	const struct part *part = &parts->list[at];
	if (part->cluster != at)
		return false;
	if (!parts->is_by_stream)
		return true;
	if (part->count < STREAM_KERNELS_MIN || parts->list[leader].count < STREAM_KERNELS_MIN)
		return false;
	for (size_t p = leader; p < at; p++)
		if (parts->list[p].lane == part->lane && parts->list[p].cluster == leader)
			return false;
	return true;
}

static bool clusters_find(struct matcher *matcher, struct parts *parts, struct order_match *why,
			  bool *is_any)
{
	for (size_t a = 0; a < parts->count; a++) {
		if (parts->list[a].cluster != a)
			continue;
		for (size_t b = a + 1; b < parts->count; b++) {
			struct order_match found;
			if (!is_candidate(parts, a, b))
				continue;
			if (!parts_compare(matcher, parts, a, b, &found))
				return false;
			*is_any = *is_any || found.reason == MATCH_DONE;
			if (found.reason == MATCH_DONE || parts->is_by_stream)
				continue;
			if (why->reason == MATCH_ALONE)
				why->reason = found.reason;
			if (found.worst_ns > why->worst_ns)
				why->worst_ns = found.worst_ns;
		}
	}
	return true;
}

/* Has every rank of the class's job a lane? */
static bool is_job_captured(const struct matcher *matcher, const struct collective_class *class)
{
	const struct class_entry *entry = &matcher->classes.entries[class->first];
	int64_t world_size = matcher->lanes[entry->lane].world_size, found = 0;
	for (size_t a = 0; a < matcher->match->lane_count; a++) {
		const struct comm_lane *lane = &matcher->lanes[a];
		bool is_new = lane->world_size == world_size && lane->rank >= 0 &&
			      lane->rank < world_size;
		for (size_t b = 0; is_new && b < a; b++)
			is_new = matcher->lanes[b].world_size != world_size ||
				 matcher->lanes[b].rank != lane->rank;
		found += is_new;
	}
	return world_size > 0 && found == world_size;
}

/*
 * Communicators of a part of the job that nobody names: where all ranks are captured, and each
 * found its peers, nobody is missing.
 */
static void clusters_complete(struct matcher *matcher, const struct collective_class *class,
			      size_t first_group)
{
	if (class->is_hashed || !is_job_captured(matcher, class))
		return;
	for (size_t g = first_group; g < matcher->match->group_count; g++) {
		struct collective_group *group = &matcher->match->groups[g];
		group->rank_count = (int64_t)group->lane_count;
		group->is_complete = true;
	}
}

static bool clusters_keep(struct matcher *matcher, const struct collective_class *class,
			  const struct parts *parts, const struct order_match *why)
{
	size_t lane_count = 0, kernel_count = 0, first_group = matcher->match->group_count;
	uint32_t last = COLLECTIVE_NONE;
	for (size_t a = 0; a < parts->count; a++) {
		const struct part *part = &parts->list[a];
		size_t followers = 0;
		for (size_t b = a + 1; b < parts->count; b++)
			followers += parts->list[b].cluster == a;
		if (followers > 0) {
			if (!cluster_keep(matcher, class, parts, a))
				return false;
		} else if (part->cluster == a) {
			lane_count += part->lane != last;
			last = part->lane;
			kernel_count += part->count;
		}
	}
	if (lane_count == 0)
		clusters_complete(matcher, class, first_group);
	return leftovers_keep(matcher, class, lane_count, kernel_count, why);
}

bool class_match_by_order(struct matcher *matcher, const struct collective_class *class)
{
	struct parts parts = { .count = 0 }, streams = { .is_by_stream = true };
	struct order_match why = { .reason = MATCH_ALONE };
	bool is_any = false;
	if (class->is_peerless)
		return leftovers_keep(matcher, class, class->lane_count, class->count, &why);
	bool ok = parts_begin(matcher, class, &parts) &&
		  clusters_find(matcher, &parts, &why, &is_any);
	/* Several communicators that nobody tells apart, but perhaps a stream each. */
	bool is_mixed = ok && !is_any && !class->is_hashed && class->lane_count > 1;
	if (is_mixed)
		ok = class_sort_by_stream(matcher, class);
	is_mixed = is_mixed && ok && parts_count(matcher, class, &streams) > parts.count &&
		   parts_count(matcher, class, &streams) <= STREAM_PARTS_MAX;
	if (is_mixed)
		ok = parts_begin(matcher, class, &streams) &&
		     clusters_find(matcher, &streams, &why, &is_any);
	ok = ok && clusters_keep(matcher, class, is_any && is_mixed ? &streams : &parts, &why);
	parts_end(&parts);
	parts_end(&streams);
	return ok;
}
