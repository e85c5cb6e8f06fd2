/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/control_client.h"
#include "laggard/talk.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CTL_FORMAT, CTL_OPTION_COUNT };
enum { FORMAT_TEXT, FORMAT_JSON };
enum { PROCESSES_MAX = 4096, PAGE_LENGTH_MAX = 1 << 22 };

static const struct option_choice formats[] = {
	[FORMAT_TEXT] = { "text", "a line for each process" },
	[FORMAT_JSON] = { "json", "for programs: a contract with a version" },
	{ NULL, NULL },
};

static const struct option options[CTL_OPTION_COUNT] = {
	[CTL_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choices = formats,
		.text = "how to say it", .fallback = "text",
	},
};

static const struct option_example examples[] = {
	{ "laggard ctl all", "what every recorded process of yours is doing" },
	{ "laggard ctl 4711 stop", "process 4711 goes on without being recorded" },
	{ "laggard ctl traces start", "all processes that record into the folder 'traces' do so" },
	{ NULL, NULL },
};

static const char *const commands_known[] = { "status", "start", "stop", "dump", NULL };

const struct option_table ctl_table = {
	.name = "ctl",
	.summary = "start, stop or ask a recording that runs",
	.arguments = "PID|FOLDER|all [status|start|stop|dump]",
	.description =
		"Speaks to processes that are being recorded on this machine: one by its process "
		"id, those that record into a folder, or all of yours.\n\n"
		"start and stop open and close the window that is recorded; what happens while it "
		"is closed is missing in the trace and stands there as a gap. The other conditions "
		"(LAGGARD_RANGE, LAGGARD_STEPS and so on) hold all the same; start lets "
		"LAGGARD_DURATION_MS begin anew. dump has the flight recorder write what it "
		"holds.\n\n"
		"A process can be asked from its first CUDA context on, until it ends its "
		"recording; by its own user and by root. An answer takes up to a quarter of a "
		"second. A process in another container is not seen.",
	.options = options,
	.option_count = CTL_OPTION_COUNT,
	.examples = examples,
	.exit_status =
		"0: every process did so; 2: the command line is wrong; 3: there is no such "
		"process, it is not recorded, belongs to another user, refused, or did not answer.",
	.argument_words = commands_known,
	.arguments_min = 1,
	.arguments_max = 2,
};

static bool number_is_parsed(int64_t *pid, const char *word)
{
	char *end = NULL;
	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*pid = strtoll(word, &end, 10);
	return errno == 0 && *end == 0 && *pid > 0;
}

static bool command_is_known(const char *command, struct error *error)
{
	for (size_t i = 0; commands_known[i] != NULL; i++)
		if (strcmp(commands_known[i], command) == 0)
			return true;
	const char *nearest = nearest_name(command, commands_known);
	if (nearest == NULL)
		return fail(error, ERROR_USAGE, "unknown command '%s' for a recording", command);
	return fail(error, ERROR_USAGE, "unknown command '%s' for a recording; did you mean '%s'?",
		    command, nearest);
}

/* Those of the processes that record into the folder. */
static size_t processes_keep(int64_t *pids, size_t count, const char *folder)
{
	static struct control_answer answer;
	char path[PATH_MAX], place[PATH_MAX];
	size_t kept = 0, length = strlen(folder);
	for (size_t i = 0; i < count; i++) {
		if (!control_ask(&answer, pids[i], "status", NULL))
			continue;
		/* The folder of the trace: a flight recorder has no file yet. */
		(void)snprintf(path, sizeof path, "%s", control_value(&answer, "path"));
		char *slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = 0;
		/* Links on the way to it are resolved, as those to the folder have been. */
		if (slash == NULL || realpath(path, place) == NULL)
			continue;
		if (strncmp(place, folder, length) == 0 &&
		    (place[length] == '/' || place[length] == 0))
			pids[kept++] = pids[i];
	}
	return kept;
}

static bool processes_choose(int64_t *pids, size_t *count, const char *word, struct error *error)
{
	char folder[PATH_MAX];
	struct stat status;
	*count = 1;
	if (number_is_parsed(pids, word))
		return true;
	bool is_all = strcmp(word, "all") == 0;
	if (!is_all && (realpath(word, folder) == NULL || stat(folder, &status) != 0 ||
			!S_ISDIR(status.st_mode)))
		return fail(error, ERROR_USAGE,
			    "'%s' is neither a process id, nor a folder of traces, nor 'all'",
			    word);
	*count = control_processes_find(pids, PROCESSES_MAX);
	if (!is_all)
		*count = processes_keep(pids, *count, folder);
	if (*count > 0)
		return true;
	return is_all ? fail(error, ERROR_INPUT, "no process of yours is being recorded")
		      : fail(error, ERROR_INPUT, "no process is recording into '%s'", word);
}

