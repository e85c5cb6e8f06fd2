/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_memory.h"

#include "base/id_map.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>


/* What is read of one GPU beside what is told. */
struct account {
	struct id_map live[2];		/* address -> bytes held there; CUDA's, the framework's */
	int64_t held_bytes[2];
	bool is_in_window[2];
};

static size_t gpu_find(const struct timeline *timeline, int64_t device_id)
{
	size_t begin = 0, end = timeline->gpu_count;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (timeline->gpus[middle].device_id < device_id)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin < timeline->gpu_count && timeline->gpus[begin].device_id == device_id ?
		begin : SIZE_MAX;
}

/* Host memory that CUDA gives out is not the device's. */
static bool is_device_memory(const struct allocation_row *row)
{
	return row->memory == MEMORY_DEVICE || row->memory == MEMORY_DEVICE_STATIC ||
		row->memory == MEMORY_ARRAY || row->memory == MEMORY_UNKNOWN;
}

static void peak_raise(int64_t *peak, int64_t value)
{
	if (value > *peak)
		*peak = value;
}

/* What was held when the window began is part of its peak. */
static void flow_enter(struct memory_flow *flow, struct account *account, int which)
{
	if (!account->is_in_window[which])
		peak_raise(&flow->peak_bytes, account->held_bytes[which]);
	account->is_in_window[which] = true;
}

/* False: memory is short. */
static bool flow_add(struct memory_flow *flow, struct account *account,
		     const struct allocation_row *row, bool is_inside)
{
	int which = row->is_framework == 1;
	int64_t *held = &account->held_bytes[which];
	int64_t known = 0;
	bool is_live = id_map_get(&account->live[which], (uint64_t)row->address, &known) &&
		known > 0;
	if (row->operation == ALLOCATION_ALLOCATE) {
		int64_t bytes = row->bytes < 0 ? 0 : row->bytes;
		*held = add_saturated(*held - (is_live ? known : 0), bytes);
		flow->allocations += is_inside;
		flow->allocated_bytes = add_saturated(flow->allocated_bytes, is_inside ? bytes : 0);
		if (is_inside)
			peak_raise(&flow->peak_bytes, *held);
		return id_map_put(&account->live[which], (uint64_t)row->address, bytes);
	}
	flow->releases += is_inside;
	if (!is_live) {
		flow->unmatched_releases += is_inside;
		return true;
	}
	*held -= known;
	return id_map_put(&account->live[which], (uint64_t)row->address, 0);
}

static bool row_take(struct memory *memory, struct account *account,
		     const struct allocation_row *row, const struct time_window *window)
{
	int which = row->is_framework == 1;
	struct memory_flow *flow = which ? &memory->framework : &memory->cuda;
	if (row->operation != ALLOCATION_ALLOCATE && row->operation != ALLOCATION_RELEASE)
		return true;
	if (row->time_ns > window->end_ns || !is_device_memory(row))
		return true;
	bool is_inside = row->time_ns >= window->start_ns;
	if (is_inside)
		flow_enter(flow, account, which);
	memory->is_framework_only = memory->is_framework_only && which == 1;
	if (is_inside) {
		peak_raise(&memory->reserved_peak_bytes, row->reserved_bytes);
		/* The source knows of what was taken before the trace. */
		peak_raise(&flow->peak_bytes, row->total_bytes);
	}
	if (!flow_add(flow, account, row, is_inside))
		return false;
	flow->held_bytes = account->held_bytes[which];
	return true;
}

static bool rows_read(struct memories *memories, struct account *accounts,
		      struct trace_reader *reader, const struct timeline *timeline,
		      const struct time_window *windows, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct allocation_row row;
	int result;
	if (!trace_reader_select(reader, TABLE_allocation, 0, COLUMN_allocation_time_ns, &cursor,
				 error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		size_t gpu = gpu_find(timeline, row.device_id);
		if (gpu != SIZE_MAX && !row_take(&memories->items[gpu], &accounts[gpu], &row,
						 &windows[gpu]))
			break;
	}
	trace_cursor_close(cursor);
	if (result == 1)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for allocations",
			   trace_reader_path(reader));
	return result == 0;
}

/* Pools of one trace and how large each was last. */
struct pool_sizes {
	struct id_map bytes;	/* device and address -> size */
	int64_t *held_bytes;	/* a GPU */
};

static bool pool_row_take(struct memory *memory, struct pool_sizes *sizes, size_t gpu,
			  const struct memory_pool_row *row, const struct time_window *window)
{
	int64_t before = 0, *held = &sizes->held_bytes[gpu];
	bool is_inside = row->time_ns >= window->start_ns && row->time_ns <= window->end_ns;
	uint64_t key = (uint64_t)row->address ^ (uint64_t)row->device_id << 56;
	(void)id_map_get(&sizes->bytes, key, &before);
	if (is_inside)	/* what was held when the window began is part of its peak */
		peak_raise(&memory->pool_peak_bytes, *held);
	if (row->operation == POOL_ALLOCATED || row->operation == POOL_RELEASED)
		memory->pool_calls += is_inside;
	int64_t bytes = row->operation == POOL_DESTROYED || row->bytes < 0 ? 0 : row->bytes;
	*held = add_saturated(*held - before, bytes);
	if (is_inside)
		peak_raise(&memory->pool_peak_bytes, *held);
	return id_map_put(&sizes->bytes, key, bytes);
}

