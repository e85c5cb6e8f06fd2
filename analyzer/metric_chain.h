/* SPDX-License-Identifier: MIT */
/*
 * The efficiency chain: where the compute that the GPUs could have done was lost, as factors of at
 * most 1 whose product is the parallel efficiency. Communication kernels that wait for another GPU
 * count as waiting, not as work: counted as work, a slow rank would look like a busy cluster.
 *
 * Idleness of the host of one rank shows as serialisation or imbalance of all, because the others'
 * waiting fills their time: read the chain beside the blame (metric_blame.h).
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_CHAIN_H
#define ANALYZER_METRIC_CHAIN_H

#include <stddef.h>
#include <stdint.h>

/* Disjoint parts of one GPU's window, none negative. */
struct chain_times {
	int64_t compute_ns;
	int64_t copy_ns;	/* exposed */
	int64_t transfer_ns;	/* exposed communication but for its waiting; -1: not told apart */
	int64_t wait_ns;	/* if not told apart, all of the exposed communication */
};

/* Ratios with twelve decimals (ratio.h); -1 where one has no meaning. */
struct efficiency_chain {
	int64_t parallel_e12;		/* mean compute / window = the product of the others */
	int64_t load_balance_e12;	/* mean / most compute */
	int64_t copy_e12;		/* most compute / most with copies */
	int64_t transfer_e12;		/* ... / most with transfers */
	int64_t serialisation_e12;	/* ... / most with waits */
	int64_t communication_e12; /* transfer x serialisation: known where these two are not */
	int64_t orchestration_e12;	/* ... / window: what the hosts left empty */
};

/* `window_ns` is the same for all GPUs, or the longest of theirs. */
struct efficiency_chain chain_measure(const struct chain_times *gpus, size_t gpu_count,
				      int64_t window_ns);

#endif
