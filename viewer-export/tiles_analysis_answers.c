/* SPDX-License-Identifier: MIT */
/* What is answered about the tracks of an analysis. */
#include "viewer-export/tiles_analysis.h"

#include "viewer-export/busy.h"
#include "viewer-export/tiles_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t tiles_analysis_track_id(const struct tiles_analysis *analysis, size_t place)
{
	/* The first number behind the families of a trace. */
	return tiles_track_id(analysis->tracks[place].trace, FAMILY_COUNT, (uint32_t)place);
}

bool tiles_analysis_find(struct tiles *tiles, int64_t track, const struct tiles_analysis **analysis,
			 size_t *place)
{
	const struct tiles_analysis *shown = atomic_load(&tiles->analysis);
	for (size_t i = 0; shown != NULL && i < shown->count; i++)
		if (tiles_analysis_track_id(shown, i) == track) {
			*analysis = shown;
			*place = i;
			return true;
		}
	return false;
}

/* The first slice that ends behind this time, or begins there. */
static size_t slices_before(const struct shown_track *track, int64_t time_ns)
{
	size_t low = 0, high = track->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct shown_slice *slice = &track->slices[middle];
		if (slice->end_ns > time_ns || slice->start_ns >= time_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static size_t slices_beginning_before(const struct shown_track *track, int64_t time_ns)
{
	size_t low = 0, high = track->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (track->slices[middle].start_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_column(struct text *text, const char *name, size_t count,
		       int64_t (*value)(const void *list, size_t at), const void *list)
{
	text_add(text, name);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_char(text, ',');
		text_add_integer(text, value(list, i));
	}
	text_add_char(text, ']');
}

static int64_t slice_start(const void *list, size_t at)
{
	return ((const struct shown_slice *)list)[at].start_ns;
}

static int64_t slice_duration(const void *list, size_t at)
{
	const struct shown_slice *slice = (const struct shown_slice *)list + at;
	return slice->end_ns - slice->start_ns;
}

static int64_t no_depth(const void *list, size_t at)
{
	(void)list;
	(void)at;
	return 0;
}

static int64_t bucket_busy(const void *list, size_t at)
{
	return ((const struct busy_bucket *)list)[at].busy_ns;
}

static int64_t bucket_count(const void *list, size_t at)
{
	return ((const struct busy_bucket *)list)[at].count;
}

/* The labels of an answer: each once. A long job has a name for each of its steps. */
struct used_labels {
	const struct shown_label *labels;
	int64_t *places;	/* by label: its place in the answer, from 1; 0: not used yet */
	int64_t count;
	struct text text;
};

static void add_name(struct used_labels *used, uint32_t label, bool is_first, struct text *text)
{
	if (!is_first)
		text_add_char(text, ',');
	if (used->places[label] == 0) {
		text_add(&used->text, used->count > 0 ? ",[" : "[");
		text_add_json(&used->text, used->labels[label].name);
		text_add_char(&used->text, ',');
		text_add_json(&used->text, used->labels[label].category);
		text_add_char(&used->text, ',');
		text_add_json(&used->text, used->labels[label].color);
		text_add_char(&used->text, ']');
		used->places[label] = ++used->count;
	}
	text_add_integer(text, used->places[label] - 1);
}

static void slices_add(const struct shown_track *track, size_t first, size_t count,
		       struct used_labels *used, struct text *text)
{
	const struct shown_slice *list = track->slices + first;
	add_column(text, "\"slices\":{\"start\":[", count, slice_start, list);
	add_column(text, ",\"duration\":[", count, slice_duration, list);
	add_column(text, ",\"depth\":[", count, no_depth, list);
	text_add(text, ",\"name\":[");
	for (size_t i = 0; i < count; i++)
		add_name(used, list[i].label, i == 0, text);
	text_add(text, "],\"row\":[");
	for (size_t i = 0; i < count; i++)
		text_add_format(text, "%s\"%d.%zu\"", i > 0 ? "," : "", TILES_ANALYSIS_SOURCE,
				first + i);
	text_add(text, "]}");
}

static void buckets_add(const struct shown_track *track, size_t from, size_t count,
			const struct tiles_view *view, struct used_labels *used, struct text *text)
{
	unsigned level = busy_level(view->start_ns, view->end_ns, view->buckets, 0);
	int64_t first = view->start_ns >> level;
	size_t buckets = (size_t)(((view->end_ns - 1) >> level) - first + 1);
	struct busy_bucket *list = calloc(buckets, sizeof list[0]);
	struct busy_span *spans = calloc(count + 1, sizeof spans[0]);
	bool ok = list != NULL && spans != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		const struct shown_slice *slice = &track->slices[from + i];
		spans[i] = (struct busy_span){ slice->start_ns, slice->end_ns, slice->label + 1 };
	}
	if (ok)
		busy_fill(list, buckets, first, level, spans, count);
	text_add_format(text, "\"buckets\":{\"first_ns\":%" PRId64 ",\"bucket_ns\":%" PRId64,
			(int64_t)((uint64_t)first << level), INT64_C(1) << level);
	buckets = ok ? buckets : 0;
	add_column(text, ",\"busy\":[", buckets, bucket_busy, list);
	add_column(text, ",\"count\":[", buckets, bucket_count, list);
	text_add(text, ",\"name\":[");
	for (size_t i = 0; i < buckets; i++)
		if (list[i].name != 0)
			add_name(used, list[i].name - 1, i == 0, text);
		else
			text_add(text, i == 0 ? "-1" : ",-1");
	text_add(text, "]}");
	free(list);
	free(spans);
}

bool tiles_analysis_add_tile(const struct tiles_analysis *analysis, size_t place,
			     const struct tiles_view *view, struct text *text, struct error *error)
{
	const struct shown_track *track = &analysis->tracks[place];
	size_t first = slices_before(track, view->start_ns);
	size_t end = slices_beginning_before(track, view->end_ns);
	size_t count = end > first ? end - first : 0;
	struct used_labels used = {
		.labels = analysis->labels,
		.places = calloc(analysis->label_count + 1, sizeof used.places[0]),
	};
	if (used.places == NULL)
		return fail(error, ERROR_SYSTEM, "no memory for a tile");
	text_begin(&used.text, 256 << 20);
	text_add(text, "{\"exact\":true,");
	if (count <= (size_t)view->slices)
		slices_add(track, first, count, &used, text);
	else
		buckets_add(track, first, count, view, &used, text);
	text_add(text, ",\"names\":[");
	text_add(text, text_string(&used.text));
	text_add(text, "]}");
	bool ok = text_is_ok(&used.text) && text_is_ok(text);
	free(used.places);
	text_end(&used.text);
	return ok || fail(error, ERROR_SYSTEM, "no memory for a tile");
}

bool tiles_analysis_add_slice(const struct tiles_analysis *analysis, size_t place, int64_t row,
			      struct text *text, struct error *error)
{
	const struct shown_track *track = &analysis->tracks[place];
	if (row < 0 || (uint64_t)row >= track->count)
		return fail(error, ERROR_USAGE, "there is no such row on the track");
	const struct shown_slice *slice = &track->slices[row];
	const struct shown_label *label = &analysis->labels[slice->label];
	text_add(text, "{\"name\":");
	text_add_json(text, label->name);
	text_add(text, ",\"category\":");
	text_add_json(text, label->category);
	text_add_format(text, ",\"start_ns\":%" PRId64 ",\"duration_ns\":%" PRId64
			",\"arguments\":{", slice->start_ns, slice->end_ns - slice->start_ns);
	text_add(text, analysis->arguments.bytes + slice->arguments);
	text_add(text, "},\"flows\":[],\"flows_exact\":true}");
	return true;
}

void tiles_analysis_add_tracks(const struct tiles_analysis *analysis, size_t trace,
			       int64_t device_id, int64_t process_id, struct text *text)
{
	for (size_t i = 0; i < analysis->count; i++) {
		const struct shown_track *track = &analysis->tracks[i];
		if (track->trace != trace || track->device_id != device_id)
			continue;
		text_add_format(text, "%s{\"id\":%" PRId64 ",\"process\":%" PRId64 ",\"name\":",
				text->length > 0 ? "," : "", tiles_analysis_track_id(analysis, i),
				process_id);
		text_add_json(text, track->name);
		text_add_format(text, ",\"kind\":\"%s\",\"thread\":0,\"stream\":-1}",
				export_track_kind_name(track->kind));
	}
}

static bool is_about_idle(const char *finding)
{
	static const char *const words[] = { "idle", "launch", "sync", "host", "stall", "gap" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strstr(finding, words[i]) != NULL)
			return true;
	return false;
}

/* The longest slice of this kind on the GPU; any GPU where none is meant. */
static bool longest_find(const struct tiles_analysis *analysis, enum export_track_kind kind,
			 int64_t gpu_id, size_t *place, size_t *row)
{
	int64_t longest_ns = -1;
	for (size_t i = 0; i < analysis->count; i++) {
		const struct shown_track *track = &analysis->tracks[i];
		if (track->kind != kind || (gpu_id >= 0 && track->gpu_id != gpu_id))
			continue;
		for (size_t s = 0; s < track->count; s++) {
			int64_t size_ns = slice_duration(track->slices, s);
			if (size_ns <= longest_ns)
				continue;
			longest_ns = size_ns;
			*place = i;
			*row = s;
		}
	}
	return longest_ns >= 0;
}

void tiles_analysis_add_place(const struct tiles_analysis *analysis, const char *finding,
			      int64_t gpu_id, struct text *text)
{
	bool is_idle = is_about_idle(finding);
	size_t place = 0, row = 0;
	if (!longest_find(analysis, is_idle ? TRACK_IDLE : TRACK_WAITS, gpu_id, &place, &row) &&
	    !longest_find(analysis, is_idle ? TRACK_WAITS : TRACK_IDLE, gpu_id, &place, &row)) {
		text_add(text, "null");
		return;
	}
	const struct shown_slice *slice = &analysis->tracks[place].slices[row];
	text_add_format(text,
			"{\"track\":%" PRId64 ",\"row\":\"%d.%zu\",\"start_ns\":%" PRId64
			",\"duration_ns\":%" PRId64 "}",
			tiles_analysis_track_id(analysis, place), TILES_ANALYSIS_SOURCE, row,
			slice->start_ns, slice->end_ns - slice->start_ns);
}
