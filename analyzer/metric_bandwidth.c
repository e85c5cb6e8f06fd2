/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_bandwidth.h"

#include <stddef.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { RANKS_MAX = 1 << 20 };

#define NS_PER_S INT64_C(1000000000)
#define PS_PER_S INT64_C(1000000000000)

enum bus_factor {
	BUS_ONE,	/* 1 */
	BUS_OTHERS,	/* (n - 1) / n */
	BUS_TWICE,	/* 2 (n - 1) / n */
};

struct operation_rule {
	const char *name;
	bool is_per_rank;	/* the argument is one rank's share of the whole */
	enum bus_factor factor;
};

static const struct operation_rule operation_rules[] = {
	{ "AllReduce", false, BUS_TWICE },
	{ "AllGather", true, BUS_OTHERS },
	{ "ReduceScatter", true, BUS_OTHERS },
	{ "AlltoAll", true, BUS_OTHERS },
	{ "Gather", true, BUS_OTHERS },
	{ "Scatter", true, BUS_OTHERS },
	{ "Broadcast", false, BUS_ONE },
	{ "Reduce", false, BUS_ONE },
	{ "SendRecv", false, BUS_ONE },
	{ "Send", false, BUS_ONE },
	{ "Recv", false, BUS_ONE },
};

static const struct operation_rule *operation_find(const char *operation)
{
	for (size_t i = 0; i < sizeof operation_rules / sizeof *operation_rules; i++)
		if (strcmp(operation_rules[i].name, operation) == 0)
			return &operation_rules[i];
	return NULL;
}

static int64_t divide_rounded(wide numerator, wide denominator)
{
	wide rest = numerator % denominator;
	wide rounded = numerator / denominator + (rest >= denominator - denominator / 2);
	return rounded > INT64_MAX ? INT64_MAX : (int64_t)rounded;
}

bool bandwidth_measure(struct bandwidth *bandwidth, const char *operation, int64_t bytes,
		       int64_t rank_count, int64_t time_ns)
{
	const struct operation_rule *rule = operation_find(operation);
	*bandwidth = (struct bandwidth){ 0 };
	if (rule == NULL || bytes <= 0 || rank_count <= 0 || rank_count > RANKS_MAX || time_ns <= 0)
		return false;
	/* At most 2^63 bytes, 2^20 ranks, 2^31 twice and per second: 2^115. */
	wide all = (wide)bytes * (wide)(rule->is_per_rank ? rank_count : 1) * (wide)NS_PER_S;
	wide time = (wide)time_ns, ranks = (wide)rank_count;
	bandwidth->algorithm_bytes_per_s = divide_rounded(all, time);
	switch (rule->factor) {
	case BUS_ONE:
		bandwidth->bus_bytes_per_s = bandwidth->algorithm_bytes_per_s;
		break;
	case BUS_OTHERS:	/* the whole is a multiple of n, so this stays exact */
		bandwidth->bus_bytes_per_s = divide_rounded(all / ranks * (ranks - 1), time);
		break;
	case BUS_TWICE:
		bandwidth->bus_bytes_per_s = divide_rounded(all * 2 * (ranks - 1), time * ranks);
		break;
	}
	return true;
}

int64_t allreduce_floor_ps(int64_t bytes, int64_t rank_count, int64_t bus_bytes_per_s)
{
	if (bytes <= 0 || rank_count <= 0 || rank_count > RANKS_MAX || bus_bytes_per_s <= 0)
		return -1;
	wide moved = (wide)bytes * 2 * (wide)(rank_count - 1), links = (wide)rank_count;
	/* Bytes times ranks times picoseconds may need 124 bits, their divisor 83. */
	return divide_rounded(moved * (uint64_t)PS_PER_S, links * (uint64_t)bus_bytes_per_s);
}
