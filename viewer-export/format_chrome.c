/* SPDX-License-Identifier: MIT */
/*
 * Chrome trace events as JSON: what chrome://tracing, Perfetto, speedscope and the Chrome DevTools
 * open. One event a line; strict JSON; times in microseconds with three digits, relative to
 * baseTimeNanoseconds, because readers hold them in a double and an absolute time would lose its
 * nanoseconds.
 */
#include "viewer-export/format.h"

#include "base/array.h"
#include "base/id_map.h"
#include "tracedb/tables.h"
#include "viewer-export/digits.h"
#include "viewer-export/output.h"

#include <stdlib.h>
#include <string.h>

enum {
	FLUSH_BYTES = 1 << 20,
	TEXT_BYTES_MAX = 1 << 28,	/* one event with the longest names still fits */
	EVENT_BYTES_MAX = 512,		/* an event without its names and arguments */
	ARGUMENT_BYTES_MAX = 128,	/* one without its key and its text */
	LABELS_BYTES_MAX = 1 << 26,	/* then all labels are forgotten and rendered anew */
};

/* A rendered piece of text in struct chrome. */
struct piece {
	size_t begin;
	size_t length;
};

/* A slice is: label head, track, times, label arguments, track arguments, its own arguments. */
struct label {
	struct piece head;
	struct piece arguments;
};

struct track {
	int64_t track_id;
	struct piece ids;
	struct piece arguments;
};

struct chrome {
	struct text labels_text;
	struct label *labels;
	size_t label_count;
	size_t label_room;
	struct id_map label_of_key;
	struct text tracks_text;
	struct track *tracks;	/* by track id; gaps are processes */
	size_t track_room;
	bool has_event;
};

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static bool stream_flush(struct export_stream *stream, struct error *error)
{
	if (!text_is_ok(&stream->text))
		return no_memory(error);
	if (!output_write(stream->output, text_string(&stream->text), stream->text.length, error))
		return false;
	text_clear(&stream->text);
	return true;
}

static bool event_end(struct export_stream *stream, struct error *error)
{
	if (stream->text.length >= FLUSH_BYTES || !text_is_ok(&stream->text))
		return stream_flush(stream, error);
	return true;
}

/* A literal without strlen at run time. */
#define ADD(text, literal) text_add_bytes((text), "" literal, sizeof(literal) - 1)

static void event_begin(struct export_stream *stream)
{
	struct chrome *chrome = stream->state;
	if (chrome->has_event)
		ADD(&stream->text, ",\n");
	chrome->has_event = true;
}

/*
 * The hot path writes into memory reserved once a piece, with the functions of digits.h; everything
 * else goes through struct text.
 */
static char *put_bytes(char *to, const char *bytes, size_t length)
{
	memcpy(to, bytes, length);
	return to + length;
}

#define PUT(to, literal) put_bytes((to), "" literal, sizeof(literal) - 1)

static char *put_numbers(char *to, const struct export_argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_INTEGER:
		return put_integer(to, argument->number);
	case ARGUMENT_THOUSANDTHS:
		return put_microseconds(to, argument->number);
	case ARGUMENT_TRIPLE:
		*to++ = '[';
		to = put_integer(to, argument->number);
		*to++ = ',';
		to = put_integer(to, argument->more[0]);
		*to++ = ',';
		to = put_integer(to, argument->more[1]);
		*to++ = ']';
		return to;
	case ARGUMENT_TEXT:
		break;
	}
	return to;
}

static void add_argument(struct text *text, const struct export_argument *argument)
{
	size_t length = strlen(argument->key);
	char *begin = text_reserve(text, length + ARGUMENT_BYTES_MAX);
	if (begin == NULL)
		return;
	char *to = PUT(begin, "\"");
	to = put_bytes(to, argument->key, length);
	to = put_numbers(PUT(to, "\":"), argument);
	if (argument->type != ARGUMENT_TEXT)
		*to++ = ',';
	text_advance(text, (size_t)(to - begin));
	if (argument->type == ARGUMENT_TEXT) {
		text_add_json(text, argument->text);
		text_add_char(text, ',');
	}
}

