/* SPDX-License-Identifier: MIT */
/*
 * Where the time line of an export begins, and where its window counts from. The line begins with
 * the first event that is written, so that no time is negative; a window counts from the first GPU
 * activity of the set, as `laggard analyze --window` does, whatever is written. Traces that know
 * their Unix time share one line. The others share another, which begins at the same place.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_ORIGIN_H
#define VIEWER_EXPORT_ORIGIN_H

#include "base/error.h"
#include "viewer-export/survey.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the traces of one clock. Times are on that clock. */
struct origin {
	bool has_base;
	int64_t base_ns;	/* first event written */
	bool has_work;
	int64_t work_ns;	/* first kernel, copy or memset */
};

struct origins {
	struct origin unix_time;
	struct origin own_time;
};

/* The origin of a trace. */
struct origin *origins_find(struct origins *origins, const struct survey *survey);

/* The survey's events begin here or later. */
void origin_add_events(struct origin *origin, const struct survey *survey);

/* So does the trace's GPU activity, which is read for it. */
bool origin_add_work(struct origin *origin, const struct survey *survey, struct error *error);

/* A time of the window on the export's time line; INT64_MAX stays the end of time. */
int64_t origin_window_ns(const struct origin *origin, int64_t window_ns);

#endif
