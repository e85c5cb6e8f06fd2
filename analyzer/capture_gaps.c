/* SPDX-License-Identifier: MIT */
#include "analyzer/capture_gaps.h"

#include "analyzer/host_calls.h"
#include "analyzer/metric_partition.h"
#include "analyzer/times.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

static bool is_of_gpu(const char *source)
{
	return strcmp(source, "all") == 0 || strcmp(source, "cupti") == 0;
}

static void sum_add(struct capture_gaps *gaps, const struct trace_reader *reader,
		    const struct capture_gap_row *row, int64_t ns)
{
	size_t i = 0;
	while (i < gaps->sum_count && (gaps->sums[i].source_id != row->source_id ||
				       gaps->sums[i].reason_id != row->reason_id))
		i++;
	if (i == CAPTURE_GAP_SUMS_MAX)
		i--;
	struct capture_gap_sum *sum = &gaps->sums[i];
	if (i == gaps->sum_count) {
		gaps->sum_count++;
		*sum = (struct capture_gap_sum){
			.source_id = row->source_id, .reason_id = row->reason_id,
			.source = trace_reader_string(reader, row->source_id),
			.reason = trace_reader_string(reader, row->reason_id),
		};
	}
	sum->count++;
	sum->ns = add_saturated(sum->ns, ns);
}

static int interval_compare(const void *a, const void *b)
{
	const struct interval *left = a, *right = b;
	return (left->start_ns > right->start_ns) - (left->start_ns < right->start_ns);
}

/* Start and end of a row; false if they are no times. */
static bool row_span(const struct capture_gap_row *row, int64_t stop_ns, struct interval *span)
{
	bool has_end = row->duration_ns >= 0;
	if (row->start_ns < -TIME_LIMIT_NS || row->start_ns > TIME_LIMIT_NS ||
	    row->duration_ns < -1 || row->duration_ns > TIME_LIMIT_NS)
		return false;
	span->start_ns = row->start_ns;
	span->end_ns = has_end ? row->start_ns + row->duration_ns
		: stop_ns > row->start_ns ? stop_ns : TIME_LIMIT_NS;
	return true;
}

bool capture_gaps_load(struct capture_gaps *gaps, struct trace_reader *reader, int64_t stop_ns,
		       int64_t *out_of_range, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct capture_gap_row row;
	struct interval *spans = NULL;
	size_t count = 0, room = 0;
	int result = 0;
	bool has_memory = true;
	if (!trace_reader_select(reader, TABLE_capture_gap, 0, -1, &cursor, error))
		return false;
	while (has_memory && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct interval span;
		if (!row_span(&row, stop_ns, &span)) {
			(*out_of_range)++;
			continue;
		}
		bool is_known = row.duration_ns >= 0 || stop_ns > row.start_ns;
		sum_add(gaps, reader, &row, is_known ? span.end_ns - span.start_ns : 0);
		if (!is_of_gpu(trace_reader_string(reader, row.source_id)))
			continue;
		struct interval *grown = array_grow(spans, &room, count, sizeof *spans);
		has_memory = grown != NULL;
		if (has_memory) {
			spans = grown;
			spans[count++] = span;
		}
	}
	trace_cursor_close(cursor);
	if (count > 1)
		qsort(spans, count, sizeof *spans, interval_compare);
	for (size_t i = 0; has_memory && i < count; i++)
		has_memory = intervals_add(&gaps->gpu, spans[i].start_ns, spans[i].end_ns);
	free(spans);
	return has_memory ? result == 0 : fail(error, ERROR_SYSTEM, "memory is short");
}

void capture_gaps_end(struct capture_gaps *gaps)
{
	intervals_end(&gaps->gpu);
}

void capture_gaps_split(const struct intervals *gaps, int64_t start_ns, int64_t end_ns,
			capture_gaps_piece add, void *context)
{
	size_t low = 0, high = gaps->count;
	while (low < high) {	/* past the gaps that end before it */
		size_t middle = low + (high - low) / 2;
		if (gaps->items[middle].end_ns <= start_ns)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < gaps->count && gaps->items[low].start_ns < end_ns; low++) {
		int64_t from_ns = time_later(gaps->items[low].start_ns, start_ns);
		int64_t to_ns = time_earlier(gaps->items[low].end_ns, end_ns);
		if (start_ns < from_ns)
			add(context, true, start_ns, from_ns);
		add(context, false, from_ns, to_ns);
		start_ns = to_ns;
	}
	if (start_ns < end_ns)
		add(context, true, start_ns, end_ns);
}
