/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_clocks.h"

const struct clock_reason clock_reasons[CLOCK_REASON_COUNT] = {
	{ 0x1, "idle", CLOCK_REASON_BENIGN },
	{ 0x2, "application clocks", CLOCK_REASON_BENIGN },
	{ 0x4, "power cap", CLOCK_REASON_POWER },
	{ 0x8, "hardware slowdown", CLOCK_REASON_HARDWARE },
	{ 0x10, "sync boost", CLOCK_REASON_BENIGN },
	{ 0x20, "thermal slowdown", CLOCK_REASON_THERMAL },
	{ 0x40, "hardware thermal slowdown", CLOCK_REASON_THERMAL },
	{ 0x80, "hardware power brake", CLOCK_REASON_HARDWARE },
	{ 0x100, "display clock", CLOCK_REASON_BENIGN },
};

static void range_add(struct sample_range *range, int64_t *sum, int64_t value)
{
	if (range->count == 0 || value < range->min)
		range->min = value;
	if (range->count == 0 || value > range->max)
		range->max = value;
	range->count++;
	*sum = add_saturated(*sum, value);
}

static struct sample_range range_measure(const struct timeline_gpu *gpu,
					 const struct sample_series *series,
					 const struct time_window *window)
{
	struct load_walk walk = load_walk_begin(gpu);
	struct sample_range range = { 0 };
	int64_t sum = 0;
	for (size_t i = 0; series != NULL && i < series->count; i++) {
		int64_t time_ns = series->time_ns[i];
		if (time_ns > window->end_ns)
			break;
		if (time_ns >= window->start_ns && series->value[i] >= 0 &&
		    load_walk_is_near(&walk, time_ns))
			range_add(&range, &sum, series->value[i]);
	}
	range.mean = range.count == 0 ? 0 : sum / range.count;
	return range;
}

static void reasons_add(struct clocks *clocks, uint64_t bits)
{
	bool is_of[CLOCK_REASON_HARDWARE + 1] = { false };
	clocks->reason_samples++;
	for (int i = 0; i < CLOCK_REASON_COUNT; i++) {
		if ((bits & clock_reasons[i].bit) == 0)
			continue;
		clocks->reasons[i]++;
		is_of[clock_reasons[i].class] = true;
	}
	clocks->thermal_samples += is_of[CLOCK_REASON_THERMAL];
	clocks->power_samples += is_of[CLOCK_REASON_POWER];
	clocks->hardware_samples += is_of[CLOCK_REASON_HARDWARE];
}

static void reasons_measure(struct clocks *clocks, const struct timeline_gpu *gpu,
			    const struct sample_series *series, const struct time_window *window)
{
	struct load_walk walk = load_walk_begin(gpu);
	for (size_t i = 0; series != NULL && i < series->count; i++) {
		int64_t time_ns = series->time_ns[i];
		if (time_ns > window->end_ns)
			break;
		if (time_ns >= window->start_ns && load_walk_is_near(&walk, time_ns))
			reasons_add(clocks, (uint64_t)series->value[i]);
	}
}

struct clocks clocks_measure(const struct timeline_gpu *gpu, const struct device_facts *facts,
			     const struct device_samples *samples,
			     const struct time_window *window)
{
	int64_t id = gpu->device_id;
	const struct device_row *row = device_facts_find(facts, id);
	const struct sample_series *limit =
		device_samples_find(samples, id, SAMPLE_POWER_LIMIT_MW);
	struct clocks clocks = {
		.device_id = id,
		.clock_sm_mhz = range_measure(
			gpu, device_samples_find(samples, id, SAMPLE_CLOCK_SM_MHZ), window),
		.power_mw = range_measure(
			gpu, device_samples_find(samples, id, SAMPLE_POWER_MW), window),
		.temperature_c = range_measure(
			gpu, device_samples_find(samples, id, SAMPLE_TEMPERATURE_C), window),
	};
	if (row != NULL) {
		clocks.clock_sm_max_mhz = row->clock_sm_max_mhz;
		clocks.power_limit_mw = row->power_limit_mw;
	}
	if (limit != NULL && limit->count > 0)
		clocks.power_limit_mw = limit->value[limit->count - 1];
	reasons_measure(&clocks, gpu,
			device_samples_find(samples, id, SAMPLE_CLOCK_EVENT_REASONS), window);
	return clocks;
}
