/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_event.h"

#include "tracedb/json_number.h"

#include <ctype.h>
#include <string.h>

enum { EVENT_TEXT_BYTES_MAX = 2 * JSON_TOKEN_BYTES_MAX };

enum field_level { LEVEL_EVENT, LEVEL_ARGS };
enum field_shape { SHAPE_NUMBER, SHAPE_TIME, SHAPE_TEXT, SHAPE_ID, SHAPE_SHAPE, SHAPE_LIST };

struct field {
	const char *key;
	size_t length;
	enum field_level level;
	enum field_shape shape;
};

static const struct field fields[FIELD_COUNT] = {
#define FIELD(name, level, shape, key) { key, sizeof(key) - 1, LEVEL_##level, SHAPE_##shape },
	KINETO_FIELDS(FIELD)
#undef FIELD
};

void kineto_event_open(struct kineto_event *event)
{
	*event = (struct kineto_event){ 0 };
	text_begin(&event->text, EVENT_TEXT_BYTES_MAX);
}

void kineto_event_close(struct kineto_event *event)
{
	text_end(&event->text);
}

void kineto_event_begin(struct kineto_event *event, int depth)
{
	event->present = 0;
	event->broken = 0;
	event->has_counter = false;
	event->is_counter_cut = false;
	text_clear(&event->text);
	event->depth = depth;
	event->field = FIELD_UNKNOWN;
	event->is_in_args = false;
	event->list_index = -1;
}

/* Most keys of a trace are none of ours: their length alone tells nearly all of them. */
static enum kineto_field field_find(enum field_level level, const char *key, size_t length)
{
	int from = level == LEVEL_EVENT ? 0 : FIELD_ARG_NAME;
	int to = level == LEVEL_EVENT ? FIELD_ARG_NAME : FIELD_COUNT;
	for (int i = from; i < to; i++)
		if (fields[i].length == length && fields[i].key[0] == key[0] &&
		    memcmp(fields[i].key, key, length) == 0)
			return (enum kineto_field)i;
	return FIELD_UNKNOWN;
}

static void mark_present(struct kineto_event *event, enum kineto_field field, bool is_good)
{
	uint64_t bit = UINT64_C(1) << field;
	if (is_good)
		event->present |= bit;
	else
		event->broken |= bit;
}

static void store_text(struct kineto_event *event, enum kineto_field field, const char *bytes,
		       size_t length)
{
	event->texts[field].offset = event->text.length;
	event->texts[field].length = length;
	text_add_bytes(&event->text, bytes, length);
	text_add_char(&event->text, 0);
}

/* The number at the end of "stream 7" or "[TP00] 4123". */
static bool number_at_end(const char *bytes, size_t length, int64_t *number)
{
	size_t from = length;
	while (from > 0 && isdigit((unsigned char)bytes[from - 1]))
		from--;
	if (from > 0 && bytes[from - 1] == '-' && (from == 1 || bytes[from - 2] == ' '))
		from--;
	if (from > 0 && bytes[from - 1] != ' ')
		return false;
	return json_number_integer(bytes + from, length - from, number);
}

static size_t trimmed_length(const char *bytes, size_t length)
{
	while (length > 0 && isspace((unsigned char)bytes[length - 1]))
		length--;
	return length;
}

static void store_value(struct kineto_event *event, enum kineto_field field,
			const struct json_token *token)
{
	int64_t *number = &event->numbers[field];
	const char *bytes = token->bytes;
	size_t length = token->length;
	switch (fields[field].shape) {
	case SHAPE_NUMBER:
		mark_present(event, field, json_number_integer(bytes, length, number));
		break;
	case SHAPE_TIME:
		mark_present(event, field, json_number_scale(bytes, length, 3, number));
		break;
	case SHAPE_ID:
		store_text(event, field, bytes, length);
		length = trimmed_length(bytes, length);
		mark_present(event, field, json_number_integer(bytes, length, number) ||
			     number_at_end(bytes, length, number));
		break;
	case SHAPE_TEXT:
	case SHAPE_LIST:
		store_text(event, field, bytes, length);
		mark_present(event, field, true);
		break;
	case SHAPE_SHAPE:
		break;
	}
}

