/* SPDX-License-Identifier: MIT */
/*
 * What `laggard run` says when the program has ended: the traces that were written and what to type
 * next, or why there are none.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_RUN_SUMMARY_H
#define LAGGARD_RUN_SUMMARY_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct run_summary {
	size_t trace_count;
	size_t unreadable_count;
	long long *ranks;	/* sorted; of the traces that have one */
	size_t rank_count;
	long long *pids;	/* sorted; of the traces without a rank */
	size_t pid_count;
};

/* Looks at every database in the folder. What cannot be read is counted, not an error. */
void run_summary_begin(struct run_summary *summary, const char *folder);
void run_summary_end(struct run_summary *summary);

/*
 * "4 traces in DIR (ranks 0-3); next: laggard analyze DIR"; `typed` is the program's name as it was
 * typed.
 */
void run_summary_add_text(struct text *text, const struct run_summary *summary, const char *folder,
			  const char *typed);

/* Why the program named `program` left no trace: "'true' used no GPU" and the like. */
void run_summary_add_reason(struct text *text, const char *program);

/* Whether the folder holds a database. */
bool folder_has_traces(const char *folder);

#endif
