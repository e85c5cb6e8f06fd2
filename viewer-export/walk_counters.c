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

/* Bytes held on a device, as far as the trace shows. */
struct held {
	int64_t allocated;	/* by CUDA calls */
	int64_t framework;	/* inside the framework's cache */
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

/* Memory of the host says nothing about the GPU. */
static bool is_on_device(int64_t memory)
{
	return memory != MEMORY_PAGEABLE && memory != MEMORY_PINNED && memory != MEMORY_HOST;
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

static bool allocation_write(struct walk *walk, struct held *held, const struct allocation_row *row)
{
	int64_t device = layout_device_index(walk->layout, row->device_id);
	int64_t time_ns = span_of_row(&(struct span_source){
		.table = TABLE_allocation, .start_column = COLUMN_allocation_time_ns,
		.duration_column = -1 }, row).start_ns + walk->offset_ns;
	if (device < 0 || !is_on_device(row->memory))
		return true;
	struct counter_place place = { walk, walk->layout->devices[device].process_id };
	if (row->is_framework == 0) {
		held[device].allocated = held_after(held[device].allocated, row);
		return counter_put(&place, "memory", "bytes", time_ns, held[device].allocated);
	}
	held[device].framework = held_after(held[device].framework, row);
	if (!counter_put(&place, "framework memory", "bytes", time_ns, held[device].framework))
		return false;
	return row->reserved_bytes < 0 ||
	       counter_put(&place, "framework memory reserved", "bytes", time_ns,
			   row->reserved_bytes);
}

static bool allocations_write(struct walk *walk)
{
	struct trace_cursor *cursor = NULL;
	struct allocation_row row;
	int result = 0;
	bool ok = true;
	struct held *held = calloc(walk->layout->device_count + 1, sizeof held[0]);
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

/* "power_mw" is the counter "power" in "mw": the unit ends the name. */
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
