/* SPDX-License-Identifier: MIT */
/* Counters of a GPU: its queue and copy rates, memory, and what was sampled. */
#include "viewer-export/walk.h"

#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

struct counter_place {
	struct walk *walk;
	int64_t process_id;
};

/* Memory held, as far as the trace shows: kinds that a person tells apart. */
enum held_kind {
	HELD_DEVICE,
	HELD_MANAGED,
	HELD_FRAMEWORK,		/* inside the framework's cache */
	HELD_PINNED,		/* from here on of the host */
	HELD_PAGEABLE,
	HELD_HOST,
	HELD_FRAMEWORK_HOST,
	HELD_KIND_COUNT
};

static const char *const held_names[HELD_KIND_COUNT] = {
	[HELD_DEVICE] = "memory",
	[HELD_MANAGED] = "managed memory",
	[HELD_FRAMEWORK] = "framework memory",
	[HELD_PINNED] = "pinned host memory",
	[HELD_PAGEABLE] = "pageable host memory",
	[HELD_HOST] = "host memory",
	[HELD_FRAMEWORK_HOST] = "framework host memory",
};

/* Counters that libtrace samples, as a person knows them. */
static const struct { const char *recorded, *name, *unit; } sample_names[] = {
	{ "power_mw", "power", "mW" },
	{ "power_limit_mw", "power limit", "mW" },
	{ "clock_sm_mhz", "SM clock", "MHz" },
	{ "clock_memory_mhz", "memory clock", "MHz" },
	{ "clock_event_reasons", "throttle reasons", "NVML bits" },
	{ "temperature_c", "temperature", "C" },
	{ "pcie_generation", "PCIe link generation", "generation" },
	{ "pcie_width", "PCIe link width", "lanes" },
	{ "pcie_replays", "PCIe replays", "count" },
	{ "pcie_rx_kb_per_s", "PCIe receive", "kB/s" },
	{ "pcie_tx_kb_per_s", "PCIe transmit", "kB/s" },
	{ "memory_used_bytes", "memory used", "bytes" },
	{ "utilization_gpu_percent", "GPU utilization", "%" },
	{ "utilization_memory_percent", "memory utilization", "%" },
};

static bool counter_put(void *context, const char *name, const char *series, int64_t time_ns,
			int64_t value)
{
	const struct counter_place *place = context;
	struct walk *walk = place->walk;
	if (!walk_is_in_window(walk, time_ns, time_ns))
		return true;
	struct export_counter counter = {
		.process_id = place->process_id,
		.name = name,
		.series = series,
		.time_ns = time_ns,
		.value = value,
	};
	walk->target->summary->counters++;
	return walk->target->format->counter(walk->target->stream, &counter, walk->error);
}

static enum held_kind held_kind_of(const struct allocation_row *row)
{
	bool is_host = memory_is_on_host(row->memory);
	if (row->is_framework != 0)
		return is_host ? HELD_FRAMEWORK_HOST : HELD_FRAMEWORK;
	return row->memory == MEMORY_PINNED   ? HELD_PINNED :
	       row->memory == MEMORY_PAGEABLE ? HELD_PAGEABLE :
	       is_host			      ? HELD_HOST :
	       row->memory == MEMORY_MANAGED || row->memory == MEMORY_MANAGED_STATIC ?
						HELD_MANAGED :
						HELD_DEVICE;
}

static int64_t held_after(int64_t held, const struct allocation_row *row)
{
	const int64_t limit = INT64_MAX / 4;
	int64_t bytes = row->bytes < 0 ? 0 : row->bytes > limit ? limit : row->bytes;
	if (row->total_bytes >= 0)
		return row->total_bytes;
	/* A total that the source gave may be any number. */
	held = held > limit ? limit : held;
	/* Released may be what was allocated before the recording. */
	held += row->operation == 2 ? -bytes : bytes;
	return held < 0 ? 0 : held > limit ? limit : held;
}

