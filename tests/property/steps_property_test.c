/* SPDX-License-Identifier: MIT */
/*
 * Goal: whatever a GPU did, the steps' bounds on it never fall and stay within its work, and where
 * steps follow each other without overlap each bound is the end of the work before. Method: random
 * timelines made in memory; a failure names the seed.
 */
#include "analyzer/steps.h"
#include "tests/unit/harness.h"

#include <string.h>

enum { ROWS_MAX = 200, STEPS_MAX = 12, ROUNDS = 3000 };

static uint64_t seed_now;

static int64_t random_below(int64_t limit)
{
	seed_now = seed_now * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed_now >> 33) % (uint64_t)limit);
}

#define CHECK_SEED(condition, seed) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)(seed), \
				  #condition); \
	} while (0)

struct made {
	struct timeline timeline;
	struct timeline_gpu gpu;
	struct timeline_kernel kernels[2];
	int64_t start_ns[LANE_COUNT][ROWS_MAX], end_ns[LANE_COUNT][ROWS_MAX];
	uint32_t stream[ROWS_MAX], what[ROWS_MAX], launch[LANE_COUNT][ROWS_MAX];
	int64_t call_ns[LANE_COUNT * ROWS_MAX];
	struct step steps[STEPS_MAX];
	struct step_list list;
};

static struct made made;

static void made_begin(void)
{
	memset(&made, 0, sizeof made);
	made.timeline = (struct timeline){ .gpus = &made.gpu, .gpu_count = 1,
					   .kernels = made.kernels, .kernel_count = 2,
					   .stream_count = 1 };
	made.kernels[1].class = KERNEL_COMMUNICATION;
	made.timeline.calls.start_ns = made.call_ns;
	for (int kind = 0; kind < LANE_COUNT; kind++)
		made.gpu.lanes[kind] = (struct lane){ .start_ns = made.start_ns[kind],
						      .end_ns = made.end_ns[kind],
						      .stream = made.stream,
						      .what = made.what,
						      .launch = made.launch[kind] };
	made.list = (struct step_list){ .anchor = STEP_RANGE, .steps = made.steps };
}

static void put_row(int kind, int64_t start_ns, int64_t end_ns, int64_t launch_ns)
{
	struct lane *lane = &made.gpu.lanes[kind];
	size_t at = lane->count++, call = made.timeline.calls.count;
	made.start_ns[kind][at] = start_ns;
	made.end_ns[kind][at] = end_ns;
	made.launch[kind][at] = NO_CALL;
	if (launch_ns < 0)
		return;
	made.call_ns[call] = launch_ns;
	made.launch[kind][at] = (uint32_t)call;
	made.timeline.calls.count++;
}

static void put_steps(void)
{
	int64_t at = random_below(50);
	made.list.count = 1 + (size_t)random_below(STEPS_MAX);
	for (size_t i = 0; i < made.list.count; i++) {
		made.steps[i].host_start_ns = at;
		at += 1 + random_below(100);
		made.steps[i].host_end_ns = at;
		at += random_below(2) * random_below(40);
	}
}

TEST(bounds_of_steps_never_fall_and_stay_within_the_work)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		int64_t bounds[STEPS_MAX + 1], first_ns = INT64_MAX, last_ns = INT64_MIN;
		seed_now = seed;
		made_begin();
		put_steps();
		for (int kind = 0; kind < LANE_COUNT; kind++) {
			int64_t rows = random_below(20) + (kind == 0), at = random_below(300);
			for (int64_t i = 0; i < rows; i++) {
				int64_t end_ns = at + random_below(60);
				put_row(kind, at, end_ns, random_below(900) - 50);
				first_ns = at < first_ns ? at : first_ns;
				last_ns = end_ns > last_ns ? end_ns : last_ns;
				at += random_below(60);
			}
		}
		CHECK(steps_bound(bounds, &made.list, &made.timeline, 0, NULL));
		CHECK_SEED(bounds[0] >= first_ns && bounds[made.list.count] <= last_ns, seed);
		for (size_t i = 0; i < made.list.count; i++)
			CHECK_SEED(bounds[i] <= bounds[i + 1], seed);
	}
}

TEST(steps_that_do_not_overlap_end_with_their_work)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		int64_t bounds[STEPS_MAX + 1], want[STEPS_MAX + 1] = { 0 };
		seed_now = seed;
		made_begin();
		put_steps();
		int64_t at = 1000;
		for (size_t i = 0; i < made.list.count; i++) {
			const struct step *step = &made.steps[i];
			int64_t rows = 1 + random_below(8);
			for (int64_t row = 0; row < rows; row++) {
				int64_t length_ns = step->host_end_ns - step->host_start_ns;
				at += random_below(30);
				if (i == 0 && row == 0)
					want[0] = at;
				int64_t end_ns = at + random_below(10);
				put_row((int)random_below(LANE_COUNT), at, end_ns,
					step->host_start_ns + random_below(length_ns));
				want[i + 1] = at = end_ns;
			}
		}
		for (int kind = 0; kind < LANE_COUNT; kind++)
			CHECK(made.gpu.lanes[kind].count <= ROWS_MAX);
		CHECK(steps_bound(bounds, &made.list, &made.timeline, 0, NULL));
		CHECK_SEED(bounds[0] == want[0], seed);
		for (size_t i = 1; i <= made.list.count; i++)
			CHECK_SEED(bounds[i] == want[i], seed);
	}
}
