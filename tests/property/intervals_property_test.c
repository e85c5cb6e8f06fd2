/* SPDX-License-Identifier: MIT */
/*
 * Goal: the interval algebra and the sweep of the partition agree with each other and with a count
 * of single nanoseconds. Method: random lists on a short axis; a failure names the seed.
 */
#include "analyzer/intervals.h"
#include "analyzer/metric_partition.h"
#include "analyzer/metric_transfers.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AXIS = 120, ITEMS_MAX = 24, ROUNDS = 3000, TRACES = 40 };

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

static void random_list(struct intervals *list, bool *marks)
{
	struct interval items[ITEMS_MAX];
	size_t count = (size_t)random_below(ITEMS_MAX + 1);
	memset(marks, 0, AXIS * sizeof *marks);
	for (size_t i = 0; i < count; i++) {
		items[i].start_ns = random_below(AXIS);
		items[i].end_ns = items[i].start_ns + random_below(12) - 1;
		if (items[i].end_ns > AXIS)
			items[i].end_ns = AXIS;
		for (int64_t at = items[i].start_ns; at < items[i].end_ns; at++)
			marks[at] = true;
	}
	intervals_clear(list);
	for (int64_t at = 0; at < AXIS; at++)
		for (size_t i = 0; i < count; i++)
			if (items[i].start_ns == at)
				CHECK(intervals_add(list, at, items[i].end_ns));
}

/* Sorted, disjoint, nowhere touching, and just what the marks say. */
static void check_list(const struct intervals *list, const bool *marks, uint64_t seed)
{
	bool drawn[AXIS] = { false };
	for (size_t i = 0; i < list->count; i++) {
		CHECK_SEED(list->items[i].start_ns < list->items[i].end_ns, seed);
		CHECK_SEED(i == 0 || list->items[i - 1].end_ns < list->items[i].start_ns, seed);
		for (int64_t at = list->items[i].start_ns; at < list->items[i].end_ns; at++)
			drawn[at] = true;
	}
	CHECK_SEED(memcmp(drawn, marks, sizeof drawn) == 0, seed);
}

static void check_algebra(uint64_t seed)
{
	struct intervals a = { 0 }, b = { 0 }, both = { 0 }, common = { 0 }, left = { 0 },
			 gaps = { 0 };
	bool in_a[AXIS], in_b[AXIS], marks[AXIS];
	seed_now = seed;
	random_list(&a, in_a);
	random_list(&b, in_b);
	check_list(&a, in_a, seed);
	CHECK(intervals_union(&both, &a, &b) && intervals_intersection(&common, &a, &b) &&
	      intervals_difference(&left, &a, &b) && intervals_gaps(&gaps, &a, 0, AXIS));
	for (int i = 0; i < AXIS; i++)
		marks[i] = in_a[i] || in_b[i];
	check_list(&both, marks, seed);
	for (int i = 0; i < AXIS; i++)
		marks[i] = in_a[i] && in_b[i];
	check_list(&common, marks, seed);
	for (int i = 0; i < AXIS; i++)
		marks[i] = in_a[i] && !in_b[i];
	check_list(&left, marks, seed);
	for (int i = 0; i < AXIS; i++)
		marks[i] = !in_a[i];
	check_list(&gaps, marks, seed);
	CHECK_SEED(intervals_length(&both) + intervals_length(&common) ==
		   intervals_length(&a) + intervals_length(&b), seed);
	CHECK_SEED(intervals_common_length(&a, &b) == intervals_length(&common), seed);
	CHECK_SEED(intervals_length(&left) == intervals_length(&a) - intervals_length(&common),
		   seed);
	CHECK_SEED(intervals_length(&gaps) + intervals_length(&a) == AXIS, seed);
	intervals_end(&a);
	intervals_end(&b);
	intervals_end(&both);
	intervals_end(&common);
	intervals_end(&left);
	intervals_end(&gaps);
}

TEST(interval_algebra_agrees_with_single_nanoseconds)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		check_algebra(seed);
}

struct truth {
	bool compute[AXIS], comm[AXIS], copy[AXIS];
};

