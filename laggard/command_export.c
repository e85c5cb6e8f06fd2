/* SPDX-License-Identifier: MIT */
#include "base/progress.h"
#include "laggard/analysis_file.h"
#include "laggard/command.h"
#include "laggard/input.h"
#include "laggard/selection.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "laggard/window.h"
#include "viewer-export/export.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXPORT_FORMAT,
	EXPORT_OUTPUT,
	EXPORT_KINDS_LIST,
	EXPORT_ONLY,
	EXPORT_WINDOW,
	EXPORT_STEPS,
	EXPORT_RANKS,
	EXPORT_MAX_SIZE,
	EXPORT_ANALYSIS_FILE,
	EXPORT_QUIET,
	EXPORT_OPTION_COUNT
};

static bool format_at(size_t index, struct option_choice *choice)
{
	for (size_t i = 0; i <= index; i++)
		if (export_formats[i] == NULL)
			return false;
	*choice = (struct option_choice){ export_formats[index]->name,
					  export_formats[index]->summary };
	return true;
}

static const struct option options[EXPORT_OPTION_COUNT] = {
	[EXPORT_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choice_at = format_at,
		.text = "what to write", .fallback = "chrome",
	},
	[EXPORT_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text =
			"file to write, compressed if its name ends in .gz; '-' is standard "
			"output; without it <name>.timeline.json, or with the ending of the "
			"format, in the current folder, after the first trace",
	},
	[EXPORT_KINDS_LIST] = {
		.name = "kinds", .kind = OPTION_TEXT, .value = "LIST",
		.text =
			"write only these kinds, separated by commas: kernels, copies, calls, "
			"ranges, sync, nccl, overhead, counters, flows, analysis, losses",
	},
	[EXPORT_ONLY] = {
		.name = "only", .kind = OPTION_TEXT, .value = "LIST",
		.text = "an older name of --kinds",
	},
	[EXPORT_STEPS] = {
		.name = "steps", .kind = OPTION_TEXT, .value = "FIRST..LAST",
		.text =
			"write only what touches these steps of the analysis, counted from 0, "
			"instead of a window: 5..8, 12.., 7",
	},
	[EXPORT_RANKS] = {
		.name = "ranks", .kind = OPTION_TEXT, .value = "LIST",
		.text = "write only traces of these ranks: 0,2-3",
	},
	[EXPORT_MAX_SIZE] = {
		.name = "max-size", .kind = OPTION_TEXT, .value = "BYTES",
		.text =
			"write several files, divided by time, where one would be larger than this "
			"before compression: 200M gives name.1.json, name.2.json, ...; each opens "
			"alone, has what starts in its time, and arrows from one file to the next "
			"are left out",
	},
	[EXPORT_WINDOW] = {
		.name = "window", .letter = 'w', .kind = OPTION_TEXT, .value = "all|START..END",
		.text =
			"write only what touches this time, counted from the first GPU activity "
			"of all as in 'laggard analyze': 1.5s..2s, 900us.., ..20ms",
		.fallback = "all",
	},
	[EXPORT_ANALYSIS_FILE] = {
		.name = "analysis", .kind = OPTION_TEXT, .value = "auto|none|FILE",
		.text =
			"draw what the analysis found: steps, idle time by cause, waits, findings; "
			"auto: as it stands beside the traces, made first where it is missing or "
			"out of date",
		.fallback = "auto",
	},
	[EXPORT_QUIET] = {
		.name = "quiet", .letter = 'q', .kind = OPTION_FLAG,
		.text = "do not say what was written",
	},
};

static const struct option_example examples[] = {
	{ "laggard export traces", "writes traces.timeline.json" },
	{ "laggard export traces -o timeline.json.gz --window 1s..1.2s", "200 ms, compressed" },
	{ "laggard export traces --format perfetto", "writes traces.timeline.pftrace" },
	{ "laggard export rank0.db rank1.db --kinds kernels,copies,nccl -o -",
	  "to standard output" },
	{ NULL, NULL },
};

const struct option_table export_table = {
	.name = "export",
	.summary = "write a timeline for a viewer",
	.arguments = "FILE-OR-FOLDER...",
	.description =
		"Writes traces as one file that a timeline viewer opens: a process for each rank "
		"and GPU, a track for each stream and thread, arrows from a launch to its kernel. "
		"Takes trace databases, PyTorch (Kineto) traces, SQLite exports of Nsight "
		"Systems, and folders of them.",
	.options = options,
	.option_count = EXPORT_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
};

static void show_progress(void *context, int64_t done, int64_t all)
{
	progress_update_share(context, done, all);
}

/* Length of `name` without the ending, if it has it. */
static size_t length_without(const char *name, size_t length, const char *ending)
{
	size_t size = strlen(ending);
	bool has_it = length > size && memcmp(name + length - size, ending, size) == 0;
	return has_it ? length - size : length;
}

