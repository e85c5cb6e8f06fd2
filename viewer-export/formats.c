/* SPDX-License-Identifier: MIT */
#include "viewer-export/format.h"

#include <assert.h>

const struct export_format *const export_formats[] = {
	&chrome_format,
	&perfetto_format,
	&html_format,
	&svg_format,
	&nsys_format,
	NULL,
};

static struct export_argument *argument_add(struct export_arguments *arguments, const char *key,
					    enum export_argument_type type)
{
	assert(arguments->count < EXPORT_ARGUMENTS_MAX);
	struct export_argument *argument = &arguments->list[arguments->count++];
	argument->key = key;
	argument->type = type;
	return argument;
}

const char *export_process_kind_name(enum export_process_kind kind)
{
	static const char *const names[] = {
		[PROCESS_HOST] = "host", [PROCESS_GPU] = "gpu", [PROCESS_JOB] = "job",
	};
	return names[kind];
}

const char *export_track_kind_name(enum export_track_kind kind)
{
	static const char *const names[] = {
		[TRACK_RANGES] = "ranges", [TRACK_COLLECTIVES] = "collectives",
		[TRACK_CALLS] = "calls", [TRACK_OVERHEAD] = "overhead",
		[TRACK_HOST] = "host", [TRACK_WORK] = "work",
		[TRACK_GRAPHS] = "graphs", [TRACK_PROJECTED] = "projected", [TRACK_SYNC] = "sync",
		[TRACK_EVENTS] = "events", [TRACK_STEPS] = "steps", [TRACK_IDLE] = "idle",
		[TRACK_WAITS] = "waits", [TRACK_FINDINGS] = "findings", [TRACK_LOSSES] = "losses",
	};
	return names[kind];
}

void argument_add_integer(struct export_arguments *arguments, const char *key, int64_t number)
{
	argument_add(arguments, key, ARGUMENT_INTEGER)->number = number;
}

void argument_add_thousandths(struct export_arguments *arguments, const char *key, int64_t number)
{
	argument_add(arguments, key, ARGUMENT_THOUSANDTHS)->number = number;
}

void argument_add_triple(struct export_arguments *arguments, const char *key, int64_t x, int64_t y,
			 int64_t z)
{
	struct export_argument *argument = argument_add(arguments, key, ARGUMENT_TRIPLE);
	argument->number = x;
	argument->more[0] = y;
	argument->more[1] = z;
}

void argument_add_text(struct export_arguments *arguments, const char *key, const char *text)
{
	if (text != NULL && text[0] != 0)
		argument_add(arguments, key, ARGUMENT_TEXT)->text = text;
}
