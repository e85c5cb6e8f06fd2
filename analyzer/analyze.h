/* SPDX-License-Identifier: MIT */
/*
 * The analysis: traces in, one report out. A trace that turns out unreadable midway is named in the
 * report, and the others are analysed.
 *
 * Memory: the timelines of all traces (timeline.h), and what job.h says.
 *
 * Thread: called from one thread; ranks are read by threads of its own, each reader by one of them.
 */
#ifndef ANALYZER_ANALYZE_H
#define ANALYZER_ANALYZE_H

#include "analyzer/report.h"
#include "base/error.h"
#include "tracedb/trace_set.h"

#include <stdbool.h>
#include <stdint.h>

struct analyze_options {
	/*
	 * WINDOW_STEADY: the steady steps, or all where there are none; WINDOW_ALL: from each GPU's
	 * first activity to its last.
	 */
	enum window_kind window;
	/*
	 * WINDOW_EXPLICIT: since the first GPU activity of the set, so that it is the same time on
	 * all GPUs.
	 */
	int64_t window_start_ns;
	int64_t window_end_ns;		/* INT64_MAX: to the last GPU activity of the set */
	int thread_count;	/* 0: one a processor */
	/*
	 * For sidecar_write: 64 bytes a piece of idle time from PIECE_NS_MIN on; the set must then
	 * outlive the report.
	 */
	bool keeps_pieces;
	const struct ceilings *ceilings;	/* measured ones, of any machines; only read */
	size_t ceilings_count;
};

/*
 * The report keeps nothing of the set. Fails when no trace could be read, with the first one's
 * error.
 */
bool analyze_traces(struct trace_set *set, const struct analyze_options *options,
		    struct report **out, struct error *error);

#endif
