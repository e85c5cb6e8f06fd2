/* SPDX-License-Identifier: MIT */
/* What the host did: calls, waits, event records, overhead, memory taken and given back. */
#include "viewer-export/export.h"
#include "viewer-export/nsys_session.h"

#include "tracedb/vocabulary.h"

#include <inttypes.h>
#include <strings.h>

enum {
	MEMORY_KIND_UNKNOWN = 7,	/* ENUM_CUDA_MEM_KIND */
	OVERHEAD_UNKNOWN = 1,		/* ENUM_CUPTI_OVERHEAD_TYPE */
	TIMESTAMP_UNKNOWN = 0,
	TIMESTAMP_TARGET = 1,
	SOURCE_INJECTION = 1,
	SEVERITY_WARNING = 2,
};

/* Ids of 32 bits whose value is not known. */
static const int64_t NO_ID = INT64_C(0xffffffff);

static bool put_call(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		     struct error *error)
{
	const struct api_call_row *call = row;
	int64_t start, end, name, tid;
	if (!nsys_span(trace, call->start_ns, call->duration_ns, &start, &end))
		return true;
	if (!nsys_trace_string(trace, session, call->name_id, &name, error) ||
	    !nsys_trace_thread(trace, call->thread_id, &tid, error))
		return false;
	int64_t class = call->api == API_RUNTIME ? NSYS_CLASS_RUNTIME :
			call->api == API_DRIVER	 ? NSYS_CLASS_DRIVER :
						   NSYS_CLASS_API;
	const struct nsys_cell cells[] = {
		CELL_OF(start), CELL_OF(end), CELL_OF(class), CELL_OF(tid),
		nsys_cell_or_null(call->correlation_id, 0), CELL_OF(name),
		CELL_OF(call->return_value),
		CELL_NONE,			/* callchainId */
	};
	return NSYS_PUT(session->writer, NSYS_RUNTIME, cells, error);
}

static bool put_wait(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		     struct error *error)
{
	const struct synchronization_row *wait = row;
	const struct stream_row *stream = nsys_trace_stream(trace, wait->stream_id);
	int64_t start, end;
	if (!nsys_span(trace, wait->start_ns, wait->duration_ns, &start, &end))
		return true;
	const struct nsys_cell cells[] = {
		CELL_OF(start), CELL_OF(end),
		/* The real tool, too, says 0 where it does not know. */
		CELL_OF(wait->device_id < 0 ? 0 : wait->device_id), CELL_OF(wait->context_id),
		CELL_NONE, CELL_OF(stream == NULL || stream->number < 0 ? NO_ID : stream->number),
		nsys_cell_or_null(wait->correlation_id, 0), CELL_OF(trace->global_pid),
		CELL_NONE,			/* deprecatedSyncType */
		CELL_OF(wait->kind), CELL_OF(wait->event_id < 0 ? NO_ID : wait->event_id),
		nsys_cell_or_null(wait->event_sync_id, 0),
	};
	return NSYS_PUT(session->writer, NSYS_SYNCHRONIZATION, cells, error);
}

static bool put_event(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		      struct error *error)
{
	const struct cuda_event_row *event = row;
	const struct stream_row *stream = nsys_trace_stream(trace, event->stream_id);
	int64_t time = 0, end;
	bool is_timed = event->time_ns != -1;
	/* What has no time is in no window. */
	if (is_timed ? !nsys_span(trace, event->time_ns, 0, &time, &end) : trace->from->has_window)
		return true;
	const struct nsys_cell cells[] = {
		CELL_OF(time),
		CELL_OF(stream == NULL ? 0 : stream->device_id), CELL_OF(event->context_id),
		CELL_NONE, CELL_OF(stream == NULL || stream->number < 0 ? NO_ID : stream->number),
		nsys_cell_or_null(event->correlation_id, 0), CELL_OF(trace->global_pid),
		CELL_OF(event->event_id < 0 ? NO_ID : event->event_id),
		nsys_cell_or_null(event->event_sync_id, 0),
	};
	return NSYS_PUT(session->writer, NSYS_CUDA_EVENT, cells, error);
}

/* ENUM_CUPTI_OVERHEAD_TYPE of CUPTI's name for it. */
static int64_t overhead_type(const char *name)
{
	static const char *const names[] = {
		"Driver Compiler", "Buffer Flush", "Instrumentation", "Resource",
		"Runtime Triggered Module Loading", "Lazy Function Loading", "Command Buffer Full",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(names[i], name) == 0)
			return (int64_t)i + 2;
	return OVERHEAD_UNKNOWN;
}

static bool put_overhead(struct nsys_session *session, struct nsys_trace *trace, const void *row,
			 struct error *error)
{
	const struct overhead_row *overhead = row;
	int64_t start, end, name, tid;
	if (!nsys_span(trace, overhead->start_ns, overhead->duration_ns, &start, &end))
		return true;
	if (!nsys_trace_string(trace, session, overhead->name_id, &name, error) ||
	    !nsys_trace_thread(trace, overhead->thread_id, &tid, error))
		return false;
	const struct nsys_cell cells[] = {
		CELL_OF(start), CELL_OF(end), CELL_OF(NSYS_CLASS_OVERHEAD), CELL_OF(tid),
		nsys_cell_or_null(overhead->correlation_id, 0), CELL_OF(name),
		CELL_OF(overhead_type(trace_reader_string(trace->reader, overhead->name_id))),
	};
	return NSYS_PUT(session->writer, NSYS_OVERHEAD, cells, error);
}

