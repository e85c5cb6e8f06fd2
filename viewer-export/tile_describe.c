/* SPDX-License-Identifier: MIT */
#include "viewer-export/tile_describe.h"

#include "viewer-export/tile_trace.h"
#include "viewer-export/walk.h"

#include <stdlib.h>

enum { DESCRIPTION_BYTES_MAX = 64 << 20 };

struct tile_describer {
	struct trace_reader *reader;
	struct walk walk;
	struct layout layout;		/* empty: nothing is placed */
	struct export_summary summary;
	struct export_stream stream;	/* its state is the description */
	struct export_target target;
	struct tile_description description;
	bool has_collectives;
};

static struct tile_description *description_of(struct export_stream *stream)
{
	return stream->state;
}

static void add_value(struct text *text, const struct export_argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_INTEGER:
		text_add_integer(text, argument->number);
		break;
	case ARGUMENT_THOUSANDTHS:
		text_add_microseconds(text, argument->number);
		break;
	case ARGUMENT_TRIPLE:
		text_add_format(text, "[%lld,%lld,%lld]", (long long)argument->number,
				(long long)argument->more[0], (long long)argument->more[1]);
		break;
	case ARGUMENT_TEXT:
		text_add_json(text, argument->text);
		break;
	}
}

void tile_add_arguments(struct text *text, const struct export_arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++) {
		if (text->length > 0)
			text_add_char(text, ',');
		text_add_json(text, arguments->list[i].key);
		text_add_char(text, ':');
		add_value(text, &arguments->list[i]);
	}
}

static void take_nothing(struct export_stream *stream)
{
	(void)stream;
}

static size_t find_no_label(struct export_stream *stream, uint64_t key)
{
	(void)stream;
	(void)key;
	return LABEL_NONE;
}

static bool take_label(struct export_stream *stream, uint64_t key, const struct export_label *label,
		       size_t *handle, struct error *error)
{
	struct tile_description *description = description_of(stream);
	(void)key;
	(void)error;
	text_add(&description->name, label->name);
	text_add(&description->category, label->category);
	description->color = label->color;
	tile_add_arguments(&description->arguments, &label->arguments);
	*handle = 0;
	return true;
}

static bool take_slice(struct export_stream *stream, const struct export_slice *slice,
		       struct error *error)
{
	(void)error;
	tile_add_arguments(&description_of(stream)->arguments, slice->arguments);
	return true;
}

static bool take_instant(struct export_stream *stream, const struct export_instant *instant,
			 struct error *error)
{
	struct tile_description *description = description_of(stream);
	(void)error;
	text_add(&description->name, instant->name);
	text_add(&description->category, instant->category);
	tile_add_arguments(&description->arguments, instant->arguments);
	return true;
}

static const struct export_format describing_format = {
	.name = "description",
	.labels_forget = take_nothing,
	.label_find = find_no_label,
	.label_add = take_label,
	.slice = take_slice,
	.instant = take_instant,
};

bool tile_describer_open(struct tile_describer **out, struct trace_reader *reader,
			 struct survey *survey, struct error *error)
{
	struct tile_describer *describer = calloc(1, sizeof *describer);
	*out = describer;
	if (describer == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to show '%s'",
			    trace_reader_path(reader));
	describer->reader = reader;
	describer->stream.state = &describer->description;
	describer->target = (struct export_target){
		.format = &describing_format, .stream = &describer->stream,
		.summary = &describer->summary,
	};
	describer->walk = (struct walk){
		.target = &describer->target, .reader = reader, .survey = survey,
		.layout = &describer->layout, .error = error,
	};
	describer->walk.collectives.reader = reader;	/* no operation is known yet */
	text_begin(&describer->description.name, DESCRIPTION_BYTES_MAX);
	text_begin(&describer->description.category, DESCRIPTION_BYTES_MAX);
	text_begin(&describer->description.arguments, DESCRIPTION_BYTES_MAX);
	if (walk_symbols_read(&describer->walk))
		return true;
	tile_describer_close(describer);
	*out = NULL;
	return false;
}

void tile_describer_close(struct tile_describer *describer)
{
	if (describer == NULL)
		return;
	walk_symbols_end(&describer->walk);
	collective_set_end(&describer->walk.collectives);
	text_end(&describer->description.name);
	text_end(&describer->description.category);
	text_end(&describer->description.arguments);
	free(describer);
}

static bool row_describe(struct tile_describer *describer, size_t source,
			 const union span_row *row, struct error *error)
{
	struct tile_description *description = &describer->description;
	struct span times = span_of_row(&span_sources[source], row);
	struct walk_span span = {
		.source = &span_sources[source], .track_id = 1, .device = -1,
		.start_ns = times.start_ns, .end_ns = times.end_ns,
	};
	description->start_ns = times.start_ns;
	description->end_ns = times.end_ns;
	description->correlation_id = span_correlation(&span_sources[source], row);
	describer->walk.error = error;
	if (!walk_write_row(&describer->walk, &span, row))
		return false;
	return (text_is_ok(&description->name) && text_is_ok(&description->arguments)) ||
	       fail(error, ERROR_SYSTEM, "no memory to show '%s'",
		    trace_reader_path(describer->reader));
}

bool tile_describe_row(struct tile_describer *describer, size_t source, int64_t row_id,
		       bool wants_details, const struct tile_description **description,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	union span_row row;
	if (wants_details && !describer->has_collectives) {
		struct collective_set *set = &describer->walk.collectives;
		if (!collective_set_read(set, describer->reader, error) ||
		    !collective_set_read_launches(set, error))
			return false;
		describer->has_collectives = true;
	}
	text_clear(&describer->description.name);
	text_clear(&describer->description.category);
	text_clear(&describer->description.arguments);
	describer->description.color = NULL;
	*description = NULL;
	if (!trace_reader_select_rows(describer->reader, span_sources[source].table, 0, row_id,
				      row_id, &cursor, error))
		return false;
	int result = trace_cursor_next(cursor, &row, error);
	bool ok = result >= 0;
	/* Texts of the row are the cursor's: it is closed behind them. */
	if (result == 1 && span_is_timed(&span_sources[source], &row)) {
		ok = row_describe(describer, source, &row, error);
		*description = &describer->description;
	}
	trace_cursor_close(cursor);
	return ok;
}
