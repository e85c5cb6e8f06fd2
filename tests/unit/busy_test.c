/* SPDX-License-Identifier: MIT */
#include "viewer-export/busy.h"

#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

static void add(struct busy *busy, const struct busy_grid *grid, int64_t start, int64_t end)
{
	struct busy_span span = { start, end, 1 };
	CHECK(busy_add(busy, grid, &span));
}

TEST(busy_time_is_a_union_and_is_cut_at_buckets)
{
	struct busy_grid grid;
	struct busy busy = { 0 };
	busy_grid_begin(&grid, 0, 63, 4);
	CHECK_INT(grid.level, 4);
	add(&busy, &grid, 0, 10);
	add(&busy, &grid, 5, 12);	/* overlaps */
	add(&busy, &grid, 6, 8);	/* lies inside */
	add(&busy, &grid, 30, 40);	/* two buckets */
	add(&busy, &grid, 40, 40);	/* no length */
	busy_finish(&busy, &grid);
	CHECK_INT(busy.buckets[0].busy_ns, 12);
	CHECK_INT(busy.buckets[0].count, 3);
	CHECK_INT(busy.buckets[1].busy_ns, 2);
	CHECK_INT(busy.buckets[2].busy_ns, 8);
	CHECK_INT(busy.buckets[2].count, 1);
	CHECK_INT(busy.buckets[3].busy_ns, 0);
	for (size_t i = 0; i < 4; i++)
		CHECK(!busy_is_marked(&busy, i));
	busy_end(&busy);
}

TEST(a_grid_that_widens_stays_exact_also_before_zero)
{
	struct busy_grid grid, wide;
	struct busy busy = { 0 };
	busy_grid_begin(&grid, 0, 3, 4);
	CHECK_INT(grid.level, 0);
	add(&busy, &grid, 1, 3);
	wide = busy_grid_widened(&grid, -5, 9, 4);
	CHECK_INT(wide.level, 3);
	CHECK(busy_widen(&busy, &grid, &wide));
	add(&busy, &wide, -5, -1);
	add(&busy, &wide, 7, 9);
	busy_finish(&busy, &wide);
	CHECK_INT(busy_grid_start_ns(&wide, 0), -8);
	CHECK_INT(busy.buckets[0].busy_ns, 4);
	CHECK_INT(busy.buckets[1].busy_ns, 3);
	CHECK_INT(busy.buckets[2].busy_ns, 1);
	CHECK_INT(busy.buckets[1].count, 2);
	busy_end(&busy);
}

TEST(a_span_far_too_late_fills_whole_buckets_and_marks_its_ends)
{
	enum { SPANS = 3 * BUSY_PENDING };
	struct busy_grid grid;
	struct busy busy = { 0 };
	busy_grid_begin(&grid, 0, SPANS * 4 - 1, 64);
	int64_t width = INT64_C(1) << grid.level;
	for (int64_t i = 0; i < SPANS; i++)
		add(&busy, &grid, i * 4, i * 4 + 1);
	add(&busy, &grid, width / 2, 3 * width + 1);
	busy_finish(&busy, &grid);
	CHECK(busy_is_marked(&busy, 0));
	CHECK_INT(busy.buckets[1].busy_ns, width);
	CHECK_INT(busy.buckets[2].busy_ns, width);
	CHECK(!busy_is_marked(&busy, 1) && !busy_is_marked(&busy, 2));
	CHECK(busy_is_marked(&busy, 3));
	CHECK_INT(busy.buckets[10].busy_ns, width / 4);
	CHECK(!busy_is_marked(&busy, 10));
	busy_end(&busy);
}

/* Every nanosecond of a small time painted one by one. */
TEST(random_spans_in_any_order_are_as_busy_as_painted)
{
	enum { TIME = 4096, SPANS = 6000 };
	static bool painted[TIME];
	static struct busy_span spans[SPANS];
	struct busy_grid grid;
	struct busy busy = { 0 };
	uint64_t seed = 42;
	memset(painted, 0, sizeof painted);
	busy_grid_begin(&grid, 0, 15, 32);	/* widens on the way */
	for (int i = 0; i < SPANS; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		int64_t start = (int64_t)(seed >> 33) % TIME / 2 + (i % 7 == 0 ? TIME / 2 - 40 : 0);
		int64_t end = start + (int64_t)(seed >> 60) % 3;
		spans[i] = (struct busy_span){ start, end, 1 };
		memset(painted + start, 1, (size_t)(end - start));
		struct busy_grid wide = busy_grid_widened(&grid, start, end, 32);
		CHECK(busy_widen(&busy, &grid, &wide));
		grid = wide;
		CHECK(busy_add(&busy, &grid, &spans[i]));
	}
	busy_finish(&busy, &grid);
	struct busy_bucket filled[32];
	busy_fill(filled, 32, grid.first, grid.level, spans, SPANS);
	int exact = 0;
	for (size_t i = 0; i < 32; i++) {
		int64_t want = 0;
		for (int64_t at = busy_grid_start_ns(&grid, i);
		     at < busy_grid_start_ns(&grid, i + 1) && at < TIME; at++)
			want += painted[at];
		CHECK_INT(filled[i].busy_ns, want);
		CHECK_INT(filled[i].count, busy.buckets[i].count);
		if (busy_is_marked(&busy, i))
			continue;
		CHECK_INT(busy.buckets[i].busy_ns, want);
		exact++;
	}
	CHECK(exact > 0);
	busy_end(&busy);
}
