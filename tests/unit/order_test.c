/* SPDX-License-Identifier: MIT */
#include "analyzer/dense_ids.h"
#include "analyzer/order.h"
#include "base/column.h"
#include "tests/unit/harness.h"

#include <stdlib.h>

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Rows carry their place of origin: sorted by key, and equal keys in the order they came. */
static void check_sorted(size_t count, uint64_t seed, uint64_t jitter, uint64_t slope)
{
	int64_t *keys = calloc(count + 1, sizeof *keys),
		*copies = calloc(count + 1, sizeof *copies);
	uint32_t *places = calloc(count + 1, sizeof *places);
	CHECK(keys != NULL && copies != NULL && places != NULL);
	for (size_t i = 0; i < count; i++) {
		copies[i] = keys[i] = (int64_t)(i * slope + next_random(&seed) % jitter) - 1000;
		places[i] = (uint32_t)i;
	}
	const struct order_column columns[] = { { keys, sizeof *keys }, { copies, sizeof *copies },
		{ places, sizeof *places } };
	CHECK(order_rows(keys, count, columns, 3));
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(copies[i], keys[i]);
		CHECK(i == 0 || keys[i - 1] < keys[i] ||
		      (keys[i - 1] == keys[i] && places[i - 1] < places[i]));
	}
	free(keys);
	free(copies);
	free(places);
}

TEST(order_sorts_rows_of_any_count_and_keeps_equal_ones_in_place)
{
	for (size_t count = 0; count < 200; count++) {
		check_sorted(count, count, 1000000, 0);
		check_sorted(count, count, 5, 0);
	}
	check_sorted(100000, 3, 1u << 30, 0);
}

TEST(order_sorts_rows_that_are_nearly_in_order)
{
	check_sorted(100000, 5, 1000, 10);
	check_sorted(100000, 6, 2, 1);
	check_sorted(100000, 7, 1, 1);
}

TEST(order_groups_brings_groups_together_and_keeps_the_order_within)
{
	enum { ROWS = 10000, GROUPS = 7 };
	uint32_t groups[ROWS], numbers[ROWS], was[ROWS];
	int64_t values[ROWS];
	uint64_t seed = 11;
	for (uint32_t i = 0; i < ROWS; i++) {
		/* Group 3 has no rows. */
		groups[i] = (uint32_t)(next_random(&seed) % GROUPS);
		was[i] = groups[i] = groups[i] == 3 ? 4 : groups[i];
		numbers[i] = i;
		values[i] = INT64_MIN + i;
	}
	const struct order_column columns[] = { { numbers, sizeof *numbers },
						{ values, sizeof *values } };
	CHECK(order_groups(groups, ROWS, GROUPS, columns, 2));
	for (size_t i = 0; i < ROWS; i++) {
		CHECK_INT(groups[i], was[numbers[i]]);
		CHECK_INT(values[i], INT64_MIN + (int64_t)numbers[i]);
		CHECK(i == 0 || groups[i - 1] < groups[i] ||
		      (groups[i - 1] == groups[i] && numbers[i - 1] < numbers[i]));
	}
	CHECK(order_groups(groups, ROWS, GROUPS, columns, 2));
	CHECK(order_groups(groups, 0, 0, columns, 2));
}

TEST(column_keeps_its_values_from_small_to_huge_and_back)
{
	static const size_t rooms[] = { 10, 1000, 300000, 2000000, 5000000, 400000, 12 };
	int64_t *column = NULL;
	size_t filled = 0;
	for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
		CHECK(column_resize(&column, rooms[r], sizeof *column));
		filled = filled < rooms[r] ? filled : rooms[r];
		for (size_t i = 0; i < filled; i++)
			CHECK(column[i] == (int64_t)i * 3);
		for (; filled < rooms[r]; filled++)
			column[filled] = (int64_t)filled * 3;
	}
	CHECK(!column_resize(&column, SIZE_MAX / 4, sizeof *column));
	CHECK(column[11] == 33);
	free(column);
	column = column_new(0, sizeof *column);
	CHECK(column != NULL);
	free(column);
}

TEST(dense_ids_find_what_was_put_near_and_far)
{
	static const int64_t ids[] = { 1,      2,         3,         4095, 4096, 5000,
				       100000, INT64_MAX, INT64_MIN, -1,   0,    7 };
	struct dense_ids map = { 0 };
	uint32_t place = 77;
	for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		CHECK(dense_ids_put(&map, ids[i], i));
	for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		CHECK(dense_ids_find(&map, ids[i], &place));
		CHECK_INT(place, i);
	}
	place = 77;
	CHECK(!dense_ids_find(&map, 6, &place) && !dense_ids_find(&map, 1 << 20, &place));
	CHECK_INT(place, 77);
	CHECK(dense_ids_put(&map, 5000, 3) && dense_ids_find(&map, 5000, &place) && place == 3);
	CHECK(map.room < 20000);
	dense_ids_end(&map);
}

/* An id that went to the map because it was far is still found when the array has grown beyond it.
 */
TEST(dense_ids_find_a_far_id_after_the_array_has_passed_it)
{
	struct dense_ids map = { 0 };
	uint32_t place = 0;
	CHECK(dense_ids_put(&map, 9000, 12345));
	for (uint32_t i = 0; i < 8000; i++)
		CHECK(dense_ids_put(&map, i, i));
	CHECK(dense_ids_put(&map, 10000, 1));
	CHECK(map.room > 9000);
	CHECK(dense_ids_find(&map, 9000, &place) && place == 12345);
	dense_ids_end(&map);
}
