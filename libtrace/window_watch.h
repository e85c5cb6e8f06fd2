/* SPDX-License-Identifier: MIT */
/*
 * NVTX ranges that open and close the capture window: those that LAGGARD_RANGE names, and the
 * training steps of LAGGARD_STEPS. Steps are the ranges that LAGGARD_STEP_RANGE names, on the
 * thread that began the first of them; the first is step 0, and a step within a step counts as part
 * of it. The window opens when step N begins and closes when step M ends.
 *
 * Thread: any thread of the program; asked only while WINDOW_WATCHES. Never blocks, no heap.
 */
#ifndef LIBTRACE_WINDOW_WATCH_H
#define LIBTRACE_WINDOW_WATCH_H

#include "libtrace/nvtx_event.h"
#include "libtrace/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* What a range means for the window, kept with the range until it ends. */
enum { WATCHED_RANGE = 1, WATCHED_STEP = 2, WATCHED_MASK = 3 };

/* In the constructor; `settings` must stay. */
void window_watch_begin(const struct settings *settings);

/* A range begins: opens the window perhaps. The result goes to window_watch_close. */
unsigned window_watch_open(const struct nvtx_event_source *source);
void window_watch_close(unsigned watched);

/* Does the name match "name" or "begin*"? Pure. */
bool window_pattern_matches(const char *pattern, size_t pattern_length, const char *name,
			    size_t name_length);

/* Number of the last step that began, -1 before the first. */
int64_t window_watch_step(void);

#endif
