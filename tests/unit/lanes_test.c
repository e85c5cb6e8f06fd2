/* SPDX-License-Identifier: MIT */
#include "viewer-export/lanes.h"

#include "tests/unit/harness.h"

#include <stdlib.h>

static void add(struct lane_set *set, uint32_t group, int64_t start, int64_t end)
{
	CHECK(lane_set_add(set, group, start, end, false));
}

static uint32_t lane_of(const struct lane_set *set, size_t span)
{
	return lane_set_at(set, span).lane;
}

TEST(touching_spans_share_a_lane_and_overlapping_ones_do_not)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	add(&set, 0, 0, 10);
	add(&set, 0, 10, 20);
	add(&set, 0, 19, 30);
	add(&set, 0, 30, 31);
	add(&set, 1, 5, 25);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_of(&set, 0), 0);
	CHECK_INT(lane_of(&set, 1), 0);
	CHECK_INT(lane_of(&set, 2), 1);
	CHECK_INT(lane_of(&set, 3), 0);
	CHECK_INT(lane_of(&set, 4), 0);
	CHECK_INT(lane_set_lane_count(&set, 0), 2);
	CHECK_INT(lane_set_lane_count(&set, 1), 1);
	CHECK(!lane_set_at(&set, 0).is_touching);
	CHECK(lane_set_at(&set, 1).is_touching);
	CHECK(!lane_set_at(&set, 3).is_touching);
	lane_set_end(&set);
}

TEST(spans_before_the_epoch_need_no_extra_lane)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	add(&set, 0, -100, -90);
	add(&set, 0, -80, -70);
	add(&set, 0, -70, -60);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 0), 1);
	lane_set_end(&set);
}

TEST(spans_that_come_unsorted_get_the_lanes_of_sorted_ones)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	for (int i = 999; i >= 0; i--)
		add(&set, 0, i * 10, i * 10 + 10);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 0), 1);
	lane_set_end(&set);
}

TEST(a_span_without_length_shares_the_lane_but_two_at_one_instant_do_not)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	add(&set, 0, 0, 10);
	add(&set, 0, 10, 20);
	add(&set, 0, 10, 10);
	add(&set, 0, 10, 10);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_of(&set, 1), 0);
	CHECK_INT(lane_of(&set, 2), 0);
	CHECK_INT(lane_of(&set, 3), 1);
	CHECK(!lane_set_at(&set, 2).is_touching);
	lane_set_end(&set);
}

TEST(a_span_without_length_that_an_arrow_leads_to_stands_alone_in_time)
{
	for (int rule = LANE_APART; rule <= LANE_NESTED; rule++) {
		struct lane_set set;
		lane_set_begin(&set, (enum lane_rule)rule);
		add(&set, 0, 0, 10);
		CHECK(lane_set_add(&set, 0, 10, 10, true));	/* at an end */
		add(&set, 0, 10, 20);
		CHECK(lane_set_add(&set, 1, 10, 10, true));
		CHECK(lane_set_add(&set, 1, 10, 10, false));	/* at the same instant */
		CHECK(lane_set_add(&set, 1, 10, 15, true));
		CHECK(lane_set_solve(&set));
		CHECK_INT(lane_of(&set, 1), 1);
		CHECK_INT(lane_of(&set, 2), 0);
		CHECK_INT(lane_of(&set, 3), 0);
		CHECK_INT(lane_of(&set, 4), 1);
		CHECK_INT(lane_of(&set, 5), 0);
		lane_set_end(&set);
	}
}

TEST(nested_spans_share_a_lane_and_crossing_ones_do_not)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_NESTED);
	add(&set, 0, 2, 4);	/* ends first, so it comes first */
	add(&set, 0, 4, 6);
	add(&set, 0, 0, 10);
	add(&set, 0, 5, 12);	/* crosses */
	add(&set, 0, 10, 12);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_of(&set, 0), 0);
	CHECK_INT(lane_of(&set, 1), 0);
	CHECK_INT(lane_of(&set, 2), 0);
	CHECK_INT(lane_of(&set, 3), 1);
	CHECK_INT(lane_of(&set, 4), 0);
	CHECK(lane_set_at(&set, 1).is_touching);
	CHECK(lane_set_at(&set, 4).is_touching);
	CHECK_INT(lane_set_lane_count(&set, 0), 2);
	lane_set_end(&set);
}

TEST(an_inner_span_that_comes_before_its_outer_one_is_late_if_both_start_together)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_NESTED);
	add(&set, 0, 0, 3);
	add(&set, 0, 0, 5);
	add(&set, 0, 0, 9);
	add(&set, 0, 0, 1);
	add(&set, 0, 6, 8);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 0), 1);
	CHECK(!lane_set_at(&set, 2).is_late);
	CHECK(lane_set_at(&set, 1).is_late);
	CHECK(lane_set_at(&set, 0).is_late);
	/* It comes after all, but the one around it is itself late. */
	CHECK(lane_set_at(&set, 3).is_late);
	CHECK(lane_set_at(&set, 1).depth < lane_set_at(&set, 0).depth);
	CHECK(!lane_set_at(&set, 4).is_late);
	lane_set_end(&set);
}

TEST(a_span_that_comes_before_one_that_ends_where_it_starts_is_late)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_NESTED);
	add(&set, 0, 20, 30);	/* before 2, and before 1, which is late itself */
	add(&set, 0, 10, 20);
	add(&set, 0, 0, 10);
	add(&set, 0, 30, 40);	/* after what it touches, but that is late */
	add(&set, 0, 25, 30);	/* inside it, and ends with it */
	add(&set, 0, 50, 60);
	add(&set, 0, 50, 50);	/* of no length: closes nothing */
	add(&set, 1, 0, 10);
	add(&set, 1, 10, 20);	/* in order */
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 0), 1);
	CHECK(lane_set_at(&set, 0).is_late);
	CHECK(lane_set_at(&set, 1).is_late);
	CHECK(!lane_set_at(&set, 2).is_late);
	CHECK(lane_set_at(&set, 3).is_late);
	CHECK(!lane_set_at(&set, 4).is_late);
	CHECK(!lane_set_at(&set, 5).is_late);
	CHECK(!lane_set_at(&set, 8).is_late);
	lane_set_end(&set);
}

