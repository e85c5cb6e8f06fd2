/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_match.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

enum { KERNELS_MAX = 256, LANES = 4 };

static struct error error;
static struct comm_kernel kernels[LANES][KERNELS_MAX];
static struct comm_lane lanes[LANES];
static uint64_t seed = 1;

static int64_t random_below(int64_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (int64_t)((seed >> 33) % (uint64_t)limit);
}

/* Hosts of their own; a world of four. */
static void lanes_begin(void)
{
	static const char *const hosts[] = { "a", "b", "c", "d" };
	for (size_t l = 0; l < LANES; l++)
		lanes[l] = (struct comm_lane){ .kernels = kernels[l], .rank = (int64_t)l,
			.world_size = LANES, .host = hosts[l], .boot_id = "", .trace = l,
			.epoch_ns = 1790000000000000000 };
}

static void hosts_set(const char *host)
{
	for (size_t l = 0; l < LANES; l++)
		lanes[l].host = host;
}

static struct comm_kernel *kernel_add(size_t lane, const char *operation, int64_t start_ns,
				      int64_t end_ns)
{
	CHECK(lanes[lane].count < KERNELS_MAX);
	struct comm_kernel *kernel = &kernels[lane][lanes[lane].count++];
	*kernel = (struct comm_kernel){ .start_ns = start_ns, .end_ns = end_ns,
		.communicator_rank = -1, .rank_count = -1, .operation = operation, .sequence = -1,
		.bytes = -1, .peer = -1 };
	return kernel;
}

static struct comm_kernel *keyed_add(size_t lane, const char *operation, int64_t hash,
				     int64_t sequence, int64_t start_ns, int64_t end_ns)
{
	struct comm_kernel *kernel = kernel_add(lane, operation, start_ns, end_ns);
	kernel->communicator_hash = hash;
	kernel->sequence = sequence;
	kernel->communicator_rank = (int64_t)lane;
	kernel->rank_count = LANES;
	return kernel;
}

/* AllReduces of all lanes at random, each lane's clock ahead by a constant, by order or by key. */
static void steps_play(int count, const int64_t ahead_ns[LANES], int64_t hash)
{
	int64_t at = 1000000;
	for (int k = 0; k < count; k++) {
		int64_t start[LANES], latest = 0;
		for (size_t l = 0; l < LANES; l++) {
			start[l] = at + random_below(900000);
			latest = start[l] > latest ? start[l] : latest;
		}
		for (size_t l = 0; l < LANES; l++) {
			struct comm_kernel *kernel = kernel_add(l, "AllReduce",
				start[l] + ahead_ns[l],
				latest + ahead_ns[l] + 30000 + random_below(2000));
			kernel->communicator_hash = hash;
			kernel->sequence = hash != 0 ? k : -1;
			kernel->rank_count = hash != 0 ? LANES : -1;
		}
		at += 5000000 + random_below(3000000);
	}
}

static struct collective_match *solve(size_t count)
{
	struct collective_match *match = NULL;
	CHECK_OK(collective_match(&match, lanes, count, &error), error);
	return match;
}

/* The lane's member of an instance. */
static const struct collective_member *member_of(const struct collective_match *match, size_t at,
						 uint32_t lane)
{
	const struct collective_instance *instance = &match->instances[at];
	for (size_t m = 0; m < instance->member_count; m++)
		if (match->members[instance->first_member + m].lane == lane)
			return &match->members[instance->first_member + m];
	test_fail(__FILE__, __LINE__, "instance %zu has no lane %u", at, lane);
}

static const int64_t together[LANES] = { 0, 0, 0, 0 };
static const int64_t apart[LANES] = { 0, 50000000, -3000000, 700 };

