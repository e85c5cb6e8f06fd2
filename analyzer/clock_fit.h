/* SPDX-License-Identifier: MIT */
/*
 * How far one clock is from another over time, fitted to points: a constant where that does, else
 * lines between knots (drift), with jumps where a clock was set. Robust: medians and Theil-Sen
 * slopes, in integers. Medians of an even count are the upper one.
 *
 * Memory: 16 bytes a point while fitting. Time: O(n log n).
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_CLOCK_FIT_H
#define ANALYZER_CLOCK_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line through fewer points, or a jump between fewer on each side, would be chance. */
enum { CLOCK_DRIFT_POINTS_MIN = 8, CLOCK_JUMP_POINTS = 8 };

#define CLOCK_KNOT_NS INT64_C(60000000000)	/* at least so far apart, where a clock drifts */
/* What a fitted line must gain over its span, or a jump must change, to be believed. */
#define CLOCK_DRIFT_MIN_NS INT64_C(10000)
#define CLOCK_JUMP_MIN_NS INT64_C(50000)

struct clock_point {
	int64_t time_ns;
	int64_t offset_ns;
};

struct clock_fit {
	int64_t offset_ns;	/* median of all points */
	int64_t spread_ns;	/* 1.48 x median absolute deviation from the fitted line */
	int64_t drift_ppb;	/* 0 where a constant does */
	size_t jump_count;
	struct clock_point *knots; /* by time; a jump is two of the same time; one: a constant */
	size_t knot_count;
};

/* Points by time, count > 0. False: memory is short. */
bool clock_fit_points(struct clock_fit *fit, const struct clock_point *points, size_t count);
/* Beyond the outer knots the lines go on. */
int64_t clock_fit_at(const struct clock_fit *fit, int64_t time_ns);
void clock_fit_move(struct clock_fit *fit, int64_t by_ns);
void clock_fit_end(struct clock_fit *fit);

/* Upper median; sorts `values`, count > 0. */
int64_t clock_median(int64_t *values, size_t count);

#endif
