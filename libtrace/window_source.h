/* SPDX-License-Identifier: MIT */
/*
 * The drain's part of the capture window: it reads the edges, writes a row of capture_gap for each
 * stretch that was not recorded, looks after the conditions that are a matter of time
 * (LAGGARD_DELAY_MS, LAGGARD_DURATION_MS), and lets CUPTI rest while the window stays closed.
 *
 * Thread: drain thread only. The drain calls it by drain_source.h.
 */
#ifndef LIBTRACE_WINDOW_SOURCE_H
#define LIBTRACE_WINDOW_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/window_history.h"

#include <stdint.h>

/* From the beginning of the drain on; borrowed, it grows by window_source_take. */
const struct window_history *window_source_history(void);

/* Reads the edges that there are. */
void window_source_take(struct drain *drain);

/* As `laggard ctl` asks: the window may open, and LAGGARD_DURATION_MS begins anew; or it closes. */
void window_source_start(void);
void window_source_stop(void);

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
