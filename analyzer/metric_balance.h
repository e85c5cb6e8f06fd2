/* SPDX-License-Identifier: MIT */
/*
 * How evenly the compute is spread over the GPUs of all traces.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_BALANCE_H
#define ANALYZER_METRIC_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct balance {
	size_t gpu_count;
	bool is_known;		/* at least two GPUs, and compute on one of them */
	size_t most;		/* GPU with most and with least compute, the first of equals */
	size_t least;
	int64_t most_ns;
	int64_t least_ns;
	int64_t sum_ns;		/* saturated */
	int64_t lambda_e12;	/* max / mean - 1 */
	int64_t cov_e12;	/* population standard deviation / mean */
};

struct balance balance_measure(const int64_t *compute_ns, size_t gpu_count);

#endif
