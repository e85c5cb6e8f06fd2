/* SPDX-License-Identifier: MIT */
#include "viewer-export/lanes.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_LENGTH = 16 };	/* rows sorted by insertion before runs are merged */

/* In the number of a span's group: arrows may lead to or from it. */
static const uint32_t HAS_FLOW = UINT32_C(1) << 31;

/* A span's number: its series, and its number in the series. */
enum { SERIES_SHIFT = 30 };
static const uint32_t SPAN_MASK = (UINT32_C(1) << SERIES_SHIFT) - 1;

/* What a place has beyond lane 0. */
struct lane_exception {
	uint32_t span;
	uint16_t lane;
	uint16_t depth;
	uint8_t is_late;
};

struct lane_span {
	int64_t start;
	int64_t end;
	uint32_t group;
	uint32_t span;
};

/* A span that is still open on a lane. */
struct open_span {
	int64_t start;
	int64_t end;
	uint32_t span;
	bool is_late;
	bool is_empty;
};

/* A lane during the sweep over one group. APART opens nothing. */
struct lane {
	int64_t last_end;	/* greatest end of the spans that are over */
	int64_t empty_at;	/* where its last span of no length stands */
	bool is_used;		/* last_end is one */
	uint32_t last_span;	/* of those that have a length and end there, the last to come */
	bool last_is_late;
	bool has_empty;
	bool empty_has_flow;
	struct open_span *open;
	size_t open_count;
	size_t open_room;
};

/* A group and how far the sweep over its spans has come. */
struct lane_group {
	struct lane *lanes;
	size_t lane_count;
	size_t lane_room;
	bool has_last;
	struct lane_span last;		/* the last that got a place */
};

void lane_set_begin(struct lane_set *set, enum lane_rule rule)
{
	*set = (struct lane_set){ .rule = rule, .window_limit = SIZE_MAX };
}

void lane_set_bound(struct lane_set *set, size_t window)
{
	set->window_limit = window;
}

/* What only the sweep needs; the number of lanes stays. */
static void group_end(struct lane_group *group)
{
	for (size_t i = 0; group->lanes != NULL && i < group->lane_count; i++)
		free(group->lanes[i].open);
	free(group->lanes);
	group->lanes = NULL;
	group->lane_room = 0;
}

static void window_end(struct lane_set *set)
{
	for (size_t i = 0; i < set->group_count; i++)
		group_end(&set->groups[i]);
	free(set->window);
	set->window = NULL;
	set->window_count = set->window_room = 0;
}

void lane_set_end(struct lane_set *set)
{
	window_end(set);
	free(set->groups);
	for (size_t i = 0; i < LANE_SERIES_MAX; i++) {
		free(set->places[i].touching);
		free(set->places[i].exceptions);
	}
	lane_set_begin(set, set->rule);
}

bool lane_set_touch_group(struct lane_set *set, uint32_t group)
{
	while (set->group_count <= group) {
		struct lane_group *groups = array_grow(set->groups, &set->group_room,
						       set->group_count, sizeof groups[0]);
		if (groups == NULL)
			return false;
		set->groups = groups;
		groups[set->group_count++] = (struct lane_group){ .lane_count = 0 };
	}
	return true;
}

static bool touching_reserve(struct lane_places *places)
{
	size_t needed = places->count / 8 + 1;
	if (needed <= places->touching_bytes)
		return true;
	size_t room = needed + needed / 4 + 4096;
	uint8_t *touching = realloc(places->touching, room);
	if (touching == NULL)
		return false;
	memset(touching + places->touching_bytes, 0, room - places->touching_bytes);
	places->touching = touching;
	places->touching_bytes = room;
	return true;
}

/*
 * Of equal starts those of no length come first: they block nothing and hold nothing. Then APART
 * the shorter, NESTED the longer, which holds the others.
 */
