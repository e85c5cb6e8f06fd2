/* SPDX-License-Identifier: MIT */
/*
 * A progress bar on stderr for work that a person waits for: shown only on a terminal, drawn at
 * most ten times a second, only after the work has taken a moment, and wiped out at the end.
 *
 * Thread: one thread at a time.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *label;	/* borrowed */
	int64_t begin_ns;
	int64_t drawn_ns;	/* when last drawn; 0: nothing stands on the terminal */
	bool is_shown;
};

void progress_begin(struct progress *progress, const char *label);
/* `done_bytes` of `all_bytes`; 0 of all: the amount is not known. */
void progress_update(struct progress *progress, int64_t done_bytes, int64_t all_bytes);
/* The same for work that is not counted in bytes. */
void progress_update_share(struct progress *progress, int64_t done, int64_t all);
void progress_end(struct progress *progress);

#endif
