/* SPDX-License-Identifier: MIT */
/*
 * Watches whether CUPTI still calls us. Another client that does not come through cupti_entry.c can
 * replace our buffer callbacks, or shut CUPTI down, and nothing says so: CUPTI just grows quiet.
 * So it does when the program idles; the watch only says when it is time to look.
 *
 * Thread: one thread at a time.
 */
#ifndef LIBTRACE_CUPTI_WATCH_H
#define LIBTRACE_CUPTI_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Flushes without a word from CUPTI until it is time to look: 30 s at the default interval. */
enum { WATCH_FLUSHES = 60, WATCH_GAPS_MAX = 16 };

struct cupti_watch_gap {
	int64_t start_ns, end_ns;	/* CLOCK_REALTIME */
	bool is_certain;		/* whether or not buffers come back */
};

struct cupti_watch {
	uint64_t calls;			/* of our callbacks, when they were last counted */
	int64_t quiet_since_ns;		/* CLOCK_REALTIME */
	int quiet_flushes;
	bool is_host_busy;		/* it logged ranges or operations since */
	int64_t buffers_out;		/* that did not come back when we last looked */
	/* Stretches in which that was so; they count only if the buffers never come. */
	struct cupti_watch_gap gaps[WATCH_GAPS_MAX];
	int gap_count;
};

/*
 * After a flush: `calls` of our callbacks so far, and whether the host has logged since the last
 * one. True: it is time to look.
 */
bool cupti_watch_flushed(struct cupti_watch *watch, uint64_t calls, bool is_host_busy,
			 int64_t now_ns);

/*
 * We looked, and CUPTI is there; `buffers_out` are with it. True: more than last time, or the
 * program worked all the while, so another client may have taken the callbacks; the stretch is
 * noted.
 */
bool cupti_watch_suspects(struct cupti_watch *watch, int64_t buffers_out, int64_t now_ns);

/*
 * At the end, when all buffers should have come back: the gaps that are real. A gap without an end
 * has end_ns -1.
 */
int cupti_watch_finish(struct cupti_watch *watch, int64_t buffers_out);

#endif