static void random_trace(struct trace_fixture *fixture, struct truth *truth)
{
	int64_t rows = 1 + random_below(40);
	for (int64_t i = 0; i < rows; i++) {
		int stream = 1 + (int)random_below(2);
		int64_t start_ns = random_below(AXIS - 12), end_ns = start_ns + random_below(12);
		bool *marks;
		switch (random_below(3)) {
		case 0:
			fixture_compute(fixture, stream, start_ns, end_ns);
			marks = truth->compute;
			break;
		case 1:
			fixture_comm(fixture, stream, start_ns, end_ns);
			marks = truth->comm;
			break;
		default:
			fixture_copy(fixture, stream, start_ns, end_ns, 10);
			marks = truth->copy;
			break;
		}
		for (int64_t at = start_ns; at < end_ns; at++)
			marks[at] = true;
	}
}

static void check_partition(const struct partition *got, const struct truth *truth, uint64_t seed)
{
	struct partition want = { 0 };
	bool was_idle = false;
	for (int64_t at = got->window.start_ns; at < got->window.end_ns; at++) {
		bool compute = truth->compute[at], comm = truth->comm[at], copy = truth->copy[at];
		bool is_idle = !compute && !comm && !copy;
		want.compute_ns += compute;
		want.comm_ns += comm && !compute;
		want.copy_ns += copy && !comm && !compute;
		want.idle_ns += is_idle;
		want.comm_union_ns += comm;
		want.copy_union_ns += copy;
		want.comm_compute_overlap_ns += comm && compute;
		want.idle_gaps += is_idle && !was_idle;
		was_idle = is_idle;
	}
	CHECK_SEED(got->compute_ns == want.compute_ns, seed);
	CHECK_SEED(got->comm_ns == want.comm_ns, seed);
	CHECK_SEED(got->copy_ns == want.copy_ns, seed);
	CHECK_SEED(got->idle_ns == want.idle_ns, seed);
	CHECK_SEED(got->compute_union_ns == want.compute_ns, seed);
	CHECK_SEED(got->comm_union_ns == want.comm_union_ns, seed);
	CHECK_SEED(got->copy_union_ns == want.copy_union_ns, seed);
	CHECK_SEED(got->comm_compute_overlap_ns == want.comm_compute_overlap_ns, seed);
	CHECK_SEED(got->idle_gaps == want.idle_gaps, seed);
}

static void check_transfers(const struct timeline *timeline, const struct time_window *window,
			    const struct truth *truth, uint64_t seed)
{
	struct transfers transfers;
	int64_t busy_ns = 0, exposed_ns = 0;
	CHECK(transfers_measure(&transfers, timeline, &timeline->gpus[0], window));
	for (int64_t at = window->start_ns; at < window->end_ns; at++) {
		busy_ns += truth->copy[at];
		exposed_ns += truth->copy[at] && !truth->compute[at];
	}
	CHECK_SEED((transfers.kind_count == 0 ? 0 : transfers.by_kind[0].busy_ns) == busy_ns, seed);
	CHECK_SEED((transfers.kind_count == 0 ? 0 : transfers.by_kind[0].exposed_ns) == exposed_ns,
		   seed);
	transfers_end(&transfers);
}

TEST(partition_and_transfers_agree_with_single_nanoseconds_in_any_window)
{
	for (uint64_t seed = 1; seed <= TRACES; seed++) {
		struct trace_fixture fixture;
		struct truth truth = { { false }, { false }, { false } };
		char name[32];
		(void)snprintf(name, sizeof name, "%llu.db", (unsigned long long)seed);
		seed_now = seed;
		fixture_begin(&fixture, name, 0, 1);
		random_trace(&fixture, &truth);
		fixture_end(&fixture);
		struct timeline *timeline = fixture_timeline(&fixture);
		struct time_window window = window_all(&timeline->gpus[0]);
		for (int i = 0; i < 50; i++) {
			struct partition partition =
				partition_measure(timeline, &timeline->gpus[0], &window);
			check_partition(&partition, &truth, seed);
			check_transfers(timeline, &window, &truth, seed);
			window.start_ns = random_below(AXIS);
			window.end_ns = window.start_ns + random_below(AXIS - window.start_ns + 1);
		}
	}
}
