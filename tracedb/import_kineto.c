/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_part.h"
#include "tracedb/json_stream.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PARTS_MAX = 256,	/* ranks merged into one file; each holds a database open */
	OUTSIDE = -1,
};

struct kineto_import {
	const char *path, *folder;
	struct kineto_metadata metadata;
	struct kineto_event event;
	struct kineto_part *parts[PARTS_MAX];	/* the first is the trace itself */
	size_t part_count;
	int64_t epoch_ns;
	bool has_epoch;
	bool has_events;	/* a list of events was there */
	bool is_events_key;	/* the next value at depth 1 is it */
	int events_depth;	/* of the list's brackets while in it, else OUTSIDE */
	bool is_in_event;
	int64_t event_count;	/* list elements that look like events */
};

/* "[TP00-DP01] 4123": the length of the label in brackets if a number follows it, else 0. */
static size_t label_length(const struct kineto_event *event)
{
	const char *pid = event_text(event, FIELD_PID);
	if (pid[0] != '[' || !event_has(event, FIELD_PID))
		return 0;
	const char *close = strchr(pid, ']');
	size_t length = close == NULL ? 0 : (size_t)(close - pid) + 1;
	return length > 2 && length < KINETO_LABEL_MAX ? length : 0;
}

/* File names get "-TP00-DP01", and a number where labels differ only in odd characters. */
static void label_suffix(const char *label, size_t length, size_t number, char *suffix, size_t size)
{
	char word[KINETO_LABEL_MAX];
	size_t used = 0;
	for (size_t i = 1; i + 1 < length; i++)
		word[used++] = isalnum((unsigned char)label[i]) ? label[i] : '-';
	word[used] = 0;
	(void)snprintf(suffix, size, number == 0 ? "-%s" : "-%s-%zu", word, number);
}

static bool part_create(struct kineto_import *import, const char *label, size_t length,
			struct kineto_part **part, struct error *error)
{
	char suffix[KINETO_LABEL_MAX + 16];
	size_t number = 0;
	label_suffix(label, length, 0, suffix, sizeof suffix);
	for (size_t i = 1; i < import->part_count; i++) {
		char other[KINETO_LABEL_MAX + 16];
		const char *name = import->parts[i]->label;
		label_suffix(name, strlen(name), 0, other, sizeof other);
		number += strcmp(other, suffix) == 0;
	}
	label_suffix(label, length, number, suffix, sizeof suffix);
	if (!kineto_part_open(part, import->folder, import->path, suffix, error))
		return false;
	memcpy((*part)->label, label, length);
	import->parts[import->part_count++] = *part;
	return true;
}

/* The part an event belongs to. Labelled ranks beyond the limit stay with the trace itself. */
static bool part_of_event(struct kineto_import *import, struct kineto_part **part,
			  struct error *error)
{
	size_t length = label_length(&import->event);
	*part = import->parts[0];
	if (length == 0)
		return true;
	const char *label = event_text(&import->event, FIELD_PID);
	for (size_t i = 1; i < import->part_count; i++) {
		const char *known = import->parts[i]->label;
		if (strncmp(known, label, length) == 0 && known[length] == 0) {
			*part = import->parts[i];
			return true;
		}
	}
	if (import->part_count == PARTS_MAX)
		return trace_writer_loss((*part)->writer, "import",
					 "merged ranks beyond the limit are mixed",
					 0, -1, error);
	return part_create(import, label, length, part, error);
}

static bool event_end(struct kineto_import *import, struct error *error)
{
	const struct kineto_event *event = &import->event;
	bool is_event = event_has(event, FIELD_PHASE);
	import->event_count += is_event;
	/* start_ns counts from the first event that has a time: small numbers, known at once. */
	if (!import->has_epoch && kineto_event_is_timed(event)) {
		import->has_epoch = true;
		import->epoch_ns = event->numbers[FIELD_START];
	}
	struct kineto_part *part = NULL;
	return part_of_event(import, &part, error) &&
	       kineto_part_put(part, event, import->epoch_ns, error);
}

