/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/folder.h"
#include "laggard/launch.h"
#include "laggard/library.h"
#include "laggard/run_summary.h"
#include "laggard/talk.h"
#include "libtrace/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An option for each setting of libtrace, and a few of our own. */
enum {
#define SETTING(NAME, field, kind, initial, low, high, choices, text) RUN_SETTING_##field,
#include "libtrace/settings.def"
#undef SETTING
	RUN_ADD,
	RUN_QUIET,
	RUN_OPTION_COUNT
};

/* The one setting that means something else here: always a folder, a new one by default. */
#define IF_OUTPUT(field, yes, no) (RUN_SETTING_##field == RUN_SETTING_output ? (yes) : (no))

#define OPTION_KIND_TEXT OPTION_TEXT
#define OPTION_KIND_INTEGER OPTION_INTEGER
#define OPTION_KIND_SWITCH OPTION_CHOICE
#define OPTION_KIND_CHOICE OPTION_CHOICE
#define OPTION_KIND_SPAN OPTION_TEXT
#define WORDS_TEXT(choices) NULL
#define WORDS_INTEGER(choices) NULL
#define WORDS_SWITCH(choices) "on|off"
#define WORDS_CHOICE(choices) choices
#define WORDS_SPAN(choices) NULL
#define VALUE_TEXT "TEXT"
#define VALUE_INTEGER "N"
#define VALUE_SWITCH NULL
#define VALUE_CHOICE NULL
#define VALUE_SPAN "N-M"

