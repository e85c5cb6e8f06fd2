/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_partition.h"

#include "analyzer/times.h"

#include <assert.h>
#include <stdlib.h>

enum sweep_class { SWEEP_COMPUTE, SWEEP_COMM, SWEEP_COPY, SWEEP_GRAPH, SWEEP_CLASS_COUNT };

/*
 * Events come in order of start, so a class is active exactly until the latest end seen of it: four
 * numbers are the whole state, whatever the number of streams.
 */
struct sweep {
	struct partition *partition;
	int64_t at_ns;		/* everything before is accounted for */
	int64_t end_ns[SWEEP_CLASS_COUNT];
	int64_t gap_start_ns;
	bool is_in_gap;
};

int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

struct time_window window_all(const struct timeline_gpu *gpu)
{
	if (timeline_gpu_rows(gpu) == 0)
		return (struct time_window){ 0, 0 };
	return (struct time_window){ gpu->start_ns, gpu->end_ns };
}

bool window_holds(const struct time_window *window, int64_t start_ns, int64_t end_ns)
{
	if (start_ns == end_ns)
		return start_ns >= window->start_ns && start_ns <= window->end_ns;
	return start_ns < window->end_ns && end_ns > window->start_ns;
}

/* How far into [at, to) the class is active. */
static int64_t sweep_reach(const struct sweep *sweep, enum sweep_class class, int64_t to_ns)
{
	return time_earlier(time_later(sweep->end_ns[class], sweep->at_ns), to_ns);
}

static void sweep_count_gap(struct sweep *sweep, int64_t busy_end_ns, int64_t to_ns)
{
	struct partition *partition = sweep->partition;
	if (busy_end_ns == to_ns) {
		sweep->is_in_gap = false;
		return;
	}
	if (busy_end_ns > sweep->at_ns || !sweep->is_in_gap) {
		sweep->gap_start_ns = busy_end_ns;
		sweep->is_in_gap = true;
		partition->idle_gaps++;
	}
	if (to_ns - sweep->gap_start_ns > partition->longest_gap_ns) {
		partition->longest_gap_ns = to_ns - sweep->gap_start_ns;
		partition->longest_gap_start_ns = sweep->gap_start_ns - partition->window.start_ns;
	}
}

/* Accounts for [at, to), in which no event starts. */
static void sweep_to(struct sweep *sweep, int64_t to_ns)
{
	struct partition *partition = sweep->partition;
	int64_t at_ns = sweep->at_ns;
	if (to_ns <= at_ns)
		return;
	int64_t compute = sweep_reach(sweep, SWEEP_COMPUTE, to_ns);
	int64_t comm = sweep_reach(sweep, SWEEP_COMM, to_ns);
	int64_t copy = sweep_reach(sweep, SWEEP_COPY, to_ns);
	int64_t graph = sweep_reach(sweep, SWEEP_GRAPH, to_ns);
	int64_t kernels = time_later(compute, comm);
	int64_t busy = time_later(kernels, copy);
	partition->compute_ns += compute - at_ns;
	partition->comm_ns += kernels - compute;
	partition->copy_ns += busy - kernels;
	partition->idle_ns += to_ns - busy;
	partition->compute_union_ns += compute - at_ns;
	partition->comm_union_ns += comm - at_ns;
	partition->copy_union_ns += copy - at_ns;
	partition->comm_compute_overlap_ns += time_earlier(compute, comm) - at_ns;
	partition->graph_only_ns += time_later(graph, busy) - busy;
	sweep_count_gap(sweep, busy, to_ns);
	sweep->at_ns = to_ns;
}

static enum sweep_class event_class(const struct timeline *timeline,
				    const struct timeline_event *event)
{
	switch (event->kind) {
	case LANE_KERNEL:
		return timeline->kernels[event->what].class == KERNEL_COMMUNICATION ? SWEEP_COMM
										    : SWEEP_COMPUTE;
	case LANE_COPY:
		return SWEEP_COPY;
	case LANE_GRAPH:
	case LANE_COUNT:
		break;
	}
	return SWEEP_GRAPH;
}

struct partition partition_measure(const struct timeline *timeline, const struct timeline_gpu *gpu,
				   const struct time_window *window)
{
	struct partition partition = { .window = *window };
	struct sweep sweep = { .partition = &partition, .at_ns = window->start_ns };
	struct timeline_walk walk = timeline_walk_begin(gpu);
	struct timeline_event event;
	for (int class = 0; class < SWEEP_CLASS_COUNT; class++)
		sweep.end_ns[class] = window->start_ns;
	partition.window_ns = window->end_ns - window->start_ns;
	while (timeline_walk_next(&walk, &event) && event.start_ns < window->end_ns) {
		enum sweep_class class = event_class(timeline, &event);
		if (event.start_ns == event.end_ns)
			continue;
		sweep_to(&sweep, event.start_ns);
		sweep.end_ns[class] = time_later(sweep.end_ns[class], event.end_ns);
	}
	sweep_to(&sweep, window->end_ns);
	assert(partition.compute_ns + partition.comm_ns + partition.copy_ns + partition.idle_ns ==
	       partition.window_ns);
	return partition;
}

static void count_overlap(struct row_counts *counts, const struct timeline_event *event,
			  int64_t *stream_end_ns)
{
	if (*stream_end_ns > event->start_ns) {
		int64_t common_ns = time_earlier(*stream_end_ns, event->end_ns) - event->start_ns;
		counts->same_stream_overlaps++;
		counts->same_stream_overlap_max_ns =
			time_later(counts->same_stream_overlap_max_ns, common_ns);
	}
	*stream_end_ns = time_later(*stream_end_ns, event->end_ns);
}

static void count_row(struct row_counts *counts, const struct timeline *timeline,
		      const struct timeline_event *event)
{
	counts->gpu_rows++;
	counts->zero_duration_rows += event->start_ns == event->end_ns;
	if (event->kind == LANE_KERNEL) {
		counts->kernels++;
		counts->comm_kernels +=
			timeline->kernels[event->what].class == KERNEL_COMMUNICATION;
	} else if (event->what != TRANSFER_MEMSET) {
		counts->memcpys++;
	} else {
		counts->memsets++;
		counts->memset_bytes = add_saturated(counts->memset_bytes, event->bytes);
		counts->memset_ns =
			add_saturated(counts->memset_ns, event->end_ns - event->start_ns);
	}
}

bool row_counts_measure(struct row_counts *counts, const struct timeline *timeline,
			const struct timeline_gpu *gpu, const struct time_window *window)
{
	struct timeline_walk walk = timeline_walk_begin(gpu);
	struct timeline_event event;
	*counts = (struct row_counts){ 0 };
	int64_t *stream_end_ns = malloc((timeline->stream_count + 1) * sizeof *stream_end_ns);
	if (stream_end_ns == NULL)
		return false;
	for (size_t i = 0; i < timeline->stream_count; i++)
		stream_end_ns[i] = INT64_MIN;
	while (timeline_walk_next(&walk, &event)) {
		if (!window_holds(window, event.start_ns, event.end_ns))
			continue;
		if (event.kind == LANE_GRAPH) {
			counts->graphs++;
			continue;
		}
		count_row(counts, timeline, &event);
		counts->streams += stream_end_ns[event.stream] == INT64_MIN;
		count_overlap(counts, &event, &stream_end_ns[event.stream]);
	}
	free(stream_end_ns);
	return true;
}
