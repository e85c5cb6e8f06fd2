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

#include "libtrace/settings.h"

#include <stdbool.h>

/* In the constructor: reads the settings, notes time and process; nothing else. */
void capture_load(void);

/* In the constructor: another tool stands in the variable by which a source is found. */
void capture_note_taken(bool is_nvtx_taken, bool is_nccl_taken);

/* As they were when the library was loaded. */
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