static bool take_in_events(struct kineto_import *import, const struct json_token *token,
			   struct error *error)
{
	int event_depth = import->events_depth + 1;
	if (token->depth > event_depth) {
		if (import->is_in_event && !kineto_event_take(&import->event, token))
			return fail(error, ERROR_INPUT,
				    "'%s' has an event with more than %d MiB of text", import->path,
				    2 * JSON_TOKEN_BYTES_MAX / (1024 * 1024));
		return true;
	}
	if (token->depth < event_depth) {	/* the list's own bracket */
		import->events_depth = OUTSIDE;
		return true;
	}
	if (token->kind == JSON_OBJECT_BEGIN) {
		kineto_event_begin(&import->event, token->depth);
		import->is_in_event = true;
		return true;
	}
	if (token->kind == JSON_OBJECT_END) {
		import->is_in_event = false;
		return event_end(import, error);
	}
	if (token->kind == JSON_ARRAY_END)
		return true;
	return kineto_part_lose(import->parts[0], "list element that is no event", -1, error);
}

static void events_begin(struct kineto_import *import, const struct json_token *token)
{
	import->has_events = true;
	import->events_depth = token->depth;
}

/* Tokens outside the list of events. */
static void take_outside(struct kineto_import *import, const struct json_token *token)
{
	if (token->depth == 0 && token->kind == JSON_ARRAY_BEGIN) {
		events_begin(import, token);
		return;
	}
	if (token->depth == 1 && token->kind == JSON_KEY)
		import->is_events_key = token->length == 11 &&
			memcmp(token->bytes, "traceEvents", 11) == 0;
	else if (token->depth == 1 && token->kind == JSON_ARRAY_BEGIN && import->is_events_key)
		events_begin(import, token);
	kineto_metadata_take(&import->metadata, token);
}

static bool take(void *context, const struct json_token *token, struct error *error)
{
	struct kineto_import *import = context;
	if (import->events_depth != OUTSIDE)
		return take_in_events(import, token, error);
	take_outside(import, token);
	return true;
}

static bool check_content(const struct kineto_import *import, struct error *error)
{
	if (!import->has_events)
		return fail(error, ERROR_INPUT,
			    "'%s' is JSON but no trace: it has no list of traceEvents",
			    import->path);
	if (import->event_count == 0 && import->parts[0]->rejected > 0)
		return fail(error, ERROR_INPUT,
			    "'%s' is JSON but no trace: nothing in its list is a trace event",
			    import->path);
	return true;
}

static bool finish(struct kineto_import *import, const struct import_options *options,
		   struct import_result *result, struct error *error)
{
	const struct kineto_source source = {
		.path = import->path, .metadata = &import->metadata, .epoch_ns = import->epoch_ns,
		.tool_version = options == NULL ? NULL : options->tool_version,
	};
	struct kineto_part *whole = import->parts[0];
	/* Where every event belongs to some merged rank, the trace itself is empty. */
	bool is_only_parts = import->part_count > 1 && kineto_part_rows(whole) == 0 &&
		whole->rejected == 0;
	for (size_t i = is_only_parts ? 1 : 0; i < import->part_count; i++)
		if (!kineto_part_finish(import->parts[i], &source, result, error))
			return false;
	return true;
}

bool import_kineto(const char *path, const char *folder, const struct import_options *options,
		   struct import_result *result, struct error *error)
{
	size_t count_before = result->count;
	bool ok = false;
	struct kineto_import *import = calloc(1, sizeof *import);
	if (import == NULL)
		return fail(error, ERROR_SYSTEM, "cannot import '%s': no memory", path);
	import->path = path;
	import->folder = folder;
	import->events_depth = OUTSIDE;
	kineto_event_open(&import->event);
	if (!kineto_metadata_open(&import->metadata)) {
		(void)fail(error, ERROR_SYSTEM, "cannot import '%s': no memory", path);
		goto out;
	}
	if (!kineto_part_open(&import->parts[0], folder, path, "", error))
		goto out;
	import->part_count = 1;
	ok = json_stream_read(path, options, take, import, error) && check_content(import, error) &&
	     finish(import, options, result, error);
out:
	for (size_t i = 0; i < import->part_count; i++)
		kineto_part_free(import->parts[i]);
	kineto_metadata_close(&import->metadata);
	kineto_event_close(&import->event);
	free(import);
	while (!ok && result->count > count_before) {
		(void)unlink(result->paths[--result->count]);
		free(result->paths[result->count]);
	}
	return ok;
}
