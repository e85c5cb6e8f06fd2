/* SPDX-License-Identifier: MIT */
#include "viewer-export/gauges.h"

#include <stdio.h>
#include <stdlib.h>

__extension__ typedef __int128 wide;

enum { TICK_NS_MIN = 1000, BIN_NS_MIN = 10000 };

/* No GPU holds a terabyte: such a copy is garbage, and sums must not overflow. */
static const int64_t COPY_BYTES_MAX = INT64_C(1) << 40;

static int64_t at_least(int64_t value, int64_t limit)
{
	return value < limit ? limit : value;
}

bool gauge_set_begin(struct gauge_set *set, size_t device_count, int64_t first_ns, int64_t last_ns)
{
	int64_t length = last_ns - first_ns;
	*set = (struct gauge_set){
		.devices = calloc(device_count + 1, sizeof set->devices[0]),
		.device_count = device_count,
		.first_ns = first_ns,
		.tick_ns = at_least(length / GAUGE_TICKS + 1, TICK_NS_MIN),
		.bin_ns = at_least(length / GAUGE_TICKS + 1, BIN_NS_MIN),
	};
	return set->devices != NULL;
}

void gauge_set_end(struct gauge_set *set)
{
	for (size_t i = 0; set->devices != NULL && i < set->device_count; i++) {
		free(set->devices[i].queue_changes);
		for (size_t j = 0; j < COPY_DIRECTION_COUNT; j++)
			free(set->devices[i].copies[j]);
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

static size_t bin_of(const struct gauge_set *set, int64_t time_ns)
{
	int64_t bin = time_ns <= set->first_ns ? 0 : (time_ns - set->first_ns) / set->bin_ns;
	return bin >= GAUGE_TICKS ? GAUGE_TICKS - 1 : (size_t)bin;
}

/* What of `bytes` falls into `part_ns` of `whole_ns`. */
static uint64_t share(int64_t bytes, int64_t part_ns, int64_t whole_ns)
{
	return (uint64_t)((wide)bytes * part_ns / whole_ns);
}

/* Into the bin where it starts, those that it fills, and the rest into the bin where it ends. */
static void copy_spread(const struct gauge_set *set, struct gauge_bin *bins, int64_t bytes,
			int64_t start_ns, int64_t end_ns)
{
	size_t first = bin_of(set, start_ns), last = bin_of(set, end_ns - 1);
	if (first == last) {
		bins[first].bytes += (uint64_t)bytes;
		return;
	}
	int64_t first_end_ns = set->first_ns + (int64_t)(first + 1) * set->bin_ns;
	uint64_t head = share(bytes, first_end_ns - start_ns, end_ns - start_ns);
	uint64_t through = share(bytes, set->bin_ns, end_ns - start_ns);
	bins[first].bytes += head;
	bins[first + 1].through_change += through;
	bins[last].through_change -= through;
	bins[last].bytes += (uint64_t)bytes - head - through * (last - first - 1);
}

bool gauge_set_copy(struct gauge_set *set, int64_t device, int64_t direction, int64_t bytes,
		    int64_t start_ns, int64_t end_ns)
{
	if (device < 0 || bytes <= 0 || bytes > COPY_BYTES_MAX || end_ns <= start_ns ||
	    start_ns < set->first_ns)
		return true;
	if (direction < 0 || direction >= COPY_DIRECTION_COUNT)
		direction = COPY_UNKNOWN;
	struct gauge_bin **bins = &set->devices[device].copies[direction];
	if (*bins == NULL)
		*bins = calloc(GAUGE_TICKS, sizeof **bins);
	if (*bins == NULL)
		return false;
	copy_spread(set, *bins, bytes, start_ns, end_ns);
	return true;
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

/* Where the rate changes, and once where it ends. */
static bool report_copies(const struct gauge_set *set, const struct gauge_bin *bins,
			  int64_t direction, gauge_sink sink, void *context)
{
	char name[32];
	uint64_t through = 0;
	int64_t shown = 0;
	if (bins == NULL)
		return true;
	(void)snprintf(name, sizeof name, "copy %s", copy_direction_name(direction));
	for (size_t i = 0; i <= GAUGE_TICKS; i++) {
		int64_t rate = 0, passed_ns = (int64_t)i * set->bin_ns;
		if (i < GAUGE_TICKS) {
			through += bins[i].through_change;
			rate = copy_megabytes_per_s((int64_t)(through + bins[i].bytes),
						    set->bin_ns);
		}
		if (rate == shown)
			continue;
		shown = rate;
		if (set->first_ns > INT64_MAX - passed_ns)
			passed_ns = INT64_MAX - set->first_ns;
		if (!sink(context, name, "MB/s", set->first_ns + passed_ns, rate))
			return false;
	}
	return true;
}

bool gauge_set_report(struct gauge_set *set, size_t device, gauge_sink sink, void *context)
{
	const struct gauge_device *gauge = &set->devices[device];
	if (!report_queue(set, gauge, sink, context))
		return false;
	for (int64_t direction = 0; direction < COPY_DIRECTION_COUNT; direction++)
		if (!report_copies(set, gauge->copies[direction], direction, sink, context))
			return false;
	return true;
}
