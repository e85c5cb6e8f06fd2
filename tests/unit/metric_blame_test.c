/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_blame.h"

#include "analyzer/ratio.h"
#include "tests/unit/harness.h"

#include <string.h>

enum { MS = 1000000 };

static struct blame_input input_of(size_t ranks, size_t instances, const int64_t *arrival_ns,
				   const int64_t *wait_ns, const int64_t *step)
{
	return (struct blame_input){
		.rank_count = ranks, .instance_count = instances, .arrival_ns = arrival_ns,
		.wait_ns = wait_ns, .step = step, .window_ns = 120 * MS,
	};
}

/* Golden vector G1: two ranks late together. */
TEST(two_ranks_late_together_hide_each_other)
{
	const int64_t arrival_ns[] = { 80 * MS, 80 * MS, 100 * MS, 100 * MS };
	const int64_t wait_ns[] = { 20 * MS, 20 * MS, 0, 0 }, step[] = { 0 };
	struct blame_input input = input_of(4, 1, arrival_ns, wait_ns, step);
	struct blame blame;
	struct error error;
	int64_t gain_ns;
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK_INT(blame.caused_ns, 40 * MS);
	CHECK_INT(blame.ambiguous, 1);
	CHECK_INT(blame.entropy_e12, -1);
	CHECK_INT(blame.fix_all_ns, 20 * MS);
	CHECK_INT(blame.fix_set_ns, 20 * MS);
	CHECK_INT(blame.fix_set_count, 2);
	CHECK(blame.is_exact && blame.ranks[2].is_in_fix_set && blame.ranks[3].is_in_fix_set);
	CHECK_INT(blame.ranks[2].fix_one_ns, 0);
	CHECK_INT(blame.ranks[2].shapley_ns, 10 * MS);
	CHECK_INT(blame.ranks[3].shapley_ns, 10 * MS);
	CHECK_INT(blame.ranks[2].caused_ns, 0);
	CHECK_INT(blame.ranks[2].caused_jointly_ns, 40 * MS);
	CHECK_INT(blame.ranks[0].caused_jointly_ns, 0);
	CHECK_OK(blame_interaction(&gain_ns, &input, 2, 3, &error), error);
	CHECK_INT(gain_ns, 20 * MS);
	CHECK_OK(blame_interaction(&gain_ns, &input, 0, 3, &error), error);
	CHECK_INT(gain_ns, 0);
	blame_end(&blame);
}

TEST(one_late_rank_is_blamed_for_the_waits_of_the_others)
{
	const int64_t arrival_ns[] = { 0, 30, 10, ARRIVAL_NONE, 5, 6, ARRIVAL_NONE, 7 };
	const int64_t wait_ns[] = { 30, 0, 20, 0, 2, 1, 0, 0 }, step[] = { 7, 7 };
	struct blame_input input = input_of(4, 2, arrival_ns, wait_ns, step);
	struct blame blame;
	struct error error;
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK_INT(blame.ranks[1].caused_ns, 50);
	CHECK_INT(blame.ranks[3].caused_ns, 3);
	CHECK_INT(blame.ranks[1].steps_latest, 1);
	CHECK_INT(blame.ranks[3].steps_latest, 0);
	CHECK_INT(blame.steps, 1);
	CHECK_INT(blame.fix_all_ns, 21);
	CHECK_INT(blame.ranks[1].fix_one_ns, 20);
	CHECK_INT(blame.ranks[1].shapley_ns, 20);
	CHECK_INT(blame.fix_set_count, 1);
	CHECK(blame.entropy_e12 > 0 && blame.entropy_e12 < RATIO_ONE / 4);
	blame_end(&blame);
	/* Within the clock error nobody came last; what the waiting exposed bounds the gain. */
	const int64_t cap_ns[] = { 8, 100 };
	input.clock_error_ns = 1;
	input.exposed_cap_ns = cap_ns;
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK_INT(blame.ambiguous, 1);
	CHECK_INT(blame.ambiguous_ns, 3);
	CHECK_INT(blame.ranks[3].times_tied, 1);
	CHECK_INT(blame.ranks[1].fix_one_ns, 8);
	CHECK_INT(blame.fix_all_ns, 9);
	blame_end(&blame);
}

TEST(nothing_to_blame_is_no_error)
{
	const int64_t arrival_ns[] = { 3, ARRIVAL_NONE }, wait_ns[] = { 0, 0 }, step[] = { 0 };
	struct blame_input input = input_of(2, 1, arrival_ns, wait_ns, step);
	struct blame blame;
	struct error error;
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK(blame.instances == 0 && blame.steps == 0 && blame.fix_set_count == 0);
	blame_end(&blame);
	input = input_of(0, 0, NULL, NULL, NULL);
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	blame_end(&blame);
	const int64_t far[] = { INT64_MIN + 1, INT64_MAX }, waits[] = { INT64_MAX, 0 };
	input = input_of(2, 1, far, waits, step);
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK_INT(blame.fix_all_ns, INT64_MAX);
	CHECK_INT(blame.ranks[1].caused_ns, INT64_MAX);
	blame_end(&blame);
}

/* 20 ranks, of which 3 and 17 are late by the same: greed still finds both, and only them. */
TEST(many_ranks_are_searched_by_greed)
{
	int64_t arrival_ns[40] = { 0 }, wait_ns[40] = { 0 };
	const int64_t step[] = { 0, 1 };
	for (size_t i = 0; i < 40; i++)
		arrival_ns[i] = (int64_t)(i % 20);
	arrival_ns[3] = arrival_ns[17] = arrival_ns[23] = arrival_ns[37] = 1000;
	struct blame_input input = input_of(20, 2, arrival_ns, wait_ns, step);
	struct blame blame;
	struct error error;
	CHECK_OK(blame_measure(&blame, &input, &error), error);
	CHECK(!blame.is_exact);
	CHECK_INT(blame.fix_set_count, 2);
	CHECK(blame.ranks[3].is_in_fix_set && blame.ranks[17].is_in_fix_set);
	int64_t sum_ns = 0;
	for (size_t i = 0; i < 20; i++)
		sum_ns += blame.ranks[i].shapley_ns;
	CHECK_INT(sum_ns, blame.fix_all_ns);
	blame_end(&blame);
}
