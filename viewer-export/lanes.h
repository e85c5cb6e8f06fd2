/* SPDX-License-Identifier: MIT */
/*
 * Lanes: viewers refuse, hide or misdraw spans that overlap on one track. A lane set takes the
 * spans of many groups (streams, threads) in the order in which they will be written and tells for
 * each on which lane of its group it may lie. Nearly all lie on lane 0, so only the exceptions are
 * kept.
 *
 *     lane_set_begin(&set, LANE_APART);
 *     lane_set_add(&set, group, start, end) ...     20 bytes a span
 *     lane_set_solve(&set)                          4 to 8 bytes a span more while it runs
 *     lane_set_forget(&set)                         keeps the exceptions only
 *     while (...) place = lane_set_next(&set, &cursor);
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

struct lane_place {
	uint32_t lane;
	uint32_t depth;		/* spans of the lane around it */
	bool is_touching;	/* another span of the lane ends exactly where it starts */
	bool is_late;		/* starts with the span around it, which comes later: must wait */
};

struct lane_exception;

struct lane_set {
	enum lane_rule rule;
	int64_t *starts;
	int64_t *ends;
	uint32_t *groups;
	size_t count;
	size_t room;
	uint32_t *lane_counts;		/* per group; a group without spans has one lane */
	size_t group_count;
	size_t group_room;
	struct lane_exception *exceptions;	/* by span */
	size_t exception_count;
	size_t exception_room;
	size_t crowded_count;
};

struct lane_cursor {
	size_t span;
	size_t exception;
};

void lane_set_begin(struct lane_set *set, enum lane_rule rule);
void lane_set_end(struct lane_set *set);

/*
 * Groups are small dense numbers. A span with a flow is one that an arrow may lead to or from:
 * viewers look for it by time, so one of no length must not meet the end of another, nor another of
 * no length. False: memory is short, or there are 2^31 groups or 2^32 spans.
 */
bool lane_set_add(struct lane_set *set, uint32_t group, int64_t start, int64_t end, bool has_flow);

/* Makes sure that the group exists although it may hold no span. */
bool lane_set_touch_group(struct lane_set *set, uint32_t group);

/* After the last span. False: memory is short. */
bool lane_set_solve(struct lane_set *set);

/* Frees the spans; places and lane counts stay. */
void lane_set_forget(struct lane_set *set);

uint32_t lane_set_lane_count(const struct lane_set *set, uint32_t group);

/* Place of the next span; a cursor starts as { 0 }. */
struct lane_place lane_set_next(const struct lane_set *set, struct lane_cursor *cursor);

/* Group of a span; before they are forgotten. */
uint32_t lane_set_group(const struct lane_set *set, size_t span);

/* Place of any span, by search. */
struct lane_place lane_set_at(const struct lane_set *set, size_t span);

#endif
