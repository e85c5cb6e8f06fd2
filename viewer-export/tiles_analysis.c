/* SPDX-License-Identifier: MIT */
/* An analysis, drawn into memory. */
#include "viewer-export/tiles_analysis.h"

#include "base/array.h"
#include "viewer-export/analysis_draw.h"
#include "viewer-export/tile_describe.h"
#include "viewer-export/tiles_parts.h"

#include <stdlib.h>
#include <string.h>

static const size_t ARGUMENT_BYTES_MAX = 128 << 20;
static const size_t SLICE_BYTES_MAX = 64 << 10;

/* While the analysis is drawn. */
struct drawing {
	struct tiles_analysis *made;
	const atomic_bool *stop;
	const struct analysis_gpu *gpu;	/* whose tracks are being told */
	const size_t *trace_of;		/* by source */
	struct id_map by_key;		/* labels of the trace at hand */
	struct bytes_map by_text;
};

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to show an analysis");
}

/* Nothing but these tracks takes numbers, so that a track's number says its place. */
static bool take_track(struct export_stream *stream, const struct export_track *track,
		       struct error *error)
{
	struct drawing *drawing = stream->state;
	struct tiles_analysis *made = drawing->made;
	struct shown_track *tracks =
		array_grow(made->tracks, &made->room, made->count, sizeof tracks[0]);
	if (tracks == NULL)
		return no_memory(error);
	made->tracks = tracks;
	struct shown_track *shown = &tracks[made->count++];
	*shown = (struct shown_track){
		.kind = track->kind,
		.trace = drawing->trace_of[drawing->gpu->source],
		.device_id = drawing->gpu->device_id,
		.gpu_id = drawing->gpu->gpu_id,
	};
	strncpy(shown->name, track->name, sizeof shown->name - 1);
	return true;
}

static void forget_labels(struct export_stream *stream)
{
	id_map_end(&((struct drawing *)stream->state)->by_key);
}

static size_t find_label(struct export_stream *stream, uint64_t key)
{
	const struct drawing *drawing = stream->state;
	int64_t at;
	return id_map_get(&drawing->by_key, key, &at) ? (size_t)at : LABEL_NONE;
}

static bool label_make(struct drawing *drawing, const struct export_label *label, int64_t *at)
{
	struct tiles_analysis *made = drawing->made;
	struct shown_label *labels =
		array_grow(made->labels, &made->label_room, made->label_count, sizeof labels[0]);
	if (labels == NULL)
		return false;
	made->labels = labels;
	*at = (int64_t)made->label_count;
	labels[made->label_count++] = (struct shown_label){
		.name = strdup(label->name), .category = strdup(label->category),
		.color = strdup(label->color != NULL ? label->color : ""),
	};
	return labels[*at].name != NULL && labels[*at].category != NULL &&
	       labels[*at].color != NULL;
}

static bool take_label(struct export_stream *stream, uint64_t key, const struct export_label *label,
		       size_t *handle, struct error *error)
{
	struct drawing *drawing = stream->state;
	struct text words;
	int64_t at = 0;
	text_begin(&words, 1 << 20);
	text_add(&words, label->category);
	text_add_char(&words, '\n');
	text_add(&words, label->color != NULL ? label->color : "");
	text_add_char(&words, '\n');
	text_add(&words, label->name);
	bool ok = text_is_ok(&words);
	if (ok && !bytes_map_get(&drawing->by_text, words.bytes, words.length, &at))
		ok = label_make(drawing, label, &at) &&
		     bytes_map_put(&drawing->by_text, words.bytes, words.length, at);
	text_end(&words);
	ok = ok && (key == 0 || id_map_put(&drawing->by_key, key, at));
	*handle = (size_t)at;
	return ok || no_memory(error);
}

/* Where the text is full, what is left out is said instead. */
static size_t arguments_keep(struct text *text, const struct export_arguments *arguments)
{
	size_t place = text->length;
	if (place + SLICE_BYTES_MAX > ARGUMENT_BYTES_MAX)
		return 0;
	struct text own;
	text_begin(&own, SLICE_BYTES_MAX - 1);
	tile_add_arguments(&own, arguments);
	if (!text_is_ok(&own))
		place = 0;
	else
		text_add_bytes(text, text_string(&own), own.length + 1);
	text_end(&own);
	return place;
}

static bool take_slice(struct export_stream *stream, const struct export_slice *slice,
		       struct error *error)
{
	struct drawing *drawing = stream->state;
	struct tiles_analysis *made = drawing->made;
	struct shown_track *track = &made->tracks[slice->track_id - 1];
	struct shown_slice *slices =
		array_grow(track->slices, &track->room, track->count, sizeof slices[0]);
	if (slices == NULL)
		return no_memory(error);
	track->slices = slices;
	if (atomic_load(drawing->stop))
		return fail(error, ERROR_SYSTEM, "stopped");
	int64_t end_ns = slice->start_ns + slice->duration_ns;
	slices[track->count++] = (struct shown_slice){
		.start_ns = slice->start_ns,
		.end_ns = end_ns,
		.label = (uint32_t)slice->label,
		.arguments = arguments_keep(&made->arguments, slice->arguments),
	};
	if (!made->has_time || slice->start_ns < made->first_ns)
		made->first_ns = slice->start_ns;
	if (!made->has_time || end_ns > made->last_ns)
		made->last_ns = end_ns;
	made->has_time = true;
	return text_is_ok(&made->arguments) || no_memory(error);
}