TEST(waits_end_when_the_latest_arrives)
{
	static const int64_t starts[] = { 1000, 4000000, 2000000, 500000 };
	lanes_begin();
	hosts_set("a");
	for (size_t l = 0; l < LANES; l++)
		keyed_add(l, "AllReduce", 7, 3, starts[l], 5000000)->bytes = 64;
	struct collective_match *match = solve(LANES);
	const struct collective_instance *instance = &match->instances[0];
	CHECK_INT(match->instance_count, 1);
	CHECK_INT(instance->sequence, 3);
	CHECK_INT(instance->latest_start_ns, 4000000);
	CHECK_INT(match->members[instance->latest_member].lane, 1);
	CHECK_INT(instance->lead_ns, 2000000);
	CHECK(instance->is_ordered && instance->is_complete && instance->is_wait_known);
	CHECK_INT(member_of(match, 0, 0)->wait_ns, 3999000);
	CHECK_INT(member_of(match, 0, 0)->transfer_ns, 1000000);
	CHECK_INT(member_of(match, 0, 1)->wait_ns, 0);
	CHECK_INT(instance->wait_ns, 3999000 + 2000000 + 3500000);
	CHECK_INT(match->groups[0].wait_ns, instance->wait_ns);
	CHECK_INT(match->groups[0].bytes, 64);
	CHECK_INT(match->clocks[3].state, CLOCK_SAME);
	CHECK_INT(match->member_of[2][0] == COLLECTIVE_NONE, 0);
	collective_match_close(match);
}

TEST(operations_of_different_communicators_never_match)
{
	lanes_begin();
	keyed_add(0, "AllReduce", 7, 0, 1000, 5000000);
	keyed_add(1, "AllReduce", 8, 0, 1000, 5000000);
	struct collective_match *match = solve(2);
	CHECK_INT(match->instance_count, 0);
	CHECK_INT(match->group_count, 2);
	CHECK_INT(match->groups[0].reason, MATCH_ALONE);
	CHECK_INT(match->clocks[1].state, CLOCK_UNKNOWN);
	collective_match_close(match);
}

static void check_apart(const struct collective_match *match, int count)
{
	CHECK_INT(match->instance_count, count);
	CHECK_INT(match->clocks[1].state, CLOCK_ESTIMATED);
	CHECK_INT(match->clocks[2].state, CLOCK_ESTIMATED);
	for (size_t l = 0; l < LANES; l++)
		CHECK(llabs(match->clocks[l].offset_ns + apart[l]) < 1500);
	for (size_t i = 0; i < match->instance_count; i++) {
		CHECK(match->instances[i].is_wait_known && match->instances[i].is_complete);
		CHECK(match->instances[i].end_spread_ns < 5000);
		CHECK(match->instances[i].start_spread_ns < 905000);
	}
}

TEST(clocks_of_other_hosts_are_found_by_order)
{
	lanes_begin();
	steps_play(60, apart, 0);
	struct collective_match *match = solve(LANES);
	check_apart(match, 60);
	CHECK_INT(match->groups[0].is_keyed, false);
	collective_match_close(match);
}

TEST(gpus_of_another_host_share_its_offset)
{
	static const int64_t ahead[LANES] = { 0, 5000000, 0, 5000000 };
	lanes_begin();
	lanes[2].host = "a";
	lanes[3].host = "b";
	steps_play(60, ahead, 0);
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->instance_count, 60);
	CHECK_INT(match->group_count, 1);
	CHECK_INT(match->clocks[2].state, CLOCK_SAME);
	CHECK_INT(match->clocks[2].offset_ns, 0);
	CHECK_INT(match->clocks[3].offset_ns, match->clocks[1].offset_ns);
	CHECK(llabs(match->clocks[3].offset_ns + 5000000) < 1500);
	collective_match_close(match);
}

TEST(clocks_of_other_hosts_are_found_by_key)
{
	lanes_begin();
	steps_play(60, apart, 99);
	struct collective_match *match = solve(LANES);
	check_apart(match, 60);
	CHECK_INT(match->groups[0].is_keyed, true);
	collective_match_close(match);
}

