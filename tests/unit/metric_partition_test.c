/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_partition.h"
#include "analyzer/metric_transfers.h"
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"

static struct error error;

static struct partition measure(const struct timeline *timeline, struct time_window window)
{
	return partition_measure(timeline, &timeline->gpus[0], &window);
}

static struct row_counts count_rows(const struct timeline *timeline, struct time_window window)
{
	struct row_counts counts;
	CHECK(row_counts_measure(&counts, timeline, &timeline->gpus[0], &window));
	return counts;
}

static struct timeline *mixed_timeline(void)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, 0, 10);
	fixture_compute(&fixture, 2, 5, 20);
	fixture_comm(&fixture, 2, 15, 40);
	fixture_copy(&fixture, 1, 18, 50, 3200);
	fixture_compute(&fixture, 1, 60, 70);
	fixture_copy(&fixture, 2, 65, 66, 100);
	fixture_compute(&fixture, 1, 70, 70);
	fixture_compute(&fixture, 1, 90, 100);
	fixture_end(&fixture);
	return fixture_timeline(&fixture);
}

TEST(partition_takes_compute_then_communication_then_copy_then_idle)
{
	struct timeline *timeline = mixed_timeline();
	struct partition partition = measure(timeline, window_all(&timeline->gpus[0]));
	CHECK_INT(partition.window_ns, 100);
	CHECK_INT(partition.compute_ns, 40);
	CHECK_INT(partition.comm_ns, 20);
	CHECK_INT(partition.copy_ns, 10);
	CHECK_INT(partition.idle_ns, 30);
	CHECK_INT(partition.comm_union_ns, 25);
	CHECK_INT(partition.copy_union_ns, 33);
	CHECK_INT(partition.comm_compute_overlap_ns, 5);
	CHECK_INT(partition.idle_gaps, 2);
	CHECK_INT(partition.longest_gap_ns, 20);
	CHECK_INT(partition.longest_gap_start_ns, 70);
}

TEST(partition_cuts_at_the_window)
{
	struct timeline *timeline = mixed_timeline();
	struct partition partition = measure(timeline, (struct time_window){ 8, 19 });
	CHECK_INT(partition.window_ns, 11);
	CHECK_INT(partition.compute_ns, 11);
	CHECK_INT(partition.comm_union_ns, 4);
	CHECK_INT(partition.copy_union_ns, 1);
	partition = measure(timeline, (struct time_window){ 200, 300 });
	CHECK_INT(partition.idle_ns, 100);
	CHECK_INT(partition.idle_gaps, 1);
	partition = measure(timeline, (struct time_window){ -10, 0 });
	CHECK_INT(partition.idle_ns, 10);
}

TEST(rows_are_counted_with_their_oddities)
{
	struct timeline *timeline = mixed_timeline();
	struct row_counts counts = count_rows(timeline, window_all(&timeline->gpus[0]));
	CHECK_INT(counts.gpu_rows, 8);
	CHECK_INT(counts.kernels, 6);
	CHECK_INT(counts.comm_kernels, 1);
	CHECK_INT(counts.memcpys, 2);
	CHECK_INT(counts.streams, 2);
	CHECK_INT(counts.zero_duration_rows, 1);
	CHECK_INT(counts.same_stream_overlaps, 1);
	CHECK_INT(counts.same_stream_overlap_max_ns, 5);
	counts = count_rows(timeline, (struct time_window){ 0, 10 });
	CHECK_INT(counts.gpu_rows, 2);
}

TEST(transfers_say_what_compute_does_not_hide)
{
	struct timeline *timeline = mixed_timeline();
	struct time_window window = window_all(&timeline->gpus[0]);
	struct transfers transfers;
	CHECK(transfers_measure(&transfers, timeline, &timeline->gpus[0], &window));
	CHECK_INT(transfers.kind_count, 1);
	CHECK_INT(transfers.direction_count, 1);
	CHECK_INT(transfers.by_kind[0].count, 2);
	CHECK_INT(transfers.by_kind[0].bytes, 3300);
	CHECK_INT(transfers.by_kind[0].sum_ns, 33);
	CHECK_INT(transfers.by_kind[0].busy_ns, 33);
	CHECK_INT(transfers.by_kind[0].exposed_ns, 30);
	CHECK_INT(transfers.by_kind[0].small_count, 2);
	transfers_end(&transfers);
	window = (struct time_window){ 34, 50 };
	CHECK(transfers_measure(&transfers, timeline, &timeline->gpus[0], &window));
	CHECK_INT(transfers.by_kind[0].bytes, 1600);
	CHECK_INT(transfers.by_kind[0].busy_ns, 16);
	transfers_end(&transfers);
}

/* A graph traced as a whole is idle time that is known to be something: it does not split a gap. */
TEST(graphs_traced_as_a_whole_stay_idle_and_are_told)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, 0, 10);
	fixture_compute(&fixture, 1, 90, 100);
	struct graph_launch_row graph = { .start_ns = 5,
					  .duration_ns = 45,
					  .stream_id = fixture.stream_id[1] };
	CHECK_OK(trace_put_graph_launch(fixture.writer, &graph, &error), error);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	struct partition partition = measure(timeline, window_all(&timeline->gpus[0]));
	CHECK_INT(partition.idle_ns, 80);
	CHECK_INT(partition.idle_gaps, 1);
	CHECK_INT(partition.graph_only_ns, 40);
	CHECK_INT(count_rows(timeline, window_all(&timeline->gpus[0])).graphs, 1);
}

TEST(partition_of_the_longest_possible_window_does_not_wrap)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "a.db", 0, 1);
	fixture_compute(&fixture, 1, -TIME_LIMIT_NS, -TIME_LIMIT_NS + 1);
	fixture_copy(&fixture, 1, TIME_LIMIT_NS - 1, TIME_LIMIT_NS, INT64_MAX);
	fixture_copy(&fixture, 1, TIME_LIMIT_NS - 1, TIME_LIMIT_NS, INT64_MAX);
	fixture_end(&fixture);
	struct timeline *timeline = fixture_timeline(&fixture);
	struct time_window window = window_all(&timeline->gpus[0]);
	struct partition partition = measure(timeline, window);
	struct transfers transfers;
	CHECK_INT(partition.window_ns, 2 * TIME_LIMIT_NS);
	CHECK_INT(partition.idle_ns, 2 * TIME_LIMIT_NS - 2);
	CHECK(transfers_measure(&transfers, timeline, &timeline->gpus[0], &window));
	CHECK_INT(transfers.by_kind[0].bytes, INT64_MAX);
	transfers_end(&transfers);
}
