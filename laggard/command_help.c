/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/help.h"
#include "laggard/talk.h"

#include <string.h>

enum { PAGE_LENGTH_MAX = 1 << 22, WIDTH = 79 };

const struct option_table help_table = {
	.name = "help",
	.summary = "show what laggard or a command can do",
	.arguments = "[COMMAND]",
	.description = "Prints the page of a command, or the list of commands.",
	.arguments_max = 1,
};

const struct option_table man_table = {
	.name = "man",
	.summary = "write a manual page",
	.arguments = "[COMMAND|trace]",
	.description =
		"Writes the manual page of laggard, of a command, or of the trace database "
		"('trace') as roff. `make man` makes the installed pages with it.",
	.arguments_max = 1,
};

static const char *const shell_names[] = { "bash", "zsh", "fish", NULL };

const struct option_table completion_table = {
	.name = "completion",
	.summary = "write a shell completion",
	.arguments = "bash|zsh|fish",
	.description =
		"Writes the completion script of a shell. `make install` installs all three.",
	.argument_words = shell_names,
	.arguments_min = 1,
	.arguments_max = 1,
};

static void program_add_help(struct text *page)
{
	text_add_format(page, "laggard: %s\n\nUsage: laggard %s\n\n", program_table.summary,
			program_table.arguments);
	text_add_wrapped(page, program_table.description, 0, WIDTH);
	text_add(page, "\nCommands:\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command))
		text_add_format(page, "  %-10s %s\n", command->table->name,
				command->table->summary);
	text_add(page, "\nOptions:\n");
	options_add_list(page, &program_table);
	text_add(page, "\nExamples:\n");
	for (const struct option_example *at = program_table.examples; at->command != NULL; at++) {
		text_add_format(page, "  %s\n", at->command);
		text_add_wrapped(page, at->text, 6, WIDTH);
	}
	text_add(page, "\n'laggard COMMAND --help' shows the options of a command.\n");
}

static bool page_write(struct text *page, struct error *error)
{
	bool ok = result_write(NULL, page, error);
	text_end(page);
	return ok;
}

bool help_print(const struct command *command, struct error *error)
{
	struct text page;
	text_begin(&page, PAGE_LENGTH_MAX);
	if (command == NULL)
		program_add_help(&page);
	else
		options_add_help(&page, command->table, "laggard");
	return page_write(&page, error);
}

bool help_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error)
{
	const struct command *command = NULL;
	(void)typed;
	(void)status;
	if (line->argument_count > 0 && !command_find_or_fail(&command, line->arguments[0], error))
		return false;
	return help_print(command, error);
}

bool man_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error)
{
	const struct command *command = NULL;
	const char *name = line->argument_count > 0 ? line->arguments[0] : NULL;
	bool is_trace = name != NULL && strcmp(name, "trace") == 0;
	struct text page;
	(void)typed;
	(void)status;
	if (name != NULL && !is_trace && !command_find_or_fail(&command, name, error))
		return false;
	text_begin(&page, PAGE_LENGTH_MAX);
	if (is_trace)
		trace_add_manual(&page);
	else if (command != NULL)
		command_add_manual(&page, command);
	else
		program_add_manual(&page);
	return page_write(&page, error);
}

bool completion_command(const struct parsed_line *line, const char *typed, int *status,
			struct error *error)
{
	const char *shell = line->arguments[0];
	struct text script;
	(void)typed;
	(void)status;
	if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0 && strcmp(shell, "fish") != 0)
		return fail(error, ERROR_USAGE,
			    "no completion for '%s'; there are bash, zsh and fish", shell);
	text_begin(&script, PAGE_LENGTH_MAX);
	if (strcmp(shell, "bash") == 0)
		completion_add_bash(&script);
	else if (strcmp(shell, "zsh") == 0)
		completion_add_zsh(&script);
	else
		completion_add_fish(&script);
	return page_write(&script, error);
}
