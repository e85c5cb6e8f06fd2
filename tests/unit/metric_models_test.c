/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_bandwidth.h"
#include "analyzer/metric_bubble.h"
#include "analyzer/metric_chain.h"
#include "analyzer/metric_delay.h"
#include "analyzer/metric_frontier.h"
#include "analyzer/ratio.h"
#include "tests/unit/harness.h"

enum { MS = 1000000 };

TEST(chain_is_undefined_where_nothing_ran)
{
	const struct chain_times idle[] = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
	struct efficiency_chain chain = chain_measure(idle, 2, 10);
	CHECK(chain.parallel_e12 == 0 && chain.orchestration_e12 == 0);
	CHECK(chain.load_balance_e12 == -1 && chain.copy_e12 == -1 && chain.transfer_e12 == -1);
	CHECK_INT(chain_measure(idle, 2, 0).parallel_e12, -1);
	CHECK_INT(chain_measure(NULL, 0, 10).parallel_e12, -1);
	const struct chain_times huge[] = { { INT64_MAX, 0, 0, 0 }, { INT64_MAX, 0, 0, 0 } };
	chain = chain_measure(huge, 2, INT64_MAX);
	CHECK_INT(chain.parallel_e12, RATIO_ONE);
	CHECK_INT(chain.load_balance_e12, RATIO_ONE);
}

TEST(chain_without_the_waits_told_apart_keeps_their_product)
{
	const struct chain_times gpus[] = { { 60, 0, -1, 30 }, { 80, 0, -1, 10 } };
	struct efficiency_chain chain = chain_measure(gpus, 2, 100);
	CHECK_INT(chain.parallel_e12, RATIO_ONE / 10 * 7);
	CHECK_INT(chain.load_balance_e12, RATIO_ONE / 8 * 7);
	CHECK_INT(chain.transfer_e12, -1);
	CHECK_INT(chain.serialisation_e12, -1);
	CHECK_INT(chain.communication_e12, ratio_e12(80, 90));
}

TEST(frontier_says_when_the_leader_is_in_doubt)
{
	const int64_t duration_ns[] = { 100, 50, 97, 10, 0, 0 };
	struct frontier_stage stages[2], others[2];
	struct error error;
	CHECK_OK(frontier_measure(stages, duration_ns, 3, 2, &error), error);
	CHECK_INT(stages[0].leader, 0);
	CHECK(stages[0].is_ambiguous && !stages[1].is_ambiguous);
	CHECK_INT(stages[1].frontier_ns, 150);
	const int64_t moved_ns[] = { 100, 50, 97, 100, 0, 0 };
	CHECK_OK(frontier_measure(others, moved_ns, 3, 2, &error), error);
	frontier_compare(stages, others, 2);
	CHECK(stages[1].is_ambiguous);
}

TEST(delay_parts_sum_to_the_wait)
{
	const int64_t culprit_ns[] = { 30, 50, 0 }, waiter_ns[] = { 10, 45, 7 };
	struct delay_input input = { 3, culprit_ns, waiter_ns, 25, 5, 7 };
	int64_t surplus_ns[3], short_ns[3], long_ns[3];
	struct delay_cost cost = delay_measure(&input, surplus_ns, short_ns, long_ns);
	CHECK(cost.is_known);
	CHECK_INT(surplus_ns[0] + surplus_ns[1] * 100 + surplus_ns[2], 520);
	CHECK_INT(short_ns[0] + short_ns[1] + short_ns[2] + cost.passed_short_ns, 25);
	CHECK_INT(short_ns[0], 17);
	CHECK_INT(long_ns[0] + long_ns[1] + long_ns[2] + cost.passed_long_ns, 7);
	CHECK_INT(cost.coverage_e12, RATIO_ONE);
	/* A surplus shorter than the wait explains a part only. */
	input.wait_ns = 40;
	cost = delay_measure(&input, surplus_ns, short_ns, long_ns);
	CHECK_INT(cost.explained_ns, 30);
	CHECK_INT(short_ns[0], 20);
	CHECK_INT(cost.coverage_e12, RATIO_ONE / 4 * 3);
	/* Without surplus and waits the cause lies before the interval. */
	input = (struct delay_input){ 3, waiter_ns, waiter_ns, 9, 0, 3 };
	cost = delay_measure(&input, surplus_ns, short_ns, long_ns);
	CHECK(!cost.is_known && cost.explained_ns == 0 && short_ns[0] == 0 && long_ns[0] == 0);
}

TEST(total_is_divided_without_a_rest)
{
	const int64_t weights[] = { 1, 1, 1 }, huge[] = { INT64_MAX, INT64_MAX, 0 };
	const int64_t none[] = { 0, 0 };
	int64_t parts[3];
	total_divide(parts, weights, 3, 8);
	CHECK(parts[0] == 3 && parts[1] == 3 && parts[2] == 2);
	total_divide(parts, huge, 3, INT64_MAX);
	CHECK(parts[0] == INT64_MAX / 2 + 1 && parts[1] == INT64_MAX / 2 && parts[2] == 0);
	total_divide(parts, none, 2, 8);
	CHECK(parts[0] == 0 && parts[1] == 0);
}

