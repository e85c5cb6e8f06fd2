/* SPDX-License-Identifier: MIT */
/* Gains, smallest fix-sets and Shapley shares against their definitions, set by set. */
#include "analyzer/metric_blame.h"
#include "analyzer/metric_statistics.h"
#include "tests/unit/harness.h"

#include <stdlib.h>

enum { RANKS_MAX = 6, INSTANCES_MAX = 8, SETS_MAX = 1 << RANKS_MAX, RUNS = 3000 };

struct sets_run {
	struct blame_input input;
	int64_t arrival_ns[RANKS_MAX * INSTANCES_MAX];
	int64_t wait_ns[RANKS_MAX * INSTANCES_MAX];
	int64_t step[INSTANCES_MAX];
	int64_t cap_ns[INSTANCES_MAX];
};

static void sets_run_fill(struct sets_run *run, uint64_t *state)
{
	*run = (struct sets_run){ .input.rank_count = 2 + random_below(state, RANKS_MAX - 1) };
	run->input.instance_count = 1 + random_below(state, INSTANCES_MAX);
	for (size_t i = 0; i < run->input.instance_count; i++) {
		run->cap_ns[i] = 5 + (int64_t)random_below(state, 40);
		for (size_t rank = 0; rank < run->input.rank_count; rank++)
			run->arrival_ns[i * run->input.rank_count + rank] =
				random_below(state, 5) == 0 ? ARRIVAL_NONE :
							      (int64_t)random_below(state, 30);
	}
	run->input.arrival_ns = run->arrival_ns;
	run->input.wait_ns = run->wait_ns;
	run->input.step = run->step;
	run->input.exposed_cap_ns = random_below(state, 2) == 0 ? NULL : run->cap_ns;
	run->input.window_ns = 1000;
}

static int64_t gain_of_instance(const struct sets_run *run, size_t instance, unsigned set)
{
	int64_t sorted[RANKS_MAX], last_ns = 0, others_ns = INT64_MIN;
	size_t count = 0;
	for (size_t rank = 0; rank < run->input.rank_count; rank++) {
		int64_t ns = run->arrival_ns[instance * run->input.rank_count + rank];
		if (ns == ARRIVAL_NONE)
			continue;
		sorted[count++] = ns;
		last_ns = ns > last_ns ? ns : last_ns;
		if ((set >> rank & 1) == 0 && ns > others_ns)
			others_ns = ns;
	}
	if (count < 2)
		return 0;
	values_sort(sorted, count);
	if (others_ns < median_lower(sorted, count))
		others_ns = median_lower(sorted, count);
	int64_t gain_ns = last_ns - others_ns;
	if (run->input.exposed_cap_ns != NULL && gain_ns > run->cap_ns[instance])
		gain_ns = run->cap_ns[instance];
	return gain_ns;
}

static int64_t factorial(int n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

static void check_shapley(const struct sets_run *run, const struct blame *blame,
			  const int64_t *gain_ns)
{
	int ranks = (int)run->input.rank_count;
	int64_t sum_ns = 0, all = factorial(ranks);
	for (int rank = 0; rank < ranks; rank++) {
		int64_t weighted = 0;
		for (unsigned set = 0; set < 1u << ranks; set++) {
			int size = __builtin_popcount(set);
			if ((set >> rank & 1) == 0)
				weighted += factorial(size) * factorial(ranks - size - 1) *
					    (gain_ns[set | 1u << rank] - gain_ns[set]);
		}
		CHECK(llabs(blame->ranks[rank].shapley_ns * all - weighted) < all);
		CHECK_INT(blame->ranks[rank].fix_one_ns, gain_ns[1u << rank]);
		sum_ns += blame->ranks[rank].shapley_ns;
	}
	CHECK_INT(sum_ns, blame->fix_all_ns);
}

TEST(fix_sets_and_shares_agree_with_their_definitions)
{
	uint64_t state = 5;
	struct sets_run run;
	struct blame blame;
	struct error error;
	for (int i = 0; i < RUNS; i++) {
		int64_t gain_ns[SETS_MAX] = { 0 };
		unsigned chosen = 0, sets;
		sets_run_fill(&run, &state);
		sets = 1u << run.input.rank_count;
		for (unsigned set = 0; set < sets; set++)
			for (size_t k = 0; k < run.input.instance_count; k++)
				gain_ns[set] += gain_of_instance(&run, k, set);
		CHECK_OK(blame_measure(&blame, &run.input, &error), error);
		CHECK_INT(blame.fix_all_ns, gain_ns[sets - 1]);
		for (size_t rank = 0; rank < run.input.rank_count; rank++)
			chosen |= (unsigned)blame.ranks[rank].is_in_fix_set << rank;
		CHECK_INT(blame.fix_set_ns, gain_ns[chosen]);
		CHECK(gain_ns[chosen] * 5 >= blame.fix_all_ns * 4);
		for (unsigned set = 0; set < sets; set++) {
			int smaller = __builtin_popcount(chosen) - __builtin_popcount(set);
			bool is_enough = gain_ns[set] * 5 >= blame.fix_all_ns * 4;
			CHECK(!is_enough || smaller < 0 ||
			      (smaller == 0 && gain_ns[set] <= gain_ns[chosen]));
		}
		check_shapley(&run, &blame, gain_ns);
		blame_end(&blame);
	}
}
