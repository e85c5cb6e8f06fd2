/* SPDX-License-Identifier: MIT */
/*
 * The analysis that a timeline draws: the one beside the traces if it is of them as they are now,
 * or made here and now, into the folder that was named or into a private file.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_ANALYSIS_FILE_H
#define LAGGARD_ANALYSIS_FILE_H

#include "analyzer/report.h"
#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "tracedb/trace_set.h"

#include <stdbool.h>

/* True: `path` is where the analysis of all that the line names may be written, in its one folder.
 */
bool analysis_find_folder(struct text *path, const struct parsed_line *line);

/* The tables of a report, to `path`; `window` is how the option says it. */
bool analysis_write(const struct report *report, const char *path, const char *window,
		    struct error *error);

struct analysis_file {
	struct text path;
	char *private_folder;	/* NULL: the file stays */
};

/*
 * `choice`: auto, none, or a file that must be one and current. With auto, what goes wrong is one
 * note on stderr, and there is no path. The arguments of `line` are those of `set`.
 */
bool analysis_file_take(struct analysis_file *file, const struct parsed_line *line,
			struct trace_set *set, const char *choice, struct error *error);

/* NULL: there is none. */
const char *analysis_file_path(const struct analysis_file *file);

/* Also after a failure; what is private is removed. */
void analysis_file_give(struct analysis_file *file);

#endif
