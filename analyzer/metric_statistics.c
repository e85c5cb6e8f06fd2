/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

enum { EXACT_VALUES_MAX = 20, BISECTIONS = 60 };

static const uint64_t bootstrap_seed = UINT64_C(0x6c61676761726431);

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

void values_sort(int64_t *values, size_t count)
{
	if (count > 1)
		qsort(values, count, sizeof *values, by_value);
}

static int64_t saturate(wide value)
{
	return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

static int64_t mean_of_two(int64_t a, int64_t b)
{
	wide sum = (wide)a + b;
	return (int64_t)((sum - (sum < 0 && sum % 2 != 0)) / 2);
}

int64_t median_lower(const int64_t *sorted, size_t count)
{
	return count == 0 ? 0 : sorted[(count - 1) / 2];
}

int64_t median_upper(const int64_t *sorted, size_t count)
{
	return count == 0 ? 0 : sorted[count / 2];
}

int64_t median_middle(const int64_t *sorted, size_t count)
{
	return mean_of_two(median_lower(sorted, count), median_upper(sorted, count));
}

int64_t quantile_of(const int64_t *sorted, size_t count, unsigned numerator, unsigned denominator)
{
	if (count == 0 || denominator == 0)
		return 0;
	unsigned_wide rank = ((unsigned_wide)count * numerator + denominator - 1) / denominator;
	if (rank < 1)
		rank = 1;
	return sorted[rank > count ? count - 1 : (size_t)rank - 1];
}

int64_t median_deviation(const int64_t *sorted, size_t count, int64_t centre)
{
	if (count == 0)
		return 0;
	/* Left of the centre deviations grow downwards, right of it upwards: merge the two. */
	size_t right = 0;
	while (right < count && sorted[right] < centre)
		right++;
	size_t left = right;
	int64_t low = 0, high = 0;
	for (size_t taken = 0; taken <= count / 2; taken++) {
		wide below = left > 0 ? (wide)centre - sorted[left - 1] : -1;
		wide above = right < count ? (wide)sorted[right] - centre : -1;
		bool is_below = below >= 0 && (above < 0 || below < above);
		int64_t deviation = saturate(is_below ? below : above);
		left -= is_below;
		right += !is_below;
		if (taken == (count - 1) / 2)
			low = deviation;
		if (taken == count / 2)
			high = deviation;
	}
	return mean_of_two(low, high);
}

int64_t median_absolute_deviation(const int64_t *sorted, size_t count)
{
	return median_deviation(sorted, count, median_middle(sorted, count));
}

int64_t deviation_from_mad(int64_t mad)
{
	return saturate(((wide)mad * 14826 + 5000) / 10000);
}

uint64_t random_next(uint64_t *state)
{
	/* A counter by the golden ratio, then a 64-bit finaliser of xors and odd factors. */
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t bound)
{
	/* The bias is below bound / 2^64. */
	return (uint64_t)((unsigned_wide)random_next(state) * bound >> 64);
}

/* P(2 U <= u_twice), counted: the coefficients of the Gaussian binomial of a + b over a. */
static double exact_tail(size_t a, size_t b, int64_t u_twice)
{
	int64_t ways[EXACT_VALUES_MAX * EXACT_VALUES_MAX + 1] = { 1 };
	size_t top = a * b;
	for (size_t i = 1; i <= a; i++) {
		for (size_t u = top; u + 1 > b + i; u--)
			ways[u] -= ways[u - b - i];
		for (size_t u = i; u <= top; u++)
			ways[u] += ways[u - i];
	}
	int64_t below = 0, all = 0;
	for (size_t u = 0; u <= top; u++) {
		all += ways[u];
		if ((int64_t)u * 2 <= u_twice)
			below += ways[u];
	}
	return (double)below / (double)all;
}

static double exact_p(size_t a, size_t b, int64_t u_twice)
{
	int64_t mirrored = (int64_t)(a * b) * 2 - u_twice;
	double p = 2 * exact_tail(a, b, u_twice < mirrored ? u_twice : mirrored);
	return p > 1 ? 1 : p;
}

/* Of sorted values: 2 U of b, and the sum over groups of ties of t^3 - t. */
static double pairs_count(int64_t *u_twice, const int64_t *a, size_t a_count, const int64_t *b,
			  size_t b_count)
{
	double ties = 0;
	size_t i = 0, j = 0;
	*u_twice = 0;
	while (i < a_count || j < b_count) {
		int64_t value = j == b_count || (i < a_count && a[i] < b[j]) ? a[i] : b[j];
		size_t a_from = i, b_from = j;
		while (i < a_count && a[i] == value)
			i++;
		while (j < b_count && b[j] == value)
			j++;
		double tied = (double)(i - a_from + j - b_from);
		ties += tied * tied * tied - tied;
		*u_twice += (int64_t)((j - b_from) * (a_from + i));
	}
	return ties;
}

static int64_t *sorted_copy(const int64_t *values, size_t count)
{
	int64_t *copy = calloc(count == 0 ? 1 : count, sizeof *copy);
	if (copy != NULL && count > 0)
		memcpy(copy, values, count * sizeof *copy);
	if (copy != NULL)
		values_sort(copy, count);
	return copy;
}

bool rank_test_run(struct rank_test *test, const int64_t *a, size_t a_count, const int64_t *b,
		   size_t b_count, struct error *error)
{
	bool is_ok = false;
	int64_t *a_sorted = sorted_copy(a, a_count), *b_sorted = sorted_copy(b, b_count);
	*test = (struct rank_test){ .p = 1 };
	if (a_sorted == NULL || b_sorted == NULL) {
		(void)fail(error, ERROR_SYSTEM, "not enough memory to compare two samples");
		goto out;
	}
	is_ok = true;
	if (a_count == 0 || b_count == 0)
		goto out;
	double ties = pairs_count(&test->u_twice, a_sorted, a_count, b_sorted, b_count);
	double pairs = (double)a_count * (double)b_count, all = (double)(a_count + b_count);
	double variance = pairs / 12 * (all + 1 - ties / (all * (all - 1)));
	double distance = (double)test->u_twice / 2 - pairs / 2;
	if (variance > 0)
		test->z = distance / sqrt(variance);
	test->is_exact = ties < 1 && a_count <= EXACT_VALUES_MAX && b_count <= EXACT_VALUES_MAX;
	if (test->is_exact) {
		test->p = exact_p(a_count, b_count, test->u_twice);
	} else if (variance > 0) {
		/* Half a pair of continuity: U moves in whole steps. */
		double corrected = fabs(distance) > 0.5 ? fabs(distance) - 0.5 : 0;
		test->p = erfc(corrected / sqrt(variance) / sqrt(2));
	}
out:
	free(a_sorted);
	free(b_sorted);
	return is_ok;
}

/* Median of a resample of sorted values, by counting how often each was drawn. */
static int64_t resample_median(const int64_t *sorted, size_t count, uint32_t *drawn,
			       uint64_t *state)
{
	memset(drawn, 0, count * sizeof *drawn);
	for (size_t i = 0; i < count; i++)
		drawn[random_below(state, count)]++;
	int64_t low = 0;
	bool has_low = false;
	size_t seen = 0;
	for (size_t i = 0; i < count; i++) {
		seen += drawn[i];
		if (!has_low && seen > (count - 1) / 2) {
			low = sorted[i];
			has_low = true;
		}
		if (seen > count / 2)
			return mean_of_two(low, sorted[i]);
	}
	return low;
}

bool median_shift_bootstrap(struct median_shift *shift, const int64_t *a, size_t a_count,
			    const int64_t *b, size_t b_count, unsigned rounds, struct error *error)
{
	bool is_ok = false;
	size_t most = a_count > b_count ? a_count : b_count;
	int64_t *a_sorted = sorted_copy(a, a_count), *b_sorted = sorted_copy(b, b_count);
	uint32_t *drawn = calloc(most == 0 ? 1 : most, sizeof *drawn);
	int64_t *shifts = calloc(rounds == 0 ? 1 : rounds, sizeof *shifts);
	uint64_t state = bootstrap_seed;
	*shift = (struct median_shift){ 0 };
	if (a_sorted == NULL || b_sorted == NULL || drawn == NULL || shifts == NULL) {
		(void)fail(error, ERROR_SYSTEM, "not enough memory to compare two medians");
		goto out;
	}
	for (unsigned i = 0; i < rounds; i++)
		shifts[i] = saturate((wide)resample_median(b_sorted, b_count, drawn, &state) -
				     resample_median(a_sorted, a_count, drawn, &state));
	values_sort(shifts, rounds);
	shift->shift = saturate((wide)median_middle(b_sorted, b_count) -
				median_middle(a_sorted, a_count));
	shift->low = quantile_of(shifts, rounds, 25, 1000);
	shift->high = quantile_of(shifts, rounds, 975, 1000);
	is_ok = true;
out:
	free(a_sorted);
	free(b_sorted);
	free(drawn);
	free(shifts);
	return is_ok;
}

static int64_t slope_of_pair(wide dx, wide dy, int64_t scale)
{
	if (dx < 0) {
		dx = -dx;
		dy = -dy;
	}
	/* Far below 2^127 for any times and scales up to 1e12; beyond, the pair is cut to fit. */
	while (dy > ((wide)1 << 66) || dy < -((wide)1 << 66)) {
		dy /= 2;
		dx = dx > 1 ? dx / 2 : 1;
	}
	wide scaled = dy * scale;
	wide half = dx / 2;
	return saturate((scaled < 0 ? scaled - half : scaled + half) / dx);
}

bool slope_measure(int64_t *slope, size_t *pairs, const int64_t *x, const int64_t *y, size_t count,
		   int64_t scale, struct error *error)
{
	size_t points = count > SLOPE_POINTS_MAX ? SLOPE_POINTS_MAX : count;
	size_t room = points < 2 ? 1 : points * (points - 1) / 2, found = 0;
	int64_t *slopes = calloc(room, sizeof *slopes);
	*slope = 0;
	*pairs = 0;
	if (slopes == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for a slope");
	for (size_t i = 0; i + 1 < points; i++) {
		size_t first = i * (count - 1) / (points - 1);
		for (size_t j = i + 1; j < points; j++) {
			size_t second = j * (count - 1) / (points - 1);
			if (x[first] != x[second])
				slopes[found++] = slope_of_pair((wide)x[second] - x[first],
								(wide)y[second] - y[first], scale);
		}
	}
	values_sort(slopes, found);
	*slope = median_middle(slopes, found);
	*pairs = found;
	free(slopes);
	return true;
}

double binomial_tail(int64_t hits, int64_t trials, double chance)
{
	if (hits <= 0 || chance >= 1)
		return hits > trials ? 0 : 1;
	if (hits > trials || chance <= 0)
		return 0;
	double log_hit = log(chance), log_miss = log1p(-chance), sum = 0;
	double log_all = lgamma((double)trials + 1);
	for (int64_t i = hits; i <= trials; i++) {
		double term = exp(log_all - lgamma((double)i + 1) -
				  lgamma((double)(trials - i) + 1) + (double)i * log_hit +
				  (double)(trials - i) * log_miss);
		sum += term;
		/* Behind the mode terms only shrink. */
		if ((double)i > (double)trials * chance && term < sum * 1e-17)
			break;
	}
	return sum > 1 ? 1 : sum;
}

double binomial_lower_bound(int64_t hits, int64_t trials, double alpha)
{
	if (hits <= 0 || trials <= 0)
		return 0;
	double low = 0, high = (double)hits / (double)trials;
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = low + (high - low) / 2;
		if (binomial_tail(hits, trials, middle) <= alpha)
			low = middle;
		else
			high = middle;
	}
	return low;
}
