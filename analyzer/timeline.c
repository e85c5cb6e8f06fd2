/* SPDX-License-Identifier: MIT */
#include "analyzer/timeline.h"

#include "analyzer/comm_join.h"
#include "analyzer/dense_ids.h"
#include "analyzer/order.h"
#include "base/array.h"
#include "base/column.h"

#include <stdlib.h>
#include <string.h>

/* Names, GPUs, streams, kernels: small things. The lanes are not in the arena. */
static const size_t ARENA_BYTES_MAX = (size_t)1 << 32;

struct loader {
	struct timeline *timeline;
	struct trace_reader *reader;
	struct dense_ids streams;	/* stream_id -> place */
	struct dense_ids kernels;	/* kernel_id -> place */
	struct dense_ids devices;	/* device_id -> place */
	uint32_t *stream_gpu;		/* by place of the stream */
	size_t stream_room;
	size_t gpu_room;
};

struct lane_row {
	int64_t start_ns;
	int64_t duration_ns;
	int64_t stream_id;
	int64_t correlation_id;
	int64_t bytes;
	uint32_t what;
};

static bool loader_no_memory(const struct loader *loader, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory",
		    trace_reader_path(loader->reader));
}

uint32_t transfer_kind_of(int64_t direction, int64_t source_memory, int64_t destination_memory)
{
	uint32_t way = direction > 0 && direction < COPY_DIRECTION_COUNT ? (uint32_t)direction : 0;
	uint32_t from = source_memory > 0 && source_memory < MEMORY_KIND_COUNT
				? (uint32_t)source_memory
				: 0;
	uint32_t to = destination_memory > 0 && destination_memory < MEMORY_KIND_COUNT ?
		(uint32_t)destination_memory : 0;
	return way << 8 | from << 4 | to;
}

int transfer_kind_direction(uint32_t kind)
{
	return (int)(kind >> 8);
}

int transfer_kind_source(uint32_t kind)
{
	return (int)(kind >> 4 & 15);
}

int transfer_kind_destination(uint32_t kind)
{
	return (int)(kind & 15);
}

static bool lane_resize(struct lane *lane, size_t room, bool has_bytes)
{
	if (room > ORDER_ROWS_MAX ||
	    !column_resize(&lane->start_ns, room, sizeof *lane->start_ns) ||
	    !column_resize(&lane->end_ns, room, sizeof *lane->end_ns) ||
	    !column_resize(&lane->stream, room, sizeof *lane->stream) ||
	    !column_resize(&lane->what, room, sizeof *lane->what) ||
	    !column_resize(&lane->launch, room, sizeof *lane->launch) ||
	    (has_bytes && !column_resize(&lane->bytes, room, sizeof *lane->bytes)))
		return false;
	lane->room = room;
	return true;
}

static bool lane_grow(struct lane *lane, bool has_bytes)
{
	return lane_resize(lane, lane->room + lane->room / 2 + 256, has_bytes);
}

static bool lane_sort(struct lane *lane)
{
	const struct order_column columns[] = {
		{ lane->start_ns, sizeof *lane->start_ns }, { lane->end_ns, sizeof *lane->end_ns },
		{ lane->stream, sizeof *lane->stream }, { lane->what, sizeof *lane->what },
		{ lane->launch, sizeof *lane->launch }, { lane->bytes, sizeof *lane->bytes },
	};
	if (!lane->is_unsorted)
		return true;
	lane->is_unsorted = false;
	return order_rows(lane->start_ns, lane->count, columns, lane->bytes == NULL ? 5 : 6);
}

static void lane_end(struct lane *lane)
{
	free(lane->start_ns);
	free(lane->end_ns);
	free(lane->stream);
	free(lane->what);
	free(lane->launch);
	free(lane->bytes);
}

