/* SPDX-License-Identifier: MIT */
#include "analyzer/dump_overlap.h"

#include <stdint.h>
#include <string.h>

struct extent {
	int64_t start_ns, end_ns;	/* start > end: no GPU work */
};

static bool is_dump(const struct trace_measures *measures)
{
	return measures->timeline != NULL && measures->trace.trigger != NULL &&
	       measures->trace.trigger[0] != 0;
}

/* Its trace's epoch is the nanosecond in which a process began to record. */
static bool is_same_process(const struct report_trace *a, const struct report_trace *b)
{
	return a->pid == b->pid && a->epoch_ns == b->epoch_ns && a->epoch_ns > 0 &&
	       strcmp(a->boot_id, b->boot_id) == 0 && strcmp(a->host, b->host) == 0;
}

static struct extent extent_of(const struct timeline *timeline)
{
	struct extent extent = { INT64_MAX, INT64_MIN };
	for (size_t g = 0; g < timeline->gpu_count; g++) {
		const struct timeline_gpu *gpu = &timeline->gpus[g];
		if (timeline_gpu_rows(gpu) == 0)
			continue;
		extent.start_ns = gpu->start_ns < extent.start_ns ? gpu->start_ns : extent.start_ns;
		extent.end_ns = gpu->end_ns > extent.end_ns ? gpu->end_ns : extent.end_ns;
	}
	return extent;
}

static bool is_overlap(const struct trace_measures *a, const struct trace_measures *b)
{
	struct extent x = extent_of(a->timeline), y = extent_of(b->timeline);
	return x.start_ns < y.end_ns && y.start_ns < x.end_ns;
}

/* The youngest dump that has not been looked at; NULL: there is none. */
static struct trace_measures *youngest(struct trace_measures *measures, size_t count,
				       const struct trace_measures *before)
{
	struct trace_measures *found = NULL;
	for (size_t i = 0; i < count; i++) {
		struct trace_measures *at = &measures[i];
		if (!is_dump(at) ||
		    (before != NULL &&
		     (at->trace.stop_ns > before->trace.stop_ns ||
		      (at->trace.stop_ns == before->trace.stop_ns && at <= before))))
			continue;
		if (found == NULL || at->trace.stop_ns > found->trace.stop_ns)
			found = at;
	}
	return found;
}

void dumps_leave_out(struct trace_measures *measures, size_t count)
{
	struct trace_measures *dump = NULL;
	while ((dump = youngest(measures, count, dump)) != NULL) {
		for (size_t i = 0; i < count; i++) {
			struct trace_measures *older = &measures[i];
			if (older == dump || !is_dump(older) ||
			    !is_same_process(&older->trace, &dump->trace) ||
			    !is_overlap(older, dump))
				continue;
			trace_measures_leave_out(older, dump->trace.path);
		}
	}
}