static bool pools_read(struct memories *memories, struct trace_reader *reader,
		       const struct timeline *timeline, const struct time_window *windows,
		       struct error *error)
{
	struct pool_sizes sizes = {
		.held_bytes = calloc(timeline->gpu_count + 1, sizeof *sizes.held_bytes),
	};
	struct trace_cursor *cursor = NULL;
	struct memory_pool_row row;
	int result = 1;
	bool ok = sizes.held_bytes != NULL;
	if (ok && !trace_reader_select(reader, TABLE_memory_pool, 0, COLUMN_memory_pool_time_ns,
				       &cursor, error)) {
		free(sizes.held_bytes);
		return false;
	}
	while (ok && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		size_t gpu = gpu_find(timeline, row.device_id);
		ok = gpu == SIZE_MAX || row.time_ns > windows[gpu].end_ns ||
			pool_row_take(&memories->items[gpu], &sizes, gpu, &row, &windows[gpu]);
	}
	/* A window without a row of its own has what was there before. */
	for (size_t g = 0; ok && g < timeline->gpu_count; g++)
		peak_raise(&memories->items[g].pool_peak_bytes, sizes.held_bytes[g]);
	trace_cursor_close(cursor);
	id_map_end(&sizes.bytes);
	free(sizes.held_bytes);
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for pools",
			   trace_reader_path(reader));
	return ok && result == 0;
}

static void memory_conclude(struct memory *memory, struct account *account,
			    const struct device_samples *samples, const struct time_window *window)
{
	const struct sample_series *used =
		device_samples_find(samples, memory->device_id, SAMPLE_MEMORY_USED_BYTES);
	flow_enter(&memory->cuda, account, 0);
	flow_enter(&memory->framework, account, 1);
	memory->used_peak_bytes = -1;
	for (size_t i = 0; used != NULL && i < used->count; i++)
		if (used->time_ns[i] >= window->start_ns && used->time_ns[i] <= window->end_ns)
			peak_raise(&memory->used_peak_bytes, used->value[i]);
	int64_t peak = memory->used_peak_bytes;
	if (!memory->is_framework_only && memory->cuda.peak_bytes > 0)
		peak_raise(&peak, memory->cuda.peak_bytes);
	if (memory->reserved_peak_bytes > 0)
		peak_raise(&peak, memory->reserved_peak_bytes);
	if (memory->pool_peak_bytes > 0)
		peak_raise(&peak, memory->pool_peak_bytes);
	memory->headroom_bytes = -1;
	if (memory->device_bytes > 0 && peak >= 0)
		memory->headroom_bytes = peak < memory->device_bytes ?
			memory->device_bytes - peak : 0;
	if (memory->framework.allocations + memory->framework.releases +
	    memory->framework.held_bytes == 0)
		memory->is_framework_only = false;
}

bool memories_measure(struct memories *memories, struct trace_reader *reader,
		      const struct timeline *timeline, const struct time_window *windows,
		      const struct device_facts *facts, const struct device_samples *samples,
		      struct error *error)
{
	struct account *accounts = calloc(timeline->gpu_count + 1, sizeof *accounts);
	memories->count = timeline->gpu_count;
	memories->items = calloc(timeline->gpu_count + 1, sizeof *memories->items);
	bool ok = accounts != NULL && memories->items != NULL;
	if (!ok)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory",
			   trace_reader_path(reader));
	for (size_t g = 0; ok && g < memories->count; g++) {
		const struct device_row *row =
			device_facts_find(facts, timeline->gpus[g].device_id);
		memories->items[g] = (struct memory){
			.device_id = timeline->gpus[g].device_id,
			.device_bytes = row == NULL ? 0 : row->memory_bytes,
			.reserved_peak_bytes = -1,
			.is_framework_only = true,
		};
	}
	ok = ok && rows_read(memories, accounts, reader, timeline, windows, error) &&
		pools_read(memories, reader, timeline, windows, error);
	for (size_t g = 0; accounts != NULL && g < timeline->gpu_count; g++) {
		if (ok)
			memory_conclude(&memories->items[g], &accounts[g], samples, &windows[g]);
		id_map_end(&accounts[g].live[0]);
		id_map_end(&accounts[g].live[1]);
	}
	free(accounts);
	if (!ok)
		memories_end(memories);
	return ok;
}

void memories_end(struct memories *memories)
{
	free(memories->items);
	*memories = (struct memories){ 0 };
}
