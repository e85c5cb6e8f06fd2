/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_link.h"

#include "analyzer/metric_partition.h"
#include "analyzer/pcie_ceiling.h"

static int64_t measure_loaded(const struct timeline_gpu *gpu, const struct sample_series *series,
			      int64_t *highest, int64_t *lowest)
{
	struct load_walk walk = load_walk_begin(gpu);
	int64_t count = 0;
	for (size_t i = 0; series != NULL && i < series->count; i++) {
		if (series->value[i] <= 0 || !load_walk_is_near(&walk, series->time_ns[i]))
			continue;
		if (count == 0 || series->value[i] > *highest)
			*highest = series->value[i];
		if (count == 0 || series->value[i] < *lowest)
			*lowest = series->value[i];
		count++;
	}
	return count;
}

/* Sum of the increases since the device was first asked; a reset of the counter is none. */
static int64_t measure_replays(const struct device_row *row, const struct sample_series *series)
{
	int64_t sum = -1, before = row == NULL ? -1 : row->pcie_replays;
	for (size_t i = 0; series != NULL && i < series->count; i++) {
		int64_t value = series->value[i];
		if (value < 0)
			continue;
		sum = sum < 0 ? 0 : sum;
		if (before >= 0 && value > before)
			sum = add_saturated(sum, value - before);
		before = value;
	}
	return sum;
}

struct link link_measure(const struct timeline_gpu *gpu, const struct device_facts *facts,
			 const struct device_samples *samples)
{
	int64_t id = gpu->device_id;
	const struct device_row *row = device_facts_find(facts, id);
	struct link link = { .device_id = id };
	if (row != NULL) {
		link.generation_max = row->pcie_generation_max;
		link.width_max = row->pcie_width_max;
		link.generation_first = row->pcie_generation;
		link.width_first = row->pcie_width;
	}
	link.loaded_samples =
		measure_loaded(gpu, device_samples_find(samples, id, SAMPLE_PCIE_GENERATION),
			       &link.generation_loaded, &link.generation_lowest);
	int64_t width_samples =
		measure_loaded(gpu, device_samples_find(samples, id, SAMPLE_PCIE_WIDTH),
			       &link.width_loaded, &link.width_lowest);
	link.replays = measure_replays(row, device_samples_find(samples, id, SAMPLE_PCIE_REPLAYS));
	link.is_generation_low = link.loaded_samples >= LINK_SAMPLES_MIN &&
				 link.generation_loaded < link.generation_max;
	int64_t width = width_samples > 0 ? link.width_loaded : link.width_first;
	bool is_width_sure = width_samples == 0 || width_samples >= LINK_SAMPLES_MIN;
	link.is_width_low = is_width_sure && width > 0 && width < link.width_max;
	link.generation_used = link.is_generation_low || link.generation_max <= 0 ?
		link.generation_loaded : link.generation_max;
	link.width_used = link.is_width_low || link.width_max <= 0 ? width : link.width_max;
	link.ceiling_bytes_per_s = pcie_ceiling_bytes_per_s(link.generation_used, link.width_used);
	link.ceiling_max_bytes_per_s =
		pcie_ceiling_bytes_per_s(link.generation_max, link.width_max);
	for (int way = 0; way < COPY_WAY_COUNT; way++) {
		link.way_bytes_per_s[way] = link.ceiling_bytes_per_s;
		link.way_max_bytes_per_s[way] = link.ceiling_max_bytes_per_s;
	}
	return link;
}