static bool is_before(enum lane_rule rule, const struct lane_span *a, const struct lane_span *b)
{
	if (a->start != b->start)
		return a->start < b->start;
	if (a->end == b->end)
		return a->span < b->span;
	if (rule == LANE_APART || a->end == a->start || b->end == b->start)
		return a->end < b->end;
	return a->end > b->end;
}

static void insertion_sort(enum lane_rule rule, struct lane_span *spans, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct lane_span moving = spans[i];
		size_t at = i;
		for (; at > 0 && is_before(rule, &moving, &spans[at - 1]); at--)
			spans[at] = spans[at - 1];
		spans[at] = moving;
	}
}

static void merge(enum lane_rule rule, struct lane_span *spans, size_t middle, size_t count,
		  struct lane_span *scratch)
{
	if (!is_before(rule, &spans[middle], &spans[middle - 1]))
		return;
	memcpy(scratch, spans, middle * sizeof spans[0]);
	size_t left = 0, right = middle, to = 0;
	while (left < middle && right < count)
		spans[to++] = is_before(rule, &spans[right], &scratch[left]) ? spans[right++] :
									       scratch[left++];
	while (left < middle)
		spans[to++] = scratch[left++];
}

static bool spans_are_sorted(enum lane_rule rule, const struct lane_span *spans, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (is_before(rule, &spans[i], &spans[i - 1]))
			return false;
	return true;
}

/* Records come nearly sorted: sorted stretches cost one comparison each. */
static void spans_sort(enum lane_rule rule, struct lane_span *spans, size_t count,
		       struct lane_span *scratch)
{
	if (spans_are_sorted(rule, spans, count))
		return;
	for (size_t at = 0; at < count; at += RUN_LENGTH)
		insertion_sort(rule, spans + at,
			       count - at < RUN_LENGTH ? count - at : RUN_LENGTH);
	for (size_t width = RUN_LENGTH; width < count; width *= 2)
		for (size_t at = 0; at + width < count; at += 2 * width) {
			size_t rest = count - at;
			merge(rule, spans + at, width, rest < 2 * width ? rest : 2 * width,
			      scratch);
		}
}

static bool place_keep(struct lane_set *set, uint32_t span, const struct lane_place *place)
{
	struct lane_places *places = &set->places[span >> SERIES_SHIFT];
	span &= SPAN_MASK;
	if (place->is_touching)
		places->touching[span / 8] |= (uint8_t)(1u << span % 8);
	if (place->lane == 0 && !place->is_late)
		return true;
	struct lane_exception *exceptions = array_grow(places->exceptions, &places->exception_room,
						       places->exception_count,
						       sizeof exceptions[0]);
	if (exceptions == NULL)
		return false;
	places->exceptions = exceptions;
	exceptions[places->exception_count++] = (struct lane_exception){
		.span = span,
		.lane = (uint16_t)place->lane,
		.depth = (uint16_t)(place->depth < UINT16_MAX ? place->depth : UINT16_MAX),
		.is_late = place->is_late,
	};
	return true;
}

static void lane_close(struct lane *lane, const struct open_span *over)
{
	if (!lane->is_used || over->end > lane->last_end) {
		lane->last_end = over->end;
		lane->last_span = 0;
		lane->last_is_late = false;
	}
	if (over->end == lane->last_end && !over->is_empty) {
		lane->last_span = over->span > lane->last_span ? over->span : lane->last_span;
		lane->last_is_late |= over->is_late;
	}
	lane->is_used = true;
}

