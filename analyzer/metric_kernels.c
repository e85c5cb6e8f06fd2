/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_kernels.h"

void kernel_totals_add(struct kernel_total *totals, const struct timeline_gpu *gpu,
		       const struct time_window *window)
{
	const struct lane *lane = &gpu->lanes[LANE_KERNEL];
	for (size_t i = 0; i < lane->count && lane->start_ns[i] <= window->end_ns; i++) {
		int64_t start_ns = lane->start_ns[i], end_ns = lane->end_ns[i];
		if (!window_holds(window, start_ns, end_ns))
			continue;
		struct kernel_total *total = &totals[lane->what[i]];
		start_ns = start_ns < window->start_ns ? window->start_ns : start_ns;
		end_ns = end_ns > window->end_ns ? window->end_ns : end_ns;
		total->count++;
		total->total_ns = add_saturated(total->total_ns, end_ns - start_ns);
		if (end_ns - start_ns > total->longest_ns)
			total->longest_ns = end_ns - start_ns;
	}
}
