/* SPDX-License-Identifier: MIT */
/*
 * Counters that follow from the work on the GPUs of one trace: what was launched and has not
 * finished, and the rate of copies by direction. The walk reports launches and copies while it
 * meets them, in any order.
 *
 * The queue is sampled at up to GAUGE_TICKS instants, at least a microsecond apart. The copy rate
 * is the mean over up to GAUGE_TICKS stretches of time, at least ten microseconds long: a copy of a
 * few hundred nanoseconds has no rate worth a peak. Memory does not grow with the trace.
 *
 * Pure but for the format it writes to. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_GAUGES_H
#define VIEWER_EXPORT_GAUGES_H

#include "base/error.h"
#include "tracedb/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GAUGE_TICKS = 16384 };

/* Bytes of a stretch: its own, and what is added to those of the one before that lie between. */
struct gauge_bin {
	uint64_t bytes;
	uint64_t through_change;
};

struct gauge_device {
	int32_t *queue_changes;		/* by tick; NULL: nothing was launched */
	struct gauge_bin *copies[COPY_DIRECTION_COUNT];	/* NULL: nothing was copied */
};

struct gauge_set {
	struct gauge_device *devices;
	size_t device_count;
	int64_t first_ns;		/* of the trace, on the export's time line */
	int64_t tick_ns;
	int64_t bin_ns;
};

bool gauge_set_begin(struct gauge_set *set, size_t device_count, int64_t first_ns, int64_t last_ns);
void gauge_set_end(struct gauge_set *set);

/* False: memory is short. A negative device is left out. */
bool gauge_set_launch(struct gauge_set *set, int64_t device, int64_t call_ns, int64_t end_ns);
bool gauge_set_copy(struct gauge_set *set, int64_t device, int64_t direction, int64_t bytes,
		    int64_t start_ns, int64_t end_ns);

/* A counter's new value; false stops. */
typedef bool (*gauge_sink)(void *context, const char *name, const char *series, int64_t time_ns,
			   int64_t value);

/* All changes of a device's counters, counter by counter, in the order of time. */
bool gauge_set_report(struct gauge_set *set, size_t device, gauge_sink sink, void *context);

/* Rate in MB/s, cut to the integer; 0 without duration. */
int64_t copy_megabytes_per_s(int64_t bytes, int64_t duration_ns);

#endif
