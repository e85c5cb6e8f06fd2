/* SPDX-License-Identifier: MIT */
/* A part of a track, one slice with all that is known of it, a counter. */
#include "viewer-export/tiles_parts.h"

#include "viewer-export/tile_query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Names of an answer: each once, by its number in the trace. */
struct answer_names {
	struct text text;
	struct id_map places;
	int64_t count;
};

static int64_t cut(int64_t time_ns)
{
	const int64_t limit = TILE_TIME_MAX_NS * 2;
	return time_ns > limit ? limit : time_ns < -limit ? -limit : time_ns;
}

static bool name_place(struct tiles_trace *trace, struct answer_names *names, size_t source,
		       const struct tile_span *span, int64_t *place, struct error *error)
{
	const struct tile_name *name;
	if (span->name != 0 && id_map_get(&names->places, span->name, place))
		return true;
	if (!tile_name_of(trace->tiles, source, span, &name, error))
		return false;
	text_add(&names->text, names->count > 0 ? ",[" : "[");
	text_add_json(&names->text, name->name);
	text_add(&names->text, ",");
	text_add_json(&names->text, name->category);
	text_add(&names->text, "]");
	*place = names->count++;
	return span->name == 0 || id_map_put(&names->places, span->name, *place) ||
	       tile_no_memory(trace->tiles, error);
}

#define ADD_COLUMN(text, name, list, count, value) \
	do { \
		text_add(text, name); \
		for (size_t i = 0; i < (count); i++) { \
			if (i > 0) \
				text_add_char(text, ','); \
			text_add_integer(text, value); \
		} \
		text_add(text, "]"); \
	} while (0)

static bool slices_add(struct tiles_trace *trace, const struct tile_answer *answer,
		       struct answer_names *names, struct text *text, struct error *error)
{
	const struct tile_slice *list = answer->slices;
	size_t count = answer->slice_count;
	ADD_COLUMN(text, "\"slices\":{\"start\":[", list, count,
		   list[i].span.start_ns + trace->offset_ns);
	ADD_COLUMN(text, ",\"duration\":[", list, count,
		   list[i].span.end_ns - list[i].span.start_ns);
	ADD_COLUMN(text, ",\"depth\":[", list, count, list[i].depth);
	text_add(text, ",\"name\":[");
	for (size_t i = 0; i < count; i++) {
		int64_t place;
		if (!name_place(trace, names, list[i].source, &list[i].span, &place, error))
			return false;
		if (i > 0)
			text_add_char(text, ',');
		text_add_integer(text, place);
	}
	text_add(text, "],\"row\":[");
	for (size_t i = 0; i < count; i++)
		text_add_format(text, "%s\"%" PRIu32 ".%" PRId64 "\"", i > 0 ? "," : "",
				list[i].source, list[i].span.row);
	text_add(text, "]}");
	return true;
}

static bool buckets_add(struct tiles_trace *trace, const struct tile_answer *answer,
			struct answer_names *names, struct text *text, struct error *error)
{
	const struct busy_bucket *list = answer->buckets;
	size_t count = answer->bucket_count;
	text_add_format(text, "\"buckets\":{\"first_ns\":%" PRId64 ",\"bucket_ns\":%" PRId64,
			(int64_t)((uint64_t)answer->first << answer->level) + trace->offset_ns,
			INT64_C(1) << answer->level);
	ADD_COLUMN(text, ",\"busy\":[", list, count, list[i].busy_ns);
	ADD_COLUMN(text, ",\"count\":[", list, count, list[i].count);
	text_add(text, ",\"name\":[");
	for (size_t i = 0; i < count; i++) {
		int64_t place = -1;
		struct tile_span span = { .name = list[i].name };
		if (span.name != 0 && !name_place(trace, names, 0, &span, &place, error))
			return false;
		if (i > 0)
			text_add_char(text, ',');
		text_add_integer(text, place);
	}
	text_add(text, "]}");
	return true;
}

static bool tile_add(struct tiles_trace *trace, const struct tile_query *query, struct text *text,
		     struct error *error)
{
	struct answer_names names = { .count = 0 };
	struct tile_answer answer;
	text_begin(&names.text, 256 << 20);
	bool ok = tile_query_answer(trace->tiles, query, &answer, error);
	if (ok) {
		text_add_format(text, "{\"exact\":%s,", answer.is_exact ? "true" : "false");
		ok = answer.has_slices ? slices_add(trace, &answer, &names, text, error) :
					 buckets_add(trace, &answer, &names, text, error);
	}
	text_add(text, ",\"names\":[");
	text_add(text, text_string(&names.text));
	text_add(text, "]}");
	if (ok && !text_is_ok(&names.text))
		ok = tile_no_memory(trace->tiles, error);
	tile_answer_end(&answer);
	id_map_end(&names.places);
	text_end(&names.text);
	return ok;
}

