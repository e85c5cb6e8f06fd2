/* SPDX-License-Identifier: MIT */
/*
 * What is removed before a signal ends a command: its private folders, with the imports and copies
 * in them. A thread waits for SIGINT, SIGTERM and SIGHUP (those that were not ignored), removes the
 * folders, and lets the signal end the process as it would have.
 *
 *     ending_watch_begin(&before)	before other threads: they inherit the mask
 *     ending_watch_end()		the signals stay blocked
 *
 * Thread: begin and end main thread only; hold and release any.
 */
#ifndef LAGGARD_ENDING_H
#define LAGGARD_ENDING_H

#include <signal.h>

/* `before` is the mask to go back to. Without memory for a thread the signals end it at once. */
void ending_watch_begin(sigset_t *before);
void ending_watch_end(void);

/* Between them no signal ends the process: a file without its final name stands beside traces. */
void ending_hold(void);
void ending_release(void);

#endif
