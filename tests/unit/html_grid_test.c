/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_grid.h"

#include "tests/unit/harness.h"

static int64_t row_busy_ns(const struct html_grid *grid, size_t row)
{
	int64_t sum_ns = 0;
	for (size_t i = 0; i < grid->cell_count; i++)
		sum_ns += grid->tracks[1].rows[row][i].busy_ns;
	return sum_ns;
}

TEST(a_coarse_picture_has_a_row_for_each_depth)
{
	struct html_grid grid = { .cell_count = 0 };
	CHECK(html_grid_add_track(&grid, 1, false, false));
	CHECK(html_grid_add_slice(&grid, 1, 100, 900, 7));
	CHECK(html_grid_add_slice(&grid, 1, 200, 100, 8));
	CHECK(html_grid_add_slice(&grid, 1, 400, 50, 8));
	CHECK(html_grid_add_slice(&grid, 1, 1000, 10, 9));
	CHECK_INT(grid.tracks[1].row_count, 2);
	CHECK_INT(row_busy_ns(&grid, 0), 910);
	CHECK_INT(row_busy_ns(&grid, 1), 150);
	CHECK_INT(grid.start_ns, 100);
	CHECK_INT(grid.end_ns, 1010);
	html_grid_end(&grid);
}

TEST(a_range_that_is_written_when_it_ends_stands_above_what_lies_in_it)
{
	struct html_grid grid = { .cell_count = 0 };
	CHECK(html_grid_add_track(&grid, 1, false, false));
	for (int64_t start_ns = 0; start_ns < 1 << 20; start_ns += 1 << 14)
		CHECK(html_grid_add_slice(&grid, 1, start_ns + 5, 1 << 13, 1));
	CHECK(html_grid_add_slice(&grid, 1, 0, 1 << 20, 2));
	CHECK_INT(grid.tracks[1].row_count, 2);
	CHECK_INT(row_busy_ns(&grid, 0), 1 << 20);
	CHECK_INT(row_busy_ns(&grid, 1), 1 << 19);
	CHECK_INT(grid.tracks[1].rows[0][9].label, 2);
	CHECK_INT(grid.tracks[1].rows[1][9].label, 1);
	html_grid_end(&grid);
}

TEST(sums_of_a_coarse_picture_stay_exact_when_its_buckets_widen)
{
	struct html_grid grid = { .cell_count = 0 };
	int64_t sum_ns = 0, start_ns = 3;
	CHECK(html_grid_add_track(&grid, 1, true, false));
	for (int64_t i = 0; i < 5000; i++) {
		int64_t duration_ns = i * 7919 % 1013;
		CHECK(html_grid_add_slice(&grid, 1, start_ns, duration_ns, (uint32_t)i));
		sum_ns += duration_ns;
		start_ns += duration_ns + i % 5;
	}
	CHECK(html_grid_add_slice(&grid, 1, INT64_MAX - 5, INT64_MAX, 1));
	CHECK(grid.level > 40);
	CHECK(html_grid_used(&grid) <= grid.cell_count);
	CHECK_INT(grid.tracks[1].rows[0][0].busy_ns, sum_ns);
	html_grid_end(&grid);
}