TEST(bubble_beyond_the_schedule_is_excess)
{
	struct bubble_share of_total, of_ideal;
	int64_t of_stage_e12[2];
	const int64_t compute_ns[] = { 60, 80 };
	CHECK(bubble_predict(&of_total, &of_ideal, 2, 9, 1));
	CHECK(of_total.numerator == 1 && of_total.denominator == 10);
	struct bubble bubble = bubble_measure(of_stage_e12, compute_ns, 2, 100, &of_total);
	CHECK_INT(bubble.predicted_e12, RATIO_ONE / 10);
	CHECK_INT(bubble.measured_e12, RATIO_ONE / 10 * 3);
	CHECK_INT(bubble.excess_e12, RATIO_ONE / 10 * 2);
	CHECK_INT(bubble.imbalance_e12, RATIO_ONE / 8);
	CHECK_INT(of_stage_e12[0], RATIO_ONE / 10 * 4);
	CHECK(!bubble_predict(&of_total, &of_ideal, 0, 9, 1));
	CHECK(!bubble_predict(&of_total, &of_ideal, INT64_MAX, 9, 1));
}

static struct pipeline detect(int64_t *stage, size_t ranks, const struct peer_sends *sends,
			      size_t count)
{
	struct pipeline pipeline;
	struct error error;
	CHECK_OK(pipeline_detect(&pipeline, stage, ranks, sends, count, &error), error);
	return pipeline;
}

TEST(pipeline_is_found_in_chains_and_interleaved_rings)
{
	int64_t stage[8];
	/* Two replicas of three stages, rank r + 2 follows r; forward and backward. */
	const struct peer_sends chains[] = { { 0, 2, 8 }, { 2, 4, 8 }, { 1, 3, 8 }, { 3, 5, 8 },
					     { 2, 0, 8 }, { 4, 2, 8 }, { 3, 1, 8 }, { 5, 3, 8 } };
	struct pipeline pipeline = detect(stage, 6, chains, 8);
	CHECK(pipeline.is_known && pipeline.pipelines == 2 && pipeline.stages == 3);
	CHECK(pipeline.micro_batches == 8 && pipeline.interleave == 1);
	CHECK(stage[0] == 0 && stage[2] == 1 && stage[4] == 2 && stage[5] == 2);
	/* Four stages of two chunks: 16 sends a link, 8 from the last to the first. */
	const struct peer_sends ring[] = { { 3, 0, 8 }, { 0, 1, 16 }, { 1, 2, 16 }, { 2, 3, 16 } };
	pipeline = detect(stage, 4, ring, 4);
	CHECK(pipeline.is_known && pipeline.stages == 4 && pipeline.pipelines == 1);
	CHECK(pipeline.micro_batches == 8 && pipeline.interleave == 2);
	CHECK(stage[0] == 0 && stage[3] == 3);
}

TEST(other_peers_are_no_pipeline)
{
	int64_t stage[8];
	const struct peer_sends ring[] = { { 0, 1, 4 }, { 1, 2, 4 }, { 2, 0, 4 } };
	const struct peer_sends star[] = { { 0, 1, 4 }, { 0, 2, 4 }, { 0, 3, 4 } };
	const struct peer_sends uneven[] = { { 0, 1, 4 }, { 1, 2, 5 } };
	const struct peer_sends lengths[] = { { 0, 1, 4 }, { 1, 2, 4 }, { 3, 4, 4 } };
	const struct peer_sends foreign[] = { { 0, 9, 4 } };
	CHECK_TEXT(detect(stage, 3, ring, 3).reason, "the ranks form a ring");
	CHECK_CONTAINS(detect(stage, 4, star, 3).reason, "more than two");
	CHECK_CONTAINS(detect(stage, 3, uneven, 2).reason, "different numbers");
	CHECK_CONTAINS(detect(stage, 5, lengths, 3).reason, "different lengths");
	CHECK_CONTAINS(detect(stage, 5, foreign, 1).reason, "not among");
	CHECK_CONTAINS(detect(stage, 5, NULL, 0).reason, "no rank sends");
	CHECK_INT(stage[0], -1);
}

TEST(bandwidth_follows_the_operation)
{
	struct bandwidth bandwidth;
	CHECK(bandwidth_measure(&bandwidth, "AllReduce", 1000000, 4, MS));
	CHECK_INT(bandwidth.algorithm_bytes_per_s, 1000000000);
	CHECK_INT(bandwidth.bus_bytes_per_s, 1500000000);
	CHECK(bandwidth_measure(&bandwidth, "AllGather", 1000000, 4, MS));
	CHECK_INT(bandwidth.algorithm_bytes_per_s, INT64_C(4000000000));
	CHECK_INT(bandwidth.bus_bytes_per_s, INT64_C(3000000000));
	CHECK(bandwidth_measure(&bandwidth, "Send", 1000000, 2, MS));
	CHECK_INT(bandwidth.bus_bytes_per_s, 1000000000);
	CHECK(bandwidth_measure(&bandwidth, "AllReduce", 8, 1, MS));
	CHECK_INT(bandwidth.bus_bytes_per_s, 0);
	CHECK(bandwidth_measure(&bandwidth, "AllGather", INT64_MAX, 1 << 20, 1));
	CHECK_INT(bandwidth.bus_bytes_per_s, INT64_MAX);
	CHECK(!bandwidth_measure(&bandwidth, "Barrier", 8, 4, MS));
	CHECK(!bandwidth_measure(&bandwidth, "AllReduce", 0, 4, MS));
	CHECK(!bandwidth_measure(&bandwidth, "AllReduce", 8, 4, 0));
}
