/* SPDX-License-Identifier: MIT */
/*
 * libtrace-capture.so as libtrace.so sees it.
 *
 * Thread: any. No lock of ours is held while it is loaded: the loader has its own, and one of ours
 * around it could lock threads up that load libraries at the same time.
 */
#ifndef LIBTRACE_PRELOAD_CAPTURE_LIBRARY_H
#define LIBTRACE_PRELOAD_CAPTURE_LIBRARY_H

#include "libtrace/preload/preload.h"

/* The path of libtrace.so, once, before anything else. False: longer than a path may be. */
bool capture_library_place(const char *own_path);

/*
 * Loads it with the first call. NULL: nothing is to be recorded, or it cannot be loaded, of which
 * one line is said.
 */
const struct capture_entry *capture_library_load(void);

/* NULL as long as it is not loaded. */
const struct capture_entry *capture_library_loaded(void);

#endif
