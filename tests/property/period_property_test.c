/* SPDX-License-Identifier: MIT */
/*
 * Goal: a period that was planted is found, whatever surrounds and disturbs it, and none is found
 * where there is none. Method: random sequences; a failure names the seed.
 */
#include "analyzer/metric_period.h"
#include "tests/unit/harness.h"

enum { TOKENS_MAX = 60000, LENGTH_MAX = 300, ROUNDS = 400 };

static uint64_t seed_now;

static size_t random_below(size_t limit)
{
	seed_now = seed_now * 6364136223846793005u + 1442695040888963407u;
	return (size_t)((seed_now >> 33) % limit);
}

#define CHECK_SEED(condition, seed) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)(seed), \
				  #condition); \
	} while (0)

static uint64_t tokens[TOKENS_MAX];
static size_t count;

static void put(uint64_t token)
{
	if (count < TOKENS_MAX)
		tokens[count++] = token;
}

/* Tokens 100 .. for the work, 1 .. for what is there once a step, 10000 .. for noise. */
struct plan {
	uint64_t work[LENGTH_MAX];
	size_t work_count;
	size_t micro_batches;
	size_t steps;
	size_t noise_per_mille;
	bool is_noise_inserted;
};

static void plan_make(struct plan *plan)
{
	plan->work_count = 3 + random_below(60);
	size_t kinds = 2 + random_below(plan->work_count);
	for (size_t i = 0; i < plan->work_count; i++)
		plan->work[i] = 100 + random_below(kinds);
	plan->micro_batches = 1 + random_below(4);
	plan->steps = 5 + random_below(60);
	plan->noise_per_mille = 0;
	plan->is_noise_inserted = false;
}

static size_t plan_length(const struct plan *plan)
{
	return plan->micro_batches * plan->work_count + 1;
}

static void put_disturbed(const struct plan *plan, uint64_t token)
{
	bool is_noise = random_below(1000) < plan->noise_per_mille;
	if (is_noise)
		put(10000 + random_below(1000000));
	if (!is_noise || plan->is_noise_inserted)
		put(token);
}

static void plan_play(const struct plan *plan)
{
	size_t head = random_below(20), tail = random_below(20);
	count = 0;
	for (size_t i = 0; i < head; i++)
		put(5000 + random_below(1000));
	for (size_t step = 0; step < plan->steps; step++) {
		for (size_t batch = 0; batch < plan->micro_batches; batch++)
			for (size_t i = 0; i < plan->work_count; i++)
				put_disturbed(plan, plan->work[i]);
		put(1);
	}
	for (size_t i = 0; i < tail; i++)
		put(6000 + random_below(1000));
}

static void check_starts(const struct period *period, uint64_t seed)
{
	for (size_t i = 0; i < period->count; i++)
		CHECK_SEED(period->starts[i] < period->starts[i + 1], seed);
	CHECK_SEED(period->starts[period->count] <= count, seed);
}

TEST(a_planted_period_is_found_with_its_head_and_tail)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct plan plan;
		struct period period;
		seed_now = seed;
		plan_make(&plan);
		plan_play(&plan);
		CHECK(period_find(&period, tokens, count));
		check_starts(&period, seed);
		CHECK_SEED(period.length == plan_length(&plan), seed);
		CHECK_SEED(period.count == plan.steps, seed);
		CHECK_SEED(period.matched == period.compared, seed);
		CHECK_SEED(tokens[period.starts[1] - 1] == 1, seed);
		if (plan.micro_batches > 1)
			CHECK_SEED(period.level_count > 0 &&
				   period.levels[0].copies % plan.micro_batches == 0, seed);
		period_end(&period);
	}
}

TEST(a_planted_period_is_found_among_noise)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct plan plan;
		struct period period;
		seed_now = seed;
		plan_make(&plan);
		plan.steps += 20;
		plan.noise_per_mille = 5;
		plan.is_noise_inserted = seed % 2 == 0;
		plan_play(&plan);
		CHECK(period_find(&period, tokens, count));
		check_starts(&period, seed);
		CHECK_SEED(period.length == plan_length(&plan), seed);
		/* Those at the ends that are not exact are trimmed. */
		CHECK_SEED(period.count <= plan.steps && period.count * 2 > plan.steps, seed);
		period_end(&period);
	}
}

TEST(random_tokens_have_no_period)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct period period;
		seed_now = seed;
		size_t kinds = 2 + random_below(seed % 2 == 0 ? 8 : 1000);
		size_t length = 40 + random_below(3000);
		count = 0;
		for (size_t i = 0; i < length; i++)
			put(random_below(kinds));
		CHECK(period_find(&period, tokens, count));
		CHECK_SEED(period.length == 0, seed);
		period_end(&period);
	}
}
