/* SPDX-License-Identifier: MIT */
#include "analyzer/analyze.h"
#include "analyzer/sidecar.h"
#include "laggard/analysis_file.h"
#include "laggard/ceilings_file.h"
#include "laggard/command.h"
#include "laggard/input.h"
#include "laggard/locale.h"
#include "laggard/talk.h"
#include "laggard/window.h"

#include <string.h>

enum {
	ANALYZE_FORMAT,
	ANALYZE_OUTPUT,
	ANALYZE_WINDOW,
	ANALYZE_FAIL_ON,
	ANALYZE_COLOR,
	ANALYZE_DATABASE,
	ANALYZE_CEILINGS,
	ANALYZE_OPTION_COUNT
};

enum { FAIL_ON_WARNING, FAIL_ON_ERROR };
enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const size_t REPORT_LENGTH_MAX = (size_t)1 << 30;
static const size_t DATABASE_PATH_MAX = 1 << 16;

static const struct option_choice formats[] = {
	[REPORT_TEXT] = { "text", "for a person" },
	[REPORT_JSON] = { "json", "for programs: everything, with a version" },
	[REPORT_MARKDOWN] = { "markdown", "for a page or an issue" },
	{ NULL, NULL },
};

static const struct option options[ANALYZE_OPTION_COUNT] = {
	[ANALYZE_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choices = formats,
		.text = "how to write the report", .fallback = "text",
	},
	[ANALYZE_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of standard output",
	},
	[ANALYZE_WINDOW] = {
		.name = "window", .letter = 'w', .kind = OPTION_TEXT,
		.value = "steady|all|START..END",
		.text =
			"the time to look at: the training steps without warm-up and end, if there "
			"are steps; each GPU from its first activity to its last; or a part "
			"counted from the first GPU activity of all: 1.5s..2s, 900us.., ..20ms",
		.fallback = "steady",
	},
	[ANALYZE_FAIL_ON] = {
		.name = "fail-on", .kind = OPTION_CHOICE, .words = "warning|error",
		.text = "exit with status 1 if there is a finding of this severity or above",
	},
	[ANALYZE_COLOR] = {
		.name = "color", .kind = OPTION_CHOICE, .words = "auto|always|never",
		.text = "colours in the text; auto: on a terminal, unless NO_COLOR is set",
		.fallback = "auto",
	},
	[ANALYZE_DATABASE] = {
		.name = "database", .kind = OPTION_TEXT, .value = "auto|none|FILE",
		.text =
			"also write what was found as tables, for SQL and for timelines; auto: "
			"to " SIDECAR_NAME " in the folder, where one folder is analysed and "
			"can be written to",
		.fallback = "auto",
	},
	[ANALYZE_CEILINGS] = {
		.name = "ceilings", .kind = OPTION_TEXT, .value = "auto|none|FILE",
		.text =
			"what the machine can do at best, as 'laggard calibrate' measured it; "
			"auto: from beside the traces or the default place, where it is of the "
			"same GPUs on the same host; without, nominal rates",
		.fallback = "auto",
	},
};

static const struct option_example examples[] = {
	{ "laggard analyze traces", "the verdict, findings and tables of all ranks in a folder" },
	{ "laggard analyze --format json -o report.json rank*.json.gz",
	  "the same for programs, from traces of PyTorch's profiler" },
	{ "laggard analyze --window 10s..12s --fail-on warning traces",
	  "two seconds of it; status 1 if something is wrong" },
	{ NULL, NULL },
};

const struct option_table analyze_table = {
	.name = "analyze",
	.summary = "say who makes the others wait, and why each GPU is idle",
	.arguments = "FILE-OR-FOLDER...",
	.description =
		"Gives a verdict first: which rank makes the others wait, why, what to do and what "
		"that would save; or that nobody does. Then findings by the GPU time they cost, "
		"and where the time of each GPU went: compute, transfer, waiting for other "
		"ranks, copies that nothing hides, and idle, by cause. All of it sums to the "
		"window, to the nanosecond.\n\n"
		"Takes trace databases, PyTorch (Kineto) traces, SQLite exports of Nsight Systems, "
		"and folders of them: one file a process, or rank. A file that cannot be read does "
		"not stop the others; the report names it, and the exit status is 3.",
	.options = options,
	.option_count = ANALYZE_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
};

