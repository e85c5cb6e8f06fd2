/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_period.h"
#include "analyzer/ratio.h"
#include "tests/unit/harness.h"

enum { TOKENS_MAX = 20000 };

struct sequence {
	uint64_t tokens[TOKENS_MAX];
	size_t count;
};

static struct sequence sequence;

static void put(const char *digits)
{
	for (; *digits != '\0'; digits++)
		sequence.tokens[sequence.count++] = (uint64_t)(unsigned char)*digits;
}

static void put_times(const char *digits, int times)
{
	for (int i = 0; i < times; i++)
		put(digits);
}

static struct period find(void)
{
	static struct period period;
	period_end(&period);
	CHECK(period_find(&period, sequence.tokens, sequence.count));
	return period;
}

/* The story of golden vector G5; the vector itself is played by tests/real. */
TEST(a_period_is_the_step_and_not_the_micro_batch)
{
	put("997");
	put_times("1223122312235", 6);
	put("8");
	struct period period = find();
	CHECK_INT(period.length, 13);
	CHECK_INT(period.count, 6);
	CHECK_INT(period.head, 3);
	CHECK_INT(period.tail, 1);
	CHECK_INT(period.anchor, '5');
	CHECK_INT(period.matched, 65);
	CHECK_INT(period.compared, 65);
	CHECK_INT(period.aligned_e12, RATIO_ONE);
	for (size_t i = 0; i <= 6; i++)
		CHECK_INT(period.starts[i], 3 + 13 * i);
	CHECK_INT(period.level_count, 1);
	CHECK_INT(period.levels[0].length, 4);
	CHECK_INT(period.levels[0].copies, 3);
}

TEST(matches_of_a_lag_are_counted_exactly)
{
	size_t compared;
	put("12121");
	CHECK_INT(period_matches(sequence.tokens, 5, 2, &compared), 3);
	CHECK_INT(compared, 3);
	CHECK_INT(period_matches(sequence.tokens, 5, 5, &compared), 0);
	CHECK_INT(compared, 0);
	CHECK_INT(period_matches(sequence.tokens, 5, 9, &compared), 0);
}

TEST(alignment_survives_tokens_more_less_and_changed)
{
	static const uint64_t a[] = { 1, 2, 3, 4, 5, 6, 7, 8 },
			      more[] = { 1, 2, 9, 3, 4, 5, 6, 7, 8 },
			      less[] = { 1, 2, 4, 5, 6, 7, 8 },
			      changed[] = { 1, 2, 3, 9, 5, 6, 7, 8 },
			      other[] = { 11, 12, 13, 14, 15, 16, 17, 18 };
	CHECK_INT(period_align(a, 8, more, 9, 99), 8);
	CHECK_INT(period_align(a, 8, less, 7, 99), 7);
	CHECK_INT(period_align(a, 8, changed, 8, 99), 7);
	CHECK_INT(period_align(a, 8, other, 8, 99), 0);
	CHECK_INT(period_align(a, 8, a, 0, 99), 0);
}

TEST(a_short_sequence_has_no_period)
{
	CHECK_INT(find().length, 0);
	put("1212");
	CHECK_INT(find().length, 0);
	put("12");
	CHECK_INT(find().length, 2);
	CHECK_INT(find().count, 3);
}

TEST(equal_tokens_are_periods_of_one)
{
	put_times("1", 50);
	struct period period = find();
	CHECK_INT(period.length, 1);
	CHECK_INT(period.count, 50);
}

TEST(a_gram_is_the_anchor_where_no_token_is_there_once)
{
	put_times("1122", 10);
	struct period period = find();
	CHECK_INT(period.length, 4);
	CHECK_INT(period.count, 10);
	CHECK_INT(period.head, 0);
	CHECK_INT(period.tail, 0);
}

/* Tensor parallelism: many equal collectives, one that differs. */
TEST(one_rare_token_among_equal_ones_makes_the_period)
{
	for (int i = 0; i < 20; i++) {
		put_times("1", 64);
		put("2");
	}
	struct period period = find();
	CHECK_INT(period.length, 65);
	CHECK_INT(period.count, 20);
}

TEST(a_period_survives_what_is_logged_now_and_then)
{
	put("ab");
	for (int i = 0; i < 60; i++) {
		put("123456783");
		if (i == 7 || i == 20 || i == 25 || i == 51)
			put("L");
	}
	struct period period = find();
	CHECK_INT(period.length, 9);
	CHECK_INT(period.count, 60);
	CHECK_INT(period.head, 2);
	CHECK_INT(period.starts[8] - period.starts[7], 10);
	CHECK_INT(period.starts[9] - period.starts[8], 9);
	CHECK_INT(period.starts[60], sequence.count);
}

/* Evenly logged work looks like an optimiser: the smaller period stays in sight. */
TEST(evenly_logged_work_leaves_the_step_as_a_level)
{
	for (int i = 0; i < 40; i++) {
		put("123456783");
		if (i % 10 == 9)
			put("L");
	}
	struct period period = find();
	CHECK_INT(period.length, 91);
	CHECK_INT(period.count, 4);
	CHECK_INT(period.level_count, 1);
	CHECK_INT(period.levels[0].length, 9);
	CHECK_INT(period.levels[0].copies, 10);
}

TEST(a_last_micro_batch_that_does_more_is_a_micro_batch)
{
	put_times("12312312312345", 8);
	struct period period = find();
	CHECK_INT(period.length, 14);
	CHECK_INT(period.levels[0].length, 3);
	CHECK_INT(period.levels[0].copies, 4);
}

TEST(repetition_that_is_a_small_part_is_no_period)
{
	put_times("xyz", 8);
	for (int i = 0; i < 60; i++)
		sequence.tokens[sequence.count++] = 1000 + (uint64_t)i;
	CHECK_INT(find().length, 0);
}
