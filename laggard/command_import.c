/* SPDX-License-Identifier: MIT */
#include "base/progress.h"
#include "laggard/command.h"
#include "laggard/folder.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "tracedb/import.h"

#include <inttypes.h>
#include <unistd.h>

enum { IMPORT_OUTPUT, IMPORT_OPTION_COUNT };

static const struct option options[IMPORT_OPTION_COUNT] = {
	[IMPORT_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FOLDER, .value = "FOLDER",
		.text = "folder for the databases; made if it is missing", .fallback = ".",
	},
};

static const struct option_example examples[] = {
	{ "laggard import trace.json.gz -o traces", "a trace of PyTorch's profiler" },
	{ "laggard import report.sqlite -o traces",
	  "what 'nsys export --type sqlite report.nsys-rep' wrote" },
	{ NULL, NULL },
};

const struct option_table import_table = {
	.name = "import",
	.summary = "turn traces of other tools into trace databases",
	.arguments = "FILE...",
	.description =
		"Reads PyTorch (Kineto) traces, .json or .json.gz, and SQLite exports of Nsight "
		"Systems, and writes one trace database a process. The names of the databases are "
		"printed, one a line. An existing file is never overwritten.\n\n"
		"A file that cannot be read does not stop the others; the exit status is then 3. "
		"What a trace holds and the database cannot take over is counted in its table "
		"'loss'.\n\n"
		"'laggard analyze' and 'laggard export' take such files directly, too.",
	.options = options,
	.option_count = IMPORT_OPTION_COUNT,
	.examples = examples,
	.arguments_min = 1,
	.arguments_max = (size_t)-1,
};

static void show_progress(void *context, int64_t bytes_done, int64_t bytes_all)
{
	progress_update(context, bytes_done, bytes_all);
}

/* `*is_read` false: this file is bad, which was said. False: the result cannot be told, so stop. */
static bool import_one(const char *path, const char *folder, bool *is_read, struct error *error)
{
	struct progress progress;
	struct import_options import = {
		.progress = show_progress, .progress_context = &progress,
		.tool_version = laggard_version,
	};
	struct import_result result = { 0 };
	struct error broken = { 0 };
	bool ok = true;
	progress_begin(&progress, path);
	*is_read = import_file(path, folder, &import, &result, &broken);
	progress_end(&progress);
	if (!*is_read)
		talk_error("%s", broken.message);
	else if (result.rejected > 0)
		talk_note("'%s': %" PRId64 " of %" PRId64
			  " records not taken over; see the table 'loss'",
			  path, result.rejected, result.rejected + result.rows);
	for (size_t i = 0; *is_read && ok && i < result.count; i++)
		ok = result_write_line(result.paths[i], error);
	import_result_end(&result);
	return ok;
}

bool import_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error)
{
	const char *folder = parsed_text(line, IMPORT_OUTPUT);
	bool is_new;
	bool ok = true;
	(void)typed;
	if (!folder_make(folder, &is_new, error))
		return false;
	for (size_t i = 0; ok && i < line->argument_count; i++) {
		bool is_read;
		ok = import_one(line->arguments[i], folder, &is_read, error);
		if (!is_read)
			*status = EXIT_INPUT;
	}
	if (is_new)
		(void)rmdir(folder);	/* goes only if nothing was written */
	return ok;
}
