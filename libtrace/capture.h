/* SPDX-License-Identifier: MIT */
/*
 * The capture: the one global. It knows whether this process records, and brings the parts up and
 * down:
 *
 *   idle -> armed (CUDA began, CUPTI is ours) -> recording (a context exists: the GPU is really
 * used)
 *        -> closing -> closed
 *
 * A process that never creates a context gets no thread and no file. A forked child of an armed or
 * recording process is closed from its first moment.
 *
 * Thread: any, unless said otherwise.
 */
#ifndef LIBTRACE_CAPTURE_H
#define LIBTRACE_CAPTURE_H

#include "libtrace/preload/preload.h"
#include "libtrace/settings.h"

#include <stdbool.h>

/* In the constructor: what libtrace.so noted at the start of the process; nothing else. */
void capture_load(const struct preload *preload);

/* As they were when the process began. */
const struct settings *capture_settings(void);

/* CUDA begins (inside InitializeInjection). */
void capture_attach_cuda(void);

/* A source of host events begins: false if nothing is to be recorded. */
bool capture_attach_host_source(void);

/*
 * The process is about to end: waits until everything is written, at most LAGGARD_EXIT_TIMEOUT_MS.
 */
void capture_close(void);

#endif
