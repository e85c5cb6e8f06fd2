/* SPDX-License-Identifier: MIT */
/* The list of tracks, with the names and in the order that an export gives them. */
#include "viewer-export/tiles_parts.h"

#include "base/array.h"
#include "tracedb/derived_reader.h"
#include "viewer-export/analysis.h"
#include "viewer-export/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A track as the layout told it; its lasting number is found when all have their places. */
struct listed_track {
	struct export_track track;
	char *name;
};

struct listing {
	struct tiles *tiles;
	int analysis_state;
	const struct tiles_analysis *analysis;	/* NULL: none yet */
	struct text *processes;		/* JSON values with commas between */
	struct text *tracks;
	struct text *counters;
	struct listed_track *list;	/* of the trace at hand */
	size_t count;
	size_t room;
	struct layout layout;
	struct layout_numbers numbers;
	bool is_exact;
	bool has_time;
	int64_t start_ns;
	int64_t end_ns;
	int64_t rows;
	int64_t rows_read;
};

static void add_comma(struct text *text)
{
	if (text->length > 0)
		text_add_char(text, ',');
}

static void add_member(struct text *text, const char *before, const char *value)
{
	text_add(text, before);
	text_add_json(text, value);
}

static bool list_process(struct export_stream *stream, const struct export_process *process,
			 struct error *error)
{
	struct listing *listing = stream->state;
	struct text *text = listing->processes;
	(void)error;
	add_comma(text);
	text_add_format(text, "{\"id\":%" PRId64, process->process_id);
	add_member(text, ",\"name\":", process->name);
	text_add_format(text,
			",\"kind\":\"%s\",\"trace\":%zu,\"rank\":%" PRId64 ",\"device\":%" PRId64
			"}",
			export_process_kind_name(process->kind), process->source,
			process->rank, process->device_id);
	return true;
}

static bool list_track(struct export_stream *stream, const struct export_track *track,
		       struct error *error)
{
	struct listing *listing = stream->state;
	struct listed_track *list =
		array_grow(listing->list, &listing->room, listing->count, sizeof list[0]);
	if (list != NULL)
		listing->list = list;
	char *name = strdup(track->name);
	if (list == NULL || name == NULL) {
		free(name);
		return fail(error, ERROR_SYSTEM, "no memory for the tracks");
	}
	list[listing->count++] = (struct listed_track){ .track = *track, .name = name };
	return true;
}

static const struct export_format listing_format = {
	.name = "tracks", .process = list_process, .track = list_track,
};

/* Which family and group a number of the layout's stands for. */
static bool places_map(const struct listing *listing, size_t trace, struct id_map *places)
{
	const struct layout *layout = &listing->layout;
	for (int family = 0; family < FAMILY_GAUGE; family++)
		for (uint32_t i = 0; i < layout->survey->groups[family].count; i++)
			if (!id_map_put(places, (uint64_t)layout->first_tracks[family][i],
					tiles_track_id(trace, (enum span_family)family, i)))
				return false;
	return true;
}

static bool tracks_add(struct listing *listing, size_t trace, struct error *error)
{
	struct text *text = listing->tracks;
	struct id_map places = { 0 };
	bool ok = places_map(listing, trace, &places);
	for (size_t i = 0; ok && i < listing->count; i++) {
		const struct export_track *track = &listing->list[i].track;
		int64_t id;
		if (!id_map_get(&places, (uint64_t)track->track_id, &id))
			continue;
		add_comma(text);
		text_add_format(text, "{\"id\":%" PRId64 ",\"process\":%" PRId64, id,
				track->process_id);
		add_member(text, ",\"name\":", listing->list[i].name);
		text_add_format(text,
				",\"kind\":\"%s\",\"thread\":%" PRId64 ",\"stream\":%" PRId64
				",\"lane\":%" PRIu32 "}",
				export_track_kind_name(track->kind), track->thread_id,
				track->stream_number, track->lane);
	}
	id_map_end(&places);
	return ok || fail(error, ERROR_SYSTEM, "no memory for the tracks");
}

static void counters_add(struct listing *listing, size_t at)
{
	const struct tiles_trace *trace = &listing->tiles->traces[at];
	for (size_t i = 0; trace->has_counters && i < trace->counters.count; i++) {
		const struct tile_counter *counter = &trace->counters.list[i];
		int64_t device = layout_device_index(&listing->layout, counter->device_id);
		if (device < 0)
			continue;
		add_comma(listing->counters);
		text_add_format(listing->counters, "{\"id\":%" PRId64 ",\"process\":%" PRId64,
				tiles_track_id(at, FAMILY_GAUGE, (uint32_t)i),
				listing->layout.devices[device].process_id);
		add_member(listing->counters, ",\"name\":", counter->name);
		add_member(listing->counters, ",\"series\":", counter->series);
		text_add(listing->counters, "}");
	}
}

