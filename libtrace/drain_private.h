/* SPDX-License-Identifier: MIT */
/*
 * The drain's own state, for drain.c and for the sources that are part of it: drain_cupti.c,
 * drain_logs.c, drain_facts.c. No other file includes this.
 *
 * Thread: drain thread only, except is_stopping and thread_id.
 */
#ifndef LIBTRACE_DRAIN_PRIVATE_H
#define LIBTRACE_DRAIN_PRIVATE_H

#include "libtrace/cupti_decode.h"
#include "libtrace/drain.h"
#include "libtrace/drain_source.h"
#include "libtrace/flight_recorder.h"
#include "libtrace/output_path.h"
#include "libtrace/queue.h"
#include "libtrace/recorder.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain {
	const struct drain_plan *plan;
	struct queue *queue;
	struct recorder *recorder;
	struct flight *flight;		/* NULL: all is written as it comes */
	const struct drain_source *logs[LOG_SOURCE_COUNT];	/* who reads which log's records */
	atomic_bool is_stopping;
	_Atomic int64_t thread_id;
	char path[OUTPUT_PATH_MAX];	/* of the file really made */
	int64_t second_due_ns;		/* CLOCK_MONOTONIC */
	int64_t losses;

	/* drain_cupti.c */
	struct cupti_decoder *decoder;	/* NULL with a flight recorder */
	int64_t pass_realtime_ns;	/* when the pass before this one began */
	int64_t flush_due_ns;		/* CLOCK_MONOTONIC */

	/* drain_logs.c */
	size_t log_count;		/* records of the host since the last flush */

	/* drain_facts.c */
	int64_t versions_due_s, seconds;
	size_t threads_named;
	int64_t wall_ns;		/* CLOCK_REALTIME - CLOCK_MONOTONIC, 0: not known yet */
	bool is_guarded;		/* see descriptor_guard.h */
};

/* drain_cupti.c: the decoder is there from before `begin` until the file is closed. */
bool drain_open_decoder(struct drain *drain, struct error *error);
void drain_close_decoder(struct drain *drain);

#endif
