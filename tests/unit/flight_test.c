/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_progress.h"
#include "libtrace/flight_ring.h"
#include "libtrace/flight_steps.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

struct seen {
	int64_t left, squeezed, walked, records;
	uint32_t first, last;
	bool is_ordered;
};

static void hear_leave(void *context, const struct flight_item *item, bool is_squeezed)
{
	struct seen *seen = context;
	seen->left++;
	seen->squeezed += is_squeezed;
	seen->records += item->record_count;
}

static void hear_walk(void *context, const struct flight_item *item)
{
	struct seen *seen = context;
	uint32_t number;
	memcpy(&number, item->bytes, sizeof number);
	if (seen->walked++ == 0)
		seen->first = number;
	else
		seen->is_ordered &= number == seen->last + 1;
	seen->last = number;
	seen->records += item->record_count;
}

TEST(a_flight_ring_loses_nothing_uncounted)
{
	enum { ITEMS = 20000, CAPACITY = 64 * 1024 };
	struct seen seen = { .is_ordered = true };
	struct flight_ring *ring = flight_ring_create(CAPACITY, hear_leave, &seen);
	uint8_t bytes[3000] = { 0 };
	CHECK(ring != NULL);
	for (uint32_t i = 0; i < ITEMS; i++) {
		memcpy(bytes, &i, sizeof i);
		const struct flight_item item = {
			.size = 4 + i * 7919 % 2900, .kind = 1, .time_ns = i, .record_count = 3,
			.bytes = bytes,
		};
		CHECK(flight_ring_put(ring, &item));
		CHECK(flight_ring_used_bytes(ring) <= CAPACITY);
	}
	CHECK_INT(seen.left, seen.squeezed);
	flight_ring_walk(ring, hear_walk, &seen);
	CHECK_INT(seen.left + seen.walked, ITEMS);
	CHECK_INT(seen.records, ITEMS * 3);
	CHECK(seen.is_ordered);
	CHECK_INT(seen.last, ITEMS - 1);
	flight_ring_age(ring, ITEMS - 2);
	CHECK_INT(seen.left - seen.squeezed, seen.walked - 2);
	CHECK(!flight_ring_put(ring, &(struct flight_item){ .size = CAPACITY / 2, .kind = 1,
							    .bytes = bytes }));
	flight_ring_close(ring);
}

static bool step_play(struct flight_steps *steps, int64_t number, int64_t duration_ns,
		      struct flight_slow_step *slow)
{
	static int64_t now_ns;
	char name[32];
	int length = snprintf(name, sizeof name, "step %lld", (long long)number);
	flight_steps_begin(steps, 7, name, (size_t)length, now_ns);
	now_ns += duration_ns;
	return flight_steps_end(steps, 7, now_ns, 50, slow);
}

TEST(a_slow_step_is_one_far_from_its_own_history)
{
	static struct flight_steps steps;
	struct flight_slow_step slow = { 0 };
	CHECK(!step_play(&steps, 0, 900 * 1000000, &slow));	/* the first: no history */
	for (int64_t i = 1; i < 40; i++)
		CHECK(!step_play(&steps, i, 100 * 1000000 + i % 5 * 1000000, &slow));
	CHECK(!step_play(&steps, 40, 140 * 1000000, &slow));
	CHECK(step_play(&steps, 41, 160 * 1000000, &slow));
	CHECK_INT(slow.number, 41);
	CHECK_INT(slow.duration_ns, 160 * 1000000);
	CHECK_INT(slow.median_ns, 102 * 1000000);
	CHECK_TEXT(slow.family, "step");
	flight_steps_begin(&steps, 9, "Optimizer.step", 14, 0);
	CHECK(!flight_steps_end(&steps, 9, 100 * NS_PER_S, 50, &slow));
}

TEST(steps_that_scatter_widely_are_not_slow)
{
	static struct flight_steps steps;
	struct flight_slow_step slow = { 0 };
	for (int64_t i = 0; i < 64; i++)
		CHECK(!step_play(&steps, i, (i % 2 == 0 ? 50 : 200) * INT64_C(1000000), &slow));
}

static void operation_play(struct flight_progress *progress, uint64_t external, int64_t now_ns)
{
	const struct nccl_event event = {
		.kind = NCCL_COLL, .context = 1, .external_id = external, .sequence = external,
		.has_sequence = true, .time_ns = now_ns, .function = "AllReduce",
	};
	flight_progress_operation(progress, &event, now_ns);
}

TEST(operations_and_their_kernels_join_in_any_order)
{
	struct flight_progress progress;
	struct flight_hang hang = { 0 };
	CHECK(flight_progress_begin(&progress));
	operation_play(&progress, 1, 10);
	flight_progress_bracket(&progress, 1, 100, 11);
	flight_progress_kernel(&progress, 100, 12);
	flight_progress_kernel(&progress, 200, 13); /* the kernel, the bracket, two operations */
	flight_progress_bracket(&progress, 2, 200, 14);
	operation_play(&progress, 2, 15);
	operation_play(&progress, 2, 16);
	CHECK_INT(flight_progress_state(&progress, 0).enqueued, 3);
	CHECK_INT(flight_progress_state(&progress, 0).completed, 3);
	CHECK(!flight_progress_hangs(&progress, 100 * NS_PER_S, NS_PER_S, &hang));

	operation_play(&progress, 3, 20 * NS_PER_S);
	flight_progress_bracket(&progress, 3, 300, 20 * NS_PER_S);
	CHECK_INT(flight_progress_state(&progress, 0).completed, 3);
	CHECK(!flight_progress_hangs(&progress, 25 * NS_PER_S, 10 * NS_PER_S, &hang));
	flight_progress_end(&progress, 1, 28 * NS_PER_S);	/* other work goes on */
	CHECK(!flight_progress_hangs(&progress, 31 * NS_PER_S, 10 * NS_PER_S, &hang));
	flight_progress_prune(&progress, 500 * NS_PER_S);
	CHECK(flight_progress_hangs(&progress, 500 * NS_PER_S, 10 * NS_PER_S, &hang));
	CHECK_INT(hang.waiting_ns, 472 * NS_PER_S);
	flight_progress_kernel(&progress, 300, 501 * NS_PER_S);
	CHECK(!flight_progress_hangs(&progress, 600 * NS_PER_S, 10 * NS_PER_S, &hang));
	CHECK_INT(flight_progress_state(&progress, 0).completed, 4);
	flight_progress_finish(&progress);
}

TEST(without_brackets_completion_is_unknown)
{
	struct flight_progress progress;
	struct flight_hang hang = { 0 };
	CHECK(flight_progress_begin(&progress));
	operation_play(&progress, 0, 10 * NS_PER_S);
	CHECK_INT(flight_progress_state(&progress, 0).completed, -1);
	CHECK(flight_progress_hangs(&progress, 15 * NS_PER_S, 5 * NS_PER_S, &hang));
	flight_progress_end(&progress, 11 * NS_PER_S, 16 * NS_PER_S);	/* something ended since */
	CHECK(!flight_progress_hangs(&progress, 99 * NS_PER_S, 5 * NS_PER_S, &hang));
	flight_progress_finish(&progress);
}
