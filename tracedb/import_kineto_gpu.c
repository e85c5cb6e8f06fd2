/* SPDX-License-Identifier: MIT */
/* Events of the GPU: kernels, copies, memsets, waits, recorded events, annotations. */
#include "tracedb/import_kineto_rows.h"
#include "tracedb/vocabulary.h"

#include <string.h>

/* Streams that stand for "none": (uint32_t)-1 in older traces. */
static bool is_no_stream(int64_t number)
{
	return number < 0 || number == UINT32_MAX;
}

/* The GPU the event ran on; -1 where it does not say. */
static bool row_device(const struct kineto_row *row, int64_t *device_id, struct error *error)
{
	const struct kineto_event *event = row->event;
	int64_t pid = event_number(event, FIELD_PID, -1);
	int64_t index =
		event_number(event, FIELD_DEVICE, event_number(event, FIELD_IN_DEVICE, pid));
	*device_id = -1;
	if (index < 0)
		return true;
	return kineto_part_device(row->part, pid, index, device_id, error);
}

/* Device and stream. The stream's number is an argument or, without arguments, the tid. */
static bool row_stream(const struct kineto_row *row, struct stream_row *stream, struct error *error)
{
	const struct kineto_event *event = row->event;
	int64_t context =
		event_number(event, FIELD_CONTEXT, event_number(event, FIELD_IN_CONTEXT, 0));
	*stream = (struct stream_row){
		.context_id = context > 0 ? context : 0,
		.number = event_number(event, FIELD_STREAM, event_number(event, FIELD_TID, 0)),
		.priority = event_number(event, FIELD_PRIORITY, 0),
	};
	if (!row_device(row, &stream->device_id, error))
		return false;
	return stream->device_id < 0 || kineto_part_stream(row->part, stream, error);
}

/* Where GPU work ran. 1: `stream` is filled; 0: it does not say, which was counted; -1: error. */
static int row_place(const struct kineto_row *row, struct stream_row *stream, struct error *error)
{
	if (!row_stream(row, stream, error))
		return -1;
	if (stream->device_id >= 0)
		return 1;
	return kineto_part_lose(row->part, "GPU work without a device", row->start_ns, error) ? 0
											      : -1;
}

static int64_t row_correlation(const struct kineto_row *row)
{
	int64_t correlation = event_number(row->event, FIELD_CORRELATION, 0);
	return correlation > 0 ? correlation : 0;
}

static bool row_symbol(const struct kineto_row *row, int64_t *kernel_id, struct error *error)
{
	const struct kineto_event *event = row->event;
	/* Kineto gives static and dynamic shared memory as one sum. */
	struct kernel_symbol_row symbol = {
		.registers = event_number(event, FIELD_REGISTERS, 0),
		.dynamic_shared_bytes = event_number(event, FIELD_SHARED_MEMORY, 0),
	};
	if (event_has(event, FIELD_GRID)) {
		symbol.grid_x = event->grid[0];
		symbol.grid_y = event->grid[1];
		symbol.grid_z = event->grid[2];
	}
	if (event_has(event, FIELD_BLOCK)) {
		symbol.block_x = event->block[0];
		symbol.block_y = event->block[1];
		symbol.block_z = event->block[2];
	}
	if (!kineto_row_name(row, &symbol.name_id, error) ||
	    !trace_writer_kernel_symbol(row->part->writer, &symbol, error))
		return false;
	*kernel_id = symbol.kernel_id;
	return true;
}

bool kineto_put_kernel(const struct kineto_row *row, struct error *error)
{
	struct stream_row stream;
	int placed = row_place(row, &stream, error);
	if (placed <= 0)
		return placed == 0;
	struct kernel_row kernel = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.stream_id = stream.stream_id, .correlation_id = row_correlation(row),
		.graph_id = event_number(row->event, FIELD_GRAPH_ID, 0),
		.graph_node_id = event_number(row->event, FIELD_GRAPH_NODE_ID, 0),
	};
	if (event_has(row->event, FIELD_COLLECTIVE)) {
		const struct kineto_witness witness = {
			.start_ns = row->start_ns, .duration_ns = row->duration_ns,
			.device_id = stream.device_id, .is_kernel = true,
		};
		if (!kineto_collectives_add(&row->part->collectives, row->part->writer, row->event,
					    &witness, error))
			return false;
	}
	return row_symbol(row, &kernel.kernel_id, error) &&
	       trace_put_kernel(row->part->writer, &kernel, error);
}

/* "Memcpy HtoD (Pinned -> Device)"; some ROCm traces say the direction in an argument only. */
static void copy_read_name(const struct kineto_event *event, struct memcpy_row *copy)
{
	const char *name = event_text(event, FIELD_NAME);
	const char *word = strchr(name, ' '), *open = strchr(name, '(');
	const char *arrow = strstr(name, " -> "), *close = strrchr(name, ')');
	const char *kind = event_text(event, FIELD_COPY_KIND);
	copy->direction = COPY_UNKNOWN;
	if (word != NULL)
		copy->direction = copy_direction_from_name(word + 1, strcspn(word + 1, " ("));
	if (copy->direction == COPY_UNKNOWN)
		copy->direction = copy_direction_from_name(kind, strlen(kind));
	if (open == NULL || arrow == NULL || close == NULL || arrow < open || close < arrow)
		return;
	copy->source_memory = memory_kind_from_name(open + 1, (size_t)(arrow - open - 1));
	copy->destination_memory = memory_kind_from_name(arrow + 4, (size_t)(close - arrow - 4));
}