/* "traces.timeline.json" from "runs/traces/", "rank0.timeline.json" from "rank0.trace.db". */
static bool output_derive(char path[PATH_MAX], const char *input, const char *extension,
			  struct error *error)
{
	static const char *const endings[] = { ".gz", ".json", ".sqlite", ".db", ".trace" };
	char whole[PATH_MAX];
	if (realpath(input, whole) == NULL)
		return fail(error, ERROR_INPUT, "cannot name the output after '%s'; say --output",
			    input);
	const char *name = strrchr(whole, '/') + 1;
	size_t length = strlen(name);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		length = length_without(name, length, endings[i]);
	int size = snprintf(path, PATH_MAX, "%.*s.timeline%s", (int)length, name, extension);
	if (length == 0 || size <= 0 || size >= PATH_MAX)
		return fail(error, ERROR_INPUT, "cannot name the output after '%s'; say --output",
			    input);
	return true;
}

static void add_count(struct text *text, const char *before, int64_t count, const char *noun)
{
	text_add_format(text, "%s%" PRId64 " %s%s", before, count, noun, count == 1 ? "" : "s");
}

static void say_written(const struct export_options *export, const struct export_format *format,
			const struct export_summary *summary)
{
	struct text text;
	text_begin(&text, 1 << 14);
	text_add_shell_word(&text, export->output);
	if (summary->files > 1)
		text_add_format(&text, " in %" PRId64 " files .1 to .%" PRId64, summary->files,
				summary->files);
	if (summary->tables > 0) {
		add_count(&text, ": ", summary->rows, "row");
		add_count(&text, " in ", summary->tables, "table");
	} else {
		add_count(&text, ": ", summary->slices, "slice");
		add_count(&text, ", ", summary->flows, "arrow");
		add_count(&text, ", ", summary->tracks, "track");
	}
	if (summary->launches_unknown > 0)
		text_add_format(&text, "; %" PRId64 " without their launch",
				summary->launches_unknown);
	if (format->opened_in != NULL)
		text_add_format(&text, "; open it in %s", format->opened_in);
	if (summary->flows_across > 0)
		text_add_format(&text, "; %" PRId64 " arrows from file to file left out",
				summary->flows_across);
	talk_note("%s", text_string(&text));
	text_end(&text);
}

static bool export_set(const struct parsed_line *line, struct trace_set *set,
		       struct export_options *export, struct error *error)
{
	char derived[PATH_MAX];
	struct progress progress;
	struct export_summary summary = { 0 };
	const struct export_format *format;
	if (!export_format_find(&format, export->format, error))
		return false;
	if (export->output == NULL) {
		if (!output_derive(derived, line->arguments[0], format->extension, error))
			return false;
		export->output = derived;
	}
	if (!input_check_output(line, export->output, error))
		return false;
	export->progress = show_progress;
	export->progress_context = &progress;
	progress_begin(&progress, "writing");
	bool ok = export_traces(set, export, &summary, error);
	progress_end(&progress);
	if (!ok)
		return strcmp(export->output, "-") == 0 && stdout_reader_is_gone();
	if (!parsed_flag(line, EXPORT_QUIET))
		say_written(export, format, &summary);
	return true;
}

static bool filters_parse(const struct parsed_line *line, struct export_options *export,
			  struct export_range *ranks, struct error *error)
{
	const char *kinds = parsed_text(line, EXPORT_KINDS_LIST);
	const char *steps = parsed_text(line, EXPORT_STEPS);
	const char *wanted = parsed_text(line, EXPORT_RANKS);
	const char *size = parsed_text(line, EXPORT_MAX_SIZE);
	if (kinds == NULL)
		kinds = parsed_text(line, EXPORT_ONLY);
	export->has_steps = steps != NULL;
	export->ranks = ranks;
	if (steps != NULL && strcmp(parsed_text(line, EXPORT_WINDOW), "all") != 0)
		return fail(error, ERROR_USAGE, "'--steps' and '--window' exclude each other");
	return (kinds == NULL || export_kinds_parse(kinds, &export->kinds, error)) &&
	       (steps == NULL || selection_parse_steps(&export->first_step, &export->last_step,
						       steps, error)) &&
	       (wanted == NULL ||
		selection_parse_ranks(ranks, &export->rank_count, wanted, error)) &&
	       (size == NULL || selection_parse_size(&export->max_bytes, size, error));
}

bool export_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error)
{
	struct trace_set *set = NULL;
	struct window window;
	struct analysis_file analysis;
	struct export_range ranks[SELECTION_RANGES_MAX];
	struct export_options export = {
		.format = parsed_text(line, EXPORT_FORMAT),
		.output = parsed_text(line, EXPORT_OUTPUT),
		.tool_version = laggard_version,
	};
	(void)typed;
	if (!window_parse(&window, parsed_text(line, EXPORT_WINDOW), false, error) ||
	    !filters_parse(line, &export, ranks, error) ||
	    !input_check_output(line, export.output, error) || !input_open(&set, line, error))
		return false;
	export.has_window = !window.is_all;
	export.window_start_ns = window.start_ns;
	export.window_end_ns = window.end_ns;
	bool ok = analysis_file_take(&analysis, line, set, parsed_text(line, EXPORT_ANALYSIS_FILE),
				     error);
	export.analysis_path = analysis_file_path(&analysis);
	ok = ok && export_set(line, set, &export, error);
	analysis_file_give(&analysis);
	if (ok && input_say_broken(set))
		*status = EXIT_INPUT;
	trace_set_close(set);
	return ok;
}
