/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"

#include <stdlib.h>
#include <string.h>

static const struct option program_options[PROGRAM_OPTION_COUNT] = {
	[PROGRAM_VERSION] = {
		.name = "version", .letter = 'V', .kind = OPTION_FLAG,
		.text = "version and commit of this program",
	},
};

static const struct option_example program_examples[] = {
	{ "laggard run -- torchrun --nproc-per-node=4 train.py",
	  "records every rank of a training run" },
	{ "laggard analyze laggard-20250131-120000",
	  "the verdict, then where the time of each GPU went" },
	{ "laggard export laggard-20250131-120000 -o timeline.json.gz",
	  "a timeline for chrome://tracing and ui.perfetto.dev" },
	{ NULL, NULL },
};

const struct option_table program_table = {
	.name = NULL,
	.summary = "find the GPU that everyone is waiting for",
	.arguments = "COMMAND [options] ARGS",
	.description =
		"Records what the GPUs of a program do, and says which rank makes the others wait, "
		"why each GPU was idle, which transfers and collectives are the bottleneck, and "
		"what repairing that would save. No root, no code changes.",
	.options = program_options,
	.option_count = PROGRAM_OPTION_COUNT,
	.examples = program_examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
	.stops_at_argument = true,
};

const struct command commands[] = {
	{ .table = &run_table, .run = run_command, .is_launcher = true },
	{ .table = &ctl_table, .run = ctl_command },
	{ .table = &analyze_table,
	  .run = analyze_command,
	  .link = "analyzer",
	  .wants_huge_pages = true },
	{ .table = &export_table, .run = export_command, .link = "viewer-export" },
	{ .table = &view_table, .run = view_command },
	{ .table = &explain_table, .run = explain_command },
	{ .table = &diff_table, .run = diff_command, .wants_huge_pages = true },
	{ .table = &import_table, .run = import_command },
	{ .table = &schema_table, .run = schema_command },
	{ .table = &help_table, .run = help_command },
	{ .table = &man_table, .run = man_command, .is_hidden = true },
	{ .table = &completion_table, .run = completion_command, .is_hidden = true },
	{ .table = NULL },
};

const struct command *command_next(const struct command *command)
{
	command = command == NULL ? commands : command + 1;
	while (command->is_hidden)
		command++;
	return command->table == NULL ? NULL : command;
}

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->table != NULL; command++)
		if (strcmp(command->table->name, name) == 0)
			return command;
	return NULL;
}

bool command_find_or_fail(const struct command **out, const char *name, struct error *error)
{
	*out = command_find(name);
	if (*out != NULL)
		return true;
	const char *names[sizeof commands / sizeof commands[0]] = { NULL };
	size_t count = 0;
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		names[count++] = command->table->name;
	const char *nearest = nearest_name(name, names);
	if (nearest == NULL)
		return fail(error, ERROR_USAGE, "unknown command '%s'", name);
	return fail(error, ERROR_USAGE, "unknown command '%s'; did you mean '%s'?", name, nearest);
}
