/* SPDX-License-Identifier: MIT */
#include "viewer-export/lanes.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_LENGTH = 16 };	/* rows sorted by insertion before runs are merged */

/* In the number of a span's group: arrows may lead to or from it. */
static const uint32_t HAS_FLOW = UINT32_C(1) << 31;

/* What a place has beyond lane 0, untouched. */
struct lane_exception {
	uint32_t span;
	uint16_t lane;
	uint16_t depth;
	uint8_t is_touching;
	uint8_t is_late;
};

/* A span that is still open on a lane. */
struct open_span {
	int64_t end;
	uint32_t span;
	bool is_late;
};

/* A lane during the sweep over one group. APART opens nothing. */
struct lane {
	int64_t last_end;	/* greatest end of the spans that are over */
	int64_t empty_at;	/* where its last span of no length stands */
	bool is_used;		/* last_end is one */
	bool has_empty;
	bool empty_has_flow;
	struct open_span *open;
	size_t open_count;
	size_t open_room;
};

struct sweep {
	struct lane_set *set;
	struct lane *lanes;
	size_t lane_count;
	size_t lane_room;
};

void lane_set_begin(struct lane_set *set, enum lane_rule rule)
{
	*set = (struct lane_set){ .rule = rule };
}

void lane_set_forget(struct lane_set *set)
{
	free(set->starts);
	free(set->ends);
	free(set->groups);
	set->starts = NULL;
	set->ends = NULL;
	set->groups = NULL;
	set->room = 0;
}

void lane_set_end(struct lane_set *set)
{
	lane_set_forget(set);
	free(set->lane_counts);
	free(set->exceptions);
	*set = (struct lane_set){ .rule = set->rule };
}

uint32_t lane_set_group(const struct lane_set *set, size_t span)
{
	return set->groups[span] & ~HAS_FLOW;
}

bool lane_set_touch_group(struct lane_set *set, uint32_t group)
{
	while (set->group_count <= group) {
		uint32_t *counts = array_grow(set->lane_counts, &set->group_room, set->group_count,
					      sizeof counts[0]);
		if (counts == NULL)
			return false;
		set->lane_counts = counts;
		set->lane_counts[set->group_count++] = 1;
	}
	return true;
}

static bool spans_grow(struct lane_set *set)
{
	size_t room = set->room;
	int64_t *starts = array_grow(set->starts, &room, set->count, sizeof starts[0]);
	if (starts == NULL)
		return false;
	set->starts = starts;
	room = set->room;
	int64_t *ends = array_grow(set->ends, &room, set->count, sizeof ends[0]);
	if (ends == NULL)
		return false;
	set->ends = ends;
	room = set->room;
	uint32_t *groups = array_grow(set->groups, &room, set->count, sizeof groups[0]);
	if (groups == NULL)
		return false;
	set->groups = groups;
	set->room = room;
	return true;
}

bool lane_set_add(struct lane_set *set, uint32_t group, int64_t start, int64_t end, bool has_flow)
{
	if (set->count >= UINT32_MAX || group >= HAS_FLOW)
		return false;
	if (group >= set->group_count && !lane_set_touch_group(set, group))
		return false;
	if (set->count == set->room && !spans_grow(set))
		return false;
	set->starts[set->count] = start;
	set->ends[set->count] = end < start ? start : end;
	set->groups[set->count] = group | (has_flow ? HAS_FLOW : 0);
	set->count++;
	return true;
}

/*
 * Of equal starts those of no length come first: they block nothing and hold nothing. Then APART
 * the shorter, NESTED the longer, which holds the others.
 */
static bool is_before(const struct lane_set *set, uint32_t a, uint32_t b)
{
	if (set->starts[a] != set->starts[b])
		return set->starts[a] < set->starts[b];
	if (set->ends[a] == set->ends[b])
		return a < b;
	if (set->rule == LANE_APART || set->ends[a] == set->starts[a] ||
	    set->ends[b] == set->starts[b])
		return set->ends[a] < set->ends[b];
	return set->ends[a] > set->ends[b];
}

static void insertion_sort(const struct lane_set *set, uint32_t *spans, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t moving = spans[i];
		size_t at = i;
		for (; at > 0 && is_before(set, moving, spans[at - 1]); at--)
			spans[at] = spans[at - 1];
		spans[at] = moving;
	}
}

