/* SPDX-License-Identifier: MIT */
#include "viewer-export/survey.h"

#include "viewer-export/export.h"

#include <assert.h>
#include <string.h>

static bool no_memory(const struct survey *survey, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export '%s'",
		    trace_reader_path(survey->reader));
}

static void survey_begin(struct survey *survey, struct trace_reader *reader, unsigned kinds)
{
	assert(span_source_count <= SPAN_SOURCES_MAX);
	*survey = (struct survey){ .reader = reader, .kinds = kinds };
	for (int i = 0; i < FAMILY_COUNT; i++)
		lane_set_begin(&survey->lanes[i], span_family_rule((enum span_family)i));
}

static void survey_widen(struct survey *survey, struct span span)
{
	if (!survey->has_time || span.start_ns < survey->first_ns)
		survey->first_ns = span.start_ns;
	if (!survey->has_time || span.end_ns > survey->last_ns)
		survey->last_ns = span.end_ns;
	survey->has_time = true;
}

/*
 * Asked only where it matters: of calls without length, which stamps in microseconds make common.
 */
static bool call_may_launch(const struct survey *survey, const struct api_call_row *call,
			    struct span span)
{
	if (span.start_ns != span.end_ns || call->correlation_id == 0)
		return false;
	const char *name = trace_reader_string(survey->reader, call->name_id);
	return strstr(name, "Launch") != NULL || strstr(name, "Mem") != NULL;
}

static bool survey_keep(struct survey *survey, const struct span_source *source,
			const union span_row *row, struct span span)
{
	struct lane_set *lanes = &survey->lanes[source->family];
	uint32_t group;
	if (!group_set_take(&survey->groups[source->family], source->key(row), &group))
		return false;
	if (source->duration_column < 0)
		return lane_set_touch_group(lanes, group);
	if (source->family == FAMILY_CALL && (survey->kinds & EXPORT_FLOWS) != 0 &&
	    !launch_index_add(&survey->launches, row->call.correlation_id))
		return false;
	bool has_flow = source->family == FAMILY_CALL ? call_may_launch(survey, &row->call, span) :
							span_family_has_flows(source->family);
	return lane_set_add(lanes, group, span.start_ns, span.end_ns, has_flow);
}

static bool survey_source(struct survey *survey, size_t index, bool times_only, struct error *error)
{
	const struct span_source *source = &span_sources[index];
	struct trace_cursor *cursor = NULL;
	union span_row row;
	int result = 0;
	if ((survey->kinds & source->kind) == 0)
		return true;
	if (!trace_reader_select(survey->reader, source->table, source->columns, -1, &cursor,
				 error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		survey->row_counts[index]++;
		if (!span_is_timed(source, &row))
			continue;
		struct span span = span_of_row(source, &row);
		survey_widen(survey, span);
		if (!times_only && !survey_keep(survey, source, &row, span)) {
			result = -1;
			(void)no_memory(survey, error);
			break;
		}
	}
	trace_cursor_close(cursor);
	return result == 0;
}

bool survey_times(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		  struct error *error)
{
	survey_begin(survey, reader, kinds);
	for (size_t i = 0; i < span_source_count; i++)
		if (!survey_source(survey, i, true, error))
			return false;
	return true;
}

bool survey_make(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		 struct error *error)
{
	survey_begin(survey, reader, kinds);
	for (size_t i = 0; i < span_source_count; i++) {
		enum span_family family = span_sources[i].family;
		if (!survey_source(survey, i, false, error))
			return false;
		if (i + 1 < span_source_count && span_sources[i + 1].family == family)
			continue;
		if (!lane_set_solve(&survey->lanes[family]))
			return no_memory(survey, error);
		if (family != FAMILY_CALL)
			lane_set_forget(&survey->lanes[family]);
	}
	if (!launch_index_solve(&survey->launches))
		return no_memory(survey, error);
	return true;
}

void survey_end(struct survey *survey)
{
	for (int i = 0; i < FAMILY_COUNT; i++) {
		group_set_end(&survey->groups[i]);
		lane_set_end(&survey->lanes[i]);
	}
	launch_index_end(&survey->launches);
}

int64_t survey_epoch_ns(const struct survey *survey)
{
	const int64_t limit = INT64_MAX / 4;
	int64_t epoch = trace_reader_trace(survey->reader)->epoch_ns;
	epoch = epoch > limit ? limit : epoch < -limit ? -limit : epoch;
	/* Their sum must leave room for the times in the trace. */
	epoch += survey->clock_offset_ns;
	return epoch > limit ? limit : epoch < -limit ? -limit : epoch;
}
