/* SPDX-License-Identifier: MIT */
#include "viewer-export/origin.h"

#include "base/id_map.h"
#include "tracedb/vocabulary.h"
#include "viewer-export/span.h"

#include <string.h>

/* Beyond it the analysis calls a time garbage, too. */
static const int64_t TIME_LIMIT_NS = INT64_C(1) << 61;

struct origin *origins_find(struct origins *origins, const struct survey *survey)
{
	return epoch_is_unix(survey_epoch_ns(survey)) ? &origins->unix_time : &origins->own_time;
}

void origin_add_events(struct origin *origin, const struct survey *survey)
{
	int64_t first_ns = survey_epoch_ns(survey) + survey->first_ns;
	if (!survey->has_time || (origin->has_base && origin->base_ns <= first_ns))
		return;
	origin->has_base = true;
	origin->base_ns = first_ns;
}

static bool streams_read(struct id_map *streams, struct trace_reader *reader, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct stream_row row;
	int result;
	if (!trace_reader_select(reader, TABLE_stream, COLUMN_BIT(stream, stream_id), -1, &cursor,
				 error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!id_map_put(streams, (uint64_t)row.stream_id, 0)) {
			result = -1;
			(void)fail(error, ERROR_SYSTEM, "no memory to export '%s'",
				   trace_reader_path(reader));
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

static int64_t column_value(const struct span_source *source, const union span_row *row, int column)
{
	int64_t value;
	memcpy(&value,
	       (const char *)row + trace_tables[source->table].columns[column].offset,
	       sizeof value);
	return value;
}

/* Rows that cannot be true do not count, as in the analysis. */
static bool row_is_plausible(const struct span_source *source, const union span_row *row,
			     const struct id_map *streams)
{
	int64_t start_ns = column_value(source, row, source->start_column);
	int64_t duration_ns = column_value(source, row, source->duration_column), ignored;
	return duration_ns >= 0 && start_ns <= TIME_LIMIT_NS && start_ns >= -TIME_LIMIT_NS &&
	       duration_ns <= TIME_LIMIT_NS - start_ns &&
	       id_map_get(streams, (uint64_t)source->key(row).first, &ignored);
}

static bool add_table(struct origin *origin, const struct span_source *source,
		      const struct id_map *streams, const struct survey *survey,
		      struct error *error)
{
	struct trace_cursor *cursor = NULL;
	union span_row row;
	int result;
	if (!trace_reader_select(survey->reader, source->table, source->columns, -1, &cursor,
				 error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		int64_t start_ns =
			survey_epoch_ns(survey) + span_of_row(source, &row).start_ns;
		if (!row_is_plausible(source, &row, streams) ||
		    (origin->has_work && origin->work_ns <= start_ns))
			continue;
		origin->has_work = true;
		origin->work_ns = start_ns;
	}
	trace_cursor_close(cursor);
	return result == 0;
}

bool origin_add_work(struct origin *origin, const struct survey *survey, struct error *error)
{
	struct id_map streams = { 0 };
	bool ok = streams_read(&streams, survey->reader, error);
	for (size_t i = 0; ok && i < span_source_count; i++)
		if (span_sources[i].family == FAMILY_WORK)
			ok = add_table(origin, &span_sources[i], &streams, survey, error);
	id_map_end(&streams);
	return ok;
}

int64_t origin_window_ns(const struct origin *origin, int64_t window_ns)
{
	int64_t lead_ns = 0, time_ns;
	if (origin->has_work && origin->has_base &&
	    __builtin_sub_overflow(origin->work_ns, origin->base_ns, &lead_ns))
		lead_ns = 0;
	if (window_ns == INT64_MAX || __builtin_add_overflow(window_ns, lead_ns, &time_ns))
		return INT64_MAX;
	return time_ns;
}
