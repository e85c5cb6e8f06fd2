/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_match.h"

#include "analyzer/collective_class.h"
#include "analyzer/collective_clocks.h"
#include "analyzer/collective_order.h"
#include "analyzer/collective_waits.h"
#include "analyzer/metric_clock.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

struct matcher {
	struct collective_match *match;
	const struct comm_lane *lanes;
	struct collective_classes classes;
	size_t *host_of;	/* by lane */
	size_t *component;	/* by lane: the first lane that its clock is comparable with */
	size_t group_room, instance_room, member_room;
};

static struct collective_group *group_begin(struct matcher *matcher,
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

static bool instance_begin(struct matcher *matcher, int64_t sequence)
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

static bool member_add(struct matcher *matcher, const struct class_entry *entry)
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

static void group_end(struct collective_group *group, size_t lane_count, size_t kernel_count)
{
	group->lane_count = lane_count;
	group->kernel_count = kernel_count;
	group->unmatched = kernel_count - group->matched * lane_count;
	group->is_complete = group->rank_count < 0 || (int64_t)lane_count >= group->rank_count;
}

/* Lanes that have any kernel of the class's communicator. */
static bool scope_lanes(const struct matcher *matcher, size_t at, size_t *count)
{
	const struct collective_classes *classes = &matcher->classes;
	const struct class_entry *entries = classes->entries;
	int64_t scope = entries[classes->classes[at].first].scope;
	bool *seen = calloc(matcher->match->lane_count + 1, sizeof seen[0]);
	size_t first = at;
	*count = 0;
	if (seen == NULL)
		return false;
	while (first > 0 && entries[classes->classes[first - 1].first].scope == scope)
		first--;
	for (size_t c = first; c < classes->count; c++) {
		const struct collective_class *class = &classes->classes[c];
		if (entries[class->first].scope != scope)
			break;
		for (size_t i = 0; i < class->count && class->is_hashed; i++) {
			*count += !seen[entries[class->first + i].lane];
			seen[entries[class->first + i].lane] = true;
		}
	}
	free(seen);
	return true;
}

static bool keyed_match(struct matcher *matcher, size_t at)
{
	const struct collective_class *class = &matcher->classes.classes[at];
	const struct class_entry *entries = matcher->classes.entries + class->first;
	size_t lane_count;
	if (!scope_lanes(matcher, at, &lane_count) || group_begin(matcher, class) == NULL)
		return false;
	size_t group = matcher->match->group_count - 1;
	for (size_t first = 0, end; first < class->count; first = end) {
		for (end = first + 1; end < class->count; end++)
			if (entries[end].sequence != entries[first].sequence ||
			    entries[end].occurrence != entries[first].occurrence)
				break;
		if (end - first != lane_count || lane_count < 2)
			continue;
		if (!instance_begin(matcher, entries[first].sequence))
			return false;
		for (size_t i = first; i < end; i++)
			if (!member_add(matcher, &entries[i]))
				return false;
	}
	group_end(&matcher->match->groups[group], lane_count, class->count);
	if (lane_count < 2)
		matcher->match->groups[group].reason = MATCH_ALONE;
	else if (matcher->match->groups[group].matched == 0)
		matcher->match->groups[group].reason = MATCH_ABSENT;
	return true;
}

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
		int64_t raw_ns = matcher->lanes[part->lane].kernels[part->entries[k].kernel].end_ns +
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

static void components_join(struct matcher *matcher, size_t a, size_t b)
{
	size_t kept = matcher->component[a], gone = matcher->component[b];
	for (size_t l = 0; l < matcher->match->lane_count; l++)
		if (matcher->component[l] == gone)
			matcher->component[l] = kept;
}

static int64_t error_known(const struct matcher *matcher, size_t lane)
{
	int64_t error_ns = matcher->match->clocks[lane].error_ns;
	return error_ns < 0 ? 0 : error_ns;
}

static bool parts_compare(struct matcher *matcher, struct part *leader, struct part *part,
			  size_t leader_at, struct order_match *found)
{
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
		part_align(matcher, part);
	}
	components_join(matcher, leader->lane, part->lane);
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
	if (group_begin(matcher, class) == NULL)
		return false;
	struct collective_group *group = &matcher->match->groups[matcher->match->group_count - 1];
	/* Point to point acts as a barrier where all do it with all: nobody is left out. */
	if (strcmp(class->operation, "SendRecv") == 0)
		group->is_barrier = lane_count == parts->count;
	for (int64_t k = from; k < to; k++) {
		const struct part *first = &parts->list[leader];
		if (!instance_begin(matcher, matcher->lanes[first->lane].kernels[
					    first->entries[k].kernel].sequence))
			return false;
		for (size_t p = leader; p < parts->count; p++) {
			const struct part *part = &parts->list[p];
			if (part->cluster == leader &&
			    !member_add(matcher, &part->entries[k - part->shift]))
				return false;
		}
	}
	group_end(group, lane_count, kernel_count);
	return true;
}

