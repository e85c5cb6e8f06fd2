/* SPDX-License-Identifier: MIT */
#include "analyzer/analyze.h"
#include "analyzer/compare_report.h"
#include "laggard/command.h"
#include "laggard/input.h"
#include "laggard/locale.h"
#include "laggard/talk.h"
#include "tracedb/file_format.h"
#include "tracedb/json_number.h"

#include <string.h>

enum {
	DIFF_FORMAT,
	DIFF_OUTPUT,
	DIFF_BASELINE,
	DIFF_THRESHOLD,
	DIFF_FAIL_ON,
	DIFF_FORCE,
	DIFF_OPTION_COUNT
};

enum { DIFF_TEXT, DIFF_JSON, DIFF_MARKDOWN };
enum { FAIL_ON_SLOWER, FAIL_ON_NOT_COMPARABLE };
enum { PAGE_BYTES_MAX = 1 << 26, PERCENT_DIGITS = 10 };

static const struct option_choice formats[] = {
	[DIFF_TEXT] = { "text", "for a person" },
	[DIFF_JSON] = { "json", "for programs, with a version" },
	[DIFF_MARKDOWN] = { "markdown", "for a page or an issue" },
	{ NULL, NULL },
};

static const struct option_choice failures[] = {
	[FAIL_ON_SLOWER] = { "slower", "B is slower, by the threshold or more" },
	[FAIL_ON_NOT_COMPARABLE] = { "not-comparable", "that, or nothing can be said" },
	{ NULL, NULL },
};

static const struct option options[DIFF_OPTION_COUNT] = {
	[DIFF_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choices = formats,
		.text = "how to write the comparison", .fallback = "text",
	},
	[DIFF_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of standard output",
	},
	[DIFF_BASELINE] = {
		.name = "baseline", .kind = OPTION_FILE, .value = "FILE",
		.text = "run A: a report in JSON or an analysis database that was kept",
	},
	[DIFF_THRESHOLD] = {
		.name = "threshold", .kind = OPTION_TEXT, .value = "PERCENT",
		.text = "smallest change of the median step that counts", .fallback = "2",
	},
	[DIFF_FAIL_ON] = {
		.name = "fail-on", .kind = OPTION_CHOICE, .choices = failures,
		.text = "exit with status 1 if",
	},
	[DIFF_FORCE] = {
		.name = "force", .kind = OPTION_FLAG,
		.text =
			"compare although the runs differ in ranks, GPUs, kernels a step, or in "
			"what divides the steps",
	},
};

static const struct option_example examples[] = {
	{ "laggard diff before after", "is the second run slower, and which part of a step grew" },
	{ "laggard diff --baseline main.json --fail-on slower traces",
	  "in CI: status 1 if a step takes at least 2 % more than in a report that was kept" },
	{ NULL, NULL },
};

const struct option_table diff_table = {
	.name = "diff",
	.summary = "say whether a run is slower than another one, and why",
	.arguments = "[A] B",
	.description =
		"Compares the steady steps of two runs: whether those of B tend to be longer than "
		"those of A, by how much with 95 % confidence, and which part of a step changed: "
		"compute, waiting for other ranks, transfers, copies, idle time by cause.\n\n"
		"A and B are traces or folders of them, analysis databases, or reports in JSON. A "
		"verdict needs a change that is more than chance and no smaller than the "
		"threshold. How much two runs of the very same program differ, one run of each "
		"cannot tell: choose the threshold accordingly.",
	.options = options,
	.option_count = DIFF_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = 2,
};

/* "2", "2.5", "2.5%": as a fixed-point ratio. */
static bool threshold_parse(int64_t *threshold_e12, const char *value, struct error *error)
{
	size_t length = strlen(value);
	if (length > 1 && value[length - 1] == '%')
		length--;
	if (json_number_scale(value, length, PERCENT_DIGITS, threshold_e12) && *threshold_e12 >= 0)
		return true;
	return fail(error, ERROR_USAGE, "'%s' is no percentage: --threshold takes 2 or 2.5%%",
		    value);
}

