/* SPDX-License-Identifier: MIT */
/*
 * One HTML file that is the timeline itself: our own page with the data in it, compressed, for a
 * browser without a network. Nothing of a trace stands in the file but as compressed data, and the
 * page shows it as text only.
 */
#include "viewer-export/format.h"

#include "base/array.h"
#include "base/id_map.h"
#include "viewer-export/html_block.h"
#include "viewer-export/html_json.h"
#include "viewer-export/html_pack.h"
#include "viewer-export/html_page.h"
#include "viewer-export/html_picture.h"
#include "viewer-export/output.h"

#include <stdlib.h>
#include <string.h>

enum {
	RECORD_BYTES_MAX = 1 << 28,
	KEPT_BYTES_MAX = 1 << 26,	/* then texts and labels are forgotten and written anew */
	SAMPLES_MAX = 4096,
	FLOWS_MAX = 4096,
};

struct track {
	struct html_block slices;
	struct html_block instants;
	struct export_arguments *last;	/* of the last slice: keys and types only */
	size_t last_shape;
};

struct counter {
	struct text times, values;
	int64_t time_ns, value;
	size_t count;
};

struct html {
	struct output *aside;		/* the data, until the picture before it is known */
	struct html_pack *pack;
	struct html_picture *picture;
	struct html_columns columns;
	struct text record;
	struct track *tracks;		/* by track id */
	size_t track_room;
	struct counter *counters;
	size_t counter_count, counter_room;
	struct bytes_map counter_of_name;
	struct id_map label_of_key;	/* of the walk's labels */
	struct bytes_map label_of_text;	/* of instants */
	size_t label_count;
	struct bytes_map strings;
	size_t string_count;
	struct bytes_map keys;
	size_t key_count;
	struct bytes_map shapes;
	size_t shape_count;
	struct text signature;
	struct text flows;
	size_t flow_count;
	int64_t flow_ns;
};

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static bool put(struct html *html, enum html_record type, struct error *error)
{
	return html_pack_put(html->pack, type, &html->record, error);
}

/* As put, into the picture as well. */
static bool put_both(struct html *html, enum html_record type, struct error *error)
{
	return html_picture_keep(html->picture, type, &html->record) ? put(html, type, error) :
								       no_memory(error);
}

static bool html_begin(struct export_stream *stream, const struct export_head *head,
		       struct error *error)
{
	struct html *html = calloc(1, sizeof *html);
	if (html == NULL)
		return no_memory(error);
	stream->state = html;
	text_begin(&html->record, RECORD_BYTES_MAX);
	text_begin(&html->signature, 1 << 16);
	text_begin(&html->flows, RECORD_BYTES_MAX);
	if (!html_columns_begin(&html->columns) || !html_picture_open(&html->picture))
		return no_memory(error);
	html->columns.picture = html->picture;
	if (!output_open_aside(&html->aside, stream->output, error) ||
	    !html_pack_open(&html->pack, html->aside, HTML_PACK_TRACE, error))
		return false;
	text_add(&html->record, "{\"base_ns\":\"");
	text_add_integer(&html->record, head->base_ns);
	text_add(&html->record, "\",");
	json_add_text(&html->record, "version", head->tool_version);
	text_add(&html->record, "\"sources\":[");
	for (size_t i = 0; i < head->source_count; i++) {
		text_add(&html->record, i == 0 ? "" : ",");
		json_add_source(&html->record, &head->sources[i]);
	}
	text_add(&html->record, "]}");
	return put_both(html, RECORD_HEAD, error);
}

static bool html_process(struct export_stream *stream, const struct export_process *process,
			 struct error *error)
{
	struct html *html = stream->state;
	struct text *text = &html->record;
	text_add_char(text, '{');
	json_add_number(text, "id", process->process_id);
	json_add_text(text, "name", process->name);
	json_add_number(text, "order", process->order);
	json_add_text(text, "kind", export_process_kind_name(process->kind));
	json_add_number(text, "source", (int64_t)process->source);
	json_add_number(text, "rank", process->rank);
	json_add_number(text, "device", process->device_id);
	json_close_object(text);
	return put_both(html, RECORD_PROCESS, error);
}

