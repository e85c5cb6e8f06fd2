/* SPDX-License-Identifier: MIT */
/*
 * Lanes: viewers refuse, hide or misdraw spans that overlap on one track. A lane set takes the
 * spans of many groups (streams, threads) and tells for each on which lane of its group it may lie.
 * Spans come in up to LANE_SERIES_MAX series, each in the order in which it will be written, and
 * all together nearly in the order of time. Nearly all lie on lane 0, so only the exceptions are
 * kept.
 *
 *     lane_set_begin(&set, LANE_APART);
 *     lane_set_bound(&set, LANE_WINDOW);           24 bytes for each of the last LANE_WINDOW spans
 *     lane_set_add(&set, group, start, end) ...
 *     lane_set_solve(&set)
 *     while (...) place = lane_set_next(&set, &cursor);
 *
 * What stays is a bit a span and 12 bytes an exception. Without lane_set_bound the window is as
 * long as needed (24 bytes a span, 72 while they are sorted), and the order does not matter.
 *
 * Pure: no input, no output. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_LANES_H
#define VIEWER_EXPORT_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lane_rule {
	LANE_APART,  /* spans of a lane may touch, never overlap: what a GPU stream does */
	LANE_NESTED, /* a span may also lie wholly inside another: what the calls of a thread do */
};

/* Beyond this many lanes in a group, spans share the last one and are counted as crowded. */
enum { LANES_MAX = 4096 };

/* Windows: what records of one thread need and a core's cache holds; what many threads need. */
enum { LANE_SERIES_MAX = 4, LANE_WINDOW = 1 << 14, LANE_WINDOW_LONG = 1 << 17 };

struct lane_place {
	uint32_t lane;
	uint32_t depth;		/* spans of the lane around it */
	bool is_touching;	/* another span of the lane ends exactly where it starts */
	bool is_late;		/* starts with the span around it, or where another ends, and that
				   comes later: must wait */
};

struct lane_exception;
struct lane_group;
struct lane_span;

/* Of the spans of one series, by their number in it. */
struct lane_places {
	uint8_t *touching;		/* a bit each */
	size_t touching_bytes;
	size_t count;
	struct lane_exception *exceptions;
	size_t exception_count;
	size_t exception_room;
};

struct lane_set {
	enum lane_rule rule;
	size_t window_limit;		/* SIZE_MAX: none */
	bool is_disordered;		/* bounded, and a span came too late: places are wrong */
	uint32_t series;		/* of the next spans */
	struct lane_span *window;	/* spans without a place yet */
	size_t window_count;
	size_t window_room;
	struct lane_group *groups;
	size_t group_count;
	size_t group_room;
	struct lane_places places[LANE_SERIES_MAX];
	size_t crowded_count;
};

/* { 0 }, and the series. */
struct lane_cursor {
	uint32_t series;
	size_t span;
	size_t exception;
};

void lane_set_begin(struct lane_set *set, enum lane_rule rule);
void lane_set_end(struct lane_set *set);

/* Before the first span: no more than so many wait for a place. Too few, and it is disordered. */
void lane_set_bound(struct lane_set *set, size_t window);

/*
 * Groups are small dense numbers. A span with a flow is one that an arrow may lead to or from:
 * viewers look for it by time, so one of no length must not meet the end of another, nor another of
 * no length. False: memory is short, or there are 2^31 groups, or 2^30 spans in a series.
 */
bool lane_set_add(struct lane_set *set, uint32_t group, int64_t start, int64_t end, bool has_flow);

/* Makes sure that the group exists although it may hold no span. */
bool lane_set_touch_group(struct lane_set *set, uint32_t group);

/* After the last span. False: memory is short. */
bool lane_set_solve(struct lane_set *set);

uint32_t lane_set_lane_count(const struct lane_set *set, uint32_t group);

/* Place of the next span of the cursor's series. */
struct lane_place lane_set_next(const struct lane_set *set, struct lane_cursor *cursor);

/* Place of any span of the first series, by search. */
struct lane_place lane_set_at(const struct lane_set *set, size_t span);

#endif
