/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_delay.h"

#include "analyzer/metric_partition.h"
#include "analyzer/ratio.h"

__extension__ typedef unsigned __int128 wide;

/* Weight i of `count` and a last one behind them. */
static wide weight_at(const int64_t *weights, size_t count, int64_t last, size_t i)
{
	return (wide)(i < count ? weights[i] : last);
}

static int64_t *part_at(int64_t *parts, size_t count, int64_t *last, size_t i)
{
	return i < count ? &parts[i] : last;
}

static void divide_with_last(int64_t *parts, int64_t *last_part, const int64_t *weights,
			     size_t count, int64_t last_weight, int64_t total)
{
	wide sum = 0;
	for (size_t i = 0; i <= count; i++)
		sum += weight_at(weights, count, last_weight, i);
	int64_t left = sum == 0 ? 0 : total;
	for (size_t i = 0; i <= count; i++) {
		wide share = weight_at(weights, count, last_weight, i) * (uint64_t)total;
		int64_t part = sum == 0 ? 0 : (int64_t)(share / sum);
		*part_at(parts, count, last_part, i) = part;
		left -= part;
	}
	for (; left > 0; left--) {
		size_t best = 0;
		wide largest = 0;
		for (size_t i = 0; i <= count; i++) {
			wide share = weight_at(weights, count, last_weight, i) * (uint64_t)total;
			bool is_whole =
				*part_at(parts, count, last_part, i) != (int64_t)(share / sum);
			if (!is_whole && share % sum > largest) {
				largest = share % sum;
				best = i;
			}
		}
		*part_at(parts, count, last_part, best) += 1;
	}
}

void total_divide(int64_t *parts, const int64_t *weights, size_t count, int64_t total)
{
	int64_t none;
	divide_with_last(parts, &none, weights, count, 0, total);
}

struct delay_cost delay_measure(const struct delay_input *input, int64_t *surplus_ns,
				int64_t *short_ns, int64_t *long_ns)
{
	struct delay_cost cost = { .coverage_e12 = -1 };
	size_t count = input->category_count;
	for (size_t i = 0; i < count; i++) {
		int64_t more_ns = input->culprit_ns[i] - input->waiter_ns[i];
		surplus_ns[i] = more_ns > 0 ? more_ns : 0;
		cost.surplus_ns = add_saturated(cost.surplus_ns, surplus_ns[i]);
	}
	int64_t known_ns = add_saturated(cost.surplus_ns, input->culprit_wait_ns);
	cost.is_known = known_ns > 0;
	/* A surplus longer than the wait is scaled down to it, a shorter one counts as it is. */
	cost.explained_ns = input->wait_ns < known_ns ? input->wait_ns : known_ns;
	divide_with_last(short_ns, &cost.passed_short_ns, surplus_ns, count,
			 input->culprit_wait_ns, cost.explained_ns);
	divide_with_last(long_ns, &cost.passed_long_ns, surplus_ns, count, input->culprit_wait_ns,
			 input->received_ns);
	if (input->wait_ns > 0)
		cost.coverage_e12 = ratio_e12(cost.explained_ns, input->wait_ns);
	return cost;
}
