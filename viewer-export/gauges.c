/* SPDX-License-Identifier: MIT */
#include "viewer-export/gauges.h"

#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>

enum { TICK_NS_MIN = 1000 };

bool gauge_set_begin(struct gauge_set *set, size_t device_count, int64_t first_ns, int64_t last_ns)
{
	int64_t length = last_ns - first_ns;
	*set = (struct gauge_set){
		.devices = calloc(device_count + 1, sizeof set->devices[0]),
		.device_count = device_count,
		.first_ns = first_ns,
		.tick_ns = length / GAUGE_TICKS + 1 < TICK_NS_MIN ? TICK_NS_MIN :
								    length / GAUGE_TICKS + 1,
	};
	return set->devices != NULL;
}

void gauge_set_end(struct gauge_set *set)
{
	for (size_t i = 0; set->devices != NULL && i < set->device_count; i++) {
		free(set->devices[i].queue_changes);
		for (size_t j = 0; j < COPY_DIRECTION_COUNT; j++)
			free(set->devices[i].copies[j].list);
	}
	free(set->devices);
	*set = (struct gauge_set){ .device_count = 0 };
}

/* The first tick at or after a time; the last one also stands for all that comes later. */
static size_t tick_of(const struct gauge_set *set, int64_t time_ns)
{
	if (time_ns <= set->first_ns)
		return 0;
	int64_t tick = (time_ns - set->first_ns + set->tick_ns - 1) / set->tick_ns;
	return tick > GAUGE_TICKS ? GAUGE_TICKS : (size_t)tick;
}

/* The last tick can lie behind the last event, and that at the end of int64. */
static int64_t tick_time(const struct gauge_set *set, size_t tick)
{
	int64_t passed_ns = (int64_t)tick * set->tick_ns;
	return set->first_ns > INT64_MAX - passed_ns ? INT64_MAX : set->first_ns + passed_ns;
}

bool gauge_set_launch(struct gauge_set *set, int64_t device, int64_t call_ns, int64_t end_ns)
{
	if (device < 0 || end_ns <= call_ns)
		return true;
	struct gauge_device *gauge = &set->devices[device];
	if (gauge->queue_changes == NULL) {
		gauge->queue_changes = calloc(GAUGE_TICKS + 1, sizeof gauge->queue_changes[0]);
		if (gauge->queue_changes == NULL)
			return false;
	}
	gauge->queue_changes[tick_of(set, call_ns)]++;
	gauge->queue_changes[tick_of(set, end_ns)]--;
	return true;
}

int64_t copy_megabytes_per_s(int64_t bytes, int64_t duration_ns)
{
	if (bytes <= 0 || duration_ns <= 0)
		return 0;
	if (bytes <= INT64_MAX / 1000)
		return bytes * 1000 / duration_ns;
	int64_t rate = bytes / duration_ns;
	return rate <= INT64_MAX / 1000 ? rate * 1000 : INT64_MAX;
}

static bool edge_add(struct gauge_edges *edges, int64_t time_ns, int64_t delta)
{
	struct gauge_edge *list = array_grow(edges->list, &edges->room, edges->count,
					     sizeof list[0]);
	if (list == NULL)
		return false;
	edges->list = list;
	list[edges->count++] = (struct gauge_edge){ time_ns, delta };
	return true;
}

bool gauge_set_copy(struct gauge_set *set, int64_t device, int64_t direction, int64_t bytes,
		    int64_t start_ns, int64_t end_ns)
{
	/* Beyond a petabyte a second it is garbage, and sums must not overflow. */
	int64_t rate = copy_megabytes_per_s(bytes, end_ns - start_ns);
	if (device < 0 || rate == 0 || rate > 1000000000)
		return true;
	if (direction < 0 || direction >= COPY_DIRECTION_COUNT)
		direction = COPY_UNKNOWN;
	struct gauge_edges *edges = &set->devices[device].copies[direction];
	return edge_add(edges, start_ns, rate) && edge_add(edges, end_ns, -rate);
}

static int edge_compare(const void *left, const void *right)
{
	const struct gauge_edge *a = left, *b = right;
	return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static bool report_queue(const struct gauge_set *set, const struct gauge_device *gauge,
			 gauge_sink sink, void *context)
{
	int64_t value = 0;
	if (gauge->queue_changes == NULL)
		return true;
	for (size_t i = 0; i <= GAUGE_TICKS; i++) {
		value += gauge->queue_changes[i];
		if ((i == 0 || gauge->queue_changes[i] != 0) &&
		    !sink(context, "queue", "launched, not finished",
			  tick_time(set, i), value))
			return false;
	}
	return true;
}

static bool report_copies(struct gauge_edges *edges, int64_t direction, gauge_sink sink,
			  void *context)
{
	char name[32];
	int64_t value = 0;
	if (edges->count == 0)
		return true;
	(void)snprintf(name, sizeof name, "copy %s", copy_direction_name(direction));
	qsort(edges->list, edges->count, sizeof edges->list[0], edge_compare);
	for (size_t i = 0; i < edges->count; i++) {
		value += edges->list[i].delta;
		if (i + 1 < edges->count && edges->list[i + 1].time_ns == edges->list[i].time_ns)
			continue;
		if (!sink(context, name, "MB/s", edges->list[i].time_ns, value))
			return false;
	}
	return true;
}

bool gauge_set_report(struct gauge_set *set, size_t device, gauge_sink sink, void *context)
{
	struct gauge_device *gauge = &set->devices[device];
	if (!report_queue(set, gauge, sink, context))
		return false;
	for (int64_t direction = 0; direction < COPY_DIRECTION_COUNT; direction++)
		if (!report_copies(&gauge->copies[direction], direction, sink, context))
			return false;
	return true;
}
