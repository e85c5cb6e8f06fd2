/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_clock.h"
#include "tests/unit/harness.h"

#include <stdlib.h>

enum { BARRIERS = 400 };

static uint64_t seed = 1;

static int64_t random_below(int64_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)limit);
}

static struct clock_sample samples[4][BARRIERS];
static struct clock_track tracks[4];

/* What a clock shows at a true time. */
typedef int64_t (*clock_face)(int64_t ns);

static int64_t face_true(int64_t ns)
{
	return ns;
}

static int64_t face_ahead(int64_t ns)
{
	return ns + 50000000;
}

static int64_t face_behind(int64_t ns)
{
	return ns - 7000123;
}

static int64_t face_fast(int64_t ns)
{
	return ns + ns / 10000 + 3000000;
}

static int64_t face_set(int64_t ns)
{
	return ns < 100000000000 ? ns : ns + 20000000;
}

/* A barrier every 0.5 s or so over 200 s, 20 us from the latest arrival, 3 us of noise. */
static void barriers_play(const clock_face *faces, size_t count)
{
	int64_t at = 1000000;
	for (uint32_t k = 0; k < BARRIERS; k++) {
		int64_t start[4], latest = 0;
		for (size_t c = 0; c < count; c++) {
			start[c] = at + random_below(2000000);
			latest = start[c] > latest ? start[c] : latest;
		}
		for (size_t c = 0; c < count; c++)
			samples[c][k] = (struct clock_sample){ k, faces[c](start[c]),
				faces[c](latest + 20000 + random_below(3000)) };
		at += 480000000 + random_below(40000000);
	}
	for (size_t c = 0; c < count; c++)
		tracks[c] = (struct clock_track){ samples[c], BARRIERS };
}

/* Corrected ends of one barrier must lie together. */
static void check_corrected(const struct clock_estimate *estimates, size_t count, int64_t within_ns)
{
	for (uint32_t k = 0; k < BARRIERS; k++)
		for (size_t c = 1; c < count; c++) {
			int64_t end_ns = samples[c][k].end_ns;
			end_ns += clock_offset_at(&estimates[c], end_ns);
			int64_t off_ns = llabs(end_ns - samples[0][k].end_ns);
			if (off_ns > within_ns)
				test_fail(__FILE__, __LINE__,
					  "barrier %u: clock %zu is %lld ns off", k, c,
					  (long long)off_ns);
		}
}

TEST(constant_offsets_of_clocks_are_found)
{
	const clock_face faces[] = { face_true, face_ahead, face_behind };
	struct clock_estimate estimates[3];
	barriers_play(faces, 3);
	CHECK(clocks_estimate(estimates, tracks, 3));
	for (size_t c = 1; c < 3; c++) {
		int64_t want = c == 1 ? -50000000 : 7000123;
		CHECK(llabs(estimates[c].fit.offset_ns - want) < 1000);
		CHECK(estimates[c].low_ns <= want && want <= estimates[c].high_ns);
		CHECK(estimates[c].error_ns < 5000);
		CHECK(estimates[c].is_feasible);
		CHECK_INT(estimates[c].fit.drift_ppb, 0);
		CHECK_INT(estimates[c].fit.knot_count, 1);
		CHECK_INT(estimates[c].reference, 0);
	}
	check_corrected(estimates, 3, 4000);
	clock_estimates_end(estimates, 3);
}

TEST(a_clock_that_drifts_is_followed)
{
	const clock_face faces[] = { face_true, face_fast };
	struct clock_estimate estimates[2];
	barriers_play(faces, 2);
	CHECK(clocks_estimate(estimates, tracks, 2));
	CHECK(llabs(estimates[1].fit.drift_ppb + 100000) < 200);
	CHECK(estimates[1].is_feasible);
	CHECK_INT(estimates[1].fit.jump_count, 0);
	CHECK(estimates[1].fit.knot_count >= 2);
	CHECK(estimates[1].error_ns < 5000);
	check_corrected(estimates, 2, 6000);
	clock_estimates_end(estimates, 2);
}

TEST(a_clock_that_was_set_has_a_jump)
{
	const clock_face faces[] = { face_true, face_set, face_ahead };
	struct clock_estimate estimates[3];
	barriers_play(faces, 3);
	CHECK(clocks_estimate(estimates, tracks, 3));
	CHECK_INT(estimates[1].fit.jump_count, 1);
	CHECK_INT(estimates[2].fit.jump_count, 0);
	CHECK(estimates[1].is_feasible);
	check_corrected(estimates, 3, 6000);
	clock_estimates_end(estimates, 3);
}

TEST(clocks_are_compared_through_others)
{
	const clock_face faces[] = { face_true, face_ahead, face_behind, face_ahead };
	struct clock_estimate estimates[4];
	barriers_play(faces, 4);
	tracks[0].count = BARRIERS / 2;			/* meets 1 only */
	tracks[2].samples += BARRIERS / 2;		/* meets 1 only */
	tracks[2].count = BARRIERS / 2;
	tracks[3].count = 0;				/* meets nobody */
	CHECK(clocks_estimate(estimates, tracks, 4));
	CHECK_INT(estimates[2].reference, 0);
	CHECK(llabs(estimates[2].fit.offset_ns - 7000123) < 2000);
	CHECK(estimates[2].low_ns <= 7000123 && 7000123 <= estimates[2].high_ns);
	CHECK_INT(estimates[3].reference, 3);
	CHECK_INT(estimates[3].sample_count, 0);
	clock_estimates_end(estimates, 4);
}

TEST(barriers_that_contradict_each_other_are_not_believed)
{
	const clock_face faces[] = { face_true, face_true };
	struct clock_estimate estimates[2];
	barriers_play(faces, 2);
	for (size_t k = 0; k < BARRIERS; k += 2) {
		samples[1][k].start_ns += 3000000;
		samples[1][k].end_ns += 3000000;
	}
	CHECK(clocks_estimate(estimates, tracks, 2));
	CHECK(!estimates[1].is_feasible);
	CHECK(estimates[1].conflict_ns > 1000000);
	CHECK(estimates[1].error_ns > 1000000);
	clock_estimates_end(estimates, 2);
}
