/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_copies.h"

#include "analyzer/intervals.h"
#include "analyzer/metric_transfers.h"
#include "analyzer/ratio.h"
#include "analyzer/times.h"

#include <stdlib.h>
#include <string.h>

enum {
	PINNED_SAMPLES_MIN = 3,
	CALLS_LOOKED_AT = 8,		/* after a read-back, for the call that waits */
};

struct copies {
	const struct timeline *timeline;
	const struct lane *lane;
	const struct time_window *window;
	bool *is_compute_stream;
	struct intervals hidden;	/* kernels, where copies run */
	struct intervals busy;		/* of one group at a time */
};

/* Groups of copies; `way` is ignored by those of both ways. */
static bool is_any(const struct copies *copies, size_t i, int way)
{
	(void)way;
	return copies->lane->what[i] != TRANSFER_MEMSET;
}

static bool is_pageable(const struct copies *copies, size_t i, int way)
{
	return (int)copy_way_of(copies->lane->what[i]) == way &&
		copy_is_pageable(copies->lane->what[i]);
}

static bool is_small(const struct copies *copies, size_t i, int way)
{
	(void)way;
	return copies->lane->bytes[i] < SMALL_COPY_BYTES &&
		copy_way_of(copies->lane->what[i]) != COPY_WAY_COUNT;
}

static bool is_in_line(const struct copies *copies, size_t i, int way)
{
	return (int)copy_way_of(copies->lane->what[i]) == way &&
		copies->is_compute_stream[copies->lane->stream[i]];
}

typedef bool (*copy_filter)(const struct copies *copies, size_t i, int way);

/* Fills `busy` with the copies of a group and sums up all but what is exposed. */
static bool group_sum(struct copies *copies, copy_filter filter, int way, struct copy_sum *sum)
{
	const struct lane *lane = copies->lane;
	const struct time_window *window = copies->window;
	*sum = (struct copy_sum){ 0 };
	intervals_clear(&copies->busy);
	for (size_t i = 0; i < lane->count && lane->start_ns[i] <= window->end_ns; i++) {
		if (!window_holds(window, lane->start_ns[i], lane->end_ns[i]) ||
		    !filter(copies, i, way))
			continue;
		int64_t start_ns = time_later(lane->start_ns[i], window->start_ns);
		int64_t end_ns = time_earlier(lane->end_ns[i], window->end_ns);
		int64_t whole_ns = lane->end_ns[i] - lane->start_ns[i];
		bool is_cut = end_ns - start_ns != whole_ns;
		sum->count++;
		sum->bytes = add_saturated(sum->bytes,
					   is_cut ? share_of(lane->bytes[i], end_ns - start_ns,
							     whole_ns) : lane->bytes[i]);
		sum->sum_ns = add_saturated(sum->sum_ns, end_ns - start_ns);
		if (!intervals_add(&copies->busy, start_ns, end_ns))
			return false;
	}
	sum->busy_ns = intervals_length(&copies->busy);
	return true;
}

static bool group_measure(struct copies *copies, copy_filter filter, int way,
			  struct copy_sum *sum)
{
	if (!group_sum(copies, filter, way, sum))
		return false;
	sum->exposed_ns = sum->busy_ns - intervals_common_length(&copies->busy, &copies->hidden);
	return true;
}

/* Kernels of any kind, cut to where `busy` has copies; pieces come in order of start. */
static bool find_hidden(struct copies *copies, const struct lane *kernels)
{
	const struct intervals *busy = &copies->busy;
	int64_t covered_ns = INT64_MIN;
	size_t first = 0;
	for (size_t i = 0; i < kernels->count && first < busy->count; i++) {
		int64_t start_ns = time_later(kernels->start_ns[i], covered_ns);
		int64_t end_ns = kernels->end_ns[i];
		if (end_ns <= start_ns)
			continue;
		covered_ns = end_ns;
		while (first < busy->count && busy->items[first].end_ns <= start_ns)
			first++;
		for (size_t c = first; c < busy->count && busy->items[c].start_ns < end_ns; c++)
			if (!intervals_add(&copies->hidden,
					   time_later(start_ns, busy->items[c].start_ns),
					   time_earlier(end_ns, busy->items[c].end_ns)))
				return false;
	}
	return true;
}

static bool copies_begin(struct copies *copies, const struct timeline_gpu *gpu)
{
	const struct lane *kernels = &gpu->lanes[LANE_KERNEL];
	struct copy_sum any;
	copies->is_compute_stream =
		calloc(copies->timeline->stream_count + 1, sizeof *copies->is_compute_stream);
	if (copies->is_compute_stream == NULL)
		return false;
	for (size_t i = 0; i < kernels->count; i++)
		if (copies->timeline->kernels[kernels->what[i]].class == KERNEL_COMPUTE)
			copies->is_compute_stream[kernels->stream[i]] = true;
	return group_sum(copies, is_any, 0, &any) && find_hidden(copies, kernels);
}

static void copies_end(struct copies *copies)
{
	free(copies->is_compute_stream);
	intervals_end(&copies->hidden);
	intervals_end(&copies->busy);
}

