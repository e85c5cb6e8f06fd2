/* SPDX-License-Identifier: MIT */
/*
 * How far the communicators of one process were when a flight recorder's dump was made.
 *
 * Thread: one trace is one thread's at a time.
 */
#ifndef ANALYZER_COMMUNICATOR_STATES_H
#define ANALYZER_COMMUNICATOR_STATES_H

#include "base/arena.h"
#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct communicator_state {
	int64_t hash;		/* of the communicator; never 0 */
	int64_t rank;		/* in it, >= 0 */
	int64_t rank_count;	/* > 0 */
	int64_t enqueued;
	int64_t completed;	/* -1 unknown */
	int64_t sequence;	/* of the last operation, -1 unknown */
	int64_t time_ns;	/* Unix time of the dump */
	int64_t enqueued_ns;	/* Unix time of the last operation; -1 unknown */
	const char *operation;	/* in the arena */
};

/* Those of known communicators and ranks; the others cannot be compared. */
bool communicator_states_load(struct trace_reader *reader, struct arena *arena,
			      struct communicator_state **states, size_t *count,
			      struct error *error);

#endif
