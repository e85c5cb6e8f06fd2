/* SPDX-License-Identifier: MIT */
/*
 * The capture window: whether what happens now is recorded. It is open while all of its conditions
 * are met (the settings LAGGARD_DELAY_MS, _DURATION_MS, _RANGE, _CUDA_PROFILER, _STEPS, _START and
 * `laggard ctl` make them), and all of them stand in one word, so that the sources ask with one
 * relaxed load, and whoever changes a condition knows from one compare-and-swap whether the window
 * opened or closed by it. Each such edge is stamped and published; the drain makes intervals and
 * gap rows of them (window_history.h).
 *
 * CUPTI's record kinds are no condition of a person but stand in the word as well: a window that
 * has been closed for a while lets the drain switch them off, and opens again only when they are
 * back on. No lock is held meanwhile: of two threads that want them on, one does it and the other
 * goes on.
 *
 * Thread: any, at the same time, unless said otherwise. Nothing here blocks; errno is kept.
 */
#ifndef LIBTRACE_CAPTURE_WINDOW_H
#define LIBTRACE_CAPTURE_WINDOW_H

#include "libtrace/settings.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* CONDITION(ENUMERATOR, words): what must be met, and what a gap is called while it is not. */
#define WINDOW_CONDITIONS(CONDITION) \
	CONDITION(WINDOW_CONTROL, "stopped by laggard ctl") \
	CONDITION(WINDOW_START, "LAGGARD_START=off, and not started by laggard ctl") \
	CONDITION(WINDOW_DELAY, "before LAGGARD_DELAY_MS") \
	CONDITION(WINDOW_DURATION, "after LAGGARD_DURATION_MS") \
	CONDITION(WINDOW_PROFILER, "outside cudaProfilerStart and cudaProfilerStop") \
	CONDITION(WINDOW_STEPS, "outside LAGGARD_STEPS") \
	CONDITION(WINDOW_RANGE, "outside LAGGARD_RANGE") \
	CONDITION(WINDOW_KINDS, "switching CUPTI on again")

enum window_condition {
#define CONDITION(enumerator, words) enumerator,
	WINDOW_CONDITIONS(CONDITION)
#undef CONDITION
	WINDOW_CONDITION_COUNT
};

const char *window_condition_words(enum window_condition condition);

/*
 * Bits 0..15: conditions that are met; then flags; 24 bits of open ranges that LAGGARD_RANGE means;
 * the lower bits of the count of edges.
 */
extern _Atomic uint64_t capture_window_word;
#define WINDOW_OPEN (UINT64_C(1) << 16)
#define WINDOW_WATCHES (UINT64_C(1) << 17)	/* names of NVTX ranges are looked at */

/* WINDOW_OPEN, WINDOW_WATCHES or both: what the handlers of the sources ask first. */
static inline uint64_t capture_window_flags(void)
{
	return atomic_load_explicit(&capture_window_word, memory_order_relaxed) &
	       (WINDOW_OPEN | WINDOW_WATCHES);
}

static inline bool capture_window_is_open(void)
{
	return (capture_window_flags() & WINDOW_OPEN) != 0;
}

/*
 * In the constructor: what is met at first. `switch_kinds` switches CUPTI's records on and off;
 * it is called on whatever thread opens the window, and on the drain, with no lock held.
 */
typedef void (*window_switch_kinds)(bool is_on);
void capture_window_begin(const struct settings *settings, window_switch_kinds switch_kinds);

/* In a forked child, and when capture has ended: closed for good, and no edge any more. */
void capture_window_end(void);

void capture_window_meet(enum window_condition condition, bool is_met);

/* One of the ranges that LAGGARD_RANGE means began (1) or ended (-1). */
void capture_window_count_range(int change);

/* The conditions that are not met, as 1 << enum window_condition; 0: open. */
uint32_t capture_window_unmet(void);

/*
 * Switches CUPTI's kinds off if nobody wants the window to be open. Drain thread.
 */
void capture_window_rest(void);

/* The next edge since the last call, or false. Edges alternate. Drain thread. */
struct window_edge {
	int64_t time_ns;	/* CLOCK_REALTIME */
	bool is_open;		/* it opened; else it closed */
	uint32_t unmet;		/* when it closed: what was not met then */
};
bool capture_window_take_edge(struct window_edge *edge);

/* Edges that came too fast to be kept since the last call. Drain thread. */
int64_t capture_window_take_lost(void);

/* The same when the process began. */
uint32_t capture_window_unmet_at_first(void);

#endif
