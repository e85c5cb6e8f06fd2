/* SPDX-License-Identifier: MIT */
/*
 * The first look at a trace, before a byte is written: its time bounds, the groups of spans and
 * their lanes, and which call launched what. Reads starts, durations and keys only.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_SURVEY_H
#define VIEWER_EXPORT_SURVEY_H

#include "base/error.h"
#include "tracedb/reader.h"
#include "viewer-export/groups.h"
#include "viewer-export/lanes.h"
#include "viewer-export/launches.h"

#include <stdbool.h>
#include <stdint.h>

enum { SPAN_SOURCES_MAX = 16 };

struct survey {
	struct trace_reader *reader;	/* borrowed */
	unsigned kinds;			/* EXPORT_* bits looked at */
	bool has_time;			/* false: no row at all */
	int64_t first_ns;		/* since the trace's epoch */
	int64_t last_ns;
	int64_t clock_offset_ns;	/* onto the clock of the job; set by the caller */
	struct group_set groups[FAMILY_COUNT];
	struct lane_set lanes[FAMILY_COUNT];
	int64_t row_counts[SPAN_SOURCES_MAX];	/* a growing trace is walked no further */
	struct launch_index launches;	/* calls are the spans of FAMILY_CALL */
};

/* Time bounds only: nothing is kept. */
bool survey_times(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		  struct error *error);

bool survey_make(struct survey *survey, struct trace_reader *reader, unsigned kinds,
		 struct error *error);
void survey_end(struct survey *survey);

/* The time bounds take in a span, in times since the trace's epoch. */
void survey_widen(struct survey *survey, int64_t start_ns, int64_t end_ns);

/* Unix time of a trace's epoch on the clock of the job, cut to what can be computed with. */
int64_t survey_epoch_ns(const struct survey *survey);

#endif
