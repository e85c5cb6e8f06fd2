/* SPDX-License-Identifier: MIT */
/*
 * Slices whose name contains a text. Names are matched first, each once; then rows are read in
 * storage order until enough are found or the request has taken long enough, and the answer says
 * where to go on.
 */
#include "viewer-export/tiles_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_ROWS = 1 << 20 };

struct search {
	struct tiles *tiles;
	const char *words;
	struct text *text;
	int64_t found;
	int64_t limit;
	int64_t rows_left;
	int64_t names;		/* that match, in all traces */
	bool has_next;
	struct tiles_place next;
	bool is_exact;
};

static bool names_match(struct search *search, struct tile_trace *trace, bool *matches,
			int64_t *count, struct error *error)
{
	*count = 0;
	for (size_t i = 1; i < trace->name_count; i++) {
		const struct tile_name *name = &trace->names[i];
		struct tile_span span = { .name = (uint32_t)i };
		if (!name->is_resolved && !tile_name_of(trace, name->source, &span, &name, error))
			return false;
		matches[i] = strcasestr(name->name, search->words) != NULL;
		*count += matches[i];
	}
	return true;
}

static void add_found(struct search *search, const struct tiles_trace *trace, size_t source,
		      const struct tile_span *span)
{
	struct text *text = search->text;
	text_add_format(text, "%s{\"track\":%" PRId64 ",\"row\":\"%zu.%" PRId64 "\",\"name\":",
			search->found > 0 ? "," : "",
			tiles_track_id((size_t)(trace - search->tiles->traces),
				       span_sources[source].family, span->group),
			source, span->row);
	text_add_json(text, trace->tiles->names[span->name].name);
	text_add_format(text, ",\"start_ns\":%" PRId64 ",\"duration_ns\":%" PRId64 "}",
			span->start_ns + trace->offset_ns, span->end_ns - span->start_ns);
	search->found++;
}

/* Stops at a row that is not looked at any more: the next search begins with it. */
static bool source_search(struct search *search, struct tiles_trace *trace, size_t source,
			  int64_t first_row, const bool *matches, struct error *error)
{
	const struct tile_source *from = &trace->tiles->sources[source];
	size_t known = trace->tiles->name_count;
	struct trace_cursor *cursor = NULL;
	union span_row row;
	int result;
	if (!trace_reader_select_rows(trace->input->reader, span_sources[source].table,
				      tile_source_columns(source),
				      first_row > from->first_row ? first_row : from->first_row,
				      from->last_row, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		int64_t row_id = trace_cursor_row_id(cursor);
		struct tile_span span;
		bool is_shown;
		if (search->found >= search->limit || search->rows_left-- <= 0) {
			search->has_next = true;
			search->next = (struct tiles_place){
				trace - search->tiles->traces, (int64_t)source, row_id
			};
			break;
		}
		if (!tile_span_of_row(trace->tiles, source, &row, row_id, &span, &is_shown)) {
			(void)tile_no_memory(trace->tiles, error);
			result = -1;
			break;
		}
		/* Names that the scan has not met yet are not matched yet. */
		if (is_shown && span.name < known && matches[span.name])
			add_found(search, trace, source, &span);
	}
	trace_cursor_close(cursor);
	return result >= 0;
}

static bool trace_search(struct search *search, size_t at, const struct tiles_place *from,
			 struct error *error)
{
	struct tiles_trace *trace = &search->tiles->traces[at];
	int64_t names = 0;
	if (trace->tiles == NULL)
		return true;
	(void)pthread_mutex_lock(&trace->tiles->lock);
	bool *matches = calloc(trace->tiles->name_count + 1, sizeof matches[0]);
	bool ok = matches != NULL || tile_no_memory(trace->tiles, error);
	ok = ok && names_match(search, trace->tiles, matches, &names, error);
	search->names += names;
	search->is_exact = search->is_exact && trace->tiles->is_scanned;
	bool is_first = from->trace == (int64_t)at;
	bool is_before = (int64_t)at < from->trace;
	for (size_t i = 0; ok && names > 0 && !is_before && i < span_source_count; i++) {
		if (span_sources[i].family == FAMILY_GAUGE || search->has_next ||
		    (is_first && (int64_t)i < from->source))
			continue;
		int64_t first_row = is_first && (int64_t)i == from->source ? from->row : INT64_MIN;
		ok = source_search(search, trace, i, first_row, matches, error);
	}
	free(matches);
	(void)pthread_mutex_unlock(&trace->tiles->lock);
	return ok;
}

bool tiles_add_search(struct tiles *tiles, const char *words, int64_t limit,
		      const struct tiles_place *from, struct text *text, struct error *error)
{
	struct search search = {
		.tiles = tiles, .words = words, .text = text, .limit = limit,
		.rows_left = SEARCH_ROWS, .is_exact = true,
	};
	/* Row 0 of the first place is no row: everything before it is looked at, too. */
	struct tiles_place begin = *from;
	if (begin.trace == 0 && begin.source == 0 && begin.row == 0)
		begin.row = INT64_MIN;
	text_add(text, "{\"slices\":[");
	for (size_t i = 0; i < tiles->count; i++)
		if (!trace_search(&search, i, &begin, error))
			return false;
	text_add_format(text, "],\"names\":%" PRId64 ",\"exact\":%s,\"next\":", search.names,
			search.is_exact ? "true" : "false");
	if (search.has_next)
		text_add_format(text, "\"%" PRId64 ".%" PRId64 ".%" PRId64 "\"}",
				search.next.trace, search.next.source, search.next.row);
	else
		text_add(text, "null}");
	return text_is_ok(text) || fail(error, ERROR_SYSTEM, "no memory to search");
}
