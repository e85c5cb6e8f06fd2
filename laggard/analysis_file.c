/* SPDX-License-Identifier: MIT */
#include "laggard/analysis_file.h"

#include "analyzer/analyze.h"
#include "analyzer/sidecar.h"
#include "analyzer/sidecar_write.h"
#include "laggard/background.h"
#include "laggard/ceilings_file.h"
#include "laggard/ending.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "tracedb/private_copy.h"
#include "viewer-export/export.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const size_t PATH_BYTES_MAX = 1 << 16;

bool analysis_find_folder(struct text *path, const struct parsed_line *line)
{
	struct stat status;
	const char *first = line->arguments[0];
	if (line->argument_count != 1 || stat(first, &status) != 0 || !S_ISDIR(status.st_mode) ||
	    access(first, W_OK) != 0)
		return false;
	sidecar_add_path(path, first);
	return true;
}

bool analysis_write(const struct report *report, const char *path, const char *window,
		    struct error *error)
{
	struct timespec now;
	char shape[96];
	bool is_measured = false;
	for (size_t g = 0; g < report->gpu_count; g++)
		is_measured = is_measured || report->facts[g].ceilings.made_ns > 0;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(shape, sizeof shape, "window=%.48s\nceilings=%s", window,
		       is_measured ? "measured" : "nominal");
	const struct sidecar_origin origin = {
		.tool_version = laggard_version,
		.options = shape,
		.made_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
	};
	ending_hold();
	bool ok = sidecar_write(report, path, &origin, error);
	ending_release();
	return ok;
}

static bool analysis_make(const char *path, const struct parsed_line *line, struct trace_set *set,
			  struct error *error)
{
	struct report *report = NULL;
	struct ceilings_files ceilings;
	if (!ceilings_files_take(&ceilings, NULL, line->arguments, line->argument_count, error))
		return false;
	const struct analyze_options options = {
		.window = WINDOW_STEADY, .window_end_ns = INT64_MAX, .keeps_pieces = true,
		.ceilings = ceilings.items, .ceilings_count = ceilings.count,
	};
	/* What ends us waits while a temporary file stands beside the traces. */
	sigset_t ending = background_signals(), before;
	bool ok = analyze_traces(set, &options, &report, error);
	(void)pthread_sigmask(SIG_BLOCK, &ending, &before);
	ok = ok && analysis_write(report, path, "steady", error);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	report_close(report);
	ceilings_files_give(&ceilings);
	return ok;
}

static bool private_make(struct analysis_file *file, const struct parsed_line *line,
			 struct trace_set *set, struct error *error)
{
	text_clear(&file->path);
	if (!private_folder_make(&file->private_folder, error))
		return false;
	text_add(&file->path, file->private_folder);
	text_add(&file->path, "/" SIDECAR_NAME);
	return analysis_make(text_string(&file->path), line, set, error);
}

static bool automatic_take(struct analysis_file *file, const struct parsed_line *line,
			   struct trace_set *set, struct error *error)
{
	bool may_write = analysis_find_folder(&file->path, line);
	if (!may_write)
		sidecar_add_path(&file->path, line->arguments[0]);
	if (export_analysis_is_current(set, text_string(&file->path)) ||
	    (may_write && analysis_make(text_string(&file->path), line, set, error)))
		return true;
	/* What stands there may be no analysis, or the disk be full. */
	return private_make(file, line, set, error);
}

bool analysis_file_take(struct analysis_file *file, const struct parsed_line *line,
			struct trace_set *set, const char *choice, struct error *error)
{
	struct error cause;
	*file = (struct analysis_file){ .private_folder = NULL };
	text_begin(&file->path, PATH_BYTES_MAX);
	if (strcmp(choice, "none") == 0)
		return true;
	if (strcmp(choice, "auto") != 0) {
		text_add(&file->path, choice);
		return export_analysis_is_current(set, choice) ||
		       fail(error, ERROR_INPUT,
			    "'%s' is no analysis of these traces as they are now", choice);
	}
	if (!automatic_take(file, line, set, &cause)) {
		talk_note("without an analysis: %s", cause.message);
		text_clear(&file->path);
	}
	return true;
}

const char *analysis_file_path(const struct analysis_file *file)
{
	return file->path.length > 0 ? text_string(&file->path) : NULL;
}

void analysis_file_give(struct analysis_file *file)
{
	text_end(&file->path);
	private_folder_remove(file->private_folder);
	file->private_folder = NULL;
}