static void merge(const struct lane_set *set, uint32_t *spans, size_t middle, size_t count,
		  uint32_t *scratch)
{
	if (!is_before(set, spans[middle], spans[middle - 1]))
		return;
	memcpy(scratch, spans, middle * sizeof spans[0]);
	size_t left = 0, right = middle, to = 0;
	while (left < middle && right < count)
		spans[to++] = is_before(set, spans[right], scratch[left]) ? spans[right++] :
									    scratch[left++];
	while (left < middle)
		spans[to++] = scratch[left++];
}

static bool spans_are_sorted(const struct lane_set *set, const uint32_t *spans, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (is_before(set, spans[i], spans[i - 1]))
			return false;
	return true;
}

/* Records come nearly sorted: sorted stretches cost one comparison each. False: memory is short. */
static bool spans_sort(const struct lane_set *set, uint32_t *spans, size_t count)
{
	if (spans_are_sorted(set, spans, count))
		return true;
	uint32_t *scratch = malloc(count * sizeof scratch[0]);
	if (scratch == NULL)
		return false;
	for (size_t at = 0; at < count; at += RUN_LENGTH)
		insertion_sort(set, spans + at, count - at < RUN_LENGTH ? count - at : RUN_LENGTH);
	for (size_t width = RUN_LENGTH; width < count; width *= 2)
		for (size_t at = 0; at + width < count; at += 2 * width) {
			size_t rest = count - at;
			merge(set, spans + at, width, rest < 2 * width ? rest : 2 * width, scratch);
		}
	free(scratch);
	return true;
}

static bool exception_add(struct lane_set *set, uint32_t span, const struct lane_place *place)
{
	if (place->lane == 0 && !place->is_touching && !place->is_late)
		return true;
	struct lane_exception *exceptions = array_grow(set->exceptions, &set->exception_room,
						       set->exception_count, sizeof exceptions[0]);
	if (exceptions == NULL)
		return false;
	set->exceptions = exceptions;
	set->exceptions[set->exception_count++] = (struct lane_exception){
		.span = span,
		.lane = (uint16_t)place->lane,
		.depth = (uint16_t)(place->depth < UINT16_MAX ? place->depth : UINT16_MAX),
		.is_touching = place->is_touching,
		.is_late = place->is_late,
	};
	return true;
}

/* Closes what is over at `start`. */
static void lane_advance(struct lane *lane, int64_t start)
{
	while (lane->open_count > 0 && lane->open[lane->open_count - 1].end <= start) {
		int64_t over = lane->open[--lane->open_count].end;
		if (!lane->is_used || over > lane->last_end)
			lane->last_end = over;
		lane->is_used = true;
	}
}

/*
 * May a span of no length stand here? Two at one instant, or one at an end, cannot be told apart by
 * time.
 */
static bool lane_takes_empty(const struct lane *lane, enum lane_rule rule, int64_t at,
			     bool has_flow)
{
	if (lane->has_empty && lane->empty_at == at &&
	    (rule == LANE_APART || has_flow || lane->empty_has_flow))
		return false;
	return !has_flow || !lane->is_used || lane->last_end != at;
}

static bool lane_takes(struct lane *lane, const struct lane_set *set, uint32_t span)
{
	int64_t start = set->starts[span], end = set->ends[span];
	bool has_flow = (set->groups[span] & HAS_FLOW) != 0;
	lane_advance(lane, start);
	if (start == end && !lane_takes_empty(lane, set->rule, start, has_flow))
		return false;
	if (set->rule == LANE_APART)
		return !lane->is_used || lane->last_end <= start;
	return lane->open_count == 0 || lane->open[lane->open_count - 1].end >= end;
}

static bool lane_put(struct sweep *sweep, struct lane *lane, uint32_t span,
		     struct lane_place *place)
{
	const struct lane_set *set = sweep->set;
	int64_t start = set->starts[span], end = set->ends[span];
	place->is_touching = lane->is_used && lane->last_end == start && start != end;
	if (start == end) {
		lane->has_empty = true;
		lane->empty_at = start;
		lane->empty_has_flow = (set->groups[span] & HAS_FLOW) != 0;
	}
	if (set->rule == LANE_APART) {
		lane->last_end = lane->is_used && lane->last_end > end ? lane->last_end : end;
		lane->is_used = true;
		return true;
	}
	place->depth = (uint32_t)lane->open_count;
	if (lane->open_count > 0) {
		const struct open_span *around = &lane->open[lane->open_count - 1];
		place->is_late = set->starts[around->span] == start &&
				 (around->is_late || around->span > span);
	}
	struct open_span *open = array_grow(lane->open, &lane->open_room, lane->open_count,
					    sizeof open[0]);
	if (open == NULL)
		return false;
	lane->open = open;
	lane->open[lane->open_count++] = (struct open_span){ end, span, place->is_late };
	return true;
}