static struct report_style style_choose(const struct parsed_line *line)
{
	int color = parsed_choice(line, ANALYZE_COLOR);
	const char *output = parsed_text(line, ANALYZE_OUTPUT);
	bool is_stdout = output == NULL || strcmp(output, "-") == 0;
	return (struct report_style){
		.format = (enum report_format)parsed_choice(line, ANALYZE_FORMAT),
		.has_color = color == COLOR_ALWAYS ||
			     (color == COLOR_AUTO && is_stdout && stdout_wants_color()),
		.has_unicode = locale_is_utf8(),
	};
}

/* Inputs that could not be read weigh more than findings: the report does not speak of them. */
static int status_of(const struct report *report, int fail_on)
{
	bool has_broken = false;
	for (size_t i = 0; i < report->trace_count; i++) {
		if (report->traces[i].error == NULL)
			continue;
		talk_error("%s", report->traces[i].error);
		has_broken = true;
	}
	enum severity limit = fail_on == FAIL_ON_ERROR ? SEVERITY_ERROR : SEVERITY_WARNING;
	if (has_broken)
		return EXIT_INPUT;
	return fail_on >= 0 && report_severity(report) >= limit ? EXIT_FINDINGS : EXIT_FINE;
}

static bool report_write(const struct report *report, const struct parsed_line *line,
			 struct error *error)
{
	struct report_style style = style_choose(line);
	struct text text;
	text_begin(&text, REPORT_LENGTH_MAX);
	bool ok = report_render(report, &style, &text, error) &&
		  result_write(parsed_text(line, ANALYZE_OUTPUT), &text, error);
	text_end(&text);
	return ok;
}

/*
 * Where the tables go: to the file named, or into the one folder analysed if that can be written
 * to. Empty: nowhere.
 */
static void database_path(struct text *path, const struct parsed_line *line)
{
	const char *choice = parsed_text(line, ANALYZE_DATABASE);
	if (strcmp(choice, "none") == 0)
		return;
	if (strcmp(choice, "auto") != 0) {
		text_add(path, choice);
		return;
	}
	(void)analysis_find_folder(path, line);
}

/* A folder that turns out not to take the tables by itself is no reason to withhold the report. */
static bool database_write(const struct report *report, const struct parsed_line *line,
			   const char *path, struct error *error)
{
	bool is_asked = strcmp(parsed_text(line, ANALYZE_DATABASE), "auto") != 0;
	struct error cause;
	if (analysis_write(report, path, parsed_text(line, ANALYZE_WINDOW), &cause))
		return true;
	if (is_asked)
		return fail(error, cause.kind, "%s", cause.message);
	talk_note("%s", cause.message);
	return true;
}

bool analyze_command(const struct parsed_line *line, const char *typed, int *status,
		     struct error *error)
{
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct window window;
	struct text database;
	struct ceilings_files ceilings;
	(void)typed;
	if (!window_parse(&window, parsed_text(line, ANALYZE_WINDOW), true, error) ||
	    !input_check_output(line, parsed_text(line, ANALYZE_OUTPUT), error) ||
	    !ceilings_files_take(&ceilings, parsed_text(line, ANALYZE_CEILINGS), line->arguments,
				 line->argument_count, error))
		return false;
	text_begin(&database, DATABASE_PATH_MAX);
	database_path(&database, line);
	if (!input_check_output(line, database.length > 0 ? text_string(&database) : NULL, error) ||
	    !input_open(&set, line, error)) {
		text_end(&database);
		ceilings_files_give(&ceilings);
		return false;
	}
	struct analyze_options analyze = {
		.window = window_kind_of(&window),
		.window_start_ns = window.start_ns,
		.window_end_ns = window.end_ns,
		.keeps_pieces = database.length > 0,
		.ceilings = ceilings.items,
		.ceilings_count = ceilings.count,
	};
	bool ok = analyze_traces(set, &analyze, &report, error) &&
		  report_write(report, line, error) &&
		  (database.length == 0 ||
		   database_write(report, line, text_string(&database), error));
	text_end(&database);
	if (ok)
		*status = status_of(report, parsed_choice(line, ANALYZE_FAIL_ON));
	report_close(report);
	trace_set_close(set);
	ceilings_files_give(&ceilings);
	return ok;
}