/* Large copies of one way that are not pageable; `window` NULL: in the whole trace. */
static struct large_copies large_measure(const struct lane *lane, int way,
					 const struct time_window *window, bool is_pinned_sure)
{
	struct large_copies large = { 0 };
	for (size_t i = 0; i < lane->count; i++) {
		uint32_t what = lane->what[i];
		if (lane->bytes[i] < LARGE_COPY_BYTES || (int)copy_way_of(what) != way ||
		    copy_is_pageable(what))
			continue;
		int memory = way == COPY_WAY_TO_DEVICE ? transfer_kind_source(what) :
			transfer_kind_destination(what);
		if ((is_pinned_sure && memory != MEMORY_PINNED) ||
		    (window != NULL && (lane->start_ns[i] < window->start_ns ||
					lane->end_ns[i] > window->end_ns)))
			continue;
		large.count++;
		large.bytes = add_saturated(large.bytes, lane->bytes[i]);
		large.sum_ns = add_saturated(large.sum_ns, lane->end_ns[i] - lane->start_ns[i]);
	}
	large.bytes_per_s = copy_rate(large.bytes, large.sum_ns);
	return large;
}

static void blocking_measure(struct pageable_copies *pageable, const struct copies *copies, int way)
{
	const struct lane *lane = copies->lane;
	const struct host_calls *calls = &copies->timeline->calls;
	uint32_t last = NO_CALL;
	for (size_t i = 0; i < lane->count; i++) {
		uint32_t call = lane->launch[i];
		if (call == NO_CALL || !is_pageable(copies, i, way) ||
		    !window_holds(copies->window, lane->start_ns[i], lane->end_ns[i]) ||
		    (calls->class[call] != CALL_SYNC && calls->end_ns[call] < lane->end_ns[i]))
			continue;
		pageable->blocking_count++;
		if (call != last)	/* a batch of copies is one call */
			pageable->blocking_ns =
				add_saturated(pageable->blocking_ns,
					      calls->end_ns[call] - calls->start_ns[call]);
		last = call;
	}
}

static bool pageable_measure(struct pageable_copies *pageable, struct copies *copies, int way,
			     int64_t link_pinned_bytes_per_s)
{
	if (!group_measure(copies, is_pageable, way, &pageable->sum))
		return false;
	blocking_measure(pageable, copies, way);
	struct large_copies pinned = large_measure(copies->lane, way, NULL, true);
	if (pinned.count >= PINNED_SAMPLES_MIN && pinned.bytes_per_s > 0) {
		pageable->rate_source = PINNED_RATE_MEASURED;
		pageable->pinned_bytes_per_s = pinned.bytes_per_s;
	} else if (link_pinned_bytes_per_s > 0) {
		pageable->rate_source = PINNED_RATE_CEILING;
		pageable->pinned_bytes_per_s = link_pinned_bytes_per_s;
	}
	pageable->recoverable_ns = -1;
	if (pageable->pinned_bytes_per_s > 0) {
		int64_t pinned_ns =
			ratio_e12(pageable->sum.bytes, pageable->pinned_bytes_per_s) / 1000;
		pageable->recoverable_ns = time_later(pageable->sum.exposed_ns - pinned_ns, 0);
	}
	return true;
}

/* The call that waited for a copy: its own or one of the next on its thread; NO_CALL: none. */
static uint32_t waiting_call(const struct host_calls *calls, uint32_t launch)
{
	size_t end = calls->threads[calls->thread[launch]].end;
	if (calls->class[launch] == CALL_SYNC)
		return launch;
	for (size_t at = launch + (size_t)1; at < end && at <= launch + (size_t)CALLS_LOOKED_AT;
	     at++) {
		if (calls->class[at] == CALL_SYNC)
			return (uint32_t)at;
		if (calls->class[at] != CALL_OTHER)
			break;
	}
	return NO_CALL;
}

static struct readbacks readbacks_measure(const struct copies *copies)
{
	const struct lane *lane = copies->lane;
	const struct host_calls *calls = &copies->timeline->calls;
	struct readbacks readbacks = { .is_known = calls->count > 0 };
	for (size_t i = 0; i < lane->count && lane->start_ns[i] <= copies->window->end_ns; i++) {
		if (lane->bytes[i] < 1 || lane->bytes[i] > READBACK_BYTES_MAX ||
		    copy_way_of(lane->what[i]) != COPY_WAY_TO_HOST ||
		    !window_holds(copies->window, lane->start_ns[i], lane->end_ns[i]))
			continue;
		readbacks.small_count++;
		uint32_t call = lane->launch[i] == NO_CALL ? (uint32_t)NO_CALL :
			waiting_call(calls, lane->launch[i]);
		if (call == NO_CALL)
			continue;
		readbacks.count++;
		readbacks.wait_ns = add_saturated(readbacks.wait_ns,
						  calls->end_ns[call] - calls->start_ns[call]);
	}
	return readbacks;
}

bool copy_problems_measure(struct copy_problems *problems, const struct timeline *timeline,
			   const struct timeline_gpu *gpu, const struct time_window *window,
			   const int64_t link_pinned_bytes_per_s[COPY_WAY_COUNT])
{
	struct copies copies = {
		.timeline = timeline, .lane = &gpu->lanes[LANE_COPY], .window = window,
	};
	*problems = (struct copy_problems){ 0 };
	bool ok = copies_begin(&copies, gpu) &&
		group_measure(&copies, is_small, 0, &problems->small);
	for (int way = 0; ok && way < COPY_WAY_COUNT; way++) {
		problems->large[way] = large_measure(copies.lane, way, window, false);
		ok = pageable_measure(&problems->pageable[way], &copies, way,
				      link_pinned_bytes_per_s[way]) &&
			group_measure(&copies, is_in_line, way, &problems->in_line[way]);
	}
	if (ok)
		problems->readbacks = readbacks_measure(&copies);
	copies_end(&copies);
	return ok;
}
