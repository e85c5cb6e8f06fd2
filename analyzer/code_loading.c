/* SPDX-License-Identifier: MIT */
#include "analyzer/code_loading.h"

#include "analyzer/idle_host.h"
#include "tracedb/vocabulary.h"

/* The call of a thread in which a time lies; or NO_CALL. */
static uint32_t call_at(struct host_calls *calls, int64_t thread_id, int64_t time_ns)
{
	uint32_t thread = 0;
	if (thread_id == 0 || !dense_ids_find(&calls->thread_places, thread_id, &thread))
		return NO_CALL;
	uint32_t call = host_call_before(calls, thread, time_ns + 1);
	return call != NO_CALL && calls->end_ns[call] > time_ns ? call : NO_CALL;
}

static void row_mark(struct host_calls *calls, const struct overhead_row *row)
{
	int64_t start_ns, end_ns, launch_ns;
	host_times(row->start_ns, row->duration_ns, &start_ns, &end_ns);
	uint32_t call = call_at(calls, row->thread_id, start_ns);
	if (call == NO_CALL && !host_calls_find(calls, row->correlation_id, &launch_ns, &call))
		return;
	int64_t from_ns = start_ns > calls->start_ns[call] ? start_ns : calls->start_ns[call];
	int64_t to_ns = end_ns < calls->end_ns[call] ? end_ns : calls->end_ns[call];
	int64_t call_ns = calls->end_ns[call] - calls->start_ns[call];
	if (to_ns > from_ns && to_ns - from_ns >= call_ns - (to_ns - from_ns))
		calls->class[call] = CALL_LOAD;
}

bool code_loading_mark(struct host_calls *calls, struct trace_reader *reader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct overhead_row row;
	int result;
	if (!trace_reader_select(reader, TABLE_overhead, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1)
		if (overhead_is_code_loading(trace_reader_string(reader, row.name_id)))
			row_mark(calls, &row);
	trace_cursor_close(cursor);
	return result == 0;
}
