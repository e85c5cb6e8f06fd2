/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_balance.h"

#include "analyzer/metric_partition.h"
#include "analyzer/ratio.h"

struct balance balance_measure(const int64_t *compute_ns, size_t gpu_count)
{
	struct balance balance = { .gpu_count = gpu_count, .lambda_e12 = -1, .cov_e12 = -1 };
	for (size_t i = 0; i < gpu_count; i++) {
		if (compute_ns[i] > compute_ns[balance.most])
			balance.most = i;
		if (compute_ns[i] < compute_ns[balance.least])
			balance.least = i;
		balance.sum_ns = add_saturated(balance.sum_ns, compute_ns[i]);
	}
	if (gpu_count > 0) {
		balance.most_ns = compute_ns[balance.most];
		balance.least_ns = compute_ns[balance.least];
	}
	balance.is_known = gpu_count >= 2 && balance.most_ns > 0;
	if (balance.is_known) {
		balance.lambda_e12 = imbalance_e12(compute_ns, gpu_count);
		balance.cov_e12 = variation_e12(compute_ns, gpu_count);
	}
	return balance;
}
