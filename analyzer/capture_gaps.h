/* SPDX-License-Identifier: MIT */
/*
 * Stretches of a trace in which something was not recorded (table capture_gap): the reasons for the
 * report, and the union of those in which the GPU's work is missing, so that nobody calls them
 * idle.
 *
 * Thread: pure functions over the caller's memory; loading reads the trace.
 */
#ifndef ANALYZER_CAPTURE_GAPS_H
#define ANALYZER_CAPTURE_GAPS_H

#include "analyzer/intervals.h"
#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All stretches of one source and reason. The texts are borrowed from the reader. */
struct capture_gap_sum {
	int64_t source_id, reason_id;
	const char *source;	/* what is missing: cupti, nvtx, nccl, nvml, all */
	const char *reason;
	int64_t count;
	int64_t ns;		/* without stretches to the end of a trace whose end is not known */
};

enum { CAPTURE_GAP_SUMS_MAX = 64 };	/* more kinds than that go into the last */

struct capture_gaps {
	struct intervals gpu;	/* no work of the GPU was recorded here */
	struct capture_gap_sum sums[CAPTURE_GAP_SUMS_MAX];
	size_t sum_count;
};

/*
 * `stop_ns` is the end of the trace, -1 if unknown: where gaps reach that have no end. Rows with
 * impossible times are left out, and counted in `out_of_range`.
 */
bool capture_gaps_load(struct capture_gaps *gaps, struct trace_reader *reader, int64_t stop_ns,
		       int64_t *out_of_range, struct error *error);
void capture_gaps_end(struct capture_gaps *gaps);

/* Hands out [start, end) in pieces, recorded or not, in order. */
typedef void (*capture_gaps_piece)(void *context, bool is_recorded, int64_t start_ns,
				   int64_t end_ns);
void capture_gaps_split(const struct intervals *gaps, int64_t start_ns, int64_t end_ns,
			capture_gaps_piece add, void *context);

#endif