static bool html_track(struct export_stream *stream, const struct export_track *track,
		       struct error *error)
{
	struct html *html = stream->state;
	struct text *text = &html->record;
	struct track *tracks = array_reach(html->tracks, &html->track_room,
					   (size_t)track->track_id, sizeof tracks[0]);
	if (tracks == NULL)
		return no_memory(error);
	html->tracks = tracks;
	struct track *made = &tracks[track->track_id];
	made->last = calloc(1, sizeof *made->last);
	if (made->last == NULL || !html_picture_add_track(html->picture, track))
		return no_memory(error);
	text_add_char(text, '{');
	json_add_number(text, "id", track->track_id);
	json_add_number(text, "process", track->process_id);
	json_add_text(text, "name", track->name);
	json_add_number(text, "order", track->order);
	json_add_text(text, "kind", export_track_kind_name(track->kind));
	json_add_number(text, "thread", track->thread_id);
	json_add_number(text, "stream", track->stream_number);
	json_add_number(text, "lane", track->lane);
	json_add_arguments(text, &track->arguments);
	text_add_char(text, '}');
	return put_both(html, RECORD_TRACK, error);
}

static void html_labels_forget(struct export_stream *stream)
{
	struct html *html = stream->state;
	id_map_end(&html->label_of_key);
}

static size_t html_label_find(struct export_stream *stream, uint64_t key)
{
	const struct html *html = stream->state;
	int64_t handle;
	return key != 0 && id_map_get(&html->label_of_key, key, &handle) ? (size_t)handle :
									   LABEL_NONE;
}

static bool label_put(struct html *html, const struct export_label *label, size_t *handle,
		      struct error *error)
{
	struct text *text = &html->record;
	text_add_char(text, '{');
	json_add_text(text, "name", label->name);
	json_add_text(text, "category", label->category);
	if (label->color != NULL)
		json_add_text(text, "color", label->color);
	json_add_arguments(text, &label->arguments);
	text_add_char(text, '}');
	*handle = html->label_count++;
	return put(html, RECORD_LABEL, error);
}

static bool html_label_add(struct export_stream *stream, uint64_t key,
			   const struct export_label *label, size_t *handle, struct error *error)
{
	struct html *html = stream->state;
	if ((key != 0 && !id_map_put(&html->label_of_key, key, (int64_t)html->label_count)) ||
	    !html_picture_add_label(html->picture, html->label_count, label))
		return no_memory(error);
	return label_put(html, label, handle, error);
}

/* The number of a text; it is written when it is met first. */
static bool string_number(struct html *html, const char *string, int64_t *number,
			  struct error *error)
{
	size_t size = strlen(string);
	if (bytes_map_get(&html->strings, string, size, number))
		return true;
	if (html->strings.bytes > KEPT_BYTES_MAX)
		bytes_map_end(&html->strings);
	*number = (int64_t)html->string_count++;
	if (!bytes_map_put(&html->strings, string, size, *number))
		return no_memory(error);
	text_add_json(&html->record, string);
	return put(html, RECORD_STRING, error);
}

static bool is_same_shape(const struct export_arguments *a, const struct export_arguments *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].key != b->list[i].key || a->list[i].type != b->list[i].type)
			return false;
	return true;
}

/* Keys are few: literals of ours. */
static bool key_number(struct html *html, const char *key, size_t *number)
{
	int64_t found;
	if (bytes_map_get(&html->keys, key, strlen(key), &found)) {
		*number = (size_t)found;
		return true;
	}
	*number = html->key_count++;
	return bytes_map_put(&html->keys, key, strlen(key), (int64_t)*number);
}

/* A shape is [[key, type, number of the key], ...]. */
static bool shape_number(struct html *html, const struct export_arguments *arguments,
			 size_t *number, struct error *error)
{
	struct text *text = &html->signature;
	int64_t found;
	text_clear(text);
	text_add_char(text, '[');
	for (size_t i = 0; i < arguments->count; i++) {
		size_t key;
		if (!key_number(html, arguments->list[i].key, &key))
			return no_memory(error);
		text_add(text, i == 0 ? "[" : ",[");
		text_add_json(text, arguments->list[i].key);
		text_add_format(text, ",%d,%zu]", (int)arguments->list[i].type, key);
	}
	text_add_char(text, ']');
	if (!text_is_ok(text))
		return no_memory(error);
	if (!bytes_map_get(&html->shapes, text_string(text), text->length, &found)) {
		found = (int64_t)html->shape_count++;
		text_add_bytes(&html->record, text_string(text), text->length);
		if (!bytes_map_put(&html->shapes, text_string(text), text->length, found))
			return no_memory(error);
		if (!put(html, RECORD_SHAPE, error))
			return false;
	}
	*number = (size_t)found;
	return true;
}

