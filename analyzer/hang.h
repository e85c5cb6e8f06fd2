/* SPDX-License-Identifier: MIT */
/*
 * Collectives that hang, from the flight recorders' dumps of several ranks: who has come to the
 * operation that the others wait in, and who has not.
 *
 * A communicator hangs if a dump of it was made because of a hang. The operation is the last one
 * of those ranks that enqueued most. A rank that enqueued less is missing, if its dump is younger
 * than the others' waiting; one without a (young enough) dump is not known. Sends and receives are
 * not compared: ranks do not make equally many.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_HANG_H
#define ANALYZER_HANG_H

#include "analyzer/communicator_states.h"

struct report;

enum { HANG_RANKS_MAX = 1024 };

struct report_hang {
	int64_t hash;
	int64_t rank_count;
	const char *operation;
	int64_t sequence;	/* -1 unknown */
	int64_t place;		/* operations of the communicator so far, this one included */
	int64_t waiting_ns;	/* from the enqueue to the latest dump of those that wait */
	int64_t *waiting;	/* ranks of the communicator, rising; so the others */
	size_t waiting_count;
	int64_t *missing;	/* dumped later, and had enqueued less */
	size_t missing_count;
	int64_t *unknown;	/* no dump that says anything */
	size_t unknown_count;
	bool is_mixed;		/* the ranks that wait do not wait in the same operation */
};

/* Fills report->hangs. False: memory is short. */
bool hangs_find(struct report *report);

#endif
