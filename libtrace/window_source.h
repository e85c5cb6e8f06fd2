/* SPDX-License-Identifier: MIT */
/*
 * The drain's part of the capture window: it reads the edges, writes a row of capture_gap for each
 * stretch that was not recorded, looks after the conditions that are a matter of time
 * (LAGGARD_DELAY_MS, LAGGARD_DURATION_MS), and lets CUPTI rest while the window stays closed.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_WINDOW_SOURCE_H
#define LIBTRACE_WINDOW_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/window_history.h"

#include <stdint.h>

/* The history is borrowed; it grows by window_source_take. */
const struct window_history *window_source_begin(struct drain *drain,
						 const struct settings *settings, int64_t epoch_ns);

/* Reads the edges that there are. */
void window_source_take(struct drain *drain);

/* The same, and what the time `now_ns` (CLOCK_REALTIME) asks for. */
void window_source_pass(struct drain *drain, int64_t now_ns);

/* How long until a condition changes by itself; INT64_MAX: never. */
int64_t window_source_due(int64_t now_ns);

/* As `laggard ctl` asks: the window may open, and LAGGARD_DURATION_MS begins anew; or it closes. */
void window_source_start(void);
void window_source_stop(void);

/* Writes the last gap; `stop_ns` is the end of the trace, since its epoch. */
void window_source_finish(struct drain *drain, int64_t stop_ns);

/* When the window was open; valid from window_source_begin on. */
const struct window_history *window_source_history(void);

/* Writes the gap that lasts as if it ended `now_ns` (CLOCK_REALTIME): for a dump. */
void window_source_write_open(struct drain *drain, int64_t now_ns);

/* Where the window stands. */
struct window_status {
	uint32_t unmet;		/* 0: recording */
	int64_t since_ns;	/* of this state, CLOCK_REALTIME */
	int64_t gap_count, gap_ns;	/* ended ones */
};
struct window_status window_source_status(void);

/* The words of conditions that are not met, joined by "; ". */
struct text;
void window_source_add_reason(struct text *text, uint32_t unmet);

#endif
