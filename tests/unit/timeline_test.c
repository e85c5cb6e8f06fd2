/* SPDX-License-Identifier: MIT */
#include "analyzer/timeline.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

static struct error error;

static void put_kernel(struct trace_fixture *fixture, struct kernel_row row)
{
	CHECK_OK(trace_put_kernel(fixture->writer, &row, &error), error);
}

TEST(timeline_puts_rows_on_their_gpu_in_order_of_start)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, 50, 60);
	fixture_compute(&fixture, 2, 10, 100);
	fixture_copy(&fixture, 3, 7, 9, 64);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	CHECK_INT(timeline->gpu_count, 2);
	const struct timeline_gpu *gpu = &timeline->gpus[0];
	CHECK_INT(gpu->device_id, 0);
	CHECK_TEXT(gpu->name, "Test GPU");
	CHECK_INT(gpu->lanes[LANE_KERNEL].count, 2);
	CHECK_INT(gpu->lanes[LANE_KERNEL].start_ns[0], 10);
	CHECK_INT(gpu->lanes[LANE_KERNEL].end_ns[0], 100);
	CHECK_INT(gpu->lanes[LANE_KERNEL].start_ns[1], 50);
	CHECK_INT(gpu->start_ns, 10);
	CHECK_INT(gpu->end_ns, 100);
	CHECK_INT(timeline->gpus[1].lanes[LANE_COPY].bytes[0], 64);
}

TEST(timeline_leaves_out_impossible_rows_and_counts_them)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, 0, 10);
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = 5, .duration_ns = -1, .stream_id = 1 });
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = INT64_MAX, .duration_ns = 1, .stream_id = 1 });
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = INT64_MIN, .duration_ns = 1, .stream_id = 1 });
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = 1, .duration_ns = INT64_MAX, .stream_id = 1 });
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = 5, .duration_ns = 1, .stream_id = 99 });
	put_kernel(&fixture,
		   (struct kernel_row){ .start_ns = 5, .duration_ns = 1, .stream_id = INT64_MIN });
	fixture_copy(&fixture, 1, 20, 30, -5);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	CHECK_INT(timeline->rejects.negative_duration, 1);
	CHECK_INT(timeline->rejects.time_out_of_range, 3);
	CHECK_INT(timeline->rejects.unknown_stream, 2);
	CHECK_INT(timeline->negative_bytes_rows, 1);
	CHECK_INT(timeline->gpus[0].lanes[LANE_COPY].bytes[0], 0);
	CHECK_INT(timeline_gpu_rows(&timeline->gpus[0]), 2);
}

TEST(timeline_counts_kernels_without_a_symbol_as_compute)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	put_kernel(&fixture,
		   (struct kernel_row){ .duration_ns = 5, .stream_id = 1, .kernel_id = 777 });
	fixture_comm(&fixture, 1, 5, 6);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	const struct lane *lane = &timeline->gpus[0].lanes[LANE_KERNEL];
	CHECK_INT(timeline->missing_symbol_rows, 1);
	CHECK_INT(timeline->kernels[lane->what[0]].class, KERNEL_COMPUTE);
	CHECK_TEXT(timeline->kernels[lane->what[0]].name, "");
	CHECK_INT(timeline->kernels[lane->what[1]].class, KERNEL_COMMUNICATION);
}

TEST(timeline_finds_launches_by_correlation)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	/* Out of order, two calls with one id (the earlier start counts), ids of two epochs. */
	const struct api_call_row calls[] = { { .start_ns = 40, .correlation_id = 9 },
		{ .start_ns = 1, .correlation_id = 5 }, { .start_ns = 30, .correlation_id = 9 },
		{ .start_ns = 2, .correlation_id = INT64_C(1) << 32 | 5 } };
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		CHECK_OK(trace_put_api_call(fixture.writer, &calls[i], &error), error);
	const int64_t ids[] = { 5, 9, 9, INT64_C(1) << 32 | 5, INT64_C(2) << 32 | 5, 0, -1 };
	const int64_t starts[] = { 10, 35, 29, 50, 60, 70, 80 };
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		put_kernel(&fixture, (struct kernel_row){ .start_ns = starts[i],
							  .duration_ns = 1,
							  .stream_id = 1,
							  .kernel_id = 1,
							  .correlation_id = ids[i] });
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	CHECK_INT(timeline->api_calls, 4);
	CHECK_INT(timeline->gpus[0].no_launch_rows, 3);
	CHECK_INT(timeline->gpus[0].before_launch_rows, 1);
}

TEST(transfer_kind_keeps_what_is_known_and_makes_the_rest_unknown)
{
	uint32_t kind = transfer_kind_of(COPY_PTOP, MEMORY_HOST, MEMORY_DEVICE);
	CHECK_INT(transfer_kind_direction(kind), COPY_PTOP);
	CHECK_INT(transfer_kind_source(kind), MEMORY_HOST);
	CHECK_INT(transfer_kind_destination(kind), MEMORY_DEVICE);
	CHECK_INT(transfer_kind_of(-1, INT64_MAX, INT64_MIN), 0);
	CHECK(kind < TRANSFER_KIND_COUNT);
}