/* Each argument with a comma behind it: pieces are joined freely and the last comma goes. */
static void add_arguments(struct text *text, const struct export_arguments *arguments)
{
	for (size_t i = 0; arguments != NULL && i < arguments->count; i++)
		add_argument(text, &arguments->list[i]);
}

static struct piece piece_since(const struct text *text, size_t begin)
{
	return (struct piece){ begin, text->length - begin };
}

static void add_piece(struct text *to, const struct text *from, struct piece piece)
{
	text_add_bytes(to, text_string(from) + piece.begin, piece.length);
}

static void add_field(struct text *text, const char *key, const char *value, bool is_first)
{
	if (!is_first)
		text_add_char(text, ',');
	text_add_json(text, key);
	text_add_char(text, ':');
	text_add_json(text, value);
}

static void add_number_field(struct text *text, const char *key, int64_t value)
{
	text_add_char(text, ',');
	text_add_json(text, key);
	text_add_char(text, ':');
	text_add_integer(text, value);
}

static void add_source(struct text *text, const struct export_source *source)
{
	const struct trace_row *trace = source->trace;
	const struct { const char *key, *value; } fields[] = {
		{ "source", trace->source }, { "sourceVersion", trace->source_version },
		{ "host", trace->host }, { "command", trace->command },
		{ "driver", trace->driver_version }, { "cudaDriver", trace->cuda_driver_version },
		{ "cudaRuntime", trace->cuda_runtime_version }, { "cupti", trace->cupti_version },
		{ "nccl", trace->nccl_version }, { "framework", trace->framework },
	};
	ADD(text, "{");
	add_field(text, "file", source->path, true);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (fields[i].value != NULL && fields[i].value[0] != 0)
			add_field(text, fields[i].key, fields[i].value, false);
	add_number_field(text, "pid", trace->pid);
	add_number_field(text, "rank", trace->rank);
	add_number_field(text, "worldSize", trace->world_size);
	add_number_field(text, "epochNanoseconds", trace->epoch_ns);
	if (source->clock_offset_ns != 0)
		add_number_field(text, "clockOffsetNanoseconds", source->clock_offset_ns);
	if (source->is_analysed)
		add_number_field(text, "isAnalysed", 1);
	ADD(text, "}");
}

static void add_analysis(struct text *text, const struct analysis_row *row)
{
	ADD(text, ",\n\"analysis\":{");
	add_field(text, "toolVersion", row->tool_version, true);
	add_field(text, "windowKind", row->window_kind, false);
	add_number_field(text, "windowStartNanoseconds", row->window_start_ns);
	add_number_field(text, "windowEndNanoseconds", row->window_end_ns);
	add_field(text, "straggler", row->straggler_verdict, false);
	add_field(text, "stragglerReason", row->straggler_reason, false);
	ADD(text, "}");
}

static bool chrome_begin(struct export_stream *stream, const struct export_head *head,
			 struct error *error)
{
	struct text *text = &stream->text;
	struct chrome *chrome = calloc(1, sizeof *chrome);
	if (chrome == NULL)
		return no_memory(error);
	stream->state = chrome;
	text_begin(text, TEXT_BYTES_MAX);
	text_begin(&chrome->labels_text, TEXT_BYTES_MAX);
	text_begin(&chrome->tracks_text, TEXT_BYTES_MAX);
	ADD(text, "{\n\"displayTimeUnit\":\"ns\",\n\"baseTimeNanoseconds\":");
	text_add_integer(text, head->base_ns);
	ADD(text, ",\n\"metadata\":{");
	add_field(text, "tool", "laggard", true);
	if (head->tool_version != NULL)
		add_field(text, "toolVersion", head->tool_version, false);
	if (head->part_count > 1) {
		add_number_field(text, "part", (int64_t)head->part);
		add_number_field(text, "parts", (int64_t)head->part_count);
	}
	ADD(text, ",\"traces\":[");
	for (size_t i = 0; i < head->source_count; i++) {
		text_add(text, i == 0 ? "\n" : ",\n");
		add_source(text, &head->sources[i]);
	}
	ADD(text, "\n]");
	if (head->analysis != NULL)
		add_analysis(text, head->analysis);
	ADD(text, "},\n\"traceEvents\":[\n");
	return event_end(stream, error);
}