/* The GPU of a device id, added when it is new. */
static bool loader_gpu(struct loader *loader, int64_t device_id, uint32_t *place,
		       struct error *error)
{
	struct timeline *timeline = loader->timeline;
	if (dense_ids_find(&loader->devices, device_id, place))
		return true;
	if (timeline->gpu_count == loader->gpu_room) {
		size_t room = loader->gpu_room == 0 ? 8 : loader->gpu_room * 2;
		if (!column_resize(&timeline->gpus, room, sizeof *timeline->gpus))
			return loader_no_memory(loader, error);
		loader->gpu_room = room;
	}
	*place = (uint32_t)timeline->gpu_count;
	if (!dense_ids_put(&loader->devices, device_id, *place))
		return loader_no_memory(loader, error);
	timeline->gpus[timeline->gpu_count++] = (struct timeline_gpu){
		.device_id = device_id,
		.name = "",
		.uuid = "",
		.start_ns = INT64_MAX,
		.end_ns = INT64_MIN,
	};
	return true;
}

static bool loader_load_devices(struct loader *loader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct device_row row;
	int result;
	if (!trace_reader_select(loader->reader, TABLE_device,
				 COLUMN_BIT(device, device_id) | COLUMN_BIT(device, name) |
					 COLUMN_BIT(device, uuid),
				 -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		uint32_t place = 0;
		result = -1;
		if (!loader_gpu(loader, row.device_id, &place, error))
			break;
		struct timeline_gpu *gpu = &loader->timeline->gpus[place];
		gpu->name = arena_copy_text(loader->timeline->arena, row.name, strlen(row.name));
		gpu->uuid = arena_copy_text(loader->timeline->arena, row.uuid, strlen(row.uuid));
		if (gpu->name == NULL || gpu->uuid == NULL) {
			(void)loader_no_memory(loader, error);
			break;
		}
	}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool loader_load_streams(struct loader *loader, struct error *error)
{
	struct timeline *timeline = loader->timeline;
	struct trace_cursor *cursor = NULL;
	struct stream_row row;
	int result;
	if (!trace_reader_select(loader->reader, TABLE_stream, COLUMN_BIT(stream, stream_id) |
				 COLUMN_BIT(stream, device_id), -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		uint32_t gpu = 0;
		result = -1;
		if (!loader_gpu(loader, row.device_id, &gpu, error))
			break;
		if (timeline->stream_count == loader->stream_room) {
			loader->stream_room =
				loader->stream_room == 0 ? 64 : loader->stream_room * 2;
			if (!column_resize(&loader->stream_gpu, loader->stream_room,
					 sizeof *loader->stream_gpu)) {
				(void)loader_no_memory(loader, error);
				break;
			}
		}
		loader->stream_gpu[timeline->stream_count] = gpu;
		if (!dense_ids_put(&loader->streams, row.stream_id,
				   (uint32_t)timeline->stream_count++)) {
			(void)loader_no_memory(loader, error);
			break;
		}
	}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool loader_load_kernels(struct loader *loader, struct error *error)
{
	struct timeline *timeline = loader->timeline;
	struct trace_cursor *cursor = NULL;
	struct kernel_symbol_row row;
	size_t room = 256;
	int result;
	timeline->kernels = malloc(room * sizeof *timeline->kernels);
	if (timeline->kernels == NULL)
		return loader_no_memory(loader, error);
	timeline->kernels[timeline->kernel_count++] = (struct timeline_kernel){ .name = "" };
	if (!trace_reader_load_strings(loader->reader, error) ||
	    !trace_reader_select(loader->reader, TABLE_kernel_symbol,
				 COLUMN_BIT(kernel_symbol, kernel_id) |
					 COLUMN_BIT(kernel_symbol, name_id),
				 -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		if (timeline->kernel_count == room) {
			room *= 2;
			if (!column_resize(&timeline->kernels, room, sizeof *timeline->kernels))
				break;
		}
		const char *name = trace_reader_string(loader->reader, row.name_id);
		if (!dense_ids_put(&loader->kernels, row.kernel_id,
				   (uint32_t)timeline->kernel_count))
			break;
		timeline->kernels[timeline->kernel_count++] = (struct timeline_kernel){
			.name = name, .name_id = row.name_id, .class = kernel_class_of(name),
		};
	}
	trace_cursor_close(cursor);
	return result == 1 ? loader_no_memory(loader, error) : result == 0;
}

static uint32_t loader_find_launch(struct loader *loader, struct timeline_gpu *gpu,
				   const struct lane_row *row)
{
	int64_t launch_ns = 0;
	uint32_t place = NO_CALL;
	if (!host_calls_find(&loader->timeline->calls, row->correlation_id, &launch_ns, &place))
		gpu->no_launch_rows++;
	else if (row->start_ns < launch_ns)
		gpu->before_launch_rows++;
	return place;
}

static bool loader_add_comm(const struct loader *loader, struct timeline_gpu *gpu,
			    const struct lane_row *row, uint32_t stream)
{
	struct comm_kernel *comms =
		array_grow(gpu->comms, &gpu->comm_room, gpu->comm_count, sizeof *comms);
	if (comms == NULL)
		return false;
	gpu->comms = comms;
	comms[gpu->comm_count++] = (struct comm_kernel){
		.start_ns = row->start_ns,
		.end_ns = row->start_ns + row->duration_ns,
		.correlation_id = row->correlation_id,
		.stream = stream,
		.kernel = row->what,
		.communicator_rank = -1,
		.rank_count = -1,
		.operation = comm_operation_of_kernel(loader->timeline->kernels[row->what].name),
		.sequence = -1,
		.bytes = -1,
		.peer = -1,
	};
	return true;
}

/* Takes a row over, or counts why not. False: memory is short. */
static bool loader_add(struct loader *loader, enum lane_kind kind, const struct lane_row *row)
{
	struct timeline_rejects *rejects = &loader->timeline->rejects;
	uint32_t stream = 0;
	if (row->duration_ns < 0) {
		rejects->negative_duration++;
		return true;
	}
	if (row->start_ns > TIME_LIMIT_NS || row->start_ns < -TIME_LIMIT_NS ||
	    row->duration_ns > TIME_LIMIT_NS - row->start_ns) {
		rejects->time_out_of_range++;
		return true;
	}
	if (!dense_ids_find(&loader->streams, row->stream_id, &stream)) {
		rejects->unknown_stream++;
		return true;
	}
	struct timeline_gpu *gpu = &loader->timeline->gpus[loader->stream_gpu[stream]];
	struct lane *lane = &gpu->lanes[kind];
	if (lane->count == lane->room && !lane_grow(lane, kind == LANE_COPY))
		return false;
	size_t at = lane->count++;
	int64_t end_ns = row->start_ns + row->duration_ns;
	lane->is_unsorted = lane->is_unsorted || (at > 0 && row->start_ns < lane->start_ns[at - 1]);
	lane->start_ns[at] = row->start_ns;
	lane->end_ns[at] = end_ns;
	lane->stream[at] = stream;
	lane->what[at] = row->what;
	lane->launch[at] = NO_CALL;
	if (kind == LANE_GRAPH) {
		int64_t launch_ns = 0;
		(void)host_calls_find(&loader->timeline->calls, row->correlation_id, &launch_ns,
				      &lane->launch[at]);
		return true;
	}
	if (kind == LANE_COPY) {
		loader->timeline->negative_bytes_rows += row->bytes < 0;
		lane->bytes[at] = row->bytes < 0 ? 0 : row->bytes;
	}
	gpu->start_ns = row->start_ns < gpu->start_ns ? row->start_ns : gpu->start_ns;
	gpu->end_ns = end_ns > gpu->end_ns ? end_ns : gpu->end_ns;
	lane->launch[at] = loader_find_launch(loader, gpu, row);
	return kind != LANE_KERNEL ||
	       loader->timeline->kernels[row->what].class != KERNEL_COMMUNICATION ||
	       loader_add_comm(loader, gpu, row, stream);
}

static bool loader_load_kernel_rows(struct loader *loader, struct trace_cursor *cursor, int *result,
				    struct error *error)
{
	struct kernel_row row;
	while ((*result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct lane_row taken = {
			row.start_ns, row.duration_ns, row.stream_id, row.correlation_id, 0, 0
		};
		if (!dense_ids_find(&loader->kernels, row.kernel_id, &taken.what))
			loader->timeline->missing_symbol_rows++;
		if (!loader_add(loader, LANE_KERNEL, &taken))
			return false;
	}
	return true;
}

static bool loader_load_memcpy_rows(struct loader *loader, struct trace_cursor *cursor, int *result,
				    struct error *error)
{
	struct memcpy_row row;
	while ((*result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct lane_row taken = {
			row.start_ns, row.duration_ns, row.stream_id, row.correlation_id, row.bytes,
			transfer_kind_of(row.direction, row.source_memory, row.destination_memory),
		};
		if (!loader_add(loader, LANE_COPY, &taken))
			return false;
	}
	return true;
}

static bool loader_load_memset_rows(struct loader *loader, struct trace_cursor *cursor, int *result,
				    struct error *error)
{
	struct memset_row row;
	while ((*result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct lane_row taken = { row.start_ns,       row.duration_ns, row.stream_id,
					  row.correlation_id, row.bytes,       TRANSFER_MEMSET };
		if (!loader_add(loader, LANE_COPY, &taken))
			return false;
	}
	return true;
}

static bool loader_load_graph_rows(struct loader *loader, struct trace_cursor *cursor, int *result,
				   struct error *error)
{
	struct graph_launch_row row;
	while ((*result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct lane_row taken = { row.start_ns, row.duration_ns, row.stream_id,
					  row.correlation_id, 0, 0 };
		if (!loader_add(loader, LANE_GRAPH, &taken))
			return false;
	}
	return true;
}

/* As if each GPU had its share of the rows; lanes that get more will grow. */
static void loader_reserve(struct loader *loader)
{
	struct timeline *timeline = loader->timeline;
	const size_t rows[] = {
		[LANE_KERNEL] = trace_reader_estimate_rows(loader->reader, TABLE_kernel),
		[LANE_COPY] = trace_reader_estimate_rows(loader->reader, TABLE_memcpy) +
			trace_reader_estimate_rows(loader->reader, TABLE_memset),
	};
	for (size_t g = 0; g < timeline->gpu_count; g++)
		for (size_t kind = 0; kind < sizeof rows / sizeof rows[0]; kind++)
			if (rows[kind] > 0)
				(void)lane_resize(&timeline->gpus[g].lanes[kind],
						  rows[kind] / timeline->gpu_count + 1,
						  kind == LANE_COPY);
}

static bool loader_load_rows(struct loader *loader, struct error *error)
{
	static const struct {
		enum trace_table table;
		uint64_t columns;
		bool (*load)(struct loader *loader, struct trace_cursor *cursor, int *result,
			     struct error *error);
	} sources[] = {
		{ TABLE_kernel, TIMELINE_KERNEL_COLUMNS, loader_load_kernel_rows },
		{ TABLE_memcpy, TIMELINE_MEMCPY_COLUMNS, loader_load_memcpy_rows },
		{ TABLE_memset, TIMELINE_MEMSET_COLUMNS, loader_load_memset_rows },
		{ TABLE_graph_launch, TIMELINE_GRAPH_LAUNCH_COLUMNS, loader_load_graph_rows },
	};
	loader_reserve(loader);
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		struct trace_cursor *cursor = NULL;
		int result = 0;
		if (!trace_reader_select(loader->reader, sources[i].table, sources[i].columns, -1,
					 &cursor, error))
			return false;
		bool has_memory = sources[i].load(loader, cursor, &result, error);
		trace_cursor_close(cursor);
		if (!has_memory)
			return loader_no_memory(loader, error);
		if (result < 0)
			return false;
	}
	return true;
}

static int gpu_compare(const void *left, const void *right)
{
	const struct timeline_gpu *a = left, *b = right;
	return (a->device_id > b->device_id) - (a->device_id < b->device_id);
}

/* As the kernels' lane is sorted: stable. */
static bool comms_sort(struct timeline_gpu *gpu)
{
	bool is_sorted = true;
	for (size_t i = 1; is_sorted && i < gpu->comm_count; i++)
		is_sorted = gpu->comms[i - 1].start_ns <= gpu->comms[i].start_ns;
	if (is_sorted)
		return true;
	struct comm_kernel *sorted = malloc(gpu->comm_count * sizeof *sorted);
	int64_t *keys = malloc(gpu->comm_count * sizeof *keys);
	uint32_t *order = malloc(gpu->comm_count * sizeof *order);
	bool ok = sorted != NULL && keys != NULL && order != NULL;
	if (ok) {
		const struct order_column columns[] = { { order, sizeof *order } };
		for (size_t i = 0; i < gpu->comm_count; i++) {
			keys[i] = gpu->comms[i].start_ns;
			order[i] = (uint32_t)i;
		}
		ok = order_rows(keys, gpu->comm_count, columns, 1);
	}
	for (size_t i = 0; ok && i < gpu->comm_count; i++)
		sorted[i] = gpu->comms[order[i]];
	if (ok)
		memcpy(gpu->comms, sorted, gpu->comm_count * sizeof *sorted);
	free(sorted);
	free(keys);
	free(order);
	return ok;
}

static bool loader_sort(struct loader *loader, struct error *error)
{
	struct timeline *timeline = loader->timeline;
	for (size_t g = 0; g < timeline->gpu_count; g++) {
		for (int kind = 0; kind < LANE_COUNT; kind++)
			if (!lane_sort(&timeline->gpus[g].lanes[kind]))
				return loader_no_memory(loader, error);
		if (!comms_sort(&timeline->gpus[g]))
			return loader_no_memory(loader, error);
	}
	if (timeline->gpu_count > 1)
		qsort(timeline->gpus, timeline->gpu_count, sizeof *timeline->gpus, gpu_compare);
	return true;
}

static bool loader_load_host(struct loader *loader, struct error *error)
{
	struct timeline *timeline = loader->timeline;
	if (!host_calls_load(&timeline->calls, loader->reader, error) ||
	    !host_ranges_load(&timeline->ranges, &timeline->calls, loader->reader, error) ||
	    !event_waits_load(&timeline->waits, &loader->streams, timeline->stream_count,
			      &timeline->calls, loader->reader, error))
		return false;
	timeline->api_calls = timeline->calls.row_count;
	return capture_gaps_load(&timeline->gaps, loader->reader,
				 trace_reader_trace(loader->reader)->stop_ns,
				 &timeline->rejects.time_out_of_range, error);
}

bool timeline_load(struct timeline **out, struct trace_reader *reader, struct error *error)
{
	struct loader loader = { .reader = reader };
	bool ok = false;
	*out = NULL;
	loader.timeline = calloc(1, sizeof *loader.timeline);
	if (loader.timeline == NULL ||
	    (loader.timeline->arena = arena_create(ARENA_BYTES_MAX)) == NULL) {
		(void)loader_no_memory(&loader, error);
		goto out;
	}
	if (!loader_load_devices(&loader, error) || !loader_load_streams(&loader, error) ||
	    !loader_load_kernels(&loader, error) || !loader_load_host(&loader, error) ||
	    !loader_load_rows(&loader, error))
		goto out;
	host_calls_end_loading(&loader.timeline->calls);
	if (!loader_sort(&loader, error) || !comm_join(loader.timeline, reader, error))
		goto out;
	*out = loader.timeline;
	loader.timeline = NULL;
	ok = true;
out:
	dense_ids_end(&loader.streams);
	dense_ids_end(&loader.kernels);
	dense_ids_end(&loader.devices);
	free(loader.stream_gpu);
	timeline_close(loader.timeline);
	return ok;
}

void timeline_close(struct timeline *timeline)
{
	if (timeline == NULL)
		return;
	for (size_t g = 0; g < timeline->gpu_count; g++) {
		for (int kind = 0; kind < LANE_COUNT; kind++)
			lane_end(&timeline->gpus[g].lanes[kind]);
		free(timeline->gpus[g].comms);
	}
	host_calls_end(&timeline->calls);
	host_ranges_end(&timeline->ranges);
	event_waits_end(&timeline->waits);
	capture_gaps_end(&timeline->gaps);
	free(timeline->gpus);
	free(timeline->kernels);
	arena_close(timeline->arena);
	free(timeline);
}

int64_t timeline_gpu_rows(const struct timeline_gpu *gpu)
{
	return (int64_t)(gpu->lanes[LANE_KERNEL].count + gpu->lanes[LANE_COPY].count);
}