/* Counters name their value as they like, often with "". */
static void take_counter(struct kineto_event *event, const struct json_token *token)
{
	if (event->has_counter || token->kind != JSON_NUMBER)
		return;
	event->has_counter = json_number_integer(token->bytes, token->length, &event->counter);
	event->is_counter_cut = memchr(token->bytes, '.', token->length) != NULL;
}

static void list_begin(struct kineto_event *event)
{
	enum kineto_field field = event->field;
	if (field == FIELD_UNKNOWN)
		return;
	if (fields[field].shape == SHAPE_SHAPE) {
		event->list_index = 0;
	} else if (fields[field].shape == SHAPE_LIST) {
		event->list_index = 0;
		event->texts[field].offset = event->text.length;
		text_add_char(&event->text, '[');
	}
}

static void list_take(struct kineto_event *event, const struct json_token *token)
{
	int64_t *shape = event->field == FIELD_GRID ? event->grid : event->block;
	if (fields[event->field].shape == SHAPE_LIST) {
		if (event->list_index > 0)
			text_add(&event->text, ", ");
		text_add_bytes(&event->text, token->bytes, token->length);
		event->list_index = 1;
	} else if (event->list_index < 3) {
		if (!json_number_integer(token->bytes, token->length, &shape[event->list_index]))
			shape[event->list_index] = 0;
		event->list_index++;
	}
}

static void list_end(struct kineto_event *event)
{
	enum kineto_field field = event->field;
	if (fields[field].shape == SHAPE_LIST) {
		text_add_char(&event->text, ']');
		event->texts[field].length = event->text.length - event->texts[field].offset;
		text_add_char(&event->text, 0);
	}
	mark_present(event, field, fields[field].shape == SHAPE_LIST || event->list_index == 3);
	event->list_index = -1;
	event->field = FIELD_UNKNOWN;
}

static void take_scalar(struct kineto_event *event, const struct json_token *token)
{
	if (event->list_index >= 0)
		list_take(event, token);
	else if (event->field != FIELD_UNKNOWN)
		store_value(event, event->field, token);
	else if (event->is_in_args)
		take_counter(event, token);
}

bool kineto_event_take(struct kineto_event *event, const struct json_token *token)
{
	int level =
		token->depth - event->depth; /* 1: member; 2: argument; 3: in an argument's list */
	if (level > 3 || (level == 3 && event->list_index < 0) ||
	    (level == 2 && !event->is_in_args))
		return true;
	switch (token->kind) {
	case JSON_KEY:
		if (level <= 2) {
			bool is_args = level == 1 && token->length == 4 &&
				memcmp(token->bytes, "args", 4) == 0;
			event->field = token->length == 0 || is_args ? FIELD_UNKNOWN :
				field_find(level == 1 ? LEVEL_EVENT : LEVEL_ARGS, token->bytes,
					   token->length);
			if (level == 1)
				event->is_in_args = is_args;
		}
		break;
	case JSON_NUMBER:
	case JSON_STRING:
		take_scalar(event, token);
		break;
	case JSON_ARRAY_BEGIN:
		if (level == 2)
			list_begin(event);
		else if (level == 1)
			event->is_in_args = false;	/* "args": [..] holds nothing of ours */
		break;
	case JSON_ARRAY_END:
		if (level == 2 && event->list_index >= 0)
			list_end(event);
		break;
	case JSON_OBJECT_BEGIN:
	case JSON_OBJECT_END:
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	}
	return text_is_ok(&event->text);
}

const char *event_text(const struct kineto_event *event, enum kineto_field field)
{
	if (!event_has(event, field) && !(event->broken >> field & 1))
		return "";
	return text_string(&event->text) + event->texts[field].offset;
}

size_t event_text_length(const struct kineto_event *event, enum kineto_field field)
{
	return event_has(event, field) || (event->broken >> field & 1) ?
		event->texts[field].length : 0;
}
