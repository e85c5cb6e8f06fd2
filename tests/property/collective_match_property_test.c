/* SPDX-License-Identifier: MIT */
/*
 * Goal: whatever arrives when, each member's wait and transfer sum to its duration, waits are what
 * their definition says, and all kernels are members once; nonsense is matched without harm, and
 * always in the same way. Method: random arrivals at barriers that are simulated, and random
 * kernels; a failure names the seed.
 */
#include "analyzer/collective_match.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 300, LANES_MAX = 6, BARRIERS_MAX = 40 };

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

static struct comm_kernel kernels[LANES_MAX][BARRIERS_MAX];
static struct comm_lane lanes[LANES_MAX];
static int64_t latest_ns[BARRIERS_MAX];

static void barriers_play(size_t lane_count, size_t barriers, bool is_keyed)
{
	int64_t at = 0;
	for (size_t l = 0; l < lane_count; l++)
		lanes[l] = (struct comm_lane){ .kernels = kernels[l], .count = barriers,
			.rank = (int64_t)l, .world_size = (int64_t)lane_count, .host = "a",
			.trace = l, .epoch_ns = 1790000000000000000 + random_below(1000000000) };
	for (size_t k = 0; k < barriers; k++) {
		int64_t spread_ns = 1 + random_below(3000000);
		latest_ns[k] = INT64_MIN;
		for (size_t l = 0; l < lane_count; l++) {
			int64_t start_ns = at + random_below(spread_ns);
			kernels[l][k] = (struct comm_kernel){ .start_ns = start_ns,
				.communicator_rank = (int64_t)l, .rank_count = -1, .sequence = -1,
				.bytes = -1, .peer = -1, .operation = "AllGather" };
			if (is_keyed) {
				kernels[l][k].communicator_hash = 42;
				kernels[l][k].sequence = (int64_t)k;
			}
			latest_ns[k] = start_ns > latest_ns[k] ? start_ns : latest_ns[k];
		}
		for (size_t l = 0; l < lane_count; l++) {
			kernels[l][k].end_ns = latest_ns[k] + 10000 + random_below(5000);
			at = kernels[l][k].end_ns > at ? kernels[l][k].end_ns : at;
		}
		at += random_below(100000);
	}
	for (size_t l = 0; l < lane_count; l++)
		for (size_t k = 0; k < barriers; k++) {
			int64_t epoch_ns = lanes[l].epoch_ns - 1790000000000000000;
			kernels[l][k].start_ns -= epoch_ns;
			kernels[l][k].end_ns -= epoch_ns;
		}
}

static void check_match(const struct collective_match *match, size_t lane_count, size_t barriers,
			uint64_t seed)
{
	int64_t group_sum_ns = 0, sum_ns = 0;
	CHECK_SEED(match->instance_count == barriers, seed);
	CHECK_SEED(match->member_count == barriers * lane_count, seed);
	for (size_t i = 0; i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		int64_t wait_ns = 0;
		CHECK_SEED(i == 0 || instance[-1].start_ns <= instance->start_ns, seed);
		CHECK_SEED(instance->is_complete && instance->is_wait_known, seed);
		for (size_t m = 0; m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			const struct comm_kernel *kernel = &kernels[member->lane][member->kernel];
			int64_t true_ns = kernel->start_ns + lanes[member->lane].epoch_ns -
					  1790000000000000000;
			CHECK_SEED(member->lane == m && member->kernel == i, seed);
			CHECK_SEED(member->wait_ns + member->transfer_ns ==
				   kernel->end_ns - kernel->start_ns, seed);
			CHECK_SEED(member->wait_ns == latest_ns[i] - true_ns, seed);
			CHECK_SEED(match->member_of[m][i] == instance->first_member + m, seed);
			CHECK_SEED(match->base_ns + member->start_ns ==
				   1790000000000000000 + true_ns, seed);
			wait_ns += member->wait_ns;
			sum_ns += kernel->end_ns - kernel->start_ns;
		}
		CHECK_SEED(instance->wait_ns == wait_ns, seed);
	}
	for (size_t g = 0; g < match->group_count; g++)
		group_sum_ns += match->groups[g].wait_ns + match->groups[g].transfer_ns;
	CHECK_SEED(group_sum_ns == sum_ns, seed);
}