bool tiles_add_tile(struct tiles *tiles, const struct tiles_view *view, struct text *text,
		    struct error *error)
{
	struct tiles_trace *trace;
	struct tile_query query = { .bucket_count = (size_t)view->buckets,
				    .slice_count = (size_t)view->slices };
	if (view->end_ns <= view->start_ns)
		return fail(error, ERROR_USAGE, "'end' is not after 'start'");
	const struct tiles_analysis *analysis;
	size_t place;
	if (tiles_analysis_find(tiles, view->track, &analysis, &place))
		return tiles_analysis_add_tile(analysis, place, view, text, error);
	if (!tiles_find_track(tiles, view->track, &trace, &query.family, &query.group, error))
		return false;
	query.start_ns = cut(view->start_ns - trace->offset_ns);
	query.end_ns = cut(view->end_ns - trace->offset_ns);
	bool ok = query.start_ns < query.end_ns ?
			  tile_add(trace, &query, text, error) :
			  fail(error, ERROR_USAGE, "'start' and 'end' lie beyond all times");
	(void)pthread_mutex_unlock(&trace->tiles->lock);
	return ok && (text_is_ok(text) || fail(error, ERROR_SYSTEM, "no memory for a tile"));
}

/* Another slice of the same trace, as a hit of a search or the end of an arrow. */
static bool other_add(struct tiles *tiles, struct tiles_trace *trace, size_t source,
		      const struct tile_span *span, struct text *text, struct error *error)
{
	const struct tile_name *name;
	if (!tile_name_of(trace->tiles, source, span, &name, error))
		return false;
	text_add_format(text, "{\"track\":%" PRId64 ",\"row\":\"%zu.%" PRId64 "\",\"name\":",
			tiles_track_id((size_t)(trace - tiles->traces),
				       span_sources[source].family, span->group),
			source, span->row);
	text_add_json(text, name->name);
	text_add_format(text, ",\"start_ns\":%" PRId64 ",\"duration_ns\":%" PRId64,
			span->start_ns + trace->offset_ns, span->end_ns - span->start_ns);
	return true;
}

enum { FLOWS_SHOWN_MAX = 100 };

/* The rows of a source that bear a correlation id: only blocks that may hold it are read. */
static bool flows_add_source(struct tiles *tiles, struct tiles_trace *trace, size_t source,
			     int64_t correlation_id, int *count, struct text *text,
			     struct error *error)
{
	const struct tile_source *from = &trace->tiles->sources[source];
	for (size_t zone = 0; zone < from->zone_count && *count < FLOWS_SHOWN_MAX; zone++) {
		struct trace_cursor *cursor = NULL;
		union span_row row;
		int result;
		if (correlation_id < from->zones[zone].correlation_min ||
		    correlation_id > from->zones[zone].correlation_max)
			continue;
		int64_t end = zone + 1 < from->zone_count ? from->zones[zone + 1].first_row - 1 :
							    from->last_row;
		if (!trace_reader_select_rows(trace->input->reader, span_sources[source].table,
					      tile_source_columns(source),
					      from->zones[zone].first_row, end, &cursor, error))
			return false;
		while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
			struct tile_span span;
			bool is_shown;
			if (span_correlation(&span_sources[source], &row) != correlation_id ||
			    *count >= FLOWS_SHOWN_MAX ||
			    !tile_span_of_row(trace->tiles, source, &row,
					      trace_cursor_row_id(cursor), &span, &is_shown) ||
			    !is_shown)
				continue;
			text_add(text, (*count)++ > 0 ? "," : "");
			if (!other_add(tiles, trace, source, &span, text, error)) {
				result = -1;
				break;
			}
			text_add_format(text, ",\"is_from\":%s}",
					span_sources[source].family == FAMILY_CALL ? "true" :
										     "false");
		}
		trace_cursor_close(cursor);
		if (result < 0)
			return false;
	}
	return true;
}

/* From a call to what it launched, or from the work to its call. */
static bool flows_add(struct tiles *tiles, struct tiles_trace *trace, enum span_family family,
		      int64_t correlation_id, struct text *text, struct error *error)
{
	bool is_call = family == FAMILY_CALL;
	int count = 0;
	if (correlation_id == 0 || (!is_call && !span_family_has_flows(family)))
		return true;
	for (size_t i = 0; i < span_source_count; i++)
		if ((is_call ? span_family_has_flows(span_sources[i].family) :
			       span_sources[i].family == FAMILY_CALL) &&
		    !flows_add_source(tiles, trace, i, correlation_id, &count, text, error))
			return false;
	return true;
}

static bool slice_add(struct tiles *tiles, struct tiles_trace *trace, enum span_family family,
		      const struct tiles_row *row, struct text *text, struct error *error)
{
	const struct tile_description *found;
	if (!tile_describe_row(trace->tiles->describer, (size_t)row->source, row->row, true, &found,
			       error))
		return false;
	if (found == NULL)
		return fail(error, ERROR_USAGE, "there is no such row");
	text_add(text, "{\"name\":");
	text_add_json(text, text_string(&found->name));
	text_add(text, ",\"category\":");
	text_add_json(text, text_string(&found->category));
	text_add_format(text, ",\"start_ns\":%" PRId64 ",\"duration_ns\":%" PRId64,
			found->start_ns + trace->offset_ns, found->end_ns - found->start_ns);
	text_add(text, ",\"arguments\":{");
	text_add(text, text_string(&found->arguments));
	text_add(text, "},\"flows\":[");
	if (!flows_add(tiles, trace, family, found->correlation_id, text, error))
		return false;
	text_add_format(text, "],\"flows_exact\":%s}",
			trace->tiles->is_scanned ? "true" : "false");
	return true;
}