static void bounds_add(struct listing *listing, int64_t start_ns, int64_t end_ns)
{
	if (!listing->has_time || start_ns < listing->start_ns)
		listing->start_ns = start_ns;
	if (!listing->has_time || end_ns > listing->end_ns)
		listing->end_ns = end_ns;
	listing->has_time = true;
}

static void bounds_widen(struct listing *listing, const struct tiles_trace *trace)
{
	const struct survey *survey = &trace->tiles->survey;
	if (survey->has_time)
		bounds_add(listing, survey->first_ns + trace->offset_ns,
			   survey->last_ns + trace->offset_ns);
}

static bool trace_list(struct listing *listing, size_t at, struct error *error)
{
	struct tiles_trace *trace = &listing->tiles->traces[at];
	struct export_stream stream = { .state = listing };
	struct export_summary summary = { 0 };
	struct export_target target = {
		.format = &listing_format, .stream = &stream, .summary = &summary,
	};
	if (trace->tiles == NULL)
		return true;
	(void)pthread_mutex_lock(&trace->tiles->lock);
	bool ok = layout_make(&listing->layout, &trace->tiles->survey, at, &listing->numbers,
			      &target, error);
	/* Above the tracks of the GPU, as in an export. */
	for (size_t i = 0; ok && listing->analysis != NULL && i < listing->layout.device_count; i++)
		tiles_analysis_add_tracks(listing->analysis, at,
					  listing->layout.devices[i].device_id,
					  listing->layout.devices[i].process_id, listing->tracks);
	ok = ok && tracks_add(listing, at, error);
	if (ok)
		counters_add(listing, at);
	bounds_widen(listing, trace);
	/* Counters are the last to come. */
	listing->is_exact = listing->is_exact && trace->has_counters;
	listing->rows += trace->tiles->rows_all;
	listing->rows_read += trace->tiles->rows_scanned;
	(void)pthread_mutex_unlock(&trace->tiles->lock);
	layout_end(&listing->layout);
	for (size_t i = 0; i < listing->count; i++)
		free(listing->list[i].name);
	listing->count = 0;
	return ok;
}

static void traces_add(struct tiles *tiles, struct text *text)
{
	text_add(text, ",\"traces\":[");
	for (size_t i = 0; i < tiles->count; i++) {
		struct tiles_trace *trace = &tiles->traces[i];
		const struct trace_row *row =
			trace->tiles == NULL ? NULL : trace_reader_trace(trace->input->reader);
		add_member(text, i > 0 ? ",{\"path\":" : "{\"path\":", trace->input->path);
		if (row == NULL) {
			add_member(text, ",\"error\":", trace->error.message);
		} else {
			text_add_format(text, ",\"rank\":%" PRId64 ",\"pid\":%" PRId64, row->rank,
					row->pid);
			add_member(text, ",\"host\":", row->host);
			add_member(text, ",\"source\":", row->source);
			(void)pthread_mutex_lock(&trace->tiles->lock);
			if (trace->tiles->has_failed)
				add_member(text, ",\"error\":", trace->tiles->error.message);
			else
				text_add(text, ",\"error\":null");
			text_add_format(text, ",\"spans_left_out\":%" PRId64,
					trace->tiles->spans_left_out);
			(void)pthread_mutex_unlock(&trace->tiles->lock);
		}
		text_add(text, "}");
	}
	text_add(text, "]");
}

static void add_finding(const struct tiles_analysis *shown, struct text *text,
			const struct finding_row *row)
{
	add_member(text, "{\"name\":", row->name);
	add_member(text, ",\"severity\":", row->severity);
	text_add_format(text,
			",\"gpu_ns\":%" PRId64 ",\"per_step_ns\":%" PRId64 ",\"rank\":%" PRId64
			",\"trace\":%" PRId64,
			row->gpu_ns, row->per_step_ns, row->rank, row->trace_id);
	add_member(text, ",\"text\":", row->text);
	add_member(text, ",\"advice\":", row->advice);
	text_add(text, ",\"place\":");
	tiles_analysis_add_place(shown, row->name, row->gpu_id, text);
	text_add(text, "}");
}