/* `held`: by device, and of the host behind them, each by kind. */
static bool allocation_write(struct walk *walk, int64_t *held, const struct allocation_row *row)
{
	const struct layout *layout = walk->layout;
	enum held_kind kind = held_kind_of(row);
	bool is_host = kind >= HELD_PINNED;
	int64_t device = is_host ? (int64_t)layout->device_count :
				   layout_device_index(layout, row->device_id);
	int64_t time_ns = span_of_row(&(struct span_source){
		.table = TABLE_allocation, .start_column = COLUMN_allocation_time_ns,
		.duration_column = -1 }, row).start_ns + walk->offset_ns;
	if (device < 0)
		return true;
	struct counter_place place = {
		walk, is_host ? layout->host_process_id : layout->devices[device].process_id
	};
	int64_t *bytes = &held[device * HELD_KIND_COUNT + kind];
	*bytes = held_after(*bytes, row);
	if (!counter_put(&place, held_names[kind], "bytes", time_ns, *bytes))
		return false;
	return row->is_framework == 0 || row->reserved_bytes < 0 ||
	       counter_put(&place, is_host ? "framework host memory reserved" :
					     "framework memory reserved", "bytes", time_ns,
			   row->reserved_bytes);
}

static bool allocations_write(struct walk *walk)
{
	struct trace_cursor *cursor = NULL;
	struct allocation_row row;
	int result = 0;
	bool ok = true;
	int64_t *held = calloc((walk->layout->device_count + 1) * HELD_KIND_COUNT, sizeof held[0]);
	if (held == NULL)
		return walk_no_memory(walk);
	if (!trace_reader_select(walk->reader, TABLE_allocation, 0, COLUMN_allocation_time_ns,
				 &cursor, walk->error)) {
		free(held);
		return false;
	}
	while (ok && (result = trace_cursor_next(cursor, &row, walk->error)) > 0)
		ok = allocation_write(walk, held, &row);
	trace_cursor_close(cursor);
	free(held);
	return ok && result == 0;
}

/* Of other sources "fan_percent" is the counter "fan" in "percent": the unit ends the name. */
static bool sample_write(struct walk *walk, const struct sample_row *row)
{
	char name[96];
	const char *whole = trace_reader_string(walk->reader, row->counter_id);
	const char *unit = strrchr(whole, '_');
	int64_t device = layout_device_index(walk->layout, row->device_id);
	int64_t time_ns = span_of_row(&(struct span_source){
		.table = TABLE_sample, .start_column = COLUMN_sample_time_ns,
		.duration_column = -1 }, row).start_ns + walk->offset_ns;
	if (device < 0)
		return true;
	struct counter_place place = { walk, walk->layout->devices[device].process_id };
	for (size_t i = 0; i < sizeof sample_names / sizeof sample_names[0]; i++)
		if (strcmp(sample_names[i].recorded, whole) == 0)
			return counter_put(&place, sample_names[i].name, sample_names[i].unit,
					   time_ns, row->value);
	size_t length = unit == NULL ? 0 : (size_t)(unit - whole);
	if (length == 0 || length >= sizeof name || unit[1] == 0)
		return counter_put(&place, whole[0] != 0 ? whole : "sample", "value", time_ns,
				   row->value);
	memcpy(name, whole, length);
	name[length] = 0;
	return counter_put(&place, name, unit + 1, time_ns, row->value);
}

static bool samples_write(struct walk *walk)
{
	struct trace_cursor *cursor = NULL;
	struct sample_row row;
	int result = 0;
	bool ok = true;
	if (!trace_reader_select(walk->reader, TABLE_sample, 0, COLUMN_sample_time_ns, &cursor,
				 walk->error))
		return false;
	while (ok && (result = trace_cursor_next(cursor, &row, walk->error)) > 0)
		ok = sample_write(walk, &row);
	trace_cursor_close(cursor);
	return ok && result == 0;
}

bool walk_write_counters(struct walk *walk)
{
	for (size_t i = 0; i < walk->layout->device_count; i++) {
		struct counter_place place = { walk, walk->layout->devices[i].process_id };
		if (!gauge_set_report(&walk->gauges, i, counter_put, &place))
			return false;
	}
	return allocations_write(walk) && samples_write(walk);
}