bool tiles_add_slice(struct tiles *tiles, int64_t track, const struct tiles_row *row,
		     struct text *text, struct error *error)
{
	struct tiles_trace *trace;
	enum span_family family;
	uint32_t group;
	const struct tiles_analysis *analysis;
	size_t place;
	if (tiles_analysis_find(tiles, track, &analysis, &place))
		return row->source == TILES_ANALYSIS_SOURCE ?
			       tiles_analysis_add_slice(analysis, place, row->row, text, error) :
			       fail(error, ERROR_USAGE, "there is no such row on the track");
	if (!tiles_find_track(tiles, track, &trace, &family, &group, error))
		return false;
	bool ok = row->source >= 0 && row->source < (int64_t)span_source_count &&
				  span_sources[row->source].family == family ?
			  slice_add(tiles, trace, family, row, text, error) :
			  fail(error, ERROR_USAGE, "there is no such row on the track");
	(void)pthread_mutex_unlock(&trace->tiles->lock);
	return ok && (text_is_ok(text) || fail(error, ERROR_SYSTEM, "no memory for a slice"));
}

static size_t points_before(const struct tile_counter *counter, int64_t time_ns)
{
	size_t low = 0, high = counter->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (counter->points[middle].time_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One entry a bucket that holds points; the value before the start comes first. */
static void counter_add(const struct tile_counter *counter, int64_t offset_ns, int64_t start_ns,
			int64_t end_ns, int64_t buckets, struct text *text)
{
	struct text lowest, highest;
	size_t at = points_before(counter, start_ns);
	size_t end = points_before(counter, end_ns);
	int64_t width_ns = (end_ns - start_ns) / buckets + 1;
	text_begin(&lowest, 1 << 24);
	text_begin(&highest, 1 << 24);
	at -= at > 0;
	text_add(text, "\"time\":[");
	for (bool is_first = true; at < end; is_first = false) {
		struct tile_point low = counter->points[at], high = low;
		int64_t bucket = (low.time_ns - start_ns) / width_ns;
		int64_t time_ns = low.time_ns;
		for (at++; at < end && !is_first &&
			   (counter->points[at].time_ns - start_ns) / width_ns == bucket; at++) {
			const struct tile_point *point = &counter->points[at];
			low = point->value < low.value ? *point : low;
			high = point->value > high.value ? *point : high;
		}
		const char *comma = is_first ? "" : ",";
		text_add_format(text, "%s%" PRId64, comma, time_ns + offset_ns);
		text_add_format(&lowest, "%s%" PRId64, comma, low.value);
		text_add_format(&highest, "%s%" PRId64, comma, high.value);
	}
	text_add(text, "],\"minimum\":[");
	text_add(text, text_string(&lowest));
	text_add(text, "],\"maximum\":[");
	text_add(text, text_string(&highest));
	text_add(text, "]");
	text_end(&lowest);
	text_end(&highest);
}

bool tiles_add_counter(struct tiles *tiles, int64_t counter, int64_t start_ns, int64_t end_ns,
		       int64_t buckets, struct text *text, struct error *error)
{
	uint64_t at = 0, number = 0;
	if (end_ns <= start_ns)
		return fail(error, ERROR_USAGE, "'end' is not after 'start'");
	while (at < tiles->count && counter >= tiles_track_id(at + 1, 0, 0))
		at++;
	number = (uint64_t)(counter - tiles_track_id(at, FAMILY_GAUGE, 0));
	struct tiles_trace *trace = at < tiles->count ? &tiles->traces[at] : NULL;
	if (trace == NULL || trace->tiles == NULL || counter < 0)
		return fail(error, ERROR_USAGE, "there is no counter %" PRId64, counter);
	(void)pthread_mutex_lock(&trace->tiles->lock);
	bool is_there = trace->has_counters && number < trace->counters.count;
	(void)pthread_mutex_unlock(&trace->tiles->lock);
	if (!is_there)
		return fail(error, ERROR_USAGE, "there is no counter %" PRId64, counter);
	/* Once read they change no more. */
	text_add_format(text, "{\"exact\":%s,", trace->counters.is_cut ? "false" : "true");
	counter_add(&trace->counters.list[number], trace->offset_ns,
		    cut(start_ns - trace->offset_ns), cut(end_ns - trace->offset_ns), buckets,
		    text);
	text_add(text, "}");
	return text_is_ok(text) || fail(error, ERROR_SYSTEM, "no memory for a counter");
}