/* Whether every trace that is shown was analysed as it is now. */
static bool analysis_is_current(struct tiles *tiles, struct derived_reader *reader,
				bool *is_current, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct analysis_trace_row row;
	size_t known = 0, shown = 0;
	int result;
	if (!derived_reader_select(reader, DERIVED_analysis_trace, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		for (size_t i = 0; i < tiles->count; i++) {
			const struct trace_input *input = tiles->traces[i].input;
			struct stat file;
			known += tiles->traces[i].tiles != NULL && row.error[0] == 0 &&
				 row.pid == trace_reader_trace(input->reader)->pid &&
				 stat(input->path, &file) == 0 &&
				 analysis_file_is_as(&file, &row);
		}
	trace_cursor_close(cursor);
	for (size_t i = 0; i < tiles->count; i++)
		shown += tiles->traces[i].tiles != NULL;
	*is_current = known == shown;
	return result == 0;
}

static bool analysis_add(struct tiles *tiles, struct derived_reader *reader, struct text *text,
			 struct error *error)
{
	bool is_current;
	const struct tiles_analysis *shown = atomic_load(&tiles->analysis);
	const struct analysis_row *analysis = derived_reader_analysis(reader);
	struct trace_cursor *cursor = NULL;
	struct finding_row row;
	int result;
	if (!analysis_is_current(tiles, reader, &is_current, error))
		return false;
	text_add_format(text, "{\"current\":%s", is_current ? "true" : "false");
	add_member(text, ",\"verdict\":", analysis->straggler_verdict);
	add_member(text, ",\"reason\":", analysis->straggler_reason);
	add_member(text, ",\"words\":", analysis->verdict);
	add_member(text, ",\"window\":", analysis->window_kind);
	text_add(text, ",\"findings\":[");
	if (!derived_reader_select(reader, DERIVED_finding, 0, COLUMN_finding_finding_id, &cursor,
				   error))
		return false;
	for (bool is_first = true; (result = trace_cursor_next(cursor, &row, error)) > 0;
	     is_first = false) {
		if (!is_first)
			text_add(text, ",");
		add_finding(shown, text, &row);
	}
	trace_cursor_close(cursor);
	text_add(text, "]}");
	return result == 0;
}

bool tiles_add_analysis(struct tiles *tiles, struct text *text, struct error *error)
{
	struct derived_reader *reader = NULL;
	struct text value;
	text_begin(&value, 64 << 20);
	/* Without an analysis, or with a damaged one, the tracks are shown all the same. */
	const struct tiles_analysis *shown = atomic_load(&tiles->analysis);
	bool ok = shown != NULL && derived_reader_open(&reader, shown->path, error) &&
		  analysis_add(tiles, reader, &value, error) && text_is_ok(&value);
	text_add(text, ok ? text_string(&value) : "null");
	text_end(&value);
	derived_reader_close(reader);
	return true;
}

static bool listing_make(struct listing *listing, struct text *text, struct error *error)
{
	static const char *const states[] = {
		[ANALYSIS_NONE] = "none", [ANALYSIS_MAKING] = "making",
		[ANALYSIS_SHOWN] = "shown", [ANALYSIS_FAILED] = "failed",
	};
	for (size_t i = 0; i < listing->tiles->count; i++)
		if (!trace_list(listing, i, error))
			return false;
	if (listing->analysis != NULL && listing->analysis->has_time)
		bounds_add(listing, listing->analysis->first_ns, listing->analysis->last_ns);
	text_add_format(text,
			"{\"format\":\"laggard-view\",\"version\":1,\"base_ns\":\"%" PRId64
			"\",\"start_ns\":%" PRId64 ",\"end_ns\":%" PRId64
			",\"exact\":%s,\"rows\":%" PRId64 ",\"rows_read\":%" PRId64,
			listing->tiles->base_ns, listing->start_ns, listing->end_ns,
			listing->is_exact ? "true" : "false", listing->rows, listing->rows_read);
	traces_add(listing->tiles, text);
	text_add(text, ",\"processes\":[");
	text_add(text, text_string(listing->processes));
	text_add(text, "],\"tracks\":[");
	text_add(text, text_string(listing->tracks));
	text_add(text, "],\"counters\":[");
	text_add(text, text_string(listing->counters));
	text_add_format(text, "],\"analysis_state\":\"%s\",\"analysis\":",
			states[listing->analysis_state]);
	(void)tiles_add_analysis(listing->tiles, text, &(struct error){ 0 });
	text_add(text, "}");
	return (text_is_ok(listing->processes) && text_is_ok(listing->tracks) &&
		text_is_ok(listing->counters) && text_is_ok(text)) ||
	       fail(error, ERROR_SYSTEM, "no memory for the tracks");
}

bool tiles_add_tracks(struct tiles *tiles, struct text *text, struct error *error)
{
	struct text parts[3];
	for (size_t i = 0; i < 3; i++)
		text_begin(&parts[i], 256 << 20);
	struct listing listing = {
		.tiles = tiles, .processes = &parts[0], .tracks = &parts[1],
		.counters = &parts[2], .numbers = { .next_id = 1, .next_order = 1 },
		.is_exact = true, .analysis_state = atomic_load(&tiles->analysis_state),
	};
	/* After its state: what comes between is asked for again. */
	listing.analysis = atomic_load(&tiles->analysis);
	bool ok = listing_make(&listing, text, error);
	free(listing.list);
	for (size_t i = 0; i < 3; i++)
		text_end(&parts[i]);
	return ok;
}
