/* SPDX-License-Identifier: MIT */
/*
 * The traces a command works on: files and folders named on the command line, opened as readers.
 * Foreign formats are imported on the way into a private temporary folder that goes with the set. A
 * file that cannot be read does not spoil the others: it stays in the set with its error.
 *
 * Thread: opening is one thread's; afterwards each reader may be used by one thread of its own.
 */
#ifndef TRACEDB_TRACE_SET_H
#define TRACEDB_TRACE_SET_H

#include "base/error.h"
#include "tracedb/import.h"
#include "tracedb/reader.h"

struct trace_input {
	const char *path; /* as a person knows it: the file named or found in the folder */
	struct trace_reader *reader;	/* NULL: could not be read, see error */
	struct error error;
};

struct trace_set;

/*
 * Opens every argument. In a folder: files ending in .db, .sqlite, .json, .json.gz, sorted by name,
 * not recursively. What laggard itself made of traces is passed over, in a folder and among other
 * arguments. The set is sorted by rank, host, pid, path (unreadable ones last). Fails only if
 * nothing at all could be read; the error then is the first one's.
 */
bool trace_set_open(struct trace_set **out, const char *const *arguments, size_t count,
		    const struct import_options *options, struct error *error);
void trace_set_close(struct trace_set *set);

size_t trace_set_count(const struct trace_set *set);
const struct trace_input *trace_set_input(const struct trace_set *set, size_t index);

/* How many inputs could not be read. */
size_t trace_set_broken_count(const struct trace_set *set);

#endif
