/* SPDX-License-Identifier: MIT */
#include "analyzer/clock_fit.h"

#include "base/array.h"

#include <stdlib.h>

__extension__ typedef __int128 wide;

enum { SLOPE_POINTS_MAX = 128 };	/* all pairs of them are tried */

#define PPB 1000000000
/* Lines that go on beyond their knots end here. */
#define REACH_NS (INT64_C(1) << 59)

static int value_compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

int64_t clock_median(int64_t *values, size_t count)
{
	qsort(values, count, sizeof values[0], value_compare);
	return values[count / 2];
}

static int64_t line_at(int64_t offset_ns, int64_t drift_ppb, int64_t time_ns)
{
	return offset_ns + (int64_t)((wide)drift_ppb * time_ns / PPB);
}

static int64_t slope_between(const struct clock_point *a, const struct clock_point *b)
{
	wide slope = ((wide)b->offset_ns - a->offset_ns) * PPB / (b->time_ns - a->time_ns);
	/* Clocks that are a hundredth too fast are none. */
	const int64_t limit = PPB / 100;
	return slope > limit ? limit : slope < -limit ? -limit : (int64_t)slope;
}

/* Theil-Sen over evenly chosen points. `scratch` holds SLOPE_POINTS_MAX squared halves. */
static int64_t slope_of(const struct clock_point *points, size_t count, int64_t *scratch)
{
	size_t chosen = count < SLOPE_POINTS_MAX ? count : SLOPE_POINTS_MAX, found = 0;
	if (count < CLOCK_DRIFT_POINTS_MIN)
		return 0;
	for (size_t i = 0; i < chosen; i++)
		for (size_t j = i + 1; j < chosen; j++) {
			const struct clock_point *a = &points[i * (count - 1) / (chosen - 1)];
			const struct clock_point *b = &points[j * (count - 1) / (chosen - 1)];
			if (b->time_ns > a->time_ns)
				scratch[found++] = slope_between(a, b);
		}
	return found == 0 ? 0 : clock_median(scratch, found);
}

struct fitting {
	const struct clock_point *points;
	size_t count;
	int64_t *values;	/* room for a number a point */
	int64_t *slopes;
	int64_t noise_ns;	/* of one point, from neighbours: neither drift nor jumps count */
	int64_t drift_ppb;	/* over everything */
	int64_t local_ppb;	/* from neighbours, which jumps do not count in */
	struct clock_fit *fit;
	size_t knot_room;
};

static bool knot_keep(struct fitting *fitting, int64_t time_ns, int64_t offset_ns)
{
	struct clock_fit *fit = fitting->fit;
	struct clock_point *knots = array_grow(fit->knots, &fitting->knot_room, fit->knot_count,
					       sizeof knots[0]);
	if (knots == NULL)
		return false;
	fit->knots = knots;
	knots[fit->knot_count++] = (struct clock_point){ time_ns, offset_ns };
	return true;
}

/* Median of the points [from, to), led along the slope to `time_ns`. */
static int64_t level_at(const struct fitting *fitting, size_t from, size_t to, int64_t drift_ppb,
			int64_t time_ns)
{
	for (size_t i = from; i < to; i++)
		fitting->values[i - from] = fitting->points[i].offset_ns +
			line_at(0, drift_ppb, time_ns - fitting->points[i].time_ns);
	return clock_median(fitting->values, to - from);
}

static int64_t noise_of(const struct fitting *fitting)
{
	if (fitting->count < 2)
		return 0;
	for (size_t i = 1; i < fitting->count; i++)
		fitting->values[i - 1] = llabs(fitting->points[i].offset_ns -
					       fitting->points[i - 1].offset_ns);
	return clock_median(fitting->values, fitting->count - 1);
}

static int64_t local_slope(const struct fitting *fitting)
{
	size_t found = 0;
	for (size_t i = 1; i < fitting->count; i++)
		if (fitting->points[i].time_ns > fitting->points[i - 1].time_ns)
			fitting->values[found++] = slope_between(&fitting->points[i - 1],
								 &fitting->points[i]);
	return found == 0 ? 0 : clock_median(fitting->values, found);
}

