/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_json.h"

/* JSON holds integers exactly up to here where it is read as JavaScript reads it. */
static const int64_t INTEGER_EXACT_MAX = INT64_C(1) << 53;

static void json_add_integer(struct text *text, int64_t value)
{
	bool is_exact = value <= INTEGER_EXACT_MAX && value >= -INTEGER_EXACT_MAX;
	text_add(text, is_exact ? "" : "\"");
	text_add_integer(text, value);
	text_add(text, is_exact ? "" : "\"");
}

static void add_argument(struct text *text, const struct export_argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_INTEGER:
		json_add_integer(text, argument->number);
		break;
	case ARGUMENT_THOUSANDTHS:
		text_add_char(text, '"');
		text_add_microseconds(text, argument->number);
		text_add_char(text, '"');
		break;
	case ARGUMENT_TRIPLE:
		text_add_char(text, '[');
		json_add_integer(text, argument->number);
		text_add_char(text, ',');
		json_add_integer(text, argument->more[0]);
		text_add_char(text, ',');
		json_add_integer(text, argument->more[1]);
		text_add_char(text, ']');
		break;
	case ARGUMENT_TEXT:
		text_add_json(text, argument->text);
		break;
	}
}

/* Pairs, to keep their order. */
void json_add_arguments(struct text *text, const struct export_arguments *arguments)
{
	text_add(text, "\"arguments\":[");
	for (size_t i = 0; i < arguments->count; i++) {
		text_add(text, i == 0 ? "[" : ",[");
		text_add_json(text, arguments->list[i].key);
		text_add_char(text, ',');
		add_argument(text, &arguments->list[i]);
		text_add_char(text, ']');
	}
	text_add_char(text, ']');
}

void json_add_text(struct text *text, const char *key, const char *value)
{
	text_add_json(text, key);
	text_add_char(text, ':');
	text_add_json(text, value == NULL ? "" : value);
	text_add_char(text, ',');
}

void json_add_number(struct text *text, const char *key, int64_t value)
{
	text_add_json(text, key);
	text_add_char(text, ':');
	json_add_integer(text, value);
	text_add_char(text, ',');
}

void json_close_object(struct text *text)
{
	if (text->length > 0 && text->bytes[text->length - 1] == ',')
		text->length--;
	text_add_char(text, '}');
}

void json_add_source(struct text *text, const struct export_source *source)
{
	const struct trace_row *trace = source->trace;
	text_add_char(text, '{');
	json_add_text(text, "path", source->path);
	json_add_text(text, "source", trace->source);
	json_add_text(text, "host", trace->host);
	json_add_text(text, "command", trace->command);
	json_add_text(text, "framework", trace->framework);
	json_add_text(text, "driver", trace->driver_version);
	json_add_text(text, "cuda", trace->cuda_runtime_version);
	json_add_text(text, "nccl", trace->nccl_version);
	json_add_number(text, "pid", trace->pid);
	json_add_number(text, "rank", trace->rank);
	json_add_number(text, "world_size", trace->world_size);
	json_close_object(text);
}

void json_add_finding(struct text *text, const struct finding_row *row, int64_t process_id)
{
	text_add_char(text, '{');
	json_add_text(text, "name", row->name);
	json_add_text(text, "severity", row->severity);
	json_add_number(text, "gpu_ns", row->gpu_ns);
	json_add_number(text, "per_step_ns", row->per_step_ns);
	json_add_number(text, "share_e12", row->share_e12);
	json_add_number(text, "count", row->count);
	json_add_number(text, "rank", row->rank);
	json_add_number(text, "process", process_id);
	json_add_text(text, "text", row->text);
	json_add_text(text, "advice", row->advice);
	json_add_text(text, "evidence", row->evidence);
	json_close_object(text);
}