static const struct option options[RUN_OPTION_COUNT] = {
#define SETTING(NAME, field, kind_, initial, low, high, choices_, text_) \
	[RUN_SETTING_##field] = { \
		.name = #field, \
		.environment = "LAGGARD_" #NAME, \
		.kind = IF_OUTPUT(field, OPTION_FOLDER, OPTION_KIND_##kind_), \
		.letter = IF_OUTPUT(field, 'o', 0), \
		.value = IF_OUTPUT(field, "FOLDER", VALUE_##kind_), \
		.text = IF_OUTPUT(field, \
				  "folder for the traces, one a process; made if it is missing; " \
				  "without it a new one, laggard-<date>-<time>", \
				  text_), \
		.fallback = IF_OUTPUT(field, NULL, initial), \
		.words = WORDS_##kind_(choices_), \
		.minimum = low, \
		.maximum = high, \
	},
#include "libtrace/settings.def"
#undef SETTING
	[RUN_ADD] = {
		.name = "add", .kind = OPTION_FLAG,
		.text = "write into a folder that holds traces already, such as other hosts' ones",
	},
	[RUN_QUIET] = {
		.name = "quiet", .letter = 'q', .kind = OPTION_FLAG,
		.text = "do not say at the end what was recorded",
	},
};

static const struct option_example examples[] = {
	{ "laggard run -- python3 train.py", "records one process and its children" },
	{ "laggard run -o traces -- torchrun --nproc-per-node=4 train.py",
	  "one trace for each rank, in the folder 'traces'" },
	{ "laggard run --api launches -- ./train", "records fewer CUDA calls, at less cost" },
	{ NULL, NULL },
};

const struct option_table run_table = {
	.name = "run",
	.summary = "record the GPU work of a program",
	.arguments = "[--] PROGRAM [ARGS]",
	.description =
		"Runs a program with libtrace.so preloaded into it and every process it starts. "
		"Each process that uses a GPU writes one trace database; the others write "
		"nothing. Standard output is the program's own; at the end one line on standard "
		"error says what was recorded and what to type next.\n\n"
		"Signals sent to laggard are passed on to the program.",
	.options = options,
	.option_count = RUN_OPTION_COUNT,
	.examples = examples,
	.exit_status =
		"That of the program, 128 + N if signal N ended it. 126: the program cannot be "
		"run; 127: it was not found; 2: the command line is wrong; 3: the recording could "
		"not be set up.",
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
	.stops_at_argument = true,
};

struct output_folder {
	char shown[PATH_MAX];	/* as a person would type it */
	char path[PATH_MAX];	/* absolute: the program may change its directory */
	bool is_new;
};

static bool set_variable(const char *name, const char *value, struct error *error)
{
	if (setenv(name, value, 1) == 0)
		return true;
	return fail(error, ERROR_SYSTEM, "cannot set '%s': %s", name, strerror(errno));
}

/* "laggard-20250131-120000", or with -2, -3, ... where two runs begin within a second. */
static bool make_dated_folder(struct output_folder *folder, struct error *error)
{
	char date[32];
	time_t now = time(NULL);
	struct tm local;
	if (localtime_r(&now, &local) == NULL ||
	    strftime(date, sizeof date, "%Y%m%d-%H%M%S", &local) == 0)
		return fail(error, ERROR_SYSTEM, "cannot tell the time");
	for (int i = 1; i < 1000; i++) {
		char number[16] = "";
		if (i > 1)
			(void)snprintf(number, sizeof number, "-%d", i);
		(void)snprintf(folder->shown, sizeof folder->shown, "laggard-%s%s", date, number);
		if (!folder_make(folder->shown, &folder->is_new, error))
			return false;
		if (folder->is_new)
			return true;
	}
	return fail(error, ERROR_SYSTEM, "cannot find a free name for a folder like '%s'",
		    folder->shown);
}

static bool make_named_folder(struct output_folder *folder, const char *name, bool may_add,
			      struct error *error)
{
	if (strlen(name) >= sizeof folder->shown)
		return fail(error, ERROR_INPUT, "cannot make folder '%.64s...': %s", name,
			    strerror(ENAMETOOLONG));
	(void)snprintf(folder->shown, sizeof folder->shown, "%s", name);
	if (!folder_make(name, &folder->is_new, error))
		return false;
	if (may_add || !folder_has_traces(name))
		return true;
	return fail(error, ERROR_INPUT,
		    "folder '%s' holds traces already; name another one, or say --add", name);
}

/* Named on the command line, else in the environment, else a new one. */
static bool output_folder_make(struct output_folder *folder, const struct parsed_line *line,
			       struct error *error)
{
	const char *name = parsed_text(line, RUN_SETTING_output);
	if (name == NULL)
		name = getenv("LAGGARD_OUTPUT");
	bool ok = name == NULL || name[0] == 0 ?
		make_dated_folder(folder, error) :
		make_named_folder(folder, name, parsed_flag(line, RUN_ADD), error);
	if (!ok)
		return false;
	if (realpath(folder->shown, folder->path) == NULL)
		return fail(error, ERROR_SYSTEM, "cannot find folder '%s': %s", folder->shown,
			    strerror(errno));
	if (strlen(folder->path) < SETTING_TEXT_MAX && strchr(folder->path, '%') == NULL)
		return true;
	(void)fail(error, ERROR_INPUT,
		   "cannot record into '%s': the path is too long or holds a '%%'", folder->path);
	if (folder->is_new)
		(void)rmdir(folder->path);
	return false;
}

/* First, so that ours is there before any other tool's; what stands there is kept. */
static bool preload_set(const char *library, struct error *error)
{
	const char *others = getenv("LD_PRELOAD");
	if (others == NULL || others[0] == 0)
		return set_variable("LD_PRELOAD", library, error);
	struct text list;
	text_begin(&list, 1 << 20);
	text_add_format(&list, "%s:%s", library, others);
	bool ok = text_is_ok(&list) ? set_variable("LD_PRELOAD", text_string(&list), error) :
		fail(error, ERROR_SYSTEM, "LD_PRELOAD is too long");
	text_end(&list);
	return ok;
}

/* What the parser of the command line cannot know, such as "N-M". */
static bool values_check(const struct parsed_line *line, struct error *error)
{
	struct settings unused;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		if (setting->kind != SETTING_SPAN || line->options[i].count == 0 ||
		    setting_parse(setting, parsed_text(line, i), &unused))
			continue;
		struct text range;
		text_begin(&range, 256);
		setting_add_range(setting, &range);
		(void)fail(error, ERROR_USAGE, "--%s is '%.100s', which is not %s",
			   options[i].name, parsed_text(line, i), text_string(&range));
		text_end(&range);
		return false;
	}
	return true;
}

/* What was not said on the command line stays as the environment has it. */
static bool environment_set(const struct parsed_line *line, const char *library, const char *folder,
			    struct error *error)
{
	for (size_t i = 0; i < RUN_OPTION_COUNT; i++)
		if (options[i].environment != NULL && line->options[i].count > 0 &&
		    !set_variable(options[i].environment, parsed_text(line, i), error))
			return false;
	return set_variable("LAGGARD_OUTPUT", folder, error) && preload_set(library, error);
}

/* argv of the program: what the parser borrowed, in the shape that exec wants. */
static char **program_arguments(const struct parsed_line *line)
{
	char **arguments = calloc(line->argument_count + 1, sizeof *arguments);
	if (arguments != NULL)
		memcpy(arguments, line->arguments, line->argument_count * sizeof *arguments);
	return arguments;
}

static void say_result(const struct output_folder *folder, const char *program, const char *typed)
{
	struct run_summary summary;
	struct text text;
	text_begin(&text, 1 << 16);
	run_summary_begin(&summary, folder->path);
	if (summary.trace_count > 0) {
		run_summary_add_text(&text, &summary, folder->shown, typed);
	} else {
		text_add(&text, "no trace: ");
		run_summary_add_reason(&text, program);
	}
	talk_note("%s", text_string(&text));
	run_summary_end(&summary);
	text_end(&text);
}

bool run_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error)
{
	char library[PATH_MAX];
	struct output_folder folder;
	if (!values_check(line, error) || !library_find(library, error) ||
	    !output_folder_make(&folder, line, error))
		return false;
	char **arguments = program_arguments(line);
	bool is_ready = arguments != NULL ? environment_set(line, library, folder.path, error) :
		fail(error, ERROR_SYSTEM, "memory is short for the command line");
	bool is_run = is_ready && launch_program(arguments, status, error);
	if (is_run && !parsed_flag(line, RUN_QUIET))
		say_result(&folder, arguments[0], typed);
	if (folder.is_new)
		(void)rmdir(folder.path);	/* goes only if nothing was written */
	free(arguments);
	if (is_run || *status == 0)
		return is_run;
	/*
	 * A shell's statuses for a program that cannot be run, which the error's kind does not
	 * know.
	 */
	talk_error("%s", error->message);
	return true;
}
