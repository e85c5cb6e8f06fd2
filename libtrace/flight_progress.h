/* SPDX-License-Identifier: MIT */
/*
 * How far each communicator is: operations that NCCL enqueued, and which of them ended on the GPU.
 * An operation, its launch bracket (CUPTI's external correlation) and the end of its kernel come
 * in any order; they are joined here by their ids. From this a hang is seen: an operation enqueued
 * long ago whose kernel has not ended, while nothing else ends on the GPU either.
 *
 * All times here are those at which we saw something, of one clock of the caller.
 *
 * Thread: one thread at a time (the drain). Pure.
 */
#ifndef LIBTRACE_FLIGHT_PROGRESS_H
#define LIBTRACE_FLIGHT_PROGRESS_H

#include "libtrace/nccl_event.h"
#include "libtrace/open_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLIGHT_COMMUNICATORS_MAX = 4096, FLIGHT_OPERATION_BYTES = 24 };

struct flight_communicator {
	int64_t enqueued;	/* collectives; of one that has none, its messages */
	int64_t completed;	/* of them; -1 unknown */
	int64_t sequence;	/* of the last one, -1 unknown */
	int64_t enqueued_ns;	/* its stamp, CLOCK_REALTIME */
	int64_t seen_ns;
	char operation[FLIGHT_OPERATION_BYTES];
	bool has_collectives;
	bool is_unjoined;	/* some operation's kernel cannot be found */
};

struct flight_progress {
	struct flight_communicator *communicators;	/* by NCCL context - 1 */
	size_t count;
	struct open_table launches;	/* by external id */
	struct open_table calls;	/* by correlation id */
	int64_t ended_ns;	/* when we last saw something end on the GPU; 0: never */
	int64_t latest_end_ns;	/* the latest end of all, CLOCK_REALTIME */
	bool has_brackets;	/* brackets come at all */
	int64_t refused;	/* what found no room since the start */
};

/* False: no memory. */
bool flight_progress_begin(struct flight_progress *progress);
void flight_progress_finish(struct flight_progress *progress);

void flight_progress_operation(struct flight_progress *progress, const struct nccl_event *event,
			       int64_t now_ns);
void flight_progress_bracket(struct flight_progress *progress, uint64_t external_id,
			     uint32_t correlation, int64_t now_ns);
void flight_progress_kernel(struct flight_progress *progress, uint32_t correlation,
			    int64_t now_ns);

/* Something ended on the GPU at `end_ns` (CLOCK_REALTIME). */
static inline void flight_progress_end(struct flight_progress *progress, int64_t end_ns,
				       int64_t now_ns)
{
	if (end_ns <= progress->latest_end_ns)
		return;
	progress->latest_end_ns = end_ns;
	progress->ended_ns = now_ns;
}

/* What is outstanding is not waited for any more: its end may not be recorded. */
void flight_progress_forget(struct flight_progress *progress);

/* About once a second: forgets what is joined and what never will be. */
void flight_progress_prune(struct flight_progress *progress, int64_t now_ns);

/* The state as it is to be written. */
struct flight_communicator flight_progress_state(const struct flight_progress *progress,
						 size_t index);

/* What has waited longest without any progress. */
struct flight_hang {
	size_t communicator;
	int64_t waiting_ns;
};
/* True: some operation is outstanding, and for `limit_ns` nothing has ended on the GPU. */
bool flight_progress_hangs(const struct flight_progress *progress, int64_t now_ns,
			   int64_t limit_ns, struct flight_hang *hang);

#endif