/*
 * {"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"..."}} ; a NULL name means a
 * number
 */
static void add_metadata(struct export_stream *stream, const char *what, int64_t process_id,
			 int64_t track_id, const char *name, int64_t number)
{
	struct text *text = &stream->text;
	event_begin(stream);
	ADD(text, "{\"ph\":\"M\",\"name\":\"");
	text_add(text, what);
	ADD(text, "\",\"pid\":");
	text_add_integer(text, process_id);
	ADD(text, ",\"tid\":");
	text_add_integer(text, track_id);
	if (name != NULL) {
		ADD(text, ",\"args\":{\"name\":");
		text_add_json(text, name);
	} else {
		ADD(text, ",\"args\":{\"sort_index\":");
		text_add_integer(text, number);
	}
	ADD(text, "}}");
}

static bool chrome_process(struct export_stream *stream, const struct export_process *process,
			   struct error *error)
{
	int64_t id = process->process_id;
	add_metadata(stream, "process_name", id, id, process->name, 0);
	add_metadata(stream, "process_sort_index", id, id, NULL, process->order);
	return event_end(stream, error);
}

static bool chrome_track(struct export_stream *stream, const struct export_track *track,
			 struct error *error)
{
	struct chrome *chrome = stream->state;
	struct text *text = &chrome->tracks_text;
	struct track *tracks = array_reach(chrome->tracks, &chrome->track_room,
					   (size_t)track->track_id, sizeof tracks[0]);
	if (tracks == NULL)
		return no_memory(error);
	chrome->tracks = tracks;
	struct track *made = &tracks[track->track_id];
	size_t begin = text->length;
	ADD(text, ",\"pid\":");
	text_add_integer(text, track->process_id);
	ADD(text, ",\"tid\":");
	text_add_integer(text, track->track_id);
	ADD(text, ",\"ts\":");
	made->ids = piece_since(text, begin);
	begin = text->length;
	add_arguments(text, &track->arguments);
	made->arguments = piece_since(text, begin);
	if (!text_is_ok(text))
		return no_memory(error);
	add_metadata(stream, "thread_name", track->process_id, track->track_id, track->name, 0);
	add_metadata(stream, "thread_sort_index", track->process_id, track->track_id, NULL,
		     track->order);
	return event_end(stream, error);
}

static size_t chrome_label_find(struct export_stream *stream, uint64_t key)
{
	const struct chrome *chrome = stream->state;
	int64_t handle;
	return key != 0 && id_map_get(&chrome->label_of_key, key, &handle) ? (size_t)handle :
									     LABEL_NONE;
}

static void chrome_labels_forget(struct export_stream *stream)
{
	struct chrome *chrome = stream->state;
	text_clear(&chrome->labels_text);
	chrome->label_count = 0;
	id_map_end(&chrome->label_of_key);
}

static bool chrome_label_add(struct export_stream *stream, uint64_t key,
			     const struct export_label *label, size_t *handle, struct error *error)
{
	struct chrome *chrome = stream->state;
	struct text *text = &chrome->labels_text;
	if (text->length >= LABELS_BYTES_MAX)
		chrome_labels_forget(stream);
	struct label *labels = array_grow(chrome->labels, &chrome->label_room, chrome->label_count,
					  sizeof labels[0]);
	if (labels == NULL)
		return no_memory(error);
	chrome->labels = labels;
	struct label *made = &labels[chrome->label_count];
	size_t begin = text->length;
	ADD(text, "{\"ph\":\"X\",\"name\":");
	text_add_json(text, label->name);
	ADD(text, ",\"cat\":");
	text_add_json(text, label->category);
	if (label->color != NULL) {
		ADD(text, ",\"cname\":");
		text_add_json(text, label->color);
	}
	made->head = piece_since(text, begin);
	begin = text->length;
	add_arguments(text, &label->arguments);
	made->arguments = piece_since(text, begin);
	if (!text_is_ok(text) ||
	    (key != 0 && !id_map_put(&chrome->label_of_key, key, (int64_t)chrome->label_count)))
		return no_memory(error);
	*handle = chrome->label_count++;
	return true;
}

