/* SPDX-License-Identifier: MIT */
#include "analyzer/launches.h"

#include "analyzer/order.h"
#include "analyzer/timeline.h"

#include <stdlib.h>

enum { STEPS_NEAR = 8 };	/* neighbours tried before a binary search */

static bool launches_grow(struct launches *launches)
{
	size_t room = launches->room == 0 ? 1024 : launches->room + launches->room / 2;
	int64_t *ids = realloc(launches->correlation_id, room * sizeof *ids);
	if (ids == NULL)
		return false;
	launches->correlation_id = ids;
	int64_t *starts = realloc(launches->start_ns, room * sizeof *starts);
	if (starts == NULL)
		return false;
	launches->start_ns = starts;
	launches->room = room;
	return true;
}

static bool launches_sort(struct launches *launches, bool is_sorted)
{
	const struct order_column columns[] = {
		{ launches->correlation_id, sizeof *launches->correlation_id },
		{ launches->start_ns, sizeof *launches->start_ns },
	};
	if (!is_sorted && (launches->count > ORDER_ROWS_MAX ||
			   !order_rows(launches->correlation_id, launches->count, columns, 2)))
		return false;
	size_t kept = 0;
	for (size_t i = 0; i < launches->count; i++) {
		if (kept > 0 && launches->correlation_id[kept - 1] == launches->correlation_id[i]) {
			if (launches->start_ns[i] < launches->start_ns[kept - 1])
				launches->start_ns[kept - 1] = launches->start_ns[i];
			continue;
		}
		launches->correlation_id[kept] = launches->correlation_id[i];
		launches->start_ns[kept] = launches->start_ns[i];
		kept++;
	}
	launches->count = kept;
	return true;
}

bool launches_load(struct launches *launches, struct trace_reader *reader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct api_call_row row;
	bool is_sorted = true, is_short = false;
	int result = 0;
	if (!trace_reader_select(reader, TABLE_api_call, TIMELINE_API_CALL_COLUMNS, -1, &cursor,
				 error))
		return false;
	while (!is_short && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		launches->call_count++;
		if (row.correlation_id == 0)
			continue;
		is_short = launches->count == launches->room && !launches_grow(launches);
		if (is_short)
			break;
		size_t at = launches->count++;
		is_sorted = is_sorted &&
			(at == 0 || launches->correlation_id[at - 1] <= row.correlation_id);
		launches->correlation_id[at] = row.correlation_id;
		launches->start_ns[at] = row.start_ns;
	}
	trace_cursor_close(cursor);
	if (result < 0)
		return false;
	if (is_short || !launches_sort(launches, is_sorted))
		return fail(error, ERROR_SYSTEM,
			    "cannot analyse '%s': no memory for %lld API calls",
			    trace_reader_path(reader), (long long)launches->call_count);
	return true;
}

static bool launches_search(const struct launches *launches, int64_t correlation_id, size_t *place)
{
	size_t begin = 0, end = launches->count;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (launches->correlation_id[middle] < correlation_id)
			begin = middle + 1;
		else
			end = middle;
	}
	*place = begin;
	return begin < launches->count && launches->correlation_id[begin] == correlation_id;
}

bool launches_find(struct launches *launches, int64_t correlation_id, int64_t *start_ns)
{
	if (launches->count == 0 || correlation_id == 0)
		return false;
	size_t at = launches->last_found;
	bool is_found = false;
	for (int i = 0; i < STEPS_NEAR && at < launches->count; i++, at++)
		if (launches->correlation_id[at] >= correlation_id) {
			is_found = launches->correlation_id[at] == correlation_id;
			break;
		}
	if (!is_found && !launches_search(launches, correlation_id, &at))
		return false;
	launches->last_found = at;
	*start_ns = launches->start_ns[at];
	return true;
}

void launches_end(struct launches *launches)
{
	free(launches->correlation_id);
	free(launches->start_ns);
	*launches = (struct launches){ 0 };
}
