/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_match.h"

#include "analyzer/collective_by_order.h"
#include "analyzer/collective_class.h"
#include "analyzer/collective_clocks.h"
#include "analyzer/collective_draft.h"
#include "analyzer/collective_waits.h"
#include "analyzer/metric_clock.h"

#include <stdlib.h>
#include <string.h>

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
	if (!scope_lanes(matcher, at, &lane_count) || draft_group_begin(matcher, class) == NULL)
		return false;
	size_t group = matcher->match->group_count - 1;
	for (size_t first = 0, end; first < class->count; first = end) {
		for (end = first + 1; end < class->count; end++)
			if (entries[end].sequence != entries[first].sequence ||
			    entries[end].occurrence != entries[first].occurrence)
				break;
		if (end - first != lane_count || lane_count < 2)
			continue;
		if (!draft_instance_begin(matcher, entries[first].sequence))
			return false;
		for (size_t i = first; i < end; i++)
			if (!draft_member_add(matcher, &entries[i]))
				return false;
	}
	draft_group_end(&matcher->match->groups[group], lane_count, class->count);
	if (lane_count < 2)
		matcher->match->groups[group].reason = MATCH_ALONE;
	else if (matcher->match->groups[group].matched == 0)
		matcher->match->groups[group].reason = MATCH_ABSENT;
	return true;
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
		matcher_components_join(matcher, matcher->host_of[l], l);
		matcher_components_join(matcher, matcher->match->clocks[l].reference, l);
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
	bool is_last = left == 0;
	for (; ok && left > 0; left--) {
		size_t next = class_next(classes, done);
		done[next] = true;
		ok = class_match_by_order(matcher, &classes->classes[next]);
	}
	free(done);
	return ok && (is_last || clocks_find(matcher));
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
		} else if (lanes[l].is_repeated) {
			lanes[l].count = 0;
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
		text_add(text,
			 "ends differ, and there are too few to tell why: clocks or instances");
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
