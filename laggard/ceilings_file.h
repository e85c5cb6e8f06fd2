/* SPDX-License-Identifier: MIT */
/*
 * Where the ceilings of a machine are kept, and which of them an analysis uses: those beside its
 * traces and those of the default place, or one file that was named.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_CEILINGS_FILE_H
#define LAGGARD_CEILINGS_FILE_H

#include "base/error.h"
#include "base/text.h"
#include "tracedb/ceilings.h"

#include <stdbool.h>
#include <stddef.h>

/* $XDG_DATA_HOME/laggard/ceilings.db, or below ~/.local/share. False: there is no home. */
bool ceilings_add_default_path(struct text *path);

/* FOLDER/laggard-ceilings-HOST.db, so that a folder may hold those of several machines. */
void ceilings_add_path_in(struct text *path, const char *folder, const char *host);

enum { CEILINGS_FILES_MAX = 64 };

struct ceilings_files {
	struct ceilings items[CEILINGS_FILES_MAX];
	size_t count;
};

/*
 * `choice`: "none"; a file, which must be one; or "auto", the same as NULL: all that lie beside the
 * named traces or in the default place. Of those one that cannot be read is a note on stderr.
 */
bool ceilings_files_take(struct ceilings_files *files, const char *choice,
			 const char *const *traces, size_t trace_count, struct error *error);
void ceilings_files_give(struct ceilings_files *files);

#endif