static size_t segment_points(const struct fitting *fitting, size_t from, int64_t length_ns)
{
	size_t at = from;
	while (at < fitting->count &&
	       fitting->points[at].time_ns - fitting->points[from].time_ns < length_ns)
		at++;
	return at - from;
}

/* Knots of one stretch without jumps; a constant's are its ends. */
static bool stretch_fit(struct fitting *fitting, size_t from, size_t to)
{
	const struct clock_point *points = fitting->points;
	int64_t first_ns = points[from].time_ns, span_ns = points[to - 1].time_ns - first_ns;
	int64_t drift_ppb = slope_of(points + from, to - from, fitting->slopes);
	int64_t gain_ns = llabs(line_at(0, drift_ppb, span_ns));
	if (gain_ns < CLOCK_DRIFT_MIN_NS || gain_ns < 3 * fitting->noise_ns) {
		int64_t level_ns = level_at(fitting, from, to, 0, first_ns);
		return knot_keep(fitting, first_ns, level_ns) &&
		       knot_keep(fitting, points[to - 1].time_ns, level_ns);
	}
	int64_t pieces = span_ns / CLOCK_KNOT_NS < 2 ? 2 : span_ns / CLOCK_KNOT_NS;
	int64_t piece_ns = span_ns / pieces + 1;
	for (size_t at = from; at < to;) {
		size_t count = segment_points(fitting, at, piece_ns);
		if (count > to - at)
			count = to - at;
		/* Too few for a median of their own: one with their neighbours. */
		size_t begin = count < CLOCK_DRIFT_POINTS_MIN ? from : at;
		size_t end = count < CLOCK_DRIFT_POINTS_MIN ? to : at + count;
		int64_t middle_ns = points[at].time_ns +
				    (points[at + count - 1].time_ns - points[at].time_ns) / 2;
		int64_t edge_ns = at == from ? first_ns : middle_ns;
		if (at + count == to && at != from)
			edge_ns = points[to - 1].time_ns;
		if (!knot_keep(fitting, edge_ns, level_at(fitting, begin, end, drift_ppb, edge_ns)))
			return false;
		at += count;
	}
	return true;
}

/* How much the median before a point differs from the one behind it, less the drift between. */
static int64_t jump_at(const struct fitting *fitting, size_t at)
{
	const struct clock_point *points = fitting->points;
	int64_t values[CLOCK_JUMP_POINTS], before_ns, after_ns;
	for (size_t i = 0; i < CLOCK_JUMP_POINTS; i++)
		values[i] = line_at(points[at - 1 - i].offset_ns, fitting->local_ppb,
				    points[at].time_ns - points[at - 1 - i].time_ns);
	before_ns = clock_median(values, CLOCK_JUMP_POINTS);
	for (size_t i = 0; i < CLOCK_JUMP_POINTS; i++)
		values[i] = line_at(points[at + i].offset_ns, fitting->local_ppb,
				    points[at].time_ns - points[at + i].time_ns);
	after_ns = clock_median(values, CLOCK_JUMP_POINTS);
	return llabs(after_ns - before_ns);
}

/* A jump is seen between two neighbours; drift is not. */
static int64_t step_at(const struct fitting *fitting, size_t at)
{
	const struct clock_point *a = &fitting->points[at - 1], *b = &fitting->points[at];
	return llabs(b->offset_ns - line_at(a->offset_ns, fitting->local_ppb,
					    b->time_ns - a->time_ns));
}

/* Where behind `from` the clock jumps for the first time; count: nowhere. */
static size_t jump_find(const struct fitting *fitting, size_t from)
{
	int64_t noise_ns = 8 * fitting->noise_ns;
	int64_t limit_ns = noise_ns > CLOCK_JUMP_MIN_NS ? noise_ns : CLOCK_JUMP_MIN_NS;
	size_t best = fitting->count;
	int64_t most_ns = 0;
	if (fitting->count < 4 * CLOCK_JUMP_POINTS)
		return best;
	for (size_t at = from + CLOCK_JUMP_POINTS; at + CLOCK_JUMP_POINTS <= fitting->count; at++) {
		if (best < fitting->count && at - best > CLOCK_JUMP_POINTS)
			break;
		if (step_at(fitting, at) <= limit_ns / 2 || jump_at(fitting, at) <= limit_ns ||
		    step_at(fitting, at) <= most_ns)
			continue;
		most_ns = step_at(fitting, at);
		best = at;
	}
	return best;
}