static bool values_add(struct html *html, struct html_block *block,
		       const struct export_arguments *arguments, struct error *error)
{
	for (size_t i = 0; i < arguments->count; i++) {
		const struct export_argument *argument = &arguments->list[i];
		int64_t number = argument->number;
		size_t key;
		if (!key_number(html, argument->key, &key))
			return no_memory(error);
		if (argument->type == ARGUMENT_TEXT &&
		    !string_number(html, argument->text, &number, error))
			return false;
		bool ok = html_block_add_value(block, key, number,
					       strcmp(argument->key, "correlation") == 0);
		if (argument->type == ARGUMENT_TRIPLE)
			ok = ok && html_block_add_value(block, key, argument->more[0], false) &&
			     html_block_add_value(block, key, argument->more[1], false);
		if (!ok)
			return no_memory(error);
	}
	return true;
}

static bool block_put(struct html *html, enum html_record type, int64_t track_id,
		      struct html_block *block, struct error *error)
{
	if (block->count == 0)
		return true;
	html->columns.is_picture = type == RECORD_SLICES;
	return html_block_take(block, &html->columns, track_id, &html->record) ?
		       put(html, type, error) :
		       no_memory(error);
}

static bool slice_add(struct html *html, enum html_record type, struct html_block *block,
		      const struct export_slice *slice, struct error *error)
{
	static const struct export_arguments none;
	const struct export_arguments *arguments = slice->arguments != NULL ? slice->arguments :
									      &none;
	struct track *track = &html->tracks[slice->track_id];
	if (html_block_is_full(block) &&
	    !block_put(html, type, slice->track_id, block, error))
		return false;
	if (!is_same_shape(arguments, track->last) ||
	    (block->count == 0 && block->count_before == 0)) {
		if (!shape_number(html, arguments, &track->last_shape, error))
			return false;
		*track->last = *arguments;
	}
	if (!html_block_add(block, slice->start_ns, slice->duration_ns, slice->label,
			    track->last_shape))
		return no_memory(error);
	return values_add(html, block, arguments, error);
}

static bool html_slice(struct export_stream *stream, const struct export_slice *slice,
		       struct error *error)
{
	struct html *html = stream->state;
	return slice_add(html, RECORD_SLICES, &html->tracks[slice->track_id].slices, slice, error);
}

static bool html_instant(struct export_stream *stream, const struct export_instant *instant,
			 struct error *error)
{
	struct html *html = stream->state;
	struct export_slice slice = {
		.track_id = instant->track_id, .start_ns = instant->time_ns,
		.arguments = instant->arguments,
	};
	const struct export_label label = {
		.name = instant->name, .category = instant->category,
	};
	int64_t found;
	if (!html_picture_add_instant(html->picture, instant->track_id, instant->time_ns))
		return no_memory(error);
	text_clear(&html->signature);
	text_add_json(&html->signature, instant->category);
	text_add(&html->signature, instant->name);
	const char *key = text_string(&html->signature);
	size_t size = html->signature.length;
	if (!text_is_ok(&html->signature)) {
		/* Too long to remember: it gets a label of its own. */
		text_end(&html->signature);
		text_begin(&html->signature, 1 << 16);
		if (!label_put(html, &label, &slice.label, error))
			return false;
	} else if (bytes_map_get(&html->label_of_text, key, size, &found)) {
		slice.label = (size_t)found;
	} else {
		if (html->label_of_text.bytes > KEPT_BYTES_MAX)
			bytes_map_end(&html->label_of_text);
		if (!label_put(html, &label, &slice.label, error))
			return false;
		if (!bytes_map_put(&html->label_of_text, key, size, (int64_t)slice.label))
			return no_memory(error);
	}
	return slice_add(html, RECORD_INSTANTS, &html->tracks[instant->track_id].instants, &slice,
			 error);
}

