/* SPDX-License-Identifier: MIT */
/*
 * What the host did: API calls, waits, event records, overhead of profiling, memory taken and given
 * back.
 */
#include "tracedb/import_nsys_rows.h"

#include "tracedb/vocabulary.h"

#include <string.h>

static const char *const api_columns[] = {
	"globalTid", "start!", "end!", "eventClass", "correlationId", "nameId", "returnValue",
};
enum { API_CLASS = NSYS_COLUMN_OWN, API_CORRELATION, API_NAME, API_RETURN };

static bool put_api_call(struct nsys_import *import, const struct nsys_row *row,
			 struct error *error)
{
	int64_t class = nsys_row_integer(row, API_CLASS, -1);
	struct api_call_row call = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.api = class == 0 ? API_RUNTIME : class == 1 ? API_DRIVER : API_OTHER,
		.correlation_id = nsys_row_integer(row, API_CORRELATION, 0),
		.return_value = nsys_row_integer(row, API_RETURN, 0),
	};
	return nsys_process_thread(import, row->process, row->has_owner, row->owner,
				   &call.thread_id, error) &&
	       nsys_process_text(import, row->process, row->cursor, API_NAME, &call.name_id,
				 error) &&
	       trace_put_api_call(row->process->writer, &call, error);
}

/*
 * Streams of host-side records: the deviceId column says 0 whatever the device, so the context must
 * tell.
 */
static bool row_host_stream(struct nsys_import *import, const struct nsys_row *row,
			    struct stream_row *stream, struct error *error)
{
	stream->device_id = nsys_process_device_of(row->process, stream->context_id);
	stream->stream_id = 0;
	if (stream->number < 0)
		return true;
	return nsys_process_stream(import, row->process, stream, error);
}

static const char *const synchronization_columns[] = {
	"globalPid",     "start!",    "end!",    "contextId",   "streamId",
	"correlationId", "syncType!", "eventId", "eventSyncId",
};
enum {
	SYNCHRONIZATION_CONTEXT_ID = NSYS_COLUMN_OWN, SYNCHRONIZATION_STREAM_ID,
	SYNCHRONIZATION_CORRELATION, SYNCHRONIZATION_TYPE, SYNCHRONIZATION_EVENT_ID,
	SYNCHRONIZATION_EVENT_SYNC,
};

static bool put_synchronization(struct nsys_import *import, const struct nsys_row *row,
				struct error *error)
{
	struct stream_row stream = {
		.context_id = nsys_row_integer(row, SYNCHRONIZATION_CONTEXT_ID, 0),
		.number = nsys_id_32(nsys_row_integer(row, SYNCHRONIZATION_STREAM_ID, -1)),
	};
	if (!row_host_stream(import, row, &stream, error))
		return false;
	int64_t kind = nsys_row_integer(row, SYNCHRONIZATION_TYPE, SYNCHRONIZATION_UNKNOWN);
	struct synchronization_row wait = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.kind = kind > 0 && kind < SYNCHRONIZATION_KIND_COUNT ? kind
								      : SYNCHRONIZATION_UNKNOWN,
		.device_id = stream.device_id,
		.context_id = stream.context_id,
		.stream_id = stream.stream_id,
		.event_id = nsys_id_32(nsys_row_integer(row, SYNCHRONIZATION_EVENT_ID, -1)),
		.event_sync_id = nsys_row_integer(row, SYNCHRONIZATION_EVENT_SYNC, 0),
		.correlation_id = nsys_row_integer(row, SYNCHRONIZATION_CORRELATION, 0),
	};
	return trace_put_synchronization(row->process->writer, &wait, error);
}

static const char *const event_columns[] = {
	"globalPid", "timestamp",     "",        "contextId",
	"streamId",  "correlationId", "eventId", "eventSyncId",
};
enum { EVENT_CONTEXT = NSYS_COLUMN_OWN, EVENT_STREAM, EVENT_CORRELATION, EVENT_ID, EVENT_SYNC };