TEST(a_wrong_clock_of_one_host_is_contradicted)
{
	lanes_begin();
	hosts_set("a");
	steps_play(60, apart, 99);
	struct collective_match *match = solve(LANES);
	check_apart(match, 60);
	CHECK(match->clocks[1].contradiction_ns > 49000000);
	CHECK_INT(match->clocks[3].state, CLOCK_SAME);
	CHECK_INT(match->clocks[3].offset_ns, 0);
	collective_match_close(match);
}

TEST(a_wrong_clock_of_one_host_is_contradicted_by_order_too)
{
	lanes_begin();
	hosts_set("a");
	steps_play(60, apart, 0);
	struct collective_match *match = solve(LANES);
	check_apart(match, 60);
	CHECK(match->clocks[1].contradiction_ns > 49000000);
	collective_match_close(match);
}

/* 100 ppm on one clock: 130 us over the time played, far beyond what the barriers allow. */
TEST(a_clock_that_drifts_is_followed_while_matching)
{
	for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
		lanes_begin();
		steps_play(200, together, is_keyed ? 99 : 0);
		for (size_t k = 0; k < lanes[2].count; k++) {
			kernels[2][k].start_ns += kernels[2][k].start_ns / 10000 + 1000000;
			kernels[2][k].end_ns += kernels[2][k].end_ns / 10000 + 1000000;
		}
		struct collective_match *match = solve(LANES);
		CHECK_INT(match->instance_count, 200);
		CHECK_INT(match->clocks[2].state, CLOCK_ESTIMATED);
		CHECK(llabs(match->clocks[2].drift_ppb + 100000) < 2000);
		CHECK(match->clocks[2].is_feasible);
		for (size_t i = 0; i < match->instance_count; i++)
			CHECK(match->instances[i].end_spread_ns < 8000);
		collective_match_close(match);
	}
}

TEST(missing_ranks_make_instances_incomplete)
{
	lanes_begin();
	hosts_set("a");
	steps_play(10, together, 0);
	struct collective_match *match = solve(3);
	CHECK_INT(match->instance_count, 10);
	CHECK(!match->instances[0].is_complete && match->instances[0].is_wait_known);
	CHECK_INT(match->groups[0].rank_count, 4);
	CHECK_INT(match->groups[0].lane_count, 3);
	collective_match_close(match);
}

/* One lane began late, and one was killed early: what all have is matched. */
TEST(a_longer_capture_is_shifted)
{
	for (int is_apart = 0; is_apart < 2; is_apart++) {
		lanes_begin();
		if (!is_apart)
			hosts_set("a");
		steps_play(60, is_apart ? apart : together, 0);
		memmove(kernels[1], kernels[1] + 5, 55 * sizeof kernels[1][0]);
		lanes[1].count = 55;
		lanes[2].count = 50;
		struct collective_match *match = solve(LANES);
		CHECK_INT(match->instance_count, 45);
		CHECK_INT(match->groups[0].unmatched, 60 + 55 + 50 + 60 - 4 * 45);
		CHECK_INT(match->member_of[0][4], COLLECTIVE_NONE);
		CHECK(match->member_of[0][5] != COLLECTIVE_NONE);
		CHECK_INT(match->members[match->member_of[1][0]].lane, 1);
		for (size_t i = 0; i < 45; i++)
			CHECK(match->instances[i].end_spread_ns < 5000);
		collective_match_close(match);
	}
}

TEST(keyed_instances_that_a_lane_lacks_are_counted)
{
	lanes_begin();
	steps_play(20, together, 5);
	lanes[3].count = 15;
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->instance_count, 15);
	CHECK_INT(match->groups[0].unmatched, 15);
	collective_match_close(match);
}

