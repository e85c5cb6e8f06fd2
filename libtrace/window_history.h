/* SPDX-License-Identifier: MIT */
/*
 * When the capture window was open, as the drain knows it: which records belong into the trace, and
 * which stretches are gaps. A record belongs if any part of it lies in an open stretch; one that
 * only touches its end does not.
 *
 * Thread: one thread at a time (the drain). Times are CLOCK_REALTIME ns.
 */
#ifndef LIBTRACE_WINDOW_HISTORY_H
#define LIBTRACE_WINDOW_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WINDOW_STRETCHES_KEPT = 32768 };	/* what is older counts as open: it is never lost */

struct window_stretch {
	int64_t start_ns, end_ns;	/* closed stretches, in order */
};

struct window_history {
	bool is_open;
	int64_t since_ns;		/* of the present state */
	struct window_stretch *closed;	/* a ring once it is full */
	size_t first, count;
	int64_t gap_count, gap_ns;	/* ended gaps, all there ever were */
};

void window_history_begin(struct window_history *history, bool is_open, int64_t start_ns);
void window_history_end(struct window_history *history);

/* The window opened or closed. The time never runs back: what does is moved to the last edge. */
struct window_stretch window_history_turn(struct window_history *history, bool is_open,
					  int64_t time_ns);

/* Does a record of this time belong into the trace? A record without length is a point. */
bool window_history_has(const struct window_history *history, int64_t start_ns, int64_t end_ns);

#endif