/* Inputs of a run that cannot be read make another run of it: its GPUs are missing. */
static bool run_analyze(struct run_steps *run, const char *path, struct error *error)
{
	struct trace_set *set = NULL;
	struct report *report = NULL;
	const struct analyze_options analyze = { .window = WINDOW_STEADY };
	bool ok = input_open_paths(&set, &path, 1, error) &&
		  analyze_traces(set, &analyze, &report, error);
	for (size_t i = 0; ok && i < report->trace_count; i++)
		if (report->traces[i].error != NULL)
			ok = fail(error, ERROR_INPUT, "%s", report->traces[i].error);
	ok = ok && run_steps_of_report(run, report, path, error);
	report_close(report);
	trace_set_close(set);
	return ok;
}

/* What an analysis left is read, anything else is analysed. */
static bool run_open(struct run_steps *run, const char *path, struct error *error)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	if (file_format_of(path, &format, NULL) &&
	    (format == FILE_FORMAT_ANALYSIS || format == FILE_FORMAT_RESULT))
		return run_steps_read(run, path, error);
	return run_analyze(run, path, error);
}

static bool comparison_write(const struct compare_subject *subject, const struct parsed_line *line,
			     struct error *error)
{
	struct text page;
	text_begin(&page, PAGE_BYTES_MAX);
	switch (parsed_choice(line, DIFF_FORMAT)) {
	case DIFF_JSON:
		compare_add_json(&page, subject);
		break;
	case DIFF_MARKDOWN:
		compare_add_markdown(&page, subject);
		break;
	default:
		compare_add_text(&page, subject, locale_is_utf8());
		break;
	}
	bool ok = text_is_ok(&page) || fail(error, ERROR_SYSTEM, "no memory for the comparison");
	ok = ok && result_write(parsed_text(line, DIFF_OUTPUT), &page, error);
	text_end(&page);
	return ok;
}

static int status_of(const struct comparison *comparison, int fail_on)
{
	if (fail_on < 0)
		return EXIT_FINE;
	if (comparison->verdict == COMPARE_IMPOSSIBLE) {
		talk_note("the runs cannot be compared (%s)",
			  compare_reason_name(comparison->reason));
		return fail_on == FAIL_ON_NOT_COMPARABLE ? EXIT_FINDINGS : EXIT_FINE;
	}
	return comparison->verdict == COMPARE_SLOWER ? EXIT_FINDINGS : EXIT_FINE;
}

static bool runs_find(const struct parsed_line *line, const char **a, const char **b,
		      struct error *error)
{
	const char *baseline = parsed_text(line, DIFF_BASELINE);
	size_t wanted = baseline == NULL ? 2 : 1;
	if (line->argument_count != wanted)
		return fail(error, ERROR_USAGE,
			    baseline == NULL ? "two runs are needed: A and B, or --baseline and B"
					     : "with --baseline only B is given");
	const char *output = parsed_text(line, DIFF_OUTPUT);
	if (baseline != NULL && output != NULL && strcmp(baseline, output) == 0)
		return fail(error, ERROR_USAGE, "'%s' would be written over itself", output);
	*a = baseline == NULL ? line->arguments[0] : baseline;
	*b = line->arguments[wanted - 1];
	return true;
}

bool diff_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error)
{
	struct run_steps a = { .arena = NULL }, b = { .arena = NULL };
	const char *path_a = NULL, *path_b = NULL;
	struct comparison comparison;
	struct compare_options compare = { .is_forced = parsed_flag(line, DIFF_FORCE) };
	(void)typed;
	if (!threshold_parse(&compare.threshold_e12, parsed_text(line, DIFF_THRESHOLD), error) ||
	    !runs_find(line, &path_a, &path_b, error) ||
	    !input_check_output(line, parsed_text(line, DIFF_OUTPUT), error))
		return false;
	const struct compare_subject subject = { &a, &b, &compare, &comparison };
	bool ok = run_open(&a, path_a, error) && run_open(&b, path_b, error) &&
		  comparison_make(&comparison, &a, &b, &compare, error) &&
		  comparison_write(&subject, line, error);
	if (ok)
		*status = status_of(&comparison, parsed_choice(line, DIFF_FAIL_ON));
	run_steps_end(&a);
	run_steps_end(&b);
	return ok;
}
