/* SPDX-License-Identifier: MIT */
#include "analyzer/event_waits.h"

#include "base/array.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>

struct event_record {
	int64_t event_sync_id;
	int64_t host_ns;
	uint32_t stream;
};

struct records {
	struct event_record *list;	/* by event_sync_id */
	size_t count;
	size_t room;
};

static int record_compare(const void *left, const void *right)
{
	const struct event_record *a = left, *b = right;
	if (a->event_sync_id != b->event_sync_id)
		return a->event_sync_id < b->event_sync_id ? -1 : 1;
	return (a->host_ns > b->host_ns) - (a->host_ns < b->host_ns);
}

static int wait_compare(const void *left, const void *right)
{
	const struct event_wait *a = left, *b = right;
	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	if (a->host_ns != b->host_ns)
		return a->host_ns < b->host_ns ? -1 : 1;
	return (a->record_ns > b->record_ns) - (a->record_ns < b->record_ns);
}

/* cuda_event says on which stream; the host's time is the call's, by its correlation id. */
static bool records_load(struct records *records, const struct dense_ids *streams,
			 struct host_calls *calls, struct trace_reader *reader,
			 bool *has_memory, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct cuda_event_row row;
	int result = 0;
	if (!trace_reader_select(reader, TABLE_cuda_event,
				 COLUMN_BIT(cuda_event, event_sync_id) |
					 COLUMN_BIT(cuda_event, stream_id) |
					 COLUMN_BIT(cuda_event, correlation_id),
				 -1, &cursor, error))
		return false;
	while (*has_memory && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct event_record record = { .event_sync_id = row.event_sync_id };
		uint32_t place = 0;
		if (row.event_sync_id == 0 ||
		    !dense_ids_find(streams, row.stream_id, &record.stream) ||
		    !host_calls_find(calls, row.correlation_id, &record.host_ns, &place))
			continue;
		struct event_record *list = array_grow(records->list, &records->room,
						       records->count, sizeof *list);
		*has_memory = list != NULL;
		if (!*has_memory)
			break;
		records->list = list;
		list[records->count++] = record;
	}
	trace_cursor_close(cursor);
	if (records->count > 1)
		qsort(records->list, records->count, sizeof *records->list, record_compare);
	return result >= 0;
}

/* The last record with this id that the host made before `host_ns`: ids are used once, mostly. */
static const struct event_record *records_find(const struct records *records,
					       int64_t event_sync_id, int64_t host_ns)
{
	size_t begin = 0, end = records->count;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		const struct event_record *record = &records->list[middle];
		if (record->event_sync_id < event_sync_id ||
		    (record->event_sync_id == event_sync_id && record->host_ns <= host_ns))
			begin = middle + 1;
		else
			end = middle;
	}
	if (begin == 0 || records->list[begin - 1].event_sync_id != event_sync_id)
		return NULL;
	return &records->list[begin - 1];
}

static bool wait_add(struct event_waits *waits, const struct records *records,
		     const struct dense_ids *streams, struct host_calls *calls,
		     const struct synchronization_row *row)
{
	struct event_wait wait = { .host_ns = row->start_ns, .source = NO_STREAM };
	int64_t call_ns = 0;
	uint32_t place = 0;
	if (row->kind != SYNCHRONIZATION_STREAM_WAIT_EVENT ||
	    !dense_ids_find(streams, row->stream_id, &wait.stream))
		return true;
	if (host_calls_find(calls, row->correlation_id, &call_ns, &place))
		wait.host_ns = call_ns;
	const struct event_record *record =
		row->event_sync_id == 0 ? NULL :
		records_find(records, row->event_sync_id, wait.host_ns);
	if (record != NULL) {
		wait.source = record->stream;
		wait.record_ns = record->host_ns;
		waits->has_sources = true;
	}
	struct event_wait *list = array_grow(waits->waits, &waits->room, waits->count,
					     sizeof *list);
	if (list == NULL)
		return false;
	waits->waits = list;
	list[waits->count++] = wait;
	return true;
}

static bool waits_load(struct event_waits *waits, const struct records *records,
		       const struct dense_ids *streams, struct host_calls *calls,
		       struct trace_reader *reader, bool *has_memory, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct synchronization_row row;
	int result = 0;
	if (!trace_reader_select(reader, TABLE_synchronization,
				 COLUMN_BIT(synchronization, start_ns) |
					 COLUMN_BIT(synchronization, kind) |
					 COLUMN_BIT(synchronization, stream_id) |
					 COLUMN_BIT(synchronization, event_sync_id) |
					 COLUMN_BIT(synchronization, correlation_id),
				 -1, &cursor, error))
		return false;
	while (*has_memory && (result = trace_cursor_next(cursor, &row, error)) == 1)
		*has_memory = wait_add(waits, records, streams, calls, &row);
	trace_cursor_close(cursor);
	return result >= 0;
}

static bool waits_index(struct event_waits *waits, size_t stream_count)
{
	if (waits->count > 1)
		qsort(waits->waits, waits->count, sizeof *waits->waits, wait_compare);
	waits->first = malloc((stream_count + 1) * sizeof *waits->first);
	if (waits->first == NULL)
		return false;
	size_t at = 0;
	for (size_t stream = 0; stream <= stream_count; stream++) {
		while (at < waits->count && waits->waits[at].stream < stream)
			at++;
		waits->first[stream] = at;
	}
	return true;
}

bool event_waits_load(struct event_waits *waits, const struct dense_ids *streams,
		      size_t stream_count, struct host_calls *calls, struct trace_reader *reader,
		      struct error *error)
{
	struct records records = { 0 };
	bool has_memory = true;
	bool ok = records_load(&records, streams, calls, reader, &has_memory, error) &&
		  (!has_memory ||
		   waits_load(waits, &records, streams, calls, reader, &has_memory, error));
	free(records.list);
	if (!ok)
		return false;
	return (has_memory && waits_index(waits, stream_count)) ||
	       fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for its events",
		    trace_reader_path(reader));
}

void event_waits_end(struct event_waits *waits)
{
	free(waits->waits);
	free(waits->first);
	*waits = (struct event_waits){ 0 };
}
