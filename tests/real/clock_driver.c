/* SPDX-License-Identifier: MIT */
/*
 * For tests: reads "start0 end0 start1 end1" a barrier and prints what is to be added to clock 1.
 */
#include "analyzer/metric_clock.h"

#include <inttypes.h>
#include <stdio.h>

enum { BARRIERS_MAX = 1000 };

int main(void)
{
	static struct clock_sample samples[2][BARRIERS_MAX];
	struct clock_estimate estimates[2];
	uint32_t count = 0;
	int64_t in[4];
	while (count < BARRIERS_MAX && scanf("%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
					     &in[0], &in[1], &in[2], &in[3]) == 4) {
		samples[0][count] = (struct clock_sample){ count, in[0], in[1] };
		samples[1][count] = (struct clock_sample){ count, in[2], in[3] };
		count++;
	}
	const struct clock_track tracks[] = { { samples[0], count }, { samples[1], count } };
	if (!clocks_estimate(estimates, tracks, 2))
		return 1;
	(void)printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", estimates[1].low_ns,
		     estimates[1].high_ns, estimates[1].fit.offset_ns, estimates[1].fit.drift_ppb);
	clock_estimates_end(estimates, 2);
	return 0;
}
