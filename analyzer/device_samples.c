/* SPDX-License-Identifier: MIT */
#include "analyzer/device_samples.h"

#include "analyzer/order.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

static const char *const counter_names[SAMPLE_COUNTER_COUNT] = {
	[SAMPLE_CLOCK_SM_MHZ] = "clock_sm_mhz",
	[SAMPLE_POWER_MW] = "power_mw",
	[SAMPLE_POWER_LIMIT_MW] = "power_limit_mw",
	[SAMPLE_TEMPERATURE_C] = "temperature_c",
	[SAMPLE_CLOCK_EVENT_REASONS] = "clock_event_reasons",
	[SAMPLE_PCIE_GENERATION] = "pcie_generation",
	[SAMPLE_PCIE_WIDTH] = "pcie_width",
	[SAMPLE_PCIE_REPLAYS] = "pcie_replays",
	[SAMPLE_MEMORY_USED_BYTES] = "memory_used_bytes",
};

/* Devices are few in a trace; a stranger's file may say otherwise. */
enum { SERIES_MAX = 4096 };

static bool counter_find(const char *name, enum sample_counter *counter)
{
	for (int i = 0; i < SAMPLE_COUNTER_COUNT; i++)
		if (strcmp(name, counter_names[i]) == 0) {
			*counter = (enum sample_counter)i;
			return true;
		}
	return false;
}

static struct sample_series *series_find(const struct device_samples *samples, int64_t device_id,
					 enum sample_counter counter)
{
	for (size_t i = 0; i < samples->count; i++)
		if (samples->series[i].device_id == device_id &&
		    samples->series[i].counter == counter)
			return &samples->series[i];
	return NULL;
}

static bool series_add(struct sample_series *series, const struct sample_row *row)
{
	if (series->count == series->room) {
		size_t room = series->room == 0 ? 64 : series->room + series->room / 2;
		int64_t *times = realloc(series->time_ns, room * sizeof *times);
		if (times == NULL)
			return false;
		series->time_ns = times;
		int64_t *values = realloc(series->value, room * sizeof *values);
		if (values == NULL)
			return false;
		series->value = values;
		series->room = room;
	}
	series->time_ns[series->count] = row->time_ns;
	series->value[series->count++] = row->value;
	return series->count < ORDER_ROWS_MAX;
}

static bool samples_add(struct device_samples *samples, const struct sample_row *row,
			enum sample_counter counter)
{
	struct sample_series *series = series_find(samples, row->device_id, counter);
	if (series == NULL) {
		if (samples->count == SERIES_MAX)
			return true;
		struct sample_series *grown = array_grow(samples->series, &samples->room,
							 samples->count, sizeof *grown);
		if (grown == NULL)
			return false;
		samples->series = grown;
		series = &grown[samples->count++];
		*series = (struct sample_series){
			.device_id = row->device_id,
			.counter = counter,
		};
	}
	return series_add(series, row);
}

static bool samples_sort(struct device_samples *samples)
{
	for (size_t i = 0; i < samples->count; i++) {
		struct sample_series *series = &samples->series[i];
		const struct order_column columns[] = {
			{ series->time_ns, sizeof *series->time_ns },
			{ series->value, sizeof *series->value },
		};
		if (!order_rows(series->time_ns, series->count, columns, 2))
			return false;
	}
	return true;
}

bool device_samples_load(struct device_samples *samples, struct trace_reader *reader,
			 struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct sample_row row;
	int64_t counter_id = 0;
	enum sample_counter counter = SAMPLE_COUNTER_COUNT;
	int result;
	*samples = (struct device_samples){ 0 };
	if (!trace_reader_load_strings(reader, error) ||
	    !trace_reader_select(reader, TABLE_sample, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		if (row.counter_id != counter_id) {
			counter_id = row.counter_id;
			if (!counter_find(trace_reader_string(reader, counter_id), &counter))
				counter = SAMPLE_COUNTER_COUNT;
		}
		if (counter != SAMPLE_COUNTER_COUNT && row.time_ns >= -TIME_LIMIT_NS &&
		    row.time_ns <= TIME_LIMIT_NS && !samples_add(samples, &row, counter))
			break;
	}
	trace_cursor_close(cursor);
	if (result == 1 || (result == 0 && !samples_sort(samples))) {
		result = -1;
		(void)fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for its samples",
			   trace_reader_path(reader));
	}
	if (result < 0)
		device_samples_end(samples);
	return result == 0;
}

const struct sample_series *device_samples_find(const struct device_samples *samples,
						int64_t device_id, enum sample_counter counter)
{
	return series_find(samples, device_id, counter);
}

void device_samples_end(struct device_samples *samples)
{
	for (size_t i = 0; i < samples->count; i++) {
		free(samples->series[i].time_ns);
		free(samples->series[i].value);
	}
	free(samples->series);
	*samples = (struct device_samples){ 0 };
}

struct load_walk load_walk_begin(const struct timeline_gpu *gpu)
{
	return (struct load_walk){ .gpu = gpu, .latest_end_ns = -2 * TIME_LIMIT_NS };
}

bool load_walk_is_near(struct load_walk *walk, int64_t time_ns)
{
	for (int kind = 0; kind < LANE_COUNT; kind++) {
		const struct lane *lane = &walk->gpu->lanes[kind];
		size_t *at = &walk->next[kind];
		for (; *at < lane->count && lane->start_ns[*at] <= time_ns; ++*at)
			if (lane->end_ns[*at] > walk->latest_end_ns)
				walk->latest_end_ns = lane->end_ns[*at];
	}
	return walk->latest_end_ns >= time_ns - LOAD_NEAR_NS;
}
