/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_statistics.h"

#include <math.h>

#include "tests/unit/harness.h"

static bool is_near(double got, double want, double tolerance)
{
	return fabs(got - want) <= tolerance;
}

TEST(medians_say_which_of_the_middle_two)
{
	const int64_t odd[] = { -3, 1, 7 }, even[] = { -4, -3, 10, 20 };
	const int64_t halves[] = { -4, -3 }, huge[] = { INT64_MAX - 1, INT64_MAX };
	CHECK_INT(median_middle(odd, 3), 1);
	CHECK_INT(median_lower(even, 4), -3);
	CHECK_INT(median_upper(even, 4), 10);
	CHECK_INT(median_middle(even, 4), 3);
	CHECK_INT(median_middle(halves, 2), -4);
	CHECK_INT(median_middle(huge, 2), INT64_MAX - 1);
	CHECK_INT(median_middle(NULL, 0), 0);
}

TEST(spread_and_quantiles_are_observed_values)
{
	const int64_t values[] = { 1, 1, 2, 2, 4, 6, 9 };
	CHECK_INT(median_absolute_deviation(values, 7), 1);
	CHECK_INT(median_deviation(values, 7, 0), 2);
	CHECK_INT(median_deviation(values, 7, 100), 98);
	CHECK_INT(deviation_from_mad(10000), 14826);
	CHECK_INT(deviation_from_mad(INT64_MAX), INT64_MAX);
	CHECK_INT(quantile_of(values, 7, 0, 100), 1);
	CHECK_INT(quantile_of(values, 7, 50, 100), 2);
	CHECK_INT(quantile_of(values, 7, 95, 100), 9);
	CHECK_INT(quantile_of(values, 7, 100, 100), 9);
	const int64_t far[] = { INT64_MIN, INT64_MAX };
	CHECK_INT(median_deviation(far, 2, INT64_MIN), INT64_MAX / 2);
}

/* The MAD without a copy agrees with sorting the deviations. */
TEST(median_deviation_agrees_with_its_definition)
{
	uint64_t state = 1;
	for (int round = 0; round < 2000; round++) {
		int64_t values[12], deviations[12];
		size_t count = 1 + random_below(&state, 12);
		for (size_t i = 0; i < count; i++)
			values[i] = (int64_t)random_below(&state, 30) - 15;
		values_sort(values, count);
		int64_t centre = (int64_t)random_below(&state, 30) - 15;
		for (size_t i = 0; i < count; i++)
			deviations[i] =
				values[i] > centre ? values[i] - centre : centre - values[i];
		values_sort(deviations, count);
		CHECK_INT(median_deviation(values, count, centre),
			  median_middle(deviations, count));
	}
}

TEST(rank_test_is_exact_for_few_values_without_ties)
{
	const int64_t a[] = { 1, 2, 3 }, b[] = { 4, 5, 6, 7 };
	struct rank_test test;
	struct error error;
	CHECK_OK(rank_test_run(&test, a, 3, b, 4, &error), error);
	CHECK(test.is_exact);
	CHECK_INT(test.u_twice, 24);
	CHECK(is_near(test.p, 2.0 / 35, 1e-12) && test.z > 0);
	CHECK_OK(rank_test_run(&test, b, 4, a, 3, &error), error);
	CHECK_INT(test.u_twice, 0);
	CHECK(is_near(test.p, 2.0 / 35, 1e-12) && test.z < 0);
	/* 19, 22, 16, 29, 24 against 20, 11, 17, 12: U 17 or 3, p 1/9. */
	const int64_t males[] = { 19, 22, 16, 29, 24 }, females[] = { 20, 11, 17, 12 };
	CHECK_OK(rank_test_run(&test, males, 5, females, 4, &error), error);
	CHECK_INT(test.u_twice, 6);
	CHECK(is_near(test.p, 1.0 / 9, 1e-12));
	CHECK_OK(rank_test_run(&test, a, 3, b, 0, &error), error);
	CHECK(is_near(test.p, 1, 0));
}