/* Closes what is over at `start`. */
static void lane_advance(struct lane *lane, int64_t start)
{
	while (lane->open_count > 0 && lane->open[lane->open_count - 1].end <= start)
		lane_close(lane, &lane->open[--lane->open_count]);
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

static bool lane_takes(struct lane *lane, enum lane_rule rule, const struct lane_span *span)
{
	lane_advance(lane, span->start);
	if (span->start == span->end &&
	    !lane_takes_empty(lane, rule, span->start, (span->group & HAS_FLOW) != 0))
		return false;
	if (rule == LANE_APART)
		return !lane->is_used || lane->last_end <= span->start;
	return lane->open_count == 0 || lane->open[lane->open_count - 1].end >= span->end;
}

static bool lane_put(struct lane *lane, enum lane_rule rule, const struct lane_span *span,
		     struct lane_place *place)
{
	int64_t start = span->start, end = span->end;
	place->is_touching = lane->is_used && lane->last_end == start && start != end;
	if (start == end) {
		lane->has_empty = true;
		lane->empty_at = start;
		lane->empty_has_flow = (span->group & HAS_FLOW) != 0;
	}
	/* GPU work comes from several tables: for it nothing is promised, and nothing waits. */
	place->is_late = place->is_touching &&
			 (rule == LANE_NESTED || (span->group & HAS_FLOW) == 0) &&
			 (lane->last_is_late || lane->last_span > span->span);
	struct open_span opened = { start, end, span->span, place->is_late, start == end };
	if (rule == LANE_APART) {
		lane_close(lane, &opened);
		return true;
	}
	place->depth = (uint32_t)lane->open_count;
	if (lane->open_count > 0) {
		const struct open_span *around = &lane->open[lane->open_count - 1];
		place->is_late |= around->start == start &&
				  (around->is_late || around->span > span->span);
		opened.is_late = place->is_late;
	}
	struct open_span *open = array_grow(lane->open, &lane->open_room, lane->open_count,
					    sizeof open[0]);
	if (open == NULL)
		return false;
	lane->open = open;
	lane->open[lane->open_count++] = opened;
	return true;
}

static bool span_sweep(struct lane_set *set, struct lane_group *group,
		       const struct lane_span *span)
{
	size_t at = 0;
	while (at < group->lane_count && !lane_takes(&group->lanes[at], set->rule, span))
		at++;
	if (at == group->lane_count && at == LANES_MAX) {
		set->crowded_count++;
		at--;
	}
	if (at == group->lane_count) {
		struct lane *lanes =
			array_grow(group->lanes, &group->lane_room, at, sizeof lanes[0]);
		if (lanes == NULL)
			return false;
		group->lanes = lanes;
		lanes[group->lane_count++] = (struct lane){ .is_used = false };
	}
	struct lane_place place = { .lane = (uint32_t)at };
	return lane_put(&group->lanes[at], set->rule, span, &place) &&
	       place_keep(set, span->span, &place);
}

/* Spans of one group, sorted; they follow those that had their places before. */
static bool group_sweep(struct lane_set *set, struct lane_group *group,
			const struct lane_span *spans, size_t count)
{
	if (group->has_last && is_before(set->rule, &spans[0], &group->last)) {
		set->is_disordered = true;
		return true;
	}
	for (size_t i = 0; i < count; i++)
		if (!span_sweep(set, group, &spans[i]))
			return false;
	group->has_last = true;
	group->last = spans[count - 1];
	return true;
}

/* Moves what starts before `cut` out of the window, group by group; `ends`: where each ends. */
static size_t window_split(struct lane_set *set, bool is_all, int64_t cut, struct lane_span *out,
			   size_t *ends)
{
	size_t begin = 0, kept = 0;
	for (size_t i = 0; i < set->window_count; i++)
		if (is_all || set->window[i].start < cut)
			ends[set->window[i].group & ~HAS_FLOW]++;
	for (size_t i = 0; i < set->group_count; i++) {
		size_t count = ends[i];
		ends[i] = begin;
		begin += count;
	}
	for (size_t i = 0; i < set->window_count; i++) {
		const struct lane_span span = set->window[i];
		if (is_all || span.start < cut)
			out[ends[span.group & ~HAS_FLOW]++] = span;
		else
			set->window[kept++] = span;
	}
	set->window_count = kept;
	return begin;
}

/*
 * Places what starts before the middle of the window, or all of it. A later span that starts even
 * earlier makes the set disordered.
 */
static bool window_release(struct lane_set *set, bool is_all)
{
	bool ok = false;
	size_t begin = 0, *ends = calloc(set->group_count + 1, sizeof ends[0]);
	struct lane_span *spans = malloc((set->window_count + 1) * sizeof spans[0]);
	struct lane_span *scratch = NULL;
	if (ends == NULL || spans == NULL)
		goto out;
	int64_t cut = set->window[set->window_count / 2].start;
	size_t count = window_split(set, is_all, cut, spans, ends);
	scratch = malloc((count + 1) * sizeof scratch[0]);
	if (scratch == NULL)
		goto out;
	for (size_t i = 0; i < set->group_count && !set->is_disordered; i++) {
		size_t mine = ends[i] - begin;
		spans_sort(set->rule, spans + begin, mine, scratch);
		if (mine > 0 && !group_sweep(set, &set->groups[i], spans + begin, mine))
			goto out;
		begin = ends[i];
	}
	ok = true;
out:
	free(ends);
	free(spans);
	free(scratch);
	return ok;
}

bool lane_set_add(struct lane_set *set, uint32_t group, int64_t start, int64_t end, bool has_flow)
{
	struct lane_places *places = &set->places[set->series];
	if (places->count > SPAN_MASK || group >= HAS_FLOW)
		return false;
	if (set->is_disordered)
		return true;
	if ((group >= set->group_count && !lane_set_touch_group(set, group)) ||
	    !touching_reserve(places))
		return false;
	if (set->window_count >= set->window_limit && !window_release(set, false))
		return false;
	struct lane_span *window = array_grow(set->window, &set->window_room, set->window_count,
					      sizeof window[0]);
	if (window == NULL)
		return false;
	set->window = window;
	window[set->window_count++] = (struct lane_span){
		.start = start,
		.end = end < start ? start : end,
		.group = group | (has_flow ? HAS_FLOW : 0),
		.span = set->series << SERIES_SHIFT | (uint32_t)places->count++,
	};
	return true;
}

static int exception_compare(const void *left, const void *right)
{
	uint32_t a = ((const struct lane_exception *)left)->span;
	uint32_t b = ((const struct lane_exception *)right)->span;
	return (a > b) - (a < b);
}

bool lane_set_solve(struct lane_set *set)
{
	if (set->window_count > 0 && !set->is_disordered && !window_release(set, true))
		return false;
	window_end(set);
	for (size_t i = 0; i < LANE_SERIES_MAX; i++) {
		struct lane_places *places = &set->places[i];
		if (places->exception_count > 1)
			qsort(places->exceptions, places->exception_count,
			      sizeof places->exceptions[0], exception_compare);
	}
	return true;
}

uint32_t lane_set_lane_count(const struct lane_set *set, uint32_t group)
{
	bool is_many = group < set->group_count && set->groups[group].lane_count > 1;
	return is_many ? (uint32_t)set->groups[group].lane_count : 1;
}

static struct lane_place place_make(const struct lane_places *places, size_t span,
				    const struct lane_exception *exception)
{
	struct lane_place place = {
		.is_touching = (places->touching[span / 8] >> span % 8 & 1) != 0,
	};
	if (exception != NULL) {
		place.lane = exception->lane;
		place.depth = exception->depth;
		place.is_late = exception->is_late != 0;
	}
	return place;
}

struct lane_place lane_set_next(const struct lane_set *set, struct lane_cursor *cursor)
{
	const struct lane_places *places = &set->places[cursor->series];
	const struct lane_exception *exception = NULL;
	size_t span = cursor->span++;
	if (cursor->exception < places->exception_count &&
	    places->exceptions[cursor->exception].span == span)
		exception = &places->exceptions[cursor->exception++];
	return place_make(places, span, exception);
}

struct lane_place lane_set_at(const struct lane_set *set, size_t span)
{
	const struct lane_places *places = &set->places[0];
	size_t low = 0, high = places->exception_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (places->exceptions[middle].span < span)
			low = middle + 1;
		else
			high = middle;
	}
	bool has_it = low < places->exception_count && places->exceptions[low].span == span;
	return place_make(places, span, has_it ? &places->exceptions[low] : NULL);
}