/* The arguments end with a comma, or the brace is still open. */
static void close_arguments(struct text *text)
{
	if (text->length > 0 && text->bytes[text->length - 1] == ',')
		text->length--;
	ADD(text, "}}");
}

static char *put_piece(char *to, const struct text *from, struct piece piece)
{
	return put_bytes(to, from->bytes + piece.begin, piece.length);
}

static char *put_event_begin(struct chrome *chrome, char *to)
{
	if (chrome->has_event)
		to = PUT(to, ",\n");
	chrome->has_event = true;
	return to;
}

static bool chrome_slice(struct export_stream *stream, const struct export_slice *slice,
			 struct error *error)
{
	struct chrome *chrome = stream->state;
	struct text *text = &stream->text;
	const struct label *label = &chrome->labels[slice->label];
	const struct track *track = &chrome->tracks[slice->track_id];
	char *begin = text_reserve(text, label->head.length + label->arguments.length +
						 track->ids.length + track->arguments.length +
						 EVENT_BYTES_MAX);
	if (begin == NULL)
		return no_memory(error);
	char *to = put_event_begin(chrome, begin);
	to = put_piece(to, &chrome->labels_text, label->head);
	to = put_piece(to, &chrome->tracks_text, track->ids);
	to = put_microseconds(to, slice->start_ns);
	to = PUT(to, ",\"dur\":");
	to = put_microseconds(to, slice->duration_ns);
	to = PUT(to, ",\"args\":{");
	if (label->arguments.length > 0)
		to = put_piece(to, &chrome->labels_text, label->arguments);
	if (track->arguments.length > 0)
		to = put_piece(to, &chrome->tracks_text, track->arguments);
	text_advance(text, (size_t)(to - begin));
	add_arguments(text, slice->arguments);
	close_arguments(text);
	return event_end(stream, error);
}

static bool chrome_instant(struct export_stream *stream, const struct export_instant *instant,
			   struct error *error)
{
	struct chrome *chrome = stream->state;
	struct text *text = &stream->text;
	const struct track *track = &chrome->tracks[instant->track_id];
	event_begin(stream);
	ADD(text, "{\"ph\":\"i\",\"s\":\"t\",\"name\":");
	text_add_json(text, instant->name);
	ADD(text, ",\"cat\":");
	text_add_json(text, instant->category);
	add_piece(text, &chrome->tracks_text, track->ids);
	text_add_microseconds(text, instant->time_ns);
	ADD(text, ",\"args\":{");
	add_piece(text, &chrome->tracks_text, track->arguments);
	add_arguments(text, instant->arguments);
	close_arguments(text);
	return event_end(stream, error);
}

static bool chrome_counter(struct export_stream *stream, const struct export_counter *counter,
			   struct error *error)
{
	struct text *text = &stream->text;
	event_begin(stream);
	ADD(text, "{\"ph\":\"C\",\"name\":");
	text_add_json(text, counter->name);
	ADD(text, ",\"pid\":");
	text_add_integer(text, counter->process_id);
	ADD(text, ",\"tid\":");
	text_add_integer(text, counter->process_id);
	ADD(text, ",\"ts\":");
	text_add_microseconds(text, counter->time_ns);
	ADD(text, ",\"args\":{");
	text_add_json(text, counter->series);
	text_add_char(text, ':');
	text_add_integer(text, counter->value);
	ADD(text, "}}");
	return event_end(stream, error);
}

