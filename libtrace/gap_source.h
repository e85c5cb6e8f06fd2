/* SPDX-License-Identifier: MIT */
/*
 * Rows of capture_gap, by wish (window_source.h) or by force (CUPTI). A gap that lasts has a row
 * with duration -1, which gives way to the one with the end: of a process that is killed meanwhile
 * the trace says that it was not recorded. A flight recorder's dump gets the gaps that last when it
 * is made.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_GAP_SOURCE_H
#define LIBTRACE_GAP_SOURCE_H

#include "libtrace/drain.h"

#include <stdint.h>

/* With duration -1 it lasts, and is put once more when it has ended. */
void gap_source_put(struct drain *drain, const struct capture_gap_row *row);

/* Nothing of the GPU was recorded from `start_ns` on, both since the epoch. `reason` stays. */
void gap_source_put_cupti(struct drain *drain, int64_t start_ns, int64_t duration_ns,
			  const char *reason);

/* The same for cupti_source.h: `context` is the drain; CLOCK_REALTIME, end -1: it lasts. */
void gap_source_hear(void *context, int64_t start_ns, int64_t end_ns, const char *reason);

/* Writes the gaps that last as if they ended `now_ns` (CLOCK_REALTIME): for a dump. */
void gap_source_write_open(struct drain *drain, int64_t now_ns);

#endif