TEST(waits_and_transfers_of_random_barriers_sum_to_their_durations)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct collective_match *match = NULL;
		struct error error;
		seed_now = seed;
		size_t lane_count = 2 + (size_t)random_below(LANES_MAX - 1);
		size_t barriers = 1 + (size_t)random_below(BARRIERS_MAX);
		barriers_play(lane_count, barriers, random_below(2) != 0);
		CHECK_OK(collective_match(&match, lanes, lane_count, &error), error);
		check_match(match, lane_count, barriers, seed);
		collective_match_close(match);
	}
}

/* Times of any size, few operations and communicators, so that much seems to match. */
static void nonsense_play(size_t lane_count)
{
	static const char *const operations[] = { "AllReduce", "SendRecv", "Broadcast", "Send",
						  "Recv", "Reduce", "Generic", "" };
	int bits = (int)random_below(62);
	for (size_t l = 0; l < lane_count; l++) {
		int64_t at = random_below(3) == 0 ? random_below(INT64_C(1) << bits) : 0;
		size_t count = (size_t)random_below(BARRIERS_MAX);
		lanes[l] = (struct comm_lane){ .kernels = kernels[l], .count = count, .rank = -1,
			.world_size = random_below(3), .host = random_below(2) ? "a" : NULL,
			.trace = l, .epoch_ns = random_below(4) ? 1790000000000000000 :
							 random_below(INT64_C(1) << bits) };
		for (size_t k = 0; k < count; k++) {
			int64_t end_ns = at + random_below((INT64_C(1) << bits) / 64 + 1);
			kernels[l][k] = (struct comm_kernel){ .start_ns = at, .end_ns = end_ns,
				.communicator_hash = random_below(2), .rank_count = 3,
				.communicator_rank = random_below(4) - 1,
				.sequence = random_below(6) - 1, .bytes = random_below(9) - 1,
				.peer = random_below(4) - 1, .operations = random_below(3),
				.operation = operations[random_below(8)] };
			at += random_below((INT64_C(1) << bits) / 64 + 1);
		}
	}
}

static void check_sums(const struct collective_match *match, uint64_t seed)
{
	size_t members = 0;
	for (size_t i = 0; i < match->instance_count; i++)
		members += match->instances[i].member_count;
	CHECK_SEED(members == match->member_count, seed);
	for (size_t m = 0; m < match->member_count; m++) {
		const struct collective_member *member = &match->members[m];
		CHECK_SEED(member->wait_ns >= 0 && member->transfer_ns >= 0, seed);
		CHECK_SEED(member->wait_ns + member->transfer_ns ==
			   member->end_ns - member->start_ns, seed);
		CHECK_SEED(match->member_of[member->lane][member->kernel] == m, seed);
	}
	size_t unmatched = 0, kernel_count = 0;
	for (size_t g = 0; g < match->group_count; g++) {
		unmatched += match->groups[g].unmatched;
		kernel_count += match->groups[g].kernel_count;
	}
	CHECK_SEED(unmatched + match->member_count == kernel_count, seed);
}

TEST(nonsense_is_matched_without_harm_and_always_alike)
{
	for (uint64_t seed = 1; seed <= 10 * ROUNDS; seed++) {
		struct collective_match *match = NULL, *again = NULL;
		struct error error;
		seed_now = seed;
		size_t lane_count = (size_t)random_below(LANES_MAX + 1);
		nonsense_play(lane_count);
		CHECK_OK(collective_match(&match, lanes, lane_count, &error), error);
		CHECK_OK(collective_match(&again, lanes, lane_count, &error), error);
		check_sums(match, seed);
		CHECK_SEED(match->member_count == again->member_count, seed);
		CHECK_SEED(match->member_count == 0 ||
			   memcmp(match->members, again->members,
				  match->member_count * sizeof match->members[0]) == 0, seed);
		collective_match_close(match);
		collective_match_close(again);
	}
}