/*
 * The Trace Viewer looks for the slice of a flow's end among closed intervals and prefers the
 * earlier one: where a slice starts at the very end of another it would take that other. 0.4 ns
 * later it finds the right one, and readers that round to nanoseconds see no difference.
 */
static char *put_flow_end(struct chrome *chrome, char *to, const struct export_flow *flow,
			  bool is_start, bool is_inside)
{
	int64_t track_id = is_start ? flow->from_track_id : flow->to_track_id;
	to = put_event_begin(chrome, to);
	to = is_start ? PUT(to, "{\"ph\":\"s\",") : PUT(to, "{\"ph\":\"f\",\"bp\":\"e\",");
	to = flow->kind == FLOW_LAUNCH ?
		     PUT(to, "\"cat\":\"launch\",\"name\":\"launch\",\"id\":") :
		     PUT(to, "\"cat\":\"collective\",\"name\":\"collective\",\"id\":");
	to = put_integer(to, flow->flow_id);
	to = put_piece(to, &chrome->tracks_text, chrome->tracks[track_id].ids);
	to = put_microseconds(to, is_start ? flow->from_ns : flow->to_ns);
	if (is_inside)
		*to++ = '4';
	*to++ = '}';
	return to;
}

static bool chrome_flow(struct export_stream *stream, const struct export_flow *flow,
			struct error *error)
{
	/* An arrow must not end before it starts, not even by 0.4 ns: the viewer would drop it. */
	bool is_equal = flow->from_ns == flow->to_ns;
	bool from_inside = flow->from_is_touching && !(is_equal && flow->to_is_empty);
	bool to_inside = !flow->to_is_empty && (flow->to_is_touching || (is_equal && from_inside));
	char *begin = text_reserve(&stream->text, (size_t)2 * EVENT_BYTES_MAX);
	if (begin == NULL)
		return no_memory(error);
	char *to = put_flow_end(stream->state, begin, flow, true, from_inside);
	to = put_flow_end(stream->state, to, flow, false, to_inside);
	text_advance(&stream->text, (size_t)(to - begin));
	return event_end(stream, error);
}

static bool chrome_end(struct export_stream *stream, const struct export_summary *summary,
		       struct error *error)
{
	struct text *text = &stream->text;
	ADD(text, "\n],\n\"laggard\":{\"slices\":");
	text_add_integer(text, summary->slices);
	add_number_field(text, "instants", summary->instants);
	add_number_field(text, "counters", summary->counters);
	add_number_field(text, "flows", summary->flows);
	add_number_field(text, "launchesUnknown", summary->launches_unknown);
	add_number_field(text, "flowsReversed", summary->flows_reversed);
	add_number_field(text, "spansCrowded", summary->spans_crowded);
	add_number_field(text, "waitsUnplaced", summary->waits_unplaced);
	if (summary->flows_across > 0)
		add_number_field(text, "flowsAcross", summary->flows_across);
	ADD(text, "}\n}\n");
	return stream_flush(stream, error);
}

static void chrome_free(struct export_stream *stream)
{
	struct chrome *chrome = stream->state;
	if (chrome == NULL)
		return;
	text_end(&stream->text);
	text_end(&chrome->labels_text);
	text_end(&chrome->tracks_text);
	id_map_end(&chrome->label_of_key);
	free(chrome->labels);
	free(chrome->tracks);
	free(chrome);
	stream->state = NULL;
}

const struct export_format chrome_format = {
	.name = "chrome",
	.extension = ".json",
	.opened_in = "chrome://tracing or https://ui.perfetto.dev",
	.summary = "Chrome trace events (JSON): chrome://tracing, Perfetto, speedscope",
	.is_divisible = true,
	.is_for_perfetto = true,
	.begin = chrome_begin,
	.process = chrome_process,
	.track = chrome_track,
	.labels_forget = chrome_labels_forget,
	.label_find = chrome_label_find,
	.label_add = chrome_label_add,
	.slice = chrome_slice,
	.instant = chrome_instant,
	.counter = chrome_counter,
	.flow = chrome_flow,
	.end = chrome_end,
	.free = chrome_free,
};
