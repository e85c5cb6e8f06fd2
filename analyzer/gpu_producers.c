/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_sweep.h"

enum {
	FOREIGN_ROWS_TRIED = 256,	/* of another GPU's lane, back from the kernel */
};

/* Rows of a lane that start before `start_ns`. */
static size_t lane_place(const struct lane *lane, int64_t start_ns)
{
	size_t begin = 0, end = lane->count;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (lane->start_ns[middle] < start_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static enum sweep_class row_class(const struct timeline *timeline, const struct lane *lane,
				  enum lane_kind kind, size_t row)
{
	if (kind == LANE_COPY)
		return SWEEP_COPY;
	return timeline->kernels[lane->what[row]].class == KERNEL_COMMUNICATION ? SWEEP_TRANSFER :
		SWEEP_COMPUTE;
}

/* The later of two operations that the kernel may have waited for. */
static void producer_offer(struct stream_operation *producer,
			   const struct stream_operation *operation, int64_t start_ns)
{
	if (operation->end_ns <= start_ns && operation->end_ns > producer->end_ns)
		*producer = *operation;
}

/*
 * What producer_offer_stream offers, of a stream of another GPU of this process: the last of its
 * operations that began before the kernel and had been launched by then.
 */
static void producer_offer_foreign(const struct gpu_sweep *sweep, struct stream_operation *producer,
				   uint32_t stream, int64_t before_ns, int64_t start_ns)
{
	const struct timeline *timeline = sweep->input->timeline;
	for (size_t g = 0; g < timeline->gpu_count; g++)
		for (int kind = LANE_KERNEL; kind <= LANE_COPY; kind++) {
			const struct lane *lane = &timeline->gpus[g].lanes[kind];
			size_t at = lane_place(lane, start_ns), tried = 0;
			for (; at > 0 && tried < FOREIGN_ROWS_TRIED; at--, tried++) {
				uint32_t launch = lane->launch[at - 1];
				if (lane->stream[at - 1] != stream ||
				    (launch != NO_CALL &&
				     timeline->calls.start_ns[launch] >= before_ns))
					continue;
				const struct stream_operation operation = {
					lane->end_ns[at - 1], launch,
					row_class(timeline, lane, (enum lane_kind)kind, at - 1),
				};
				producer_offer(producer, &operation, start_ns);
				break;
			}
		}
}

/* The last that the stream had been given before the host's time `before_ns`. */
static void producer_offer_stream(const struct gpu_sweep *sweep, struct stream_operation *producer,
				  uint32_t stream, int64_t before_ns, int64_t start_ns)
{
	const struct host_calls *calls = &sweep->input->timeline->calls;
	const struct stream_history *history = &sweep->streams[stream];
	if (history->count == 0 && sweep->input->timeline->gpu_count > 1)
		producer_offer_foreign(sweep, producer, stream, before_ns, start_ns);
	for (uint32_t back = 1; back <= STREAM_OPERATIONS_KEPT && back <= history->count; back++) {
		const struct stream_operation *operation =
			&history->operations[(history->count - back) % STREAM_OPERATIONS_KEPT];
		if (operation->launch != NO_CALL &&
		    calls->start_ns[operation->launch] >= before_ns)
			continue;
		producer_offer(producer, operation, start_ns);
		return;
	}
}

/* The operation with the latest end that the kernel had to wait for. */
struct stream_operation gpu_producer_find(const struct gpu_sweep *sweep,
					     const struct timeline_event *event)
{
	const struct timeline *timeline = sweep->input->timeline;
	const struct event_waits *waits = &timeline->waits;
	const struct stream_history *history = &sweep->streams[event->stream];
	struct stream_operation producer = { .end_ns = INT64_MIN, .class = SWEEP_NOTHING };
	int64_t launch_ns = timeline->calls.start_ns[event->launch], last_ns = INT64_MIN;
	if (history->count > 0) {
		const struct stream_operation *last =
			&history->operations[(history->count - 1) % STREAM_OPERATIONS_KEPT];
		producer_offer(&producer, last, event->start_ns);
		if (last->launch != NO_CALL)
			last_ns = timeline->calls.start_ns[last->launch];
	}
	size_t begin = waits->first[event->stream], end = waits->first[event->stream + 1];
	while (begin < end) {	/* past the waits that came after the kernel's launch */
		size_t middle = begin + (end - begin) / 2;
		if (waits->waits[middle].host_ns <= launch_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	size_t first = waits->first[event->stream];
	size_t least = begin - first > STREAM_WAITS_TRIED ? begin - STREAM_WAITS_TRIED : first;
	for (size_t i = begin; i > least && waits->waits[i - 1].host_ns >= last_ns; i--)
		if (waits->waits[i - 1].source != NO_STREAM)
			producer_offer_stream(sweep, &producer, waits->waits[i - 1].source,
					      waits->waits[i - 1].record_ns, event->start_ns);
	return producer;
}
