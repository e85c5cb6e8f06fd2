/* SPDX-License-Identifier: MIT */
#include "analyzer/run_steps.h"

#include "base/arena.h"
#include "base/array.h"
#include "tracedb/json_number.h"
#include "tracedb/json_stream.h"

#include <stdlib.h>
#include <string.h>

/*
 * Taken from a report: steps.anchor, first, last and kernels_per_step; of each entry of steps.list:
 * number, duration_ns and parts_ns {name: ns}; traces[].world_size; how many gpus[] there are.
 * Only steps from first to last are the steady ones. The parts of a report are means over the GPUs.
 */
enum { KEY_BYTES = 64, DEPTHS = 6, VERSION = 1 };

struct json_part {
	size_t step;		/* index of the entry */
	char name[KEY_BYTES];
	int64_t ns;
};

struct json_step {
	int64_t number, duration_ns;
};

struct json_report {
	const char *path;
	char keys[DEPTHS][KEY_BYTES];	/* the last key with so many containers around it */
	char anchor[KEY_BYTES];
	bool is_report;
	int64_t version, first, last, ranks, gpus, kernels;
	struct json_step *steps;
	size_t step_count, step_room;
	struct json_part *parts;
	size_t part_count, part_room;
};

static bool no_memory(const struct json_report *report, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the steps of '%s'", report->path);
}

static void text_keep(char kept[KEY_BYTES], const struct json_token *token)
{
	size_t length = token->length < KEY_BYTES ? token->length : KEY_BYTES - 1;
	memcpy(kept, token->bytes, length);
	kept[length] = 0;
}

static bool key_is(const struct json_report *report, int depth, const char *key)
{
	return strcmp(report->keys[depth], key) == 0;
}

static bool is_in_list(const struct json_report *report)
{
	return key_is(report, 1, "steps") && key_is(report, 2, "list");
}

static bool step_begin(struct json_report *report, struct error *error)
{
	struct json_step *steps =
		array_grow(report->steps, &report->step_room, report->step_count, sizeof *steps);
	if (steps == NULL)
		return no_memory(report, error);
	report->steps = steps;
	steps[report->step_count++] = (struct json_step){ -1, -1 };
	return true;
}

static bool part_add(struct json_report *report, int64_t ns, struct error *error)
{
	struct json_part *parts =
		array_grow(report->parts, &report->part_room, report->part_count, sizeof *parts);
	if (parts == NULL)
		return no_memory(report, error);
	report->parts = parts;
	struct json_part *part = &parts[report->part_count++];
	*part = (struct json_part){ .step = report->step_count - 1, .ns = ns };
	memcpy(part->name, report->keys[5], KEY_BYTES);
	return true;
}

static bool integer_take(struct json_report *report, int depth, int64_t value, struct error *error)
{
	struct json_step *step = report->step_count == 0 ? NULL :
		&report->steps[report->step_count - 1];
	if (depth == 1 && key_is(report, 1, "version"))
		report->version = value;
	else if (depth == 2 && key_is(report, 1, "steps") && key_is(report, 2, "first"))
		report->first = value;
	else if (depth == 2 && key_is(report, 1, "steps") && key_is(report, 2, "last"))
		report->last = value;
	else if (depth == 2 && key_is(report, 1, "steps") && key_is(report, 2, "kernels_per_step"))
		report->kernels = value;
	else if (depth == 3 && key_is(report, 1, "traces") && key_is(report, 3, "world_size"))
		report->ranks = value;
	else if (depth == 4 && is_in_list(report) && step != NULL && key_is(report, 4, "number"))
		step->number = value;
	else if (depth == 4 && is_in_list(report) && step != NULL &&
		 key_is(report, 4, "duration_ns"))
		step->duration_ns = value;
	else if (depth == 5 && is_in_list(report) && step != NULL && key_is(report, 4, "parts_ns"))
		return part_add(report, value, error);
	return true;
}

static bool token_take(void *context, const struct json_token *token, struct error *error)
{
	struct json_report *report = context;
	int64_t value = 0;
	switch (token->kind) {
	case JSON_KEY:
		if (token->depth < DEPTHS)
			text_keep(report->keys[token->depth], token);
		return true;
	case JSON_STRING:
		if (token->depth == 1 && key_is(report, 1, "format"))
			report->is_report = token->length == 14 &&
					    memcmp(token->bytes, "laggard-report", 14) == 0;
		if (token->depth == 2 && key_is(report, 1, "steps") && key_is(report, 2, "anchor"))
			text_keep(report->anchor, token);
		return true;
	case JSON_NUMBER:
		if (!json_number_integer(token->bytes, token->length, &value))
			return true;
		return integer_take(report, token->depth, value, error);
	case JSON_OBJECT_BEGIN:
		if (token->depth == 2 && key_is(report, 1, "gpus"))
			report->gpus++;
		return token->depth != 3 || !is_in_list(report) || step_begin(report, error);
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_OBJECT_END:
	case JSON_ARRAY_BEGIN:
	case JSON_ARRAY_END:
		return true;
	}
	return true;
}

static bool is_used(const struct json_report *report, const struct json_step *step)
{
	return step->duration_ns >= 0 && step->number >= report->first &&
	       step->number <= report->last;
}

static bool run_build(const struct json_report *report, struct run_steps *run, struct error *error)
{
	struct run_builder *builder = NULL;
	bool ok = run_builder_begin(&builder, report->path, error);
	for (size_t i = 0; ok && i < report->step_count; i++) {
		const struct json_step *step = &report->steps[i];
		if (is_used(report, step))
			ok = run_builder_add_step(builder, step->number, step->duration_ns,
						  -1, error);
	}
	for (size_t i = 0; ok && i < report->part_count; i++) {
		const struct json_part *part = &report->parts[i];
		if (is_used(report, &report->steps[part->step]))
			ok = run_builder_add_part(builder, report->steps[part->step].number,
						  part->name, part->ns, error);
	}
	if (!ok) {
		run_builder_abandon(builder);
		return false;
	}
	if (!run_builder_finish(builder, run, error))
		return false;
	run->gpu_count = report->gpus;
	run->ranks = report->ranks;
	run->kernels = report->kernels;
	run->anchor = arena_copy_text(run->arena, report->anchor, strlen(report->anchor));
	if (run->anchor != NULL)
		return true;
	run_steps_end(run);
	return no_memory(report, error);
}

bool run_steps_read_json(struct run_steps *run, const char *path, struct error *error)
{
	struct json_report *report = calloc(1, sizeof *report);
	if (report == NULL)
		return fail(error, ERROR_SYSTEM, "no memory for the steps of '%s'", path);
	report->path = path;
	report->ranks = -1;
	report->kernels = -1;
	report->version = -1;
	report->first = INT64_MIN;
	report->last = INT64_MAX;
	bool ok = json_stream_read(path, NULL, token_take, report, error);
	if (ok && !report->is_report)
		ok = fail(error, ERROR_INPUT, "'%s' is no report of laggard analyze", path);
	if (ok && report->version != VERSION)
		ok = fail(error, ERROR_INPUT,
			  "'%s' is a report of version %lld, this laggard reads version %d", path,
			  (long long)report->version, VERSION);
	ok = ok && run_build(report, run, error);
	free(report->steps);
	free(report->parts);
	free(report);
	return ok;
}
