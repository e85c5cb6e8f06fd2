/* SPDX-License-Identifier: MIT */
/*
 * Threads of ours in somebody else's process: detached, with all signals blocked, for the host's
 * signals are not for us.
 *
 * Thread: any.
 */
#ifndef LIBTRACE_OWN_THREAD_H
#define LIBTRACE_OWN_THREAD_H

#include <stdbool.h>
#include <stddef.h>

/* False: the system refuses. */
bool own_thread_start(void *(*run)(void *), void *argument, size_t stack_bytes);

#endif