TEST(scattered_ends_are_no_match)
{
	struct text text;
	lanes_begin();
	for (size_t l = 0; l < 2; l++)
		for (int64_t k = 0; k < 30; k++) {
			int64_t start_ns = k * 50000000 + random_below(20000000);
			kernel_add(l, "SendRecv", start_ns, start_ns + 9000000);
		}
	struct collective_match *match = solve(2);
	CHECK_INT(match->instance_count, 0);
	CHECK_INT(match->groups[0].reason, MATCH_ENDS_DIFFER);
	CHECK_INT(match->groups[0].unmatched, 60);
	CHECK_INT(match->clocks[1].state, CLOCK_UNKNOWN);
	text_begin(&text, 1000);
	collective_reason_add(&text, &match->groups[0]);
	CHECK_CONTAINS(text_string(&text), "not the same instances");
	text_end(&text);
	collective_match_close(match);
}

TEST(a_job_of_two_halves_is_matched_in_halves)
{
	lanes_begin();
	hosts_set("a");
	for (int64_t k = 0; k < 30; k++)
		for (size_t half = 0; half < 2; half++) {
			int64_t end_ns = k * 50000000 + 40000000 + random_below(9000000);
			for (size_t l = 2 * half; l < 2 * half + 2; l++)
				kernel_add(l, "AllReduce", end_ns - 50000 - random_below(20000000),
					   end_ns);
		}
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->group_count, 2);
	CHECK_INT(match->instance_count, 60);
	/* All four ranks of the job are there, and each found its peer. */
	CHECK(match->groups[0].is_complete);
	CHECK_INT(match->groups[0].rank_count, 2);
	CHECK_INT(match->groups[1].lane_count, 2);
	collective_match_close(match);
	for (size_t l = 0; l < LANES; l++)
		lanes[l].world_size = 8;
	match = solve(LANES);
	CHECK_INT(match->group_count, 2);
	CHECK(!match->groups[0].is_complete);
	collective_match_close(match);
}

/* Tensor and data parallel groups, told apart by nothing but their streams. */
TEST(communicators_that_nobody_names_are_told_apart_by_streams)
{
	static const size_t pairs[2][2][2] = { { { 0, 1 }, { 2, 3 } }, { { 0, 2 }, { 1, 3 } } };
	lanes_begin();
	hosts_set("a");
	for (int64_t k = 0; k < 60; k++)
		for (size_t p = 0; p < 2; p++) {
			int64_t end_ns = k * 50000000 + 40000000 + random_below(9000000);
			for (size_t i = 0; i < 2; i++)
				kernel_add(pairs[k % 2][p][i], "AllReduce",
					   end_ns - 50000 - random_below(20000000), end_ns)
					->stream = (uint32_t)(k % 2 + 3 * (int64_t)i);
		}
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->group_count, 4);
	CHECK_INT(match->instance_count, 120);
	for (size_t g = 0; g < match->group_count; g++) {
		CHECK_INT(match->groups[g].matched, 30);
		CHECK_INT(match->groups[g].lane_count, 2);
		CHECK(match->groups[g].is_complete);
	}
	for (size_t i = 0; i < match->instance_count; i++)
		CHECK_INT(match->instances[i].end_spread_ns, 0);
	collective_match_close(match);
}

TEST(only_the_root_is_waited_for_in_a_broadcast)
{
	static const int64_t starts[] = { 100000, 900000, 400000, 200000 };
	lanes_begin();
	hosts_set("a");
	for (size_t l = 0; l < LANES; l++) {
		keyed_add(l, "Broadcast", 7, 0, starts[l], 1000000)->peer = 2;
		keyed_add(l, "Reduce", 7, 0, starts[l] + 2000000, 3000000)->peer = 2;
		keyed_add(l, "Generic", 7, 0, starts[l] + 4000000, 5000000);
	}
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->instance_count, 3);
	CHECK_INT(member_of(match, 0, 0)->wait_ns, 300000);
	CHECK_INT(member_of(match, 0, 1)->wait_ns, 0);
	CHECK_INT(member_of(match, 0, 2)->wait_ns, 0);
	CHECK_INT(member_of(match, 0, 3)->wait_ns, 200000);
	CHECK_INT(member_of(match, 1, 0)->wait_ns, 0);
	CHECK_INT(member_of(match, 1, 2)->wait_ns, 500000);
	CHECK(!match->instances[2].is_wait_known);
	CHECK_INT(match->instances[2].wait_ns, 0);
	for (size_t g = 0; g < match->group_count; g++)
		CHECK(!match->groups[g].is_barrier);
	collective_match_close(match);
}