TEST(the_cursor_agrees_with_the_search)
{
	struct lane_set set;
	struct lane_cursor cursor = { 0 };
	lane_set_begin(&set, LANE_APART);
	for (int i = 0; i < 500; i++)
		add(&set, (uint32_t)(i % 3), i, i + i % 11);
	CHECK(lane_set_solve(&set));
	for (size_t i = 0; i < 500; i++) {
		struct lane_place next = lane_set_next(&set, &cursor);
		struct lane_place at = lane_set_at(&set, i);
		CHECK(next.lane == at.lane && next.is_touching == at.is_touching);
	}
	lane_set_end(&set);
}

enum { RANDOM_SPANS = 120 };

struct random_span {
	uint32_t group;
	int64_t start, end;
};

static bool may_share(enum lane_rule rule, const struct random_span *a, const struct random_span *b)
{
	if (a->end <= b->start || b->end <= a->start)
		return true;
	/* Of no length and inside another: drawn within it. */
	if (rule == LANE_APART)
		return false;
	return (a->start <= b->start && b->end <= a->end) ||
	       (b->start <= a->start && a->end <= b->end);
}

static void check_random(enum lane_rule rule, unsigned seed)
{
	struct random_span spans[RANDOM_SPANS];
	struct lane_set set;
	srand(seed);
	lane_set_begin(&set, rule);
	for (int i = 0; i < RANDOM_SPANS; i++) {
		spans[i].group = (uint32_t)(rand() % 2);
		spans[i].start = rand() % 200 - 100;
		spans[i].end = spans[i].start + rand() % 20;
		add(&set, spans[i].group, spans[i].start, spans[i].end);
	}
	CHECK(lane_set_solve(&set));
	for (int i = 0; i < RANDOM_SPANS; i++) {
		CHECK(lane_of(&set, (size_t)i) < lane_set_lane_count(&set, spans[i].group));
		for (int j = 0; j < i; j++)
			if (spans[i].group == spans[j].group &&
			    lane_of(&set, (size_t)i) == lane_of(&set, (size_t)j) &&
			    !may_share(rule, &spans[i], &spans[j]))
				test_fail(__FILE__, __LINE__, "seed %u: %d and %d overlap", seed, i,
					  j);
	}
	CHECK_INT(set.crowded_count, 0);
	lane_set_end(&set);
}

TEST(no_two_spans_of_a_lane_ever_overlap)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		check_random(LANE_APART, seed);
		check_random(LANE_NESTED, seed);
	}
}

TEST(spans_beyond_the_last_lane_are_kept_and_counted)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	for (int i = 0; i < LANES_MAX + 5; i++)
		add(&set, 0, 0, 10);
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 0), LANES_MAX);
	CHECK_INT(set.crowded_count, 5);
	lane_set_end(&set);
}

TEST(a_group_without_spans_has_one_lane)
{
	struct lane_set set;
	lane_set_begin(&set, LANE_APART);
	CHECK(lane_set_touch_group(&set, 3));
	CHECK(lane_set_solve(&set));
	CHECK_INT(lane_set_lane_count(&set, 3), 1);
	lane_set_end(&set);
}

/* Spans that come nearly sorted: what the window forgets must not change a place. */
static void check_bounded(enum lane_rule rule, int64_t jitter, bool is_disordered)
{
	struct lane_set whole, bounded;
	lane_set_begin(&whole, rule);
	lane_set_begin(&bounded, rule);
	lane_set_bound(&bounded, LANE_WINDOW);
	srand((unsigned)jitter + (unsigned)rule);
	int count = LANE_WINDOW * 2 + 1000;
	for (int i = 0; i < count; i++) {
		int64_t start = (int64_t)i / 3 * 10 + rand() % 10 - rand() % jitter * 10;
		int64_t end = start + rand() % 4 * (rand() % 30);
		uint32_t group = (uint32_t)rand() % 5;
		bool has_flow = rand() % 2 == 0;
		CHECK(lane_set_add(&whole, group, start, end, has_flow));
		CHECK(lane_set_add(&bounded, group, start, end, has_flow));
	}
	CHECK(lane_set_solve(&whole));
	CHECK(lane_set_solve(&bounded));
	CHECK_INT(bounded.is_disordered, is_disordered);
	for (size_t i = 0; !is_disordered && i < (size_t)count; i++) {
		struct lane_place a = lane_set_at(&whole, i), b = lane_set_at(&bounded, i);
		CHECK(a.lane == b.lane && a.depth == b.depth && a.is_late == b.is_late &&
		      a.is_touching == b.is_touching);
	}
	for (uint32_t group = 0; !is_disordered && group < 5; group++)
		CHECK_INT(lane_set_lane_count(&whole, group), lane_set_lane_count(&bounded, group));
	lane_set_end(&whole);
	lane_set_end(&bounded);
}

TEST(a_short_window_gives_the_lanes_of_a_whole_one)
{
	check_bounded(LANE_APART, 1000, false);
	check_bounded(LANE_NESTED, 1000, false);
}

TEST(a_short_window_says_when_spans_come_too_far_out_of_order)
{
	check_bounded(LANE_APART, LANE_WINDOW, true);
	check_bounded(LANE_NESTED, LANE_WINDOW, true);
}
