/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_transfers.h"

#include "analyzer/intervals.h"
#include "analyzer/ratio.h"
#include "analyzer/times.h"

#include <stdlib.h>

struct group {
	struct transfer sum;
	struct intervals busy;
};

/* Groups by transfer kind; a kind that does not occur costs a NULL. */
struct groups {
	struct group *by_kind[TRANSFER_KIND_COUNT];
	struct group *by_direction[COPY_DIRECTION_COUNT];
	struct intervals any;		/* time with any memcpy */
};

static bool group_add(struct group **place, uint32_t kind, const struct timeline_event *event,
		      const struct time_window *window)
{
	if (*place == NULL && (*place = calloc(1, sizeof **place)) == NULL)
		return false;
	struct transfer *sum = &(*place)->sum;
	int64_t start_ns = time_later(event->start_ns, window->start_ns);
	int64_t end_ns = time_earlier(event->end_ns, window->end_ns);
	int64_t duration_ns = event->end_ns - event->start_ns;
	bool is_cut = end_ns - start_ns != duration_ns;
	int64_t bytes =
		is_cut ? share_of(event->bytes, end_ns - start_ns, duration_ns) : event->bytes;
	sum->direction = transfer_kind_direction(kind);
	sum->source_memory = transfer_kind_source(kind);
	sum->destination_memory = transfer_kind_destination(kind);
	sum->count++;
	sum->bytes = add_saturated(sum->bytes, bytes);
	sum->sum_ns = add_saturated(sum->sum_ns, end_ns - start_ns);
	if (event->bytes < SMALL_COPY_BYTES) {
		sum->small_count++;
		sum->small_ns = add_saturated(sum->small_ns, end_ns - start_ns);
	}
	return intervals_add(&(*place)->busy, start_ns, end_ns);
}

static bool groups_fill(struct groups *groups, const struct lane *copies,
			const struct time_window *window)
{
	for (size_t i = 0; i < copies->count && copies->start_ns[i] <= window->end_ns; i++) {
		struct timeline_event event = { .start_ns = copies->start_ns[i],
						.end_ns = copies->end_ns[i],
						.what = copies->what[i],
						.bytes = copies->bytes[i] };
		if (event.what == TRANSFER_MEMSET ||
		    !window_holds(window, event.start_ns, event.end_ns))
			continue;
		uint32_t direction = (uint32_t)transfer_kind_direction(event.what);
		if (!group_add(&groups->by_kind[event.what], event.what, &event, window) ||
		    !group_add(&groups->by_direction[direction], direction << 8, &event, window) ||
		    !intervals_add(&groups->any, time_later(event.start_ns, window->start_ns),
				   time_earlier(event.end_ns, window->end_ns)))
			return false;
	}
	return true;
}

/*
 * Compute kernels, where copies run at the same time. What an earlier kernel covers is passed over,
 * so that the pieces come in order.
 */
static bool find_hidden(struct intervals *hidden, const struct timeline *timeline,
			const struct lane *kernels, const struct intervals *copies)
{
	int64_t covered_ns = INT64_MIN;
	size_t first = 0;
	for (size_t i = 0; i < kernels->count && first < copies->count; i++) {
		if (timeline->kernels[kernels->what[i]].class == KERNEL_COMMUNICATION)
			continue;
		int64_t start_ns = time_later(kernels->start_ns[i], covered_ns);
		int64_t end_ns = kernels->end_ns[i];
		if (end_ns <= start_ns)
			continue;
		covered_ns = end_ns;
		while (first < copies->count && copies->items[first].end_ns <= start_ns)
			first++;
		for (size_t c = first; c < copies->count && copies->items[c].start_ns < end_ns; c++)
			if (!intervals_add(hidden, time_later(start_ns, copies->items[c].start_ns),
					   time_earlier(end_ns, copies->items[c].end_ns)))
				return false;
	}
	return true;
}

static bool groups_collect(struct group *const *groups, size_t group_count,
			   const struct intervals *hidden, struct transfer **out, size_t *count)
{
	size_t used = 0;
	for (size_t i = 0; i < group_count; i++)
		used += groups[i] != NULL;
	*count = 0;
	*out = calloc(used + 1, sizeof **out);
	if (*out == NULL)
		return false;
	for (size_t i = 0; i < group_count; i++) {
		if (groups[i] == NULL)
			continue;
		struct transfer *transfer = &(*out)[(*count)++];
		*transfer = groups[i]->sum;
		transfer->busy_ns = intervals_length(&groups[i]->busy);
		transfer->exposed_ns = transfer->busy_ns -
			intervals_common_length(&groups[i]->busy, hidden);
	}
	return true;
}

static void groups_end(struct group **groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i] != NULL)
			intervals_end(&groups[i]->busy);
		free(groups[i]);
	}
}

bool transfers_measure(struct transfers *transfers, const struct timeline *timeline,
		       const struct timeline_gpu *gpu, const struct time_window *window)
{
	struct intervals hidden = { 0 };
	*transfers = (struct transfers){ 0 };
	struct groups *groups = calloc(1, sizeof *groups);
	if (groups == NULL)
		return false;
	bool ok = groups_fill(groups, &gpu->lanes[LANE_COPY], window) &&
		find_hidden(&hidden, timeline, &gpu->lanes[LANE_KERNEL], &groups->any) &&
		groups_collect(groups->by_kind, TRANSFER_KIND_COUNT, &hidden, &transfers->by_kind,
			       &transfers->kind_count) &&
		groups_collect(groups->by_direction, COPY_DIRECTION_COUNT, &hidden,
			       &transfers->by_direction, &transfers->direction_count);
	groups_end(groups->by_kind, TRANSFER_KIND_COUNT);
	groups_end(groups->by_direction, COPY_DIRECTION_COUNT);
	intervals_end(&groups->any);
	intervals_end(&hidden);
	free(groups);
	if (!ok)
		transfers_end(transfers);
	return ok;
}

void transfers_end(struct transfers *transfers)
{
	free(transfers->by_kind);
	free(transfers->by_direction);
	*transfers = (struct transfers){ 0 };
}