static bool sweep_span(struct sweep *sweep, uint32_t span)
{
	struct lane_set *set = sweep->set;
	size_t at = 0;
	while (at < sweep->lane_count && !lane_takes(&sweep->lanes[at], set, span))
		at++;
	if (at == sweep->lane_count && at == LANES_MAX) {
		set->crowded_count++;
		at--;
	}
	if (at == sweep->lane_count) {
		struct lane *lanes =
			array_grow(sweep->lanes, &sweep->lane_room, at, sizeof lanes[0]);
		if (lanes == NULL)
			return false;
		sweep->lanes = lanes;
		sweep->lanes[sweep->lane_count++] = (struct lane){ .is_used = false };
	}
	struct lane_place place = { .lane = (uint32_t)at };
	return lane_put(sweep, &sweep->lanes[at], span, &place) && exception_add(set, span, &place);
}

static void sweep_end(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->lane_count; i++)
		free(sweep->lanes[i].open);
	free(sweep->lanes);
	*sweep = (struct sweep){ .set = sweep->set };
}

static bool group_solve(struct lane_set *set, uint32_t group, const uint32_t *spans, size_t count)
{
	struct sweep sweep = { .set = set };
	bool ok = true;
	for (size_t i = 0; ok && i < count; i++)
		ok = sweep_span(&sweep, spans[i]);
	if (sweep.lane_count > 1)
		set->lane_counts[group] = (uint32_t)sweep.lane_count;
	sweep_end(&sweep);
	return ok;
}

static int exception_compare(const void *left, const void *right)
{
	uint32_t a = ((const struct lane_exception *)left)->span;
	uint32_t b = ((const struct lane_exception *)right)->span;
	return (a > b) - (a < b);
}

/* Spans by group, within a group as they came. `ends` gets where each group ends. */
static void spans_by_group(const struct lane_set *set, uint32_t *spans, size_t *group_ends)
{
	for (size_t i = 0; i < set->count; i++)
		group_ends[set->groups[i] & ~HAS_FLOW]++;
	size_t begin = 0;
	for (size_t i = 0; i < set->group_count; i++) {
		size_t count = group_ends[i];
		group_ends[i] = begin;
		begin += count;
	}
	for (size_t i = 0; i < set->count; i++)
		spans[group_ends[set->groups[i] & ~HAS_FLOW]++] = (uint32_t)i;
}

bool lane_set_solve(struct lane_set *set)
{
	bool ok = false;
	uint32_t *spans = NULL;
	size_t *group_ends = NULL;
	if (set->count == 0)
		return true;
	spans = malloc(set->count * sizeof spans[0]);
	group_ends = calloc(set->group_count, sizeof group_ends[0]);
	if (spans == NULL || group_ends == NULL)
		goto out;
	spans_by_group(set, spans, group_ends);
	size_t begin = 0;
	for (size_t i = 0; i < set->group_count; i++) {
		size_t count = group_ends[i] - begin;
		if (!spans_sort(set, spans + begin, count) ||
		    !group_solve(set, (uint32_t)i, spans + begin, count))
			goto out;
		begin = group_ends[i];
	}
	if (set->exception_count > 1)
		qsort(set->exceptions, set->exception_count, sizeof set->exceptions[0],
		      exception_compare);
	ok = true;
out:
	free(spans);
	free(group_ends);
	return ok;
}

uint32_t lane_set_lane_count(const struct lane_set *set, uint32_t group)
{
	return group < set->group_count ? set->lane_counts[group] : 1;
}

static struct lane_place exception_place(const struct lane_exception *exception)
{
	return (struct lane_place){
		.lane = exception->lane,
		.depth = exception->depth,
		.is_touching = exception->is_touching != 0,
		.is_late = exception->is_late != 0,
	};
}

struct lane_place lane_set_next(const struct lane_set *set, struct lane_cursor *cursor)
{
	size_t span = cursor->span++;
	if (cursor->exception < set->exception_count &&
	    set->exceptions[cursor->exception].span == span)
		return exception_place(&set->exceptions[cursor->exception++]);
	return (struct lane_place){ .lane = 0 };
}

struct lane_place lane_set_at(const struct lane_set *set, size_t span)
{
	size_t low = 0, high = set->exception_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->exceptions[middle].span < span)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < set->exception_count && set->exceptions[low].span == span)
		return exception_place(&set->exceptions[low]);
	return (struct lane_place){ .lane = 0 };
}
