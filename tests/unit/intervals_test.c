/* SPDX-License-Identifier: MIT */
#include "analyzer/intervals.h"
#include "tests/unit/harness.h"

#include <stddef.h>

static void check_items(const struct intervals *got, const struct interval *want, size_t count)
{
	CHECK_INT(got->count, count);
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(got->items[i].start_ns, want[i].start_ns);
		CHECK_INT(got->items[i].end_ns, want[i].end_ns);
	}
}

#define CHECK_ITEMS(got, ...) \
	do { \
		const struct interval want_[] = { __VA_ARGS__ }; \
		check_items(&(got), want_, sizeof want_ / sizeof want_[0]); \
	} while (0)

static struct intervals list_of(const struct interval *items, size_t count)
{
	struct intervals list = { 0 };
	for (size_t i = 0; i < count; i++)
		CHECK(intervals_add(&list, items[i].start_ns, items[i].end_ns));
	return list;
}

#define LIST(...) \
	list_of((const struct interval[]){ __VA_ARGS__ }, \
		sizeof((struct interval[]){ __VA_ARGS__ }) / sizeof(struct interval))

TEST(intervals_merge_where_they_overlap_or_touch)
{
	struct intervals list = LIST({ 0, 10 }, { 10, 12 }, { 20, 30 }, { 25, 40 }, { 26, 27 });
	CHECK_ITEMS(list, { 0, 12 }, { 20, 40 });
	CHECK_INT(intervals_length(&list), 32);
	intervals_end(&list);
}

TEST(intervals_without_length_or_turned_round_add_nothing)
{
	struct intervals list = LIST({ 5, 5 }, { 9, 3 });
	CHECK_INT(list.count, 0);
	CHECK_INT(intervals_length(&list), 0);
	intervals_end(&list);
}

TEST(intervals_union_takes_both)
{
	struct intervals a = LIST({ 0, 5 }, { 10, 15 }), b = LIST({ 5, 10 }, { 20, 21 }),
			 out = { 0 };
	CHECK(intervals_union(&out, &a, &b));
	CHECK_ITEMS(out, { 0, 15 }, { 20, 21 });
	intervals_end(&a);
	intervals_end(&b);
	intervals_end(&out);
}

TEST(intervals_intersection_takes_what_both_have)
{
	struct intervals a = LIST({ 0, 10 }, { 20, 30 }),
			 b = LIST({ 5, 22 }, { 25, 26 }, { 30, 31 }), out = { 0 };
	CHECK(intervals_intersection(&out, &a, &b));
	CHECK_ITEMS(out, { 5, 10 }, { 20, 22 }, { 25, 26 });
	CHECK_INT(intervals_common_length(&a, &b), 8);
	intervals_end(&a);
	intervals_end(&b);
	intervals_end(&out);
}

TEST(intervals_difference_leaves_what_the_other_does_not_have)
{
	struct intervals a = LIST({ 0, 10 }, { 20, 30 }, { 40, 50 }),
			 b = LIST({ 2, 4 }, { 6, 22 }, { 45, 60 });
	struct intervals out = { 0 };
	CHECK(intervals_difference(&out, &a, &b));
	CHECK_ITEMS(out, { 0, 2 }, { 4, 6 }, { 22, 30 }, { 40, 45 });
	intervals_end(&a);
	intervals_end(&b);
	intervals_end(&out);
}

TEST(intervals_difference_with_one_that_spans_several)
{
	struct intervals a = LIST({ 0, 10 }, { 20, 30 }, { 40, 50 }), b = LIST({ 5, 45 }),
			 out = { 0 };
	CHECK(intervals_difference(&out, &a, &b));
	CHECK_ITEMS(out, { 0, 5 }, { 45, 50 });
	intervals_end(&a);
	intervals_end(&b);
	intervals_end(&out);
}

TEST(intervals_gaps_fill_the_window)
{
	struct intervals busy = LIST({ -5, 2 }, { 4, 6 }, { 9, 20 }), out = { 0 };
	CHECK(intervals_gaps(&out, &busy, 0, 10));
	CHECK_ITEMS(out, { 2, 4 }, { 6, 9 });
	CHECK(intervals_gaps(&out, &busy, 30, 40));
	CHECK_ITEMS(out, { 30, 40 });
	CHECK(intervals_gaps(&out, &busy, 10, 10));
	CHECK_INT(out.count, 0);
	intervals_end(&busy);
	intervals_end(&out);
}
