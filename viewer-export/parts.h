/* SPDX-License-Identifier: MIT */
/*
 * An export in several files, divided by time: a format that stands before the real one. First it
 * measures how many bytes fall into which time, writing nothing; then it hands every event to the
 * file of the time in which it starts. Processes, tracks and labels go to every file, so that each
 * can be opened alone. An arrow is whole or missing: one whose ends start in different files is
 * left out and counted.
 *
 * Memory: a stream of the real format for each file.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_PARTS_H
#define VIEWER_EXPORT_PARTS_H

#include "base/error.h"
#include "viewer-export/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARTS_MAX = 64, PART_BUCKETS = 1 << 14 };

/* Bytes by time: bucket i is [i, i + 1) * width_ns, wider as time goes on. */
struct parts_measure {
	int64_t width_ns;
	int64_t bytes[PART_BUCKETS];
	int64_t timeless_bytes;		/* in every file */
};

/* Part i holds what starts before borders[i], the last one all the rest. */
struct parts_plan {
	size_t count;
	int64_t borders[PARTS_MAX];
};

void parts_measure_begin(struct parts_measure *measure);

/* ERROR_USAGE: more than PARTS_MAX files, or one instant does not fit into one. */
bool parts_plan_make(struct parts_plan *plan, const struct parts_measure *measure,
		     int64_t max_bytes, struct error *error);

/* "a.json.gz" to "a.3.json.gz"; `extension` is the format's. False: no memory. */
bool part_path(struct text *path, const char *output, const char *extension, size_t number);

/* The stream's state for either format. */
struct parts {
	const struct export_format *format;	/* the real one */
	struct parts_measure *measure;		/* NULL: nothing is measured */
	const struct parts_plan *plan;		/* NULL: one file */
	struct export_stream *streams;		/* one to measure; else plan->count */
	struct export_summary *summaries;	/* of each */
	int64_t flows_across;
};

/* Takes its struct parts from stream->state and leaves it to the caller. */
extern const struct export_format parts_format;

#endif
