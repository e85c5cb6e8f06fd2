/* SPDX-License-Identifier: MIT */
#include "analyzer/steps.h"
#include "tests/unit/harness.h"

enum { STEPS_MAX = 64 };

static struct error error;
static int64_t durations_ns[STEPS_MAX];
static int64_t load_ns[STEPS_MAX];

static struct step_choice choose(size_t count)
{
	static struct step_choice choice;
	struct step_list list = { .count = count };
	step_choice_end(&choice);
	CHECK_OK(steps_choose(&choice, &list, durations_ns, load_ns, &error), error);
	return choice;
}

static void fill(int64_t length_ns)
{
	for (int i = 0; i < STEPS_MAX; i++)
		durations_ns[i] = length_ns + i * 7 % 5;
}

TEST(steps_that_warm_up_are_left_out)
{
	fill(1000);
	CHECK_INT(choose(3).first, 0);
	CHECK_INT(choose(3).end, 3);
	CHECK_CONTAINS(choose(3).reason, "too few steps");
	CHECK_INT(choose(4).first, 1);
	CHECK_INT(choose(5).end, 4);
	CHECK(choose(5).reason == NULL);
	CHECK_INT(choose(6).first, 2);
	CHECK_INT(choose(6).end, 5);
	CHECK_INT(choose(0).end, 0);
}

TEST(steps_that_load_code_are_left_out_while_three_remain)
{
	fill(1000);
	load_ns[0] = load_ns[2] = load_ns[3] = 500;
	load_ns[5] = 500;
	CHECK_INT(choose(20).first, 4);
	CHECK_INT(choose(7).first, 3);
	load_ns[2] = 9;
	CHECK_INT(choose(20).first, 2);
}

TEST(slow_steps_are_marked)
{
	fill(100000);
	durations_ns[9] = 150000;
	durations_ns[0] = 900000;
	struct step_choice choice = choose(20);
	CHECK_INT(choice.slow_count, 1);
	CHECK(choice.is_slow[9]);
	CHECK_INT(choice.change_at, 0);
	durations_ns[9] = 100100;
	CHECK_INT(choose(20).slow_count, 0);
}

TEST(a_new_pace_is_found_where_it_begins)
{
	fill(1000);
	for (int i = 30; i < STEPS_MAX; i++)
		durations_ns[i] += 150;
	struct step_choice choice = choose(60);
	CHECK_INT(choice.change_at, 30);
	CHECK_INT(choice.change_before_ns, 1002);
	CHECK_INT(choice.change_after_ns, 1152);
	/* Too few steps on one side, or too small a shift. */
	CHECK_INT(choose(38).change_at, 0);
	for (int i = 30; i < STEPS_MAX; i++)
		durations_ns[i] -= 80;
	CHECK_INT(choose(60).change_at, 0);
}

TEST(a_pause_is_no_new_pace)
{
	fill(1000);
	durations_ns[15] = 90000;
	CHECK_INT(choose(40).change_at, 0);
}

TEST(huge_durations_do_not_wrap)
{
	for (int i = 0; i < STEPS_MAX; i++)
		durations_ns[i] = INT64_C(1) << 62;
	durations_ns[7] = 0;
	durations_ns[8] = INT64_MAX;
	CHECK_INT(choose(STEPS_MAX).slow_count, 1);
}