static bool put_cuda_event(struct nsys_import *import, const struct nsys_row *row,
			   struct error *error)
{
	struct stream_row stream = {
		.context_id = nsys_row_integer(row, EVENT_CONTEXT, 0),
		.number = nsys_id_32(nsys_row_integer(row, EVENT_STREAM, -1)),
	};
	if (!row_host_stream(import, row, &stream, error))
		return false;
	struct cuda_event_row event = {
		.time_ns = row->has_start && row->start_ns != 0 ? row->start_ns : -1,
		.event_id = nsys_id_32(nsys_row_integer(row, EVENT_ID, -1)),
		.event_sync_id = nsys_row_integer(row, EVENT_SYNC, 0),
		.context_id = stream.context_id,
		.stream_id = stream.stream_id,
		.correlation_id = nsys_row_integer(row, EVENT_CORRELATION, 0),
	};
	return trace_put_cuda_event(row->process->writer, &event, error);
}

static const char *const overhead_columns[] = {
	"globalTid", "start!", "end!", "nameId", "overheadType", "correlationId",
};
enum { OVERHEAD_NAME = NSYS_COLUMN_OWN, OVERHEAD_TYPE, OVERHEAD_CORRELATION };

static bool put_overhead(struct nsys_import *import, const struct nsys_row *row,
			 struct error *error)
{
	/* ENUM_CUPTI_OVERHEAD_TYPE; the first two say nothing: then the name does. */
	static const char *const kinds[] = {
		"", "", "Driver Compiler", "Buffer Flush", "Instrumentation", "Resource",
		"Runtime Triggered Module Loading", "Lazy Function Loading", "Command Buffer Full",
	};
	int64_t type = nsys_row_integer(row, OVERHEAD_TYPE, 0);
	const char *kind =
		type > 0 && type < (int64_t)(sizeof kinds / sizeof kinds[0]) ? kinds[type] : "";
	struct overhead_row overhead = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.correlation_id = nsys_row_integer(row, OVERHEAD_CORRELATION, 0),
	};
	bool ok = *kind != 0 ? trace_writer_string(row->process->writer, kind, strlen(kind),
						   &overhead.name_id, error)
			     : nsys_process_text(import, row->process, row->cursor, OVERHEAD_NAME,
						 &overhead.name_id, error);
	return ok && nsys_process_thread(import, row->process, row->has_owner, row->owner,
					 &overhead.thread_id, error) &&
	       trace_put_overhead(row->process->writer, &overhead, error);
}

static const char *const allocation_columns[] = {
	"globalPid", "start!",        "", "deviceId", "memKind", "memoryOperationType!", "address",
	"bytes!",    "correlationId",
};
enum {
	ALLOCATION_DEVICE = NSYS_COLUMN_OWN,
	ALLOCATION_KIND,
	ALLOCATION_OPERATION,
	ALLOCATION_ADDRESS,
	ALLOCATION_BYTES,
	ALLOCATION_CORRELATION,
};

static bool put_allocation(struct nsys_import *import, const struct nsys_row *row,
			   struct error *error)
{
	int64_t operation = nsys_row_integer(row, ALLOCATION_OPERATION, -1);
	if (operation != 0 && operation != 1)
		return nsys_row_reject(import, row, "unknown operation", error);
	struct allocation_row allocation = {
		.time_ns = row->start_ns,
		.operation = operation + 1,
		.device_id = nsys_row_integer(row, ALLOCATION_DEVICE, -1),
		.memory = nsys_memory_kind(nsys_row_integer(row, ALLOCATION_KIND, -1)),
		.address = nsys_row_integer(row, ALLOCATION_ADDRESS, 0),
		.bytes = nsys_row_integer(row, ALLOCATION_BYTES, 0),
		.total_bytes = -1,
		.reserved_bytes = -1,
		.correlation_id = nsys_row_integer(row, ALLOCATION_CORRELATION, 0),
	};
	return trace_put_allocation(row->process->writer, &allocation, error);
}

const struct nsys_table nsys_host_tables[NSYS_HOST_TABLE_COUNT] = {
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_RUNTIME", NSYS_COLUMNS(api_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_api_call },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
		      NSYS_COLUMNS(synchronization_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_synchronization },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_CUDA_EVENT", NSYS_COLUMNS(event_columns) },
	  .times = NSYS_TIMES_OPTIONAL, .put = put_cuda_event },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_OVERHEAD", NSYS_COLUMNS(overhead_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_overhead },
	{ .select = { .table = "PROFILER_OVERHEAD", NSYS_COLUMNS(overhead_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_overhead },
	{ .select = { .table = "CUDA_GPU_MEMORY_USAGE_EVENTS", NSYS_COLUMNS(allocation_columns) },
	  .times = NSYS_TIMES_INSTANT, .put = put_allocation },
};