TEST(rank_test_corrects_for_ties_and_says_nothing_of_equal_samples)
{
	const int64_t a[] = { 1, 2, 2, 3, 5 }, b[] = { 2, 4, 5, 6, 6 }, same[] = { 7, 7, 7 };
	struct rank_test test;
	struct error error;
	CHECK_OK(rank_test_run(&test, a, 5, b, 5, &error), error);
	CHECK(!test.is_exact);
	CHECK_INT(test.u_twice, 41);
	/* Ties: 2 three times, 5 and 6 twice; variance 25/12 (11 - 36/90). */
	double sigma = sqrt(25.0 / 12 * (11 - 36.0 / 90));
	CHECK(is_near(test.z, 8 / sigma, 1e-12));
	CHECK(is_near(test.p, erfc(7.5 / sigma / sqrt(2)), 1e-12));
	CHECK_OK(rank_test_run(&test, same, 3, same, 3, &error), error);
	CHECK(is_near(test.p, 1, 0) && is_near(test.z, 0, 0));
}

TEST(bootstrap_finds_the_shift_and_repeats_itself)
{
	int64_t a[60], b[60];
	uint64_t state = 3;
	struct median_shift first, second;
	struct error error;
	for (int i = 0; i < 60; i++) {
		a[i] = 1000 + (int64_t)random_below(&state, 100);
		b[i] = 1100 + (int64_t)random_below(&state, 100);
	}
	CHECK_OK(median_shift_bootstrap(&first, a, 60, b, 60, 2000, &error), error);
	CHECK_OK(median_shift_bootstrap(&second, a, 60, b, 60, 2000, &error), error);
	CHECK(first.low <= first.shift && first.shift <= first.high);
	CHECK(first.low > 50 && first.high < 150);
	CHECK(first.low == second.low && first.high == second.high);
	CHECK_OK(median_shift_bootstrap(&first, a, 60, a, 60, 2000, &error), error);
	CHECK(first.low <= 0 && first.high >= 0 && first.shift == 0);
}

TEST(slope_resists_outliers_and_thins_many_points)
{
	static int64_t x[4000], y[4000];
	int64_t slope;
	size_t pairs;
	struct error error;
	for (int64_t i = 0; i < 4000; i++) {
		x[i] = i * 1000000;
		y[i] = 5000 + i * 100 + (i % 10 == 0 ? 1000000 : 0);
	}
	CHECK_OK(slope_measure(&slope, &pairs, x, y, 100, 1000000000, &error), error);
	CHECK_INT(slope, 100000);
	CHECK_INT(pairs, 4950);
	CHECK_OK(slope_measure(&slope, &pairs, x, y, 4000, 1000000000, &error), error);
	CHECK(slope > 99000 && slope < 101000);
	CHECK_OK(slope_measure(&slope, &pairs, x, y, 1, 1, &error), error);
	CHECK_INT(pairs, 0);
	const int64_t ends[] = { INT64_MIN, INT64_MAX };
	CHECK_OK(slope_measure(&slope, &pairs, ends, ends, 2, 1000000000, &error), error);
	CHECK_INT(slope, 1000000000);
}

TEST(binomial_bounds_are_those_of_the_tables)
{
	CHECK(is_near(binomial_tail(2, 3, 0.5), 0.5, 1e-12));
	CHECK(is_near(binomial_tail(0, 9, 0.1), 1, 0) && is_near(binomial_tail(10, 9, 0.1), 0, 0));
	/* 5 of 5: the bound is alpha^(1/5). */
	CHECK(is_near(binomial_lower_bound(5, 5, 0.05), pow(0.05, 0.2), 1e-9));
	/* 1 of n: 1 - (1 - alpha)^(1/n). */
	CHECK(is_near(binomial_lower_bound(1, 10, 0.05), 1 - pow(0.95, 0.1), 1e-9));
	CHECK(is_near(binomial_lower_bound(0, 10, 0.05), 0, 0));
	CHECK(is_near(binomial_lower_bound(8, 10, 0.025), 0.443905, 1e-5));
}
