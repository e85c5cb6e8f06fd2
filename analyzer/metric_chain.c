/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_chain.h"

#include <stdbool.h>

#include "analyzer/ratio.h"

__extension__ typedef unsigned __int128 wide;

enum { GPUS_MAX = 1 << 20 };	/* sums of so many times, times 2e12, still fit 128 bits */

static int64_t factor_e12(wide numerator, wide denominator)
{
	if (denominator == 0)
		return -1;
	wide rounded = (numerator * 2 * (wide)RATIO_ONE + denominator) / (denominator * 2);
	return rounded > INT64_MAX ? INT64_MAX : (int64_t)rounded;
}

static void raise(wide *most, wide value)
{
	if (value > *most)
		*most = value;
}

struct efficiency_chain chain_measure(const struct chain_times *gpus, size_t gpu_count,
				      int64_t window_ns)
{
	struct efficiency_chain chain = { -1, -1, -1, -1, -1, -1, -1 };
	if (gpu_count == 0 || gpu_count > GPUS_MAX || window_ns <= 0)
		return chain;
	wide sum = 0, compute = 0, copied = 0, transferred = 0, all = 0;
	bool is_split = true;
	for (size_t i = 0; i < gpu_count; i++) {
		wide nested = (wide)gpus[i].compute_ns;
		sum += nested;
		raise(&compute, nested);
		raise(&copied, nested += (uint64_t)gpus[i].copy_ns);
		is_split = is_split && gpus[i].transfer_ns >= 0;
		if (gpus[i].transfer_ns > 0)
			nested += (uint64_t)gpus[i].transfer_ns;
		raise(&transferred, nested);
		raise(&all, nested + (uint64_t)gpus[i].wait_ns);
	}
	chain.parallel_e12 = factor_e12(sum, (wide)window_ns * gpu_count);
	chain.load_balance_e12 = factor_e12(sum, compute * gpu_count);
	chain.copy_e12 = factor_e12(compute, copied);
	chain.transfer_e12 = is_split ? factor_e12(copied, transferred) : -1;
	chain.serialisation_e12 = is_split ? factor_e12(transferred, all) : -1;
	chain.communication_e12 = factor_e12(copied, all);
	chain.orchestration_e12 = factor_e12(all, (wide)window_ns);
	return chain;
}
