/* SPDX-License-Identifier: MIT */
/*
 * Interval algebra over half-open [start, end) lists that are sorted, disjoint and merged where
 * they touch. Every result is again such a list. An empty interval adds nothing.
 *
 *     struct intervals busy = { 0 };
 *     intervals_add(&busy, 10, 20);            in order of start
 *     intervals_end(&busy);
 *
 * Functions that return bool fail only when memory is short; `out` must be empty or hold an old
 * result.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef ANALYZER_INTERVALS_H
#define ANALYZER_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	int64_t start_ns;
	int64_t end_ns;
};

struct intervals {
	struct interval *items;
	size_t count;
	size_t room;
};

/* Adds an interval that starts at or after the start of the last one. */
bool intervals_add(struct intervals *intervals, int64_t start_ns, int64_t end_ns);

void intervals_clear(struct intervals *intervals);	/* empty, memory kept */
void intervals_end(struct intervals *intervals);

bool intervals_union(struct intervals *out, const struct intervals *a, const struct intervals *b);
bool intervals_intersection(struct intervals *out, const struct intervals *a,
			    const struct intervals *b);
bool intervals_difference(struct intervals *out, const struct intervals *a,
			  const struct intervals *b);

/* What `busy` leaves free of [start, end). */
bool intervals_gaps(struct intervals *out, const struct intervals *busy, int64_t start_ns,
		    int64_t end_ns);

int64_t intervals_length(const struct intervals *intervals);
int64_t intervals_common_length(const struct intervals *a, const struct intervals *b);

#endif
