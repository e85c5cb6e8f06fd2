/* SPDX-License-Identifier: MIT */
#include "laggard/input.h"

#include "base/progress.h"
#include "laggard/talk.h"
#include "laggard/version.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void show_progress(void *context, int64_t bytes_done, int64_t bytes_all)
{
	progress_update(context, bytes_done, bytes_all);
}

/* A trace keeps up to three files open, and a folder of many ranks is more than the usual 1024. */
static void allow_many_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

bool input_open_paths(struct trace_set **set, const char *const *paths, size_t count,
		      struct error *error)
{
	struct progress progress;
	allow_many_files();
	struct import_options import = {
		.progress = show_progress, .progress_context = &progress,
		.tool_version = laggard_version,
	};
	progress_begin(&progress, "reading");
	bool ok = trace_set_open(set, paths, count, &import, error);
	progress_end(&progress);
	return ok;
}

bool input_open(struct trace_set **set, const struct parsed_line *line, struct error *error)
{
	return input_open_paths(set, line->arguments, line->argument_count, error);
}

bool input_say_broken(const struct trace_set *set)
{
	for (size_t i = 0; i < trace_set_count(set); i++) {
		const struct trace_input *input = trace_set_input(set, i);
		if (input->reader == NULL)
			talk_error("%s", input->error.message);
	}
	return trace_set_broken_count(set) > 0;
}

bool input_check_output(const struct parsed_line *line, const char *output, struct error *error)
{
	struct stat target, source;
	if (output == NULL || strcmp(output, "-") == 0 || stat(output, &target) != 0)
		return true;
	for (size_t i = 0; i < line->argument_count; i++)
		if (stat(line->arguments[i], &source) == 0 && S_ISREG(source.st_mode) &&
		    source.st_dev == target.st_dev && source.st_ino == target.st_ino)
			return fail(error, ERROR_USAGE, "'%s' would be written over itself",
				    output);
	return true;
}
