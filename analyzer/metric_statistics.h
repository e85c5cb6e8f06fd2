/* SPDX-License-Identifier: MIT */
/*
 * Robust statistics of integers (times in ns, mostly): medians, spread, quantiles, and the tests
 * and bounds that say whether a difference is more than chance. Values stay integers; only
 * probabilities are floating point. Nothing here draws on a clock or a seed from outside: equal
 * input gives equal output.
 *
 * Thread: pure functions; those with an error allocate what they need and free it.
 */
#ifndef ANALYZER_METRIC_STATISTICS_H
#define ANALYZER_METRIC_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Ascending, in place. */
void values_sort(int64_t *values, size_t count);

/*
 * Medians of ascending values; 0 without values. Of an even count, the lower and the upper one of
 * the middle two, or their mean rounded down.
 */
int64_t median_lower(const int64_t *sorted, size_t count);
int64_t median_upper(const int64_t *sorted, size_t count);
int64_t median_middle(const int64_t *sorted, size_t count);

/* The smallest value that at least numerator / denominator of all do not exceed (nearest rank). */
int64_t quantile_of(const int64_t *sorted, size_t count, unsigned numerator, unsigned denominator);

/*
 * Median of |value - centre| (mean of the middle two, rounded down) of ascending values. About
 * median_middle it is the MAD; 1.4826 times that estimates a standard deviation.
 */
int64_t median_deviation(const int64_t *sorted, size_t count, int64_t centre);
int64_t median_absolute_deviation(const int64_t *sorted, size_t count);

/* value * 1.4826, rounded to nearest, saturated: from a MAD to a standard deviation. */
int64_t deviation_from_mad(int64_t mad);

/* Do values of `b` tend to be larger (or smaller) than those of `a`? */
struct rank_test {
	int64_t u_twice;	/* 2 U of `b`: pairs with b > a count 2, ties 1; of 2 * counts */
	double z;		/* > 0: `b` is larger; tie-corrected, without continuity */
	double p;		/* two-sided; 1 where nothing can be said */
	bool is_exact;		/* p is counted (no ties, few values), not approximated */
};

bool rank_test_run(struct rank_test *test, const int64_t *a, size_t a_count, const int64_t *b,
		   size_t b_count, struct error *error);

/* median_middle(b) - median_middle(a), and where it lies with 95 % confidence (percentiles). */
struct median_shift {
	int64_t shift;
	int64_t low;
	int64_t high;
};

/* `rounds` resamples (2000 are usual, at least 40) by a generator of fixed seed. Counts > 0. */
bool median_shift_bootstrap(struct median_shift *shift, const int64_t *a, size_t a_count,
			    const int64_t *b, size_t b_count, unsigned rounds, struct error *error);

/*
 * Theil-Sen: the median over all pairs of points of dy / dx, times `scale` (1e9 gives ppb), rounded
 * to nearest. Exact up to SLOPE_POINTS_MAX points, of more every so many-th. `pairs` is how many
 * had different x: 0 means there is no slope.
 */
enum { SLOPE_POINTS_MAX = 512 };

bool slope_measure(int64_t *slope, size_t *pairs, const int64_t *x, const int64_t *y, size_t count,
		   int64_t scale, struct error *error);

/* P(X >= hits) of `trials` coin throws that each hit with probability `chance`. */
double binomial_tail(int64_t hits, int64_t trials, double chance);

/*
 * One-sided Clopper-Pearson lower bound: the largest chance at which so many hits or more still had
 * probability `alpha` or less. 0 without hits.
 */
double binomial_lower_bound(int64_t hits, int64_t trials, double alpha);

/* A generator for resampling and searches that must repeat: any seed will do, 0 included. */
uint64_t random_next(uint64_t *state);
/* 0 .. bound - 1, bound > 0. */
uint64_t random_below(uint64_t *state, uint64_t bound);

#endif