TEST(a_send_and_its_receive_wait_for_each_other)
{
	lanes_begin();
	hosts_set("a");
	for (int64_t k = 0; k < 4; k++) {
		keyed_add(0, "Send", 7, -1, k * 9000000, k * 9000000 + 3000000)->peer = 1;
		keyed_add(1, "Recv", 7, -1, k * 9000000 + 1000000, k * 9000000 + 3001000)->peer = 0;
		keyed_add(1, "Send", 7, -1, k * 9000000 + 4000000, k * 9000000 + 5000000)->peer = 2;
		keyed_add(2, "Recv", 7, -1, k * 9000000, k * 9000000 + 5000000)->peer = 1;
		kernel_add(3, "Send", k, k + 5);
	}
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->instance_count, 8);
	CHECK_INT(match->group_count, 3);
	size_t peerless = 0;
	for (size_t g = 0; g < 3; g++) {
		peerless += match->groups[g].reason == MATCH_NO_PEER;
		CHECK(!match->groups[g].is_barrier);
	}
	CHECK_INT(peerless, 1);
	CHECK_INT(match->members[match->member_of[0][0]].wait_ns, 1000000);
	CHECK_INT(match->members[match->member_of[1][0]].wait_ns, 0);
	CHECK_INT(match->members[match->member_of[2][0]].wait_ns, 4000000);
	CHECK_INT(match->instances[0].member_count, 2);
	CHECK(match->instances[0].is_complete);
	collective_match_close(match);
}

TEST(who_is_latest_within_the_error_of_clocks_is_not_told)
{
	lanes_begin();
	hosts_set("a");
	for (size_t l = 0; l < 2; l++)
		for (int64_t k = 0; k < 20; k++)
			kernel_add(l, "AllReduce", k * 1000000 + (int64_t)l * 900,
				   k * 1000000 + 300000 + (int64_t)l * 20000);
	struct collective_match *match = solve(2);
	CHECK_INT(match->instance_count, 20);
	CHECK_INT(match->instances[3].error_ns, 20000);
	CHECK(!match->instances[3].is_ordered);
	CHECK_INT(match->instances[3].wait_ns, 900);
	collective_match_close(match);
}

TEST(nothing_to_match_is_no_error)
{
	lanes_begin();
	struct collective_match *match = solve(0);
	CHECK_INT(match->instance_count, 0);
	collective_match_close(match);
	match = solve(LANES);
	CHECK_INT(match->instance_count, 0);
	CHECK_INT(match->group_count, 0);
	collective_match_close(match);
	kernel_add(0, "AllReduce", 5, 9);
	match = solve(1);
	CHECK_INT(match->groups[0].reason, MATCH_ALONE);
	CHECK_INT(match->clocks[0].state, CLOCK_SAME);
	collective_match_close(match);
}

TEST(times_beyond_reason_take_no_part)
{
	lanes_begin();
	steps_play(10, together, 0);
	kernels[0][9].end_ns = INT64_C(1) << 60;
	lanes[1].epoch_ns = INT64_MAX;
	struct collective_match *match = solve(LANES);
	CHECK_INT(match->instance_count, 10);
	CHECK_INT(match->groups[0].lane_count, 2);
	CHECK_INT(match->member_of[0][9], COLLECTIVE_NONE);
	collective_match_close(match);
}