bool kineto_put_memcpy(const struct kineto_row *row, struct error *error)
{
	const struct kineto_event *event = row->event;
	struct stream_row stream;
	int placed = row_place(row, &stream, error);
	if (placed <= 0)
		return placed == 0;
	struct memcpy_row copy = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.stream_id = stream.stream_id, .bytes = event_number(event, FIELD_BYTES, 0),
		.source_device_id = event_number(event, FIELD_FROM_DEVICE, -1),
		.destination_device_id = event_number(event, FIELD_TO_DEVICE, -1), .is_async = -1,
		.correlation_id = row_correlation(row),
		.graph_id = event_number(event, FIELD_GRAPH_ID, 0),
		.graph_node_id = event_number(event, FIELD_GRAPH_NODE_ID, 0),
	};
	if (copy.bytes < 0)
		copy.bytes = 0;
	copy_read_name(event, &copy);
	return trace_put_memcpy(row->part->writer, &copy, error);
}

/* "Memset (Device)" */
static int64_t memset_memory(const char *name)
{
	const char *open = strchr(name, '('), *close = strrchr(name, ')');
	return open != NULL && close > open ?
		memory_kind_from_name(open + 1, (size_t)(close - open - 1)) : MEMORY_UNKNOWN;
}

bool kineto_put_memset(const struct kineto_row *row, struct error *error)
{
	struct stream_row stream;
	int placed = row_place(row, &stream, error);
	if (placed <= 0)
		return placed == 0;
	struct memset_row set = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.stream_id = stream.stream_id,
		.memory = memset_memory(event_text(row->event, FIELD_NAME)),
		.bytes = event_number(row->event, FIELD_BYTES, 0),
		.correlation_id = row_correlation(row),
		.graph_id = event_number(row->event, FIELD_GRAPH_ID, 0),
		.graph_node_id = event_number(row->event, FIELD_GRAPH_NODE_ID, 0),
	};
	if (set.bytes < 0)
		set.bytes = 0;
	return trace_put_memset(row->part->writer, &set, error);
}

bool kineto_put_gpu_range(const struct kineto_row *row, struct error *error)
{
	struct stream_row stream;
	int placed = row_place(row, &stream, error);
	if (placed <= 0)
		return placed == 0;
	struct gpu_range_row range = { .start_ns = row->start_ns, .duration_ns = row->duration_ns,
				       .stream_id = stream.stream_id };
	return kineto_row_name(row, &range.name_id, error) &&
	       trace_put_gpu_range(row->part->writer, &range, error);
}

static int64_t sync_kind(const struct kineto_event *event)
{
	const char *name = event_text(event, event_has(event, FIELD_SYNC_KIND) ? FIELD_SYNC_KIND :
				      FIELD_NAME);
	if (strstr(name, "Stream Wait") != NULL)
		return SYNCHRONIZATION_STREAM_WAIT_EVENT;
	if (strstr(name, "Event") != NULL)
		return SYNCHRONIZATION_EVENT;
	if (strstr(name, "Stream") != NULL)
		return SYNCHRONIZATION_STREAM;
	return strstr(name, "Context") != NULL || strstr(name, "Device") != NULL ?
		SYNCHRONIZATION_CONTEXT : SYNCHRONIZATION_UNKNOWN;
}

/* What the wait waited for: a record of an event on a stream, told by the record's correlation. */
static bool put_awaited(const struct kineto_row *row, const struct stream_row *stream,
			struct error *error)
{
	const struct kineto_event *event = row->event;
	struct stream_row awaited = { .device_id = stream->device_id,
				      .context_id = stream->context_id,
				      .number = event_number(event, FIELD_WAIT_STREAM, -1) };
	if (!is_no_stream(awaited.number) && awaited.device_id >= 0 &&
	    !kineto_part_stream(row->part, &awaited, error))
		return false;
	const struct kineto_record record = {
		.correlation_id = event_number(event, FIELD_WAIT_RECORD, -1),
		.event_id = event_number(event, FIELD_WAIT_EVENT, -1),
		.context_id = stream->context_id, .stream_id = awaited.stream_id,
	};
	return kineto_part_record(row->part, &record, error);
}

bool kineto_put_synchronization(const struct kineto_row *row, struct error *error)
{
	const struct kineto_event *event = row->event;
	struct stream_row stream = { .number = event_number(event, FIELD_STREAM, -1) };
	if (is_no_stream(stream.number)) {
		int64_t context = event_number(event, FIELD_CONTEXT, 0);
		stream.context_id = context > 0 ? context : 0;
		if (!row_device(row, &stream.device_id, error))
			return false;
	} else if (!row_stream(row, &stream, error)) {
		return false;
	}
	int64_t record = event_number(event, FIELD_WAIT_RECORD, 0);
	const struct synchronization_row wait = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.kind = sync_kind(event),
		.device_id = stream.device_id,
		.context_id = stream.context_id,
		.stream_id = stream.stream_id,
		.event_id = event_number(event, FIELD_WAIT_EVENT, -1),
		.event_sync_id = record > 0 ? record : 0,
		.correlation_id = row_correlation(row),
	};
	return put_awaited(row, &stream, error) &&
	       trace_put_synchronization(row->part->writer, &wait, error);
}

bool kineto_put_cuda_event(const struct kineto_row *row, struct error *error)
{
	struct stream_row stream;
	if (!row_stream(row, &stream, error))
		return false;
	const struct kineto_record record = { .correlation_id = row_correlation(row),
					      .has_row = true };
	const struct cuda_event_row recorded = {
		.time_ns = row->start_ns, .event_id = event_number(row->event, FIELD_EVENT_ID, -1),
		.event_sync_id = record.correlation_id, .context_id = stream.context_id,
		.stream_id = stream.stream_id, .correlation_id = record.correlation_id,
	};
	return kineto_part_record(row->part, &record, error) &&
	       trace_put_cuda_event(row->part->writer, &recorded, error);
}