/* Where the records are, or will be: nobody shall look for a file that is not there. */
static void place_add_text(struct text *out, const struct control_answer *answer)
{
	const char *file = control_value(answer, "file");
	if (strcmp(file, "dumps") == 0) {
		int64_t count = control_number(answer, "dumps");
		text_add(out, ", in memory (flight recorder); dumps are named after ");
		text_add_shell_word(out, control_value(answer, "path"));
		text_add_format(out, ", %" PRId64 " written so far", count);
		return;
	}
	text_add(out, ", into ");
	text_add_shell_word(out, control_value(answer, "path"));
	if (strcmp(file, "not there") == 0)
		text_add(out, " (which is not there)");
}

static void answer_add_text(struct text *out, int64_t pid, const struct control_answer *answer)
{
	const char *reason = control_value(answer, "reason");
	const char *dump = control_value(answer, "dump");
	text_add_format(out, "process %" PRId64 ": ", pid);
	if (*dump != 0) {
		text_add(out, "dumped to ");
		text_add_shell_word(out, dump);
		text_add_char(out, '\n');
		return;
	}
	text_add(out, control_value(answer, "state"));
	text_add(out, " for ");
	text_add_duration(out, control_number(answer, "now_ns") -
			  control_number(answer, "since_ns"));
	if (*reason != 0)
		text_add_format(out, " (%s)", reason);
	place_add_text(out, answer);
	if (strcmp(control_value(answer, "file"), "dumps") != 0)
		text_add_format(out, ": %" PRId64 " rows, %" PRId64 " lost",
				control_number(answer, "rows"), control_number(answer, "lost"));
	else
		text_add_format(out, ": %" PRId64 " lost", control_number(answer, "lost"));
	if (control_number(answer, "gaps") > 0) {
		text_add_format(out, ", %" PRId64 " gap%s of ", control_number(answer, "gaps"),
				control_number(answer, "gaps") == 1 ? "" : "s");
		text_add_duration(out, control_number(answer, "gap_ns"));
	}
	if (*control_value(answer, "window") != 0)
		text_add_format(out, ", window %s", control_value(answer, "window"));
	if (control_number(answer, "step") >= 0)
		text_add_format(out, ", step %" PRId64, control_number(answer, "step"));
	text_add_char(out, '\n');
}

static bool is_text_field(const char *name)
{
	static const char *const names[] = { "state", "reason", "path", "file", "window", "dump" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void answer_add_json(struct text *out, int64_t pid, const struct control_answer *answer,
			    const char *problem)
{
	text_add_format(out, "    { \"pid\": %" PRId64, pid);
	if (problem != NULL) {
		text_add(out, ", \"error\": ");
		text_add_json(out, problem);
	}
	for (size_t i = 0; problem == NULL && i < answer->count; i++) {
		text_add(out, ", ");
		text_add_json(out, answer->fields[i].name);
		text_add(out, ": ");
		if (is_text_field(answer->fields[i].name))
			text_add_json(out, answer->fields[i].value);
		else
			text_add_integer(out, strtoll(answer->fields[i].value, NULL, 10));
	}
	text_add(out, " }");
}

bool ctl_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error)
{
	static int64_t pids[PROCESSES_MAX];
	static struct control_answer answer;
	const char *command = line->argument_count > 1 ? line->arguments[1] : "status";
	bool is_json = parsed_choice(line, CTL_FORMAT) == FORMAT_JSON;
	size_t count;
	struct text out;
	(void)typed;
	if (!command_is_known(command, error) ||
	    !processes_choose(pids, &count, line->arguments[0], error))
		return false;
	text_begin(&out, PAGE_LENGTH_MAX);
	if (is_json)
		text_add(&out, "{\n  \"format\": \"laggard-ctl\", \"version\": 1,\n"
			 "  \"processes\": [\n");
	for (size_t i = 0; i < count; i++) {
		struct error problem = { 0 };
		bool ok = control_ask(&answer, pids[i], command, &problem);
		if (!ok)
			*status = EXIT_INPUT;
		if (is_json) {
			answer_add_json(&out, pids[i], &answer, ok ? NULL : problem.message);
			text_add(&out, i + 1 < count ? ",\n" : "\n  ]\n}\n");
		} else if (ok) {
			answer_add_text(&out, pids[i], &answer);
		} else {
			talk_error("%s", problem.message);
		}
	}
	bool ok = result_write(NULL, &out, error);
	text_end(&out);
	return ok;
}
