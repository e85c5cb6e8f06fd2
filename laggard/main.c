/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/ending.h"
#include "laggard/help.h"
#include "laggard/huge_pages.h"
#include "laggard/talk.h"
#include "laggard/version.h"

#include <signal.h>
#include <string.h>

enum { LINE_LENGTH_MAX = 1024 };

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

/* One line, with the way to more help where the line itself does not show what to type. */
static int report_failure(const struct command *command, const struct error *error)
{
	bool wants_hint =
		error->kind == ERROR_USAGE && strstr(error->message, "did you mean") == NULL;
	if (!wants_hint)
		talk_error("%s", error->message);
	else if (command == NULL)
		talk_error("%s (see 'laggard --help')", error->message);
	else
		talk_error("%s (see 'laggard %s --help')", error->message, command->table->name);
	return error_exit_status(error->kind);
}

static bool print_version(struct error *error)
{
	struct text text;
	text_begin(&text, LINE_LENGTH_MAX);
	text_add_format(&text, "laggard %s (%s)", laggard_version, laggard_commit);
	bool ok = result_write_line(text_string(&text), error);
	text_end(&text);
	return ok;
}

static bool command_run_watched(const struct command *command, const struct parsed_line *line,
				const char *typed, int *status, struct error *error)
{
	sigset_t before;
	bool is_watched = !command->is_launcher && !command->awaits_signals;
	if (is_watched)
		ending_watch_begin(&before);
	bool ok = command->run(line, typed, status, error);
	if (is_watched)
		ending_watch_end();
	return ok;
}

/* `argv` without the command's name; `all` is the whole of it. */
static int run(const struct command *command, int argc, char **argv, const char *typed, char **all)
{
	struct error error = { 0 };
	struct parsed_line line;
	int status = EXIT_FINE;
	/*
	 * A reader that goes away is noticed where the writing fails, and temporary files are
	 * cleaned up.
	 */
	if (!command->is_launcher)
		(void)signal(SIGPIPE, SIG_IGN);
	bool ok = parsed_line_begin(&line, command->table, argc, argv, &error);
	if (ok && line.wants_help) {
		ok = help_print(command, &error);
	} else if (ok) {
		if (command->wants_huge_pages)
			huge_pages_use(all);
		ok = command_run_watched(command, &line, typed, &status, &error);
	}
	parsed_line_end(&line);
	return ok ? status : report_failure(command, &error);
}

/* Options before the command, then the command. */
static int run_program(int argc, char **argv)
{
	struct error error = { 0 };
	struct parsed_line line;
	const struct command *command = NULL;
	bool is_answered = false;
	bool ok = parsed_line_begin(&line, &program_table, argc - 1, argv + 1, &error);
	if (line.wants_help || (line.options != NULL && parsed_flag(&line, PROGRAM_VERSION))) {
		ok = line.wants_help ? help_print(NULL, &error) : print_version(&error);
		is_answered = true;
	} else if (ok) {
		ok = command_find_or_fail(&command, line.arguments[0], &error);
	}
	/* Everything from the command on belongs to the command. */
	int rest = (int)line.argument_count;
	parsed_line_end(&line);
	if (!ok)
		return report_failure(NULL, &error);
	if (is_answered)
		return EXIT_FINE;
	return run(command, rest - 1, argv + (argc - rest + 1), argv[0], argv);
}

int main(int argc, char **argv)
{
	standard_files_guard();
	const char *name = argc > 0 ? file_name(argv[0]) : "laggard";
	for (const struct command *command = commands; command->table != NULL; command++) {
		if (command->link == NULL || strcmp(command->link, name) != 0)
			continue;
		bool asks_version = argc == 2 && strcmp(argv[1], "--version") == 0;
		return asks_version ? run_program(argc, argv)
				    : run(command, argc - 1, argv + 1, "laggard", argv);
	}
	return argc > 0 ? run_program(argc, argv) : EXIT_USAGE;
}