/* What is left of a class: one group that says why. */
static bool leftovers_keep(struct matcher *matcher, const struct collective_class *class,
			   size_t lane_count, size_t kernel_count, const struct order_match *why)
{
	struct collective_group *group;
	if (lane_count == 0)
		return true;
	group = group_begin(matcher, class);
	if (group == NULL)
		return false;
	group_end(group, lane_count, kernel_count);
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
			if (!parts_compare(matcher, &parts->list[a], &parts->list[b], a, &found))
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

static bool ordered_match(struct matcher *matcher, const struct collective_class *class)
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

/* Instances by aligned start; members and groups stay where they are. */
static int instance_compare(const void *left, const void *right)
{
	const struct collective_instance *a = left, *b = right;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return (a->first_member > b->first_member) - (a->first_member < b->first_member);
}

static void instances_sort(struct matcher *matcher)
{
	struct collective_match *match = matcher->match;
	for (size_t i = 0; i < match->instance_count; i++) {
		struct collective_instance *instance = &match->instances[i];
		instance->start_ns = INT64_MAX;
		for (size_t m = 0; m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			int64_t start_ns = collective_align(match, member->lane,
				matcher->lanes[member->lane].kernels[member->kernel].start_ns);
			if (start_ns < instance->start_ns)
				instance->start_ns = start_ns;
		}
	}
	if (match->instance_count > 1)
		qsort(match->instances, match->instance_count, sizeof match->instances[0],
		      instance_compare);
}

static bool clocks_find(struct matcher *matcher)
{
	struct collective_match *match = matcher->match;
	instances_sort(matcher);
	return lane_clocks_find(match, matcher->lanes, matcher->host_of);
}

static void components_find(struct matcher *matcher)
{
	for (size_t l = 0; l < matcher->match->lane_count; l++)
		matcher->component[l] = l;
	for (size_t l = 0; l < matcher->match->lane_count; l++) {
		components_join(matcher, matcher->host_of[l], l);
		components_join(matcher, matcher->match->clocks[l].reference, l);
	}
}

/* Large classes first: what they tell about clocks helps the small ones. */
static size_t class_next(const struct collective_classes *classes, const bool *done)
{
	size_t best = classes->count;
	for (size_t c = 0; c < classes->count; c++)
		if (!done[c] && (best == classes->count ||
				 classes->classes[c].count > classes->classes[best].count))
			best = c;
	return best;
}

static bool all_match(struct matcher *matcher)
{
	struct collective_classes *classes = &matcher->classes;
	bool *done = calloc(classes->count + 1, sizeof done[0]), ok = done != NULL;
	size_t left = classes->count;
	for (size_t c = 0; ok && c < classes->count; c++)
		if (classes->classes[c].is_keyed) {
			ok = keyed_match(matcher, c);
			done[c] = true;
			left--;
		}
	ok = ok && clocks_find(matcher);
	if (ok)
		components_find(matcher);
	for (; ok && left > 0; left--) {
		size_t next = class_next(classes, done);
		done[next] = true;
		ok = ordered_match(matcher, &classes->classes[next]);
	}
	free(done);
	return ok && clocks_find(matcher);
}

static bool places_begin(struct collective_match *match, const struct comm_lane *lanes)
{
	match->member_of = calloc(match->lane_count + 1, sizeof match->member_of[0]);
	if (match->member_of == NULL)
		return false;
	for (size_t l = 0; l < match->lane_count; l++) {
		match->member_of[l] = malloc((lanes[l].count + 1) * sizeof match->member_of[l][0]);
		if (match->member_of[l] == NULL)
			return false;
		for (size_t k = 0; k < lanes[l].count; k++)
			match->member_of[l][k] = COLLECTIVE_NONE;
	}
	return true;
}

/* Times beyond all reason would overflow sums: such a lane takes no part. */
static bool is_lane_sane(const struct collective_match *match, const struct comm_lane *lane,
			 size_t at)
{
	const int64_t limit_ns = CLOCK_TIME_LIMIT_NS / 2;
	if (match->clocks[at].shift_ns > limit_ns || lane->count >= COLLECTIVE_NONE)
		return false;
	for (size_t k = 0; k < lane->count; k++)
		if (lane->kernels[k].start_ns < -limit_ns || lane->kernels[k].end_ns > limit_ns ||
		    lane->kernels[k].end_ns < lane->kernels[k].start_ns)
			return false;
	return true;
}

static bool match_all(struct matcher *matcher, struct comm_lane *lanes, size_t count)
{
	struct collective_match *match = matcher->match;
	matcher->lanes = lanes;
	match->lane_count = count;
	match->clocks = calloc(count + 1, sizeof match->clocks[0]);
	matcher->host_of = calloc(count + 1, sizeof matcher->host_of[0]);
	matcher->component = calloc(count + 1, sizeof matcher->component[0]);
	if (match->clocks == NULL || matcher->host_of == NULL || matcher->component == NULL)
		return false;
	for (size_t l = 0; l < count; l++)
		match->clocks[l].reference = l;
	lane_hosts_find(matcher->lanes, count, matcher->host_of);
	lane_shifts_find(match, matcher->lanes);
	if (!places_begin(match, lanes))
		return false;
	for (size_t l = 0; l < count; l++)
		if (!is_lane_sane(match, &lanes[l], l)) {
			lanes[l].count = 0;
			match->clocks[l].shift_ns = 0;
		}
	if (!collective_classes_find(&matcher->classes, matcher->lanes, count) ||
	    !all_match(matcher))
		return false;
	instances_sort(matcher);
	collective_waits_fill(match, matcher->lanes);
	for (size_t m = 0; m < match->member_count; m++)
		match->member_of[match->members[m].lane][match->members[m].kernel] = (uint32_t)m;
	return true;
}

bool collective_match(struct collective_match **out, const struct comm_lane *lanes, size_t count,
		      struct error *error)
{
	struct matcher matcher = { .match = calloc(1, sizeof *matcher.match) };
	struct comm_lane *used = malloc((count + 1) * sizeof used[0]);
	bool ok = matcher.match != NULL && used != NULL;
	if (ok && count > 0)
		memcpy(used, lanes, count * sizeof used[0]);
	ok = ok && match_all(&matcher, used, count);
	free(used);
	collective_classes_end(&matcher.classes);
	free(matcher.host_of);
	free(matcher.component);
	if (!ok) {
		collective_match_close(matcher.match);
		return fail(error, ERROR_SYSTEM,
			    "no memory to compare the collectives of %zu GPUs", count);
	}
	*out = matcher.match;
	return true;
}

void collective_match_close(struct collective_match *match)
{
	if (match == NULL)
		return;
	for (size_t l = 0; l < match->lane_count && match->clocks != NULL; l++)
		clock_fit_end(&match->clocks[l].fit);
	for (size_t l = 0; l < match->lane_count && match->member_of != NULL; l++)
		free(match->member_of[l]);
	free(match->clocks);
	free(match->member_of);
	free(match->groups);
	free(match->instances);
	free(match->members);
	free(match);
}

int64_t collective_align(const struct collective_match *match, size_t lane, int64_t time_ns)
{
	const struct lane_clock *clock = &match->clocks[lane];
	int64_t raw_ns = time_ns + clock->shift_ns;
	return raw_ns + clock_fit_at(&clock->fit, raw_ns);
}

const char *clock_state_name(enum clock_state state)
{
	static const char *const names[] = {
		[CLOCK_UNKNOWN] = "unknown", [CLOCK_SAME] = "same",
		[CLOCK_VERIFIED] = "verified", [CLOCK_ESTIMATED] = "estimated",
	};
	return names[state];
}

void collective_reason_add(struct text *text, const struct collective_group *group)
{
	switch (group->reason) {
	case MATCH_DONE:
		break;
	case MATCH_ALONE:
		text_add(text, "no other GPU captured has it");
		break;
	case MATCH_ENDS_DIFFER:
		text_add(text, "ends differ by up to ");
		text_add_duration(text, group->worst_ns);
		text_add(text, ": not the same instances; rows were sampled or lost");
		break;
	case MATCH_TOO_FEW:
		text_add(text, "ends differ, and there are too few to tell why: clocks or instances");
		break;
	case MATCH_AMBIGUOUS:
		text_add(text, "counts differ, and more than one shift fits");
		break;
	case MATCH_NO_PEER:
		text_add(text, "communicator, rank or peer is not known");
		break;
	case MATCH_ABSENT:
		text_add(text, "no instance was captured on all GPUs");
		break;
	}
}