static const struct export_format showing_format = {
	.name = "shown",
	.track = take_track,
	.labels_forget = forget_labels,
	.label_find = find_label,
	.label_add = take_label,
	.slice = take_slice,
};

/* A trace lies on the time line by its own clock, and the analysis says where the job's is. */
static void base_place(const struct tiles *tiles, struct analysis *analysis, size_t source,
		       size_t trace)
{
	const struct tiles_trace *from = &tiles->traces[trace];
	struct analysis_source *known = &analysis->sources[source];
	known->base_ns = survey_epoch_ns(&from->tiles->survey) + known->offset_ns - from->offset_ns;
}

static bool analysis_show(struct analysis *analysis, struct drawing *drawing, struct error *error)
{
	struct export_stream stream = { .state = drawing };
	struct export_summary summary = { 0 };
	struct export_target target = {
		.format = &showing_format, .stream = &stream, .summary = &summary,
		.analysis = analysis,
	};
	struct layout_numbers numbers = { .next_id = 1, .next_order = 1 };
	const struct analysis_view view = { .target = &target, .numbers = &numbers };
	for (size_t i = 0; i < analysis->gpu_count; i++) {
		const struct layout_process process = {
			.device_id = analysis->gpus[i].device_id, .process_id = (int64_t)i + 1,
		};
		drawing->gpu = &analysis->gpus[i];
		if (drawing->gpu->process_id == 0 &&
		    !analysis_tracks_write(analysis, &target, &numbers, drawing->gpu->source,
					   &process, error))
			return false;
	}
	for (size_t i = 0; i < analysis->source_count; i++) {
		forget_labels(&stream);
		if (!analysis_source_write(&view, i, error))
			return false;
	}
	return true;
}

static bool analysis_take(struct tiles *tiles, struct drawing *drawing,
			  struct export_source *sources, size_t *traces, struct error *error)
{
	struct analysis *analysis = NULL;
	size_t count = 0;
	for (size_t i = 0; i < tiles->count; i++) {
		const struct trace_input *input = tiles->traces[i].input;
		if (tiles->traces[i].tiles == NULL)
			continue;
		traces[count] = i;
		sources[count++] = (struct export_source){
			.path = input->path, .trace = trace_reader_trace(input->reader),
		};
	}
	if (!analysis_open(&analysis, drawing->made->path, sources, count, error))
		return false;
	bool ok = analysis_known_count(analysis) > 0 ||
		  fail(error, ERROR_INPUT, "the analysis is of other traces");
	ok = ok && analysis_survey(analysis, error);
	for (size_t i = 0; ok && i < count; i++)
		base_place(tiles, analysis, i, traces[i]);
	ok = ok && analysis_show(analysis, drawing, error);
	analysis_close(analysis);
	return ok;
}

bool tiles_analysis_read(struct tiles_analysis **out, struct tiles *tiles, const char *path,
			 struct error *error)
{
	struct export_source *sources = calloc(tiles->count + 1, sizeof sources[0]);
	size_t *traces = calloc(tiles->count + 1, sizeof traces[0]);
	struct tiles_analysis *made = calloc(1, sizeof *made);
	*out = NULL;
	struct drawing drawing = { .made = made, .stop = &tiles->stop, .trace_of = traces };
	bool ok = sources != NULL && traces != NULL && made != NULL;
	if (ok) {
		text_begin(&made->arguments, ARGUMENT_BYTES_MAX);
		text_add_bytes(&made->arguments, "\"more\":\"too much to be kept\"", 29);
		ok = (made->path = strdup(path)) != NULL;
	}
	ok = ok ? analysis_take(tiles, &drawing, sources, traces, error) : no_memory(error);
	id_map_end(&drawing.by_key);
	bytes_map_end(&drawing.by_text);
	free(sources);
	free(traces);
	if (ok)
		*out = made;
	else
		tiles_analysis_free(made);
	return ok;
}

void tiles_analysis_free(struct tiles_analysis *analysis)
{
	if (analysis == NULL)
		return;
	for (size_t i = 0; i < analysis->count; i++)
		free(analysis->tracks[i].slices);
	for (size_t i = 0; i < analysis->label_count; i++) {
		free(analysis->labels[i].name);
		free(analysis->labels[i].category);
		free(analysis->labels[i].color);
	}
	free(analysis->tracks);
	free(analysis->labels);
	free(analysis->path);
	text_end(&analysis->arguments);
	free(analysis);
}
