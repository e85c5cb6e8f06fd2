/* SPDX-License-Identifier: MIT */
/*
 * `laggard ctl` asks, this answers: a private socket that the drain looks at whenever it wakes, at
 * least four times a second. It takes no thread, never waits for a client, keeps few of them, and
 * none for long; only processes of the same user, or root, are answered.
 *
 * The protocol is one line each way, in version 1:
 *
 *   laggard 1 status|start|stop|dump
 *   laggard 1 ok<TAB>name=value<TAB>name=value...
 *   laggard 1 error<TAB>text=why
 *
 * Values have their control characters and '%' as %XX.
 *
 * Thread: drain thread only, unless said otherwise. Nothing here fails towards the caller: without
 * a socket the process records as it is set, and `loss` says why there is none.
 */
#ifndef LIBTRACE_CONTROL_H
#define LIBTRACE_CONTROL_H

/* In a forked child, on its only thread: the parent's socket is closed here, not removed. */
void control_forget(void);

#endif