static bool samples_put(struct html *html, size_t number, struct error *error)
{
	struct counter *counter = &html->counters[number];
	struct text *text = &html->record;
	if (!text_is_ok(&counter->times) || !text_is_ok(&counter->values))
		return no_memory(error);
	if (counter->count == 0)
		return true;
	text_add_varint(text, number);
	text_add_varint(text, counter->count);
	text_add_bytes(text, text_string(&counter->times), counter->times.length);
	text_add_bytes(text, text_string(&counter->values), counter->values.length);
	text_clear(&counter->times);
	text_clear(&counter->values);
	counter->count = 0;
	counter->time_ns = 0;
	counter->value = 0;
	return put(html, RECORD_SAMPLES, error);
}

static bool counter_number(struct html *html, const struct export_counter *counter,
			   size_t *number, struct error *error)
{
	struct text *text = &html->record;
	int64_t found;
	text_add_char(text, '{');
	json_add_number(text, "process", counter->process_id);
	json_add_text(text, "name", counter->name);
	json_add_text(text, "series", counter->series);
	json_close_object(text);
	if (!text_is_ok(text))
		return no_memory(error);
	if (bytes_map_get(&html->counter_of_name, text_string(text), text->length, &found)) {
		*number = (size_t)found;
		text_clear(text);
		return true;
	}
	struct counter *counters = array_grow(html->counters, &html->counter_room,
					      html->counter_count, sizeof counters[0]);
	if (counters == NULL)
		return no_memory(error);
	html->counters = counters;
	*number = html->counter_count++;
	counters[*number] = (struct counter){ .count = 0 };
	text_begin(&counters[*number].times, RECORD_BYTES_MAX);
	text_begin(&counters[*number].values, RECORD_BYTES_MAX);
	return bytes_map_put(&html->counter_of_name, text_string(text), text->length,
			     (int64_t)*number) ?
		       put_both(html, RECORD_COUNTER, error) :
		       no_memory(error);
}

static bool html_counter(struct export_stream *stream, const struct export_counter *counter,
			 struct error *error)
{
	struct html *html = stream->state;
	size_t number = 0;
	if (!counter_number(html, counter, &number, error))
		return false;
	if (!html_picture_add_sample(html->picture, number, counter->time_ns, counter->value))
		return no_memory(error);
	struct counter *samples = &html->counters[number];
	text_add_zigzag(&samples->times,
			(int64_t)((uint64_t)counter->time_ns - (uint64_t)samples->time_ns));
	text_add_zigzag(&samples->values,
			(int64_t)((uint64_t)counter->value - (uint64_t)samples->value));
	samples->time_ns = counter->time_ns;
	samples->value = counter->value;
	return ++samples->count < SAMPLES_MAX || samples_put(html, number, error);
}

static bool flows_put(struct html *html, struct error *error)
{
	struct text *text = &html->record;
	if (!text_is_ok(&html->flows))
		return no_memory(error);
	if (html->flow_count == 0)
		return true;
	text_add_varint(text, html->flow_count);
	text_add_bytes(text, text_string(&html->flows), html->flows.length);
	text_clear(&html->flows);
	html->flow_count = 0;
	html->flow_ns = 0;
	return put(html, RECORD_FLOWS, error);
}

/*
 * An arrow from a launch stands with the slice that it leads to, which has just been written: the
 * page finds the call on that track by the correlation. Any other is written with both ends.
 */
static bool html_flow(struct export_stream *stream, const struct export_flow *flow,
		      struct error *error)
{
	struct html *html = stream->state;
	struct html_block *to = &html->tracks[flow->to_track_id].slices;
	if (flow->kind == FLOW_LAUNCH &&
	    html_block_set_flow(to, flow->to_start_ns, flow->from_track_id))
		return true;
	text_add_varint(&html->flows, flow->kind);
	text_add_varint(&html->flows, (uint64_t)flow->from_track_id);
	text_add_zigzag(&html->flows, flow->from_ns - html->flow_ns);
	text_add_varint(&html->flows, (uint64_t)flow->to_track_id);
	text_add_zigzag(&html->flows, flow->to_start_ns - flow->from_ns);
	html->flow_ns = flow->from_ns;
	return ++html->flow_count < FLOWS_MAX || flows_put(html, error);
}

