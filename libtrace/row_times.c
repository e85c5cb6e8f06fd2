/* SPDX-License-Identifier: MIT */
#include "libtrace/row_times.h"

#include <stddef.h>
#include <string.h>

#define NO_DURATION SIZE_MAX
#define SPAN(table) [TABLE_##table] = { true, offsetof(struct table##_row, start_ns), \
					offsetof(struct table##_row, duration_ns) }
#define INSTANT(table, column) [TABLE_##table] = { true, offsetof(struct table##_row, column), \
						   NO_DURATION }

static const struct {
	bool has_time;
	size_t start, duration;
} times[TABLE_COUNT] = {
	SPAN(kernel), SPAN(memcpy), SPAN(memset), SPAN(api_call), SPAN(synchronization),
	SPAN(graph_launch), SPAN(range), SPAN(gpu_range), SPAN(collective), SPAN(overhead),
	INSTANT(clock, realtime_ns), INSTANT(cuda_event, time_ns), INSTANT(mark, time_ns),
	INSTANT(allocation, time_ns), INSTANT(sample, time_ns), INSTANT(host_sample, time_ns),
	INSTANT(memory_pool, time_ns),
};

bool row_ends_before(enum trace_table table, const void *row, int64_t time_ns)
{
	int64_t start_ns, duration_ns = 0;
	if (!times[table].has_time)
		return false;
	memcpy(&start_ns, (const char *)row + times[table].start, sizeof start_ns);
	if (times[table].duration != NO_DURATION)
		memcpy(&duration_ns, (const char *)row + times[table].duration,
		       sizeof duration_ns);
	else if (start_ns == -1)
		return false;
	return start_ns + duration_ns < time_ns;
}
