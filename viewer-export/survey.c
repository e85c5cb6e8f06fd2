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

void survey_widen(struct survey *survey, int64_t start_ns, int64_t end_ns)
{
	if (!survey->has_time || start_ns < survey->first_ns)
		survey->first_ns = start_ns;
	if (!survey->has_time || end_ns > survey->last_ns)
		survey->last_ns = end_ns;
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
	if (source->family == FAMILY_CALL && (survey->kinds & EXPORT_FLOWS) != 0) {
		const struct launch call = {
			.correlation_id = row->call.correlation_id, .start_ns = span.start_ns,
			.end_ns = span.end_ns, .group = group,
		};
		if (!launch_index_add(&survey->launches, &call))
			return false;
	}
	bool has_flow = source->family == FAMILY_CALL ? call_may_launch(survey, &row->call, span) :
							span_family_has_flows(source->family);
	return lane_set_add(lanes, group, span.start_ns, span.end_ns, has_flow);
}

/* A table that is being read, and the row that comes next. */
struct survey_head {
	const struct span_source *source;
	struct trace_cursor *cursor;
	int64_t *row_count;
	bool has_row;
	union span_row row;
	struct span span;
};

/* The next row that has a place in time. */
static bool head_advance(struct survey_head *head, struct error *error)
{
	int result;
	do {
		result = trace_cursor_next(head->cursor, &head->row, error);
		*head->row_count += result > 0;
	} while (result > 0 && !span_is_timed(head->source, &head->row));
	head->has_row = result > 0;
	if (head->has_row)
		head->span = span_of_row(head->source, &head->row);
	return result >= 0;
}

static bool heads_open(struct survey *survey, struct survey_head *heads, size_t first, size_t count,
		       struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct span_source *source = &span_sources[first + i];
		heads[i] = (struct survey_head){
			.source = source, .row_count = &survey->row_counts[first + i],
		};
		*heads[i].row_count = 0;
		if ((survey->kinds & source->kind) == 0)
			continue;
		if (!trace_reader_select(survey->reader, source->table, source->columns, -1,
					 &heads[i].cursor, error) ||
		    !head_advance(&heads[i], error))
			return false;
	}
	return true;
}

/* The table whose next row starts first; SIZE_MAX: none has one. */
static size_t head_first(const struct survey_head *heads, size_t count)
{
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < count; i++)
		if (heads[i].has_row && (first == SIZE_MAX ||
					 heads[i].span.start_ns < heads[first].span.start_ns))
			first = i;
	return first;
}

/*
 * The tables of a family together, nearly in the order of time: then the lanes need a short window
 * only.
 */
static bool family_read(struct survey *survey, size_t first, size_t count, bool times_only,
			struct error *error)
{
	struct survey_head heads[LANE_SERIES_MAX] = { { .source = NULL } };
	struct lane_set *lanes = &survey->lanes[span_sources[first].family];
	bool ok = heads_open(survey, heads, first, count, error);
	size_t at;
	while (ok && !lanes->is_disordered && (at = head_first(heads, count)) != SIZE_MAX) {
		struct survey_head *head = &heads[at];
		survey_widen(survey, head->span.start_ns, head->span.end_ns);
		lanes->series = (uint32_t)at;
		if (!times_only && !survey_keep(survey, head->source, &head->row, head->span))
			ok = no_memory(survey, error);
		ok = ok && head_advance(head, error);
	}
	for (size_t i = 0; i < count; i++)
		trace_cursor_close(heads[i].cursor);
	return ok;
}

/* How many sources from `first` on are of its family. */
static size_t family_size(size_t first)
{
	size_t count = 1;
	while (first + count < span_source_count &&
	       span_sources[first + count].family == span_sources[first].family)
		count++;
	assert(count <= LANE_SERIES_MAX);
	return count;
}

static bool family_survey(struct survey *survey, size_t first, size_t count, struct error *error)
{
	/* A range that was open all the time comes last and starts first: then with all of them. */
	static const size_t windows[] = { LANE_WINDOW, LANE_WINDOW_LONG, SIZE_MAX };
	enum span_family family = span_sources[first].family;
	struct lane_set *lanes = &survey->lanes[family];
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		lane_set_bound(lanes, windows[i]);
		if (!family_read(survey, first, count, false, error))
			return false;
		if (!lane_set_solve(lanes))
			return no_memory(survey, error);
		if (!lanes->is_disordered)
			return true;
		lane_set_end(lanes);
		if (family == FAMILY_CALL)
			launch_index_end(&survey->launches);
	}
	return true;
}

bool survey_times(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		  struct error *error)
{
	survey_begin(survey, reader, kinds);
	for (size_t i = 0; i < span_source_count; i += family_size(i))
		if (!family_read(survey, i, family_size(i), true, error))
			return false;
	return true;
}

bool survey_make(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		 struct error *error)
{
	survey_begin(survey, reader, kinds);
	for (size_t i = 0; i < span_source_count; i += family_size(i))
		if (!family_survey(survey, i, family_size(i), error))
			return false;
	return launch_index_solve(&survey->launches) || no_memory(survey, error);
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
	/* Their sum must leave room for the times in the trace. */
	return span_time_cut(span_time_cut(trace_reader_trace(survey->reader)->epoch_ns) +
			     survey->clock_offset_ns);
}