static bool html_analysis(struct export_stream *stream, const struct export_analysis *analysis,
			  struct error *error)
{
	struct html *html = stream->state;
	struct text *text = &html->record;
	const struct analysis_row *row = analysis->row;
	text_add_char(text, '{');
	json_add_text(text, "verdict", row->straggler_verdict);
	json_add_text(text, "words", row->verdict);
	json_add_text(text, "reason", row->straggler_reason);
	json_add_text(text, "window_kind", row->window_kind);
	json_add_text(text, "step_anchor", row->step_anchor);
	json_add_text(text, "step_name", row->step_name);
	json_add_number(text, "gpu_ns", row->gpu_ns);
	text_add(text, "\"window_start_ns\":\"");
	text_add_integer(text, row->window_start_ns);
	text_add(text, "\",\"window_end_ns\":\"");
	text_add_integer(text, row->window_end_ns);
	text_add(text, "\",\"findings\":[");
	for (size_t i = 0; i < analysis->finding_count; i++) {
		text_add(text, i == 0 ? "" : ",");
		json_add_finding(text, &analysis->findings[i], analysis->finding_processes[i]);
	}
	text_add(text, "]}");
	return put_both(html, RECORD_ANALYSIS, error);
}

static bool rest_put(struct html *html, struct error *error)
{
	for (size_t i = 0; i < html->track_room; i++) {
		struct track *track = &html->tracks[i];
		while (track->slices.count > 0)
			if (!block_put(html, RECORD_SLICES, (int64_t)i, &track->slices, error))
				return false;
		while (track->instants.count > 0)
			if (!block_put(html, RECORD_INSTANTS, (int64_t)i, &track->instants, error))
				return false;
	}
	for (size_t i = 0; i < html->counter_count; i++)
		if (!samples_put(html, i, error))
			return false;
	return flows_put(html, error);
}

static bool html_end(struct export_stream *stream, const struct export_summary *summary,
		     struct error *error)
{
	struct html *html = stream->state;
	struct text *text = &html->record;
	if (!rest_put(html, error))
		return false;
	text_add_char(text, '{');
	json_add_number(text, "launches_unknown", summary->launches_unknown);
	json_add_number(text, "flows_reversed", summary->flows_reversed);
	json_add_number(text, "spans_crowded", summary->spans_crowded);
	json_close_object(text);
	return put(html, RECORD_SUMMARY, error) && put(html, RECORD_END, error) &&
	       html_pack_finish(html->pack, error) &&
	       output_write(stream->output, (const char *)html_page_head, html_page_head_bytes,
			    error) &&
	       html_picture_write(html->picture, stream->output, error) &&
	       output_write(stream->output, (const char *)html_page_script,
			    html_page_script_bytes, error) &&
	       output_append(stream->output, html->aside, error) &&
	       output_write(stream->output, (const char *)html_page_tail, html_page_tail_bytes,
			    error);
}

static void html_free(struct export_stream *stream)
{
	struct html *html = stream->state;
	if (html == NULL)
		return;
	for (size_t i = 0; i < html->track_room; i++) {
		html_block_end(&html->tracks[i].slices);
		html_block_end(&html->tracks[i].instants);
		free(html->tracks[i].last);
	}
	for (size_t i = 0; i < html->counter_count; i++) {
		text_end(&html->counters[i].times);
		text_end(&html->counters[i].values);
	}
	id_map_end(&html->label_of_key);
	bytes_map_end(&html->counter_of_name);
	bytes_map_end(&html->label_of_text);
	bytes_map_end(&html->strings);
	bytes_map_end(&html->keys);
	bytes_map_end(&html->shapes);
	html_pack_close(html->pack);
	html_picture_close(html->picture);
	output_abandon(html->aside);
	html_columns_end(&html->columns);
	text_end(&html->record);
	text_end(&html->signature);
	text_end(&html->flows);
	free(html->tracks);
	free(html->counters);
	free(html);
	stream->state = NULL;
}

const struct export_format html_format = {
	.name = "html",
	.extension = ".html",
	.opened_in = "a browser",
	.summary = "one page that shows the timeline in any browser, without a network",
	.begin = html_begin,
	.process = html_process,
	.track = html_track,
	.labels_forget = html_labels_forget,
	.label_find = html_label_find,
	.label_add = html_label_add,
	.slice = html_slice,
	.instant = html_instant,
	.counter = html_counter,
	.flow = html_flow,
	.analysis = html_analysis,
	.end = html_end,
	.free = html_free,
};
