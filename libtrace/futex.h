/* SPDX-License-Identifier: MIT */
/*
 * Sleeping on a word of memory, by the system's futex: no lock that a forked child or a signal
 * handler could find taken. Timeouts are measured by CLOCK_MONOTONIC.
 *
 * Thread: any.
 */
#ifndef LIBTRACE_FUTEX_H
#define LIBTRACE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Returns at once if *word is not `expected`; may return early for no reason. */
void futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void futex_wake(_Atomic uint32_t *word);	/* all waiters */

#endif
