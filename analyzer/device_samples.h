/* SPDX-License-Identifier: MIT */
/*
 * Sampled counters of the devices, one series a device and counter, by time; and whether a GPU was
 * at work when a sample was taken. Counters that no metric asks for are not kept.
 *
 * Memory: 16 bytes a sample, up to half of that again as room to grow.
 *
 * Thread: loading is the reader's thread's; then any number of readers.
 */
#ifndef ANALYZER_DEVICE_SAMPLES_H
#define ANALYZER_DEVICE_SAMPLES_H

#include "analyzer/timeline.h"

enum sample_counter {
	SAMPLE_CLOCK_SM_MHZ,
	SAMPLE_POWER_MW,
	SAMPLE_POWER_LIMIT_MW,
	SAMPLE_TEMPERATURE_C,
	SAMPLE_CLOCK_EVENT_REASONS,
	SAMPLE_PCIE_GENERATION,
	SAMPLE_PCIE_WIDTH,
	SAMPLE_PCIE_REPLAYS,
	SAMPLE_MEMORY_USED_BYTES,
	SAMPLE_COUNTER_COUNT
};

struct sample_series {
	int64_t device_id;
	enum sample_counter counter;
	int64_t *time_ns;	/* ascending */
	int64_t *value;
	size_t count;
	size_t room;
};

struct device_samples {
	struct sample_series *series;
	size_t count;
	size_t room;
};

bool device_samples_load(struct device_samples *samples, struct trace_reader *reader,
			 struct error *error);

/* NULL: never sampled. */
const struct sample_series *device_samples_find(const struct device_samples *samples,
						int64_t device_id, enum sample_counter counter);
void device_samples_end(struct device_samples *samples);

/* An idle GPU saves power: its link drops to generation 1 and its clocks fall within moments. */
enum { LOAD_NEAR_NS = 20 * 1000 * 1000 };

/* Asks for ascending times. */
struct load_walk {
	const struct timeline_gpu *gpu;
	size_t next[LANE_COUNT];
	int64_t latest_end_ns;
};

struct load_walk load_walk_begin(const struct timeline_gpu *gpu);

/* Did the GPU work at `time_ns` or at most LOAD_NEAR_NS before? */
bool load_walk_is_near(struct load_walk *walk, int64_t time_ns);

#endif
