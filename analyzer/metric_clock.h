/* SPDX-License-Identifier: MIT */
/*
 * Metric: how far clocks are apart, from operations that nobody leaves before everybody has entered
 * (barriers). Each bounds the offset from both sides; bounds of all pairs tighten each other
 * (Floyd); within them the median of the differences of ends is the estimate. A clock that drifts
 * or was set is followed over time (clock_fit).
 *
 * An offset is what must be ADDED to a clock's times to compare them with its reference's. The
 * reference of clocks that share barriers, directly or through others, is the first of them.
 *
 * Memory: 24 bytes a sample beside the caller's, 16 a clock pair. Time: O(pairs x samples), where
 * more than 2^26 pairs of samples would be looked at, evenly chosen ones are. More than
 * CLOCK_PAIRS_MAX clocks are compared with one reference only and not tightened.
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_METRIC_CLOCK_H
#define ANALYZER_METRIC_CLOCK_H

#include "analyzer/clock_fit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fit is made of at most twice so many points. */
enum { CLOCK_PAIRS_MAX = 64, CLOCK_POINTS_MAX = 8192 };

#define CLOCK_BOUND_NONE INT64_MAX
/* 18 years: times of tracks lie within +- this, so that no sum of a few overflows. */
#define CLOCK_TIME_LIMIT_NS (INT64_C(1) << 59)
/* Ends on one host agree within microseconds; sources count in steps of up to 1 us. */
#define CLOCK_ERROR_MIN_NS INT64_C(1000)

/* A clock's view of one barrier. Where several GPUs share a clock: latest start, earliest end. */
struct clock_sample {
	uint32_t instance;	/* numbered in the order of time */
	int64_t start_ns;
	int64_t end_ns;
};

struct clock_track {
	const struct clock_sample *samples;	/* by instance, each once */
	size_t count;
};

struct clock_estimate {
	size_t reference;	/* itself, if it shares no barrier with an earlier clock */
	struct clock_fit fit;	/* offset over the clock's own time */
	size_t sample_count;	/* barriers that the estimate rests upon; 0: a reference */
	/* The offset (at drift: its residual plus the median) lies in [low, high]. */
	int64_t low_ns;		/* -CLOCK_BOUND_NONE: unbounded */
	int64_t high_ns;
	int64_t hard_error_ns;	/* to the farther bound; CLOCK_BOUND_NONE: no bound */
	int64_t error_ns;	/* the smaller of hard and statistical error */
	bool is_feasible;	/* false: bounds contradict each other even after the correction */
	int64_t conflict_ns;	/* by how much */
};

/* Fills `count` estimates, ended by clock_estimates_end. False: memory is short, none is filled. */
bool clocks_estimate(struct clock_estimate *estimates, const struct clock_track *tracks,
		     size_t count);
void clock_estimates_end(struct clock_estimate *estimates, size_t count);

/* What to add to a clock's time. */
int64_t clock_offset_at(const struct clock_estimate *estimate, int64_t time_ns);

/*
 * Bounds of what must be added to b's times, from their common barriers alone. Returns their
 * number.
 */
size_t clock_bounds(const struct clock_track *a, const struct clock_track *b, int64_t *low_ns,
		    int64_t *high_ns);

/* Every `step`th common barrier: returns how many, writes b's end and (a's - b's end), if asked. */
size_t clock_differences(const struct clock_track *a, const struct clock_track *b, size_t step,
			 struct clock_point *points);

#endif
