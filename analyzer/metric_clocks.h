/* SPDX-License-Identifier: MIT */
/*
 * Clocks, power and temperature of a device while it worked, and why its clocks were held back.
 * Samples of a GPU at rest are left out: its clocks are low because nothing runs.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_CLOCKS_H
#define ANALYZER_METRIC_CLOCKS_H

#include "analyzer/device_facts.h"
#include "analyzer/device_samples.h"
#include "analyzer/metric_partition.h"

/* What a reason means for whoever owns the GPU. */
enum clock_reason_class {
	CLOCK_REASON_BENIGN,	/* idle, set by the owner, follows another GPU */
	CLOCK_REASON_POWER,	/* the power limit: normal under full load, costs clocks */
	CLOCK_REASON_THERMAL,	/* too hot */
	CLOCK_REASON_HARDWARE,	/* the board slows down by itself: power supply, brake, heat */
};

struct clock_reason {
	uint64_t bit;		/* of clock_event_reasons */
	const char *name;
	enum clock_reason_class class;
};

enum { CLOCK_REASON_COUNT = 9 };
extern const struct clock_reason clock_reasons[CLOCK_REASON_COUNT];

struct sample_range {
	int64_t count;
	int64_t min, max;
	int64_t mean;		/* rounded down; all 0 without samples */
};

struct clocks {
	int64_t device_id;
	struct sample_range clock_sm_mhz;
	struct sample_range power_mw;
	struct sample_range temperature_c;
	int64_t clock_sm_max_mhz;	/* 0 if unknown */
	int64_t power_limit_mw;		/* the last one; 0 if unknown */
	int64_t reason_samples;
	int64_t reasons[CLOCK_REASON_COUNT];	/* samples with that reason */
	int64_t thermal_samples;	/* with any reason of that class */
	int64_t power_samples;
	int64_t hardware_samples;
};

struct clocks clocks_measure(const struct timeline_gpu *gpu, const struct device_facts *facts,
			     const struct device_samples *samples,
			     const struct time_window *window);

#endif