/* The jump lies between two points: its two knots share the later one's time. */
static bool jump_keep(struct fitting *fitting, size_t at)
{
	struct clock_fit *fit = fitting->fit;
	fit->jump_count++;
	int64_t before_ns = clock_fit_at(fit, fitting->points[at].time_ns);
	return knot_keep(fitting, fitting->points[at].time_ns, before_ns);
}

static bool stretches_fit(struct fitting *fitting)
{
	struct clock_fit *fit = fitting->fit;
	for (size_t from = 0; from < fitting->count;) {
		size_t to = jump_find(fitting, from);
		if (!stretch_fit(fitting, from, to) ||
		    (to < fitting->count && !jump_keep(fitting, to)))
			return false;
		from = to;
	}
	bool is_constant = true;
	for (size_t i = 1; i < fit->knot_count; i++)
		is_constant = is_constant && fit->knots[i].offset_ns == fit->knots[0].offset_ns;
	if (is_constant)
		fit->knot_count = 1;
	else if (fit->jump_count == 0)
		fit->drift_ppb = fitting->drift_ppb;
	return true;
}

bool clock_fit_points(struct clock_fit *fit, const struct clock_point *points, size_t count)
{
	size_t pairs = count < SLOPE_POINTS_MAX ? count : SLOPE_POINTS_MAX;
	struct fitting fitting = { .points = points, .count = count, .fit = fit };
	*fit = (struct clock_fit){ .offset_ns = 0 };
	fitting.values = malloc((count + 1) * sizeof fitting.values[0]);
	fitting.slopes = malloc((pairs * pairs / 2 + 1) * sizeof fitting.slopes[0]);
	bool ok = fitting.values != NULL && fitting.slopes != NULL;
	if (ok) {
		fit->offset_ns = level_at(&fitting, 0, count, 0, 0);
		fitting.noise_ns = noise_of(&fitting);
		fitting.local_ppb = local_slope(&fitting);
		fitting.drift_ppb = slope_of(points, count, fitting.slopes);
		ok = stretches_fit(&fitting);
	}
	if (ok) {
		for (size_t i = 0; i < count; i++)
			fitting.values[i] = llabs(points[i].offset_ns -
						  clock_fit_at(fit, points[i].time_ns));
		fit->spread_ns = clock_median(fitting.values, count) * 148 / 100;
	}
	free(fitting.values);
	free(fitting.slopes);
	if (!ok)
		clock_fit_end(fit);
	return ok;
}

int64_t clock_fit_at(const struct clock_fit *fit, int64_t time_ns)
{
	size_t low = 0, high = fit->knot_count;
	if (fit->knot_count == 0)
		return fit->offset_ns;
	/* The first knot behind the time; of a jump's two knots both are at or before it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (fit->knots[middle].time_ns <= time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	size_t left = low == 0 ? 0 : low - 1;
	if (low == fit->knot_count && low >= 2 &&
	    fit->knots[left].time_ns != fit->knots[left - 1].time_ns)
		left--;		/* beyond the last: its line goes on */
	if (left + 1 >= fit->knot_count ||
	    fit->knots[left + 1].time_ns == fit->knots[left].time_ns)
		return fit->knots[left].offset_ns;
	const struct clock_point *a = &fit->knots[left], *b = a + 1;
	wide along = ((wide)b->offset_ns - a->offset_ns) * (time_ns - a->time_ns);
	along /= b->time_ns - a->time_ns;
	return a->offset_ns + (int64_t)(along > REACH_NS ? REACH_NS : along < -REACH_NS ?
					-REACH_NS : along);
}

void clock_fit_move(struct clock_fit *fit, int64_t by_ns)
{
	fit->offset_ns += by_ns;
	for (size_t i = 0; i < fit->knot_count; i++)
		fit->knots[i].offset_ns += by_ns;
}

void clock_fit_end(struct clock_fit *fit)
{
	free(fit->knots);
	*fit = (struct clock_fit){ .offset_ns = 0 };
}