/* A framework's own cache is no CUDA memory, and that of no device is none of a GPU. */
static bool put_allocation(struct nsys_session *session, struct nsys_trace *trace,
			   const void *row, struct error *error)
{
	const struct allocation_row *allocation = row;
	int64_t time, end;
	if (allocation->is_framework || !nsys_span(trace, allocation->time_ns, 0, &time, &end))
		return true;
	if (allocation->device_id < 0 || allocation->operation < 1 || allocation->operation > 2) {
		trace->left_out[NSYS_LEFT_ALLOCATION]++;
		return true;
	}
	bool is_known = allocation->memory >= MEMORY_PAGEABLE &&
			allocation->memory <= MEMORY_MANAGED_STATIC;
	const struct nsys_cell cells[] = {
		CELL_OF(time), CELL_OF(trace->global_pid), CELL_OF(allocation->device_id),
		CELL_OF(0),			/* contextId: must not be NULL */
		CELL_OF(allocation->address),
		CELL_OF(0),			/* pc: must not be NULL */
		CELL_OF(allocation->bytes),
		CELL_OF(is_known ? allocation->memory - 1 : MEMORY_KIND_UNKNOWN),
		CELL_OF(allocation->operation - 1),
		CELL_NONE,			/* name */
		nsys_cell_or_null(allocation->correlation_id, 0),
		CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE,
	};
	return NSYS_PUT(session->writer, NSYS_MEMORY, cells, error);
}

static bool diagnostic_put(struct nsys_session *session, const struct nsys_trace *trace,
			   const struct loss_row *loss, int64_t time, struct error *error)
{
	struct text text;
	text_begin(&text, 1 << 20);
	text_add_format(&text, "%s: %s", loss->source, loss->reason);
	if (loss->count > 0)
		text_add_format(&text, " (%" PRId64 ")", loss->count);
	const struct nsys_cell cells[] = {
		CELL_OF(time), CELL_OF(loss->first_ns >= 0 ? TIMESTAMP_TARGET : TIMESTAMP_UNKNOWN),
		CELL_OF(SOURCE_INJECTION), CELL_OF(SEVERITY_WARNING),
		CELL_OF_TEXT(text_string(&text)), CELL_OF(trace->global_pid),
	};
	bool ok = text_is_ok(&text) ? NSYS_PUT(session->writer, NSYS_DIAGNOSTIC, cells, error) :
				      nsys_trace_no_memory(trace, error);
	text_end(&text);
	return ok;
}

static bool put_loss(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		     struct error *error)
{
	const struct loss_row *loss = row;
	int64_t time = 0, end;
	if (loss->first_ns >= 0 && !nsys_span(trace, loss->first_ns, 0, &time, &end))
		return true;
	return diagnostic_put(session, trace, loss, time, error);
}

/* What the layout has no way to say is counted like any other loss. */
bool nsys_put_left_out(struct nsys_session *session, const struct nsys_trace *trace,
		       struct error *error)
{
	static const char *const reasons[NSYS_LEFT_COUNT] = {
		[NSYS_LEFT_KERNEL] = "kernels on a stream that the trace does not know",
		[NSYS_LEFT_COPY] = "copies on a stream that the trace does not know",
		[NSYS_LEFT_MEMSET] = "memsets on a stream that the trace does not know",
		[NSYS_LEFT_GRAPH] = "graphs on a stream that the trace does not know",
		[NSYS_LEFT_CONTEXT] = "contexts without a device",
		[NSYS_LEFT_STREAM] = "streams without a number",
		[NSYS_LEFT_ALLOCATION] = "allocations without a device, or of an unknown kind",
	};
	if ((session->set->kinds & EXPORT_LOSSES) == 0)
		return true;
	for (size_t i = 0; i < NSYS_LEFT_COUNT; i++) {
		const struct loss_row loss = { .source = "export", .reason = reasons[i],
					       .count = trace->left_out[i], .first_ns = -1 };
		if (loss.count > 0 && !diagnostic_put(session, trace, &loss, 0, error))
			return false;
	}
	return true;
}
bool nsys_put_host(struct nsys_session *session, struct nsys_trace *trace, struct error *error)
{
	static const struct { unsigned kind; enum trace_table table; nsys_row_put put; } walks[] = {
		{ EXPORT_CALLS, TABLE_api_call, put_call },
		{ EXPORT_SYNC, TABLE_synchronization, put_wait },
		{ EXPORT_SYNC, TABLE_cuda_event, put_event },
		{ EXPORT_OVERHEAD, TABLE_overhead, put_overhead },
		{ EXPORT_COUNTERS, TABLE_allocation, put_allocation },
		{ EXPORT_LOSSES, TABLE_loss, put_loss },
	};
	for (size_t i = 0; i < sizeof walks / sizeof walks[0]; i++)
		if ((session->set->kinds & walks[i].kind) != 0 &&
		    !nsys_walk(session, trace, walks[i].table, walks[i].put, error))
			return false;
	return true;
}
