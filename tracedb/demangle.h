/* SPDX-License-Identifier: MIT */
/*
 * C++ symbols as people write them. Kernel names are recorded as the source gives them, often
 * mangled.
 *
 * Thread: any; no shared state.
 */
#ifndef TRACEDB_DEMANGLE_H
#define TRACEDB_DEMANGLE_H

#include <stddef.h>

/* Room that holds every name worth showing whole. */
enum { DEMANGLE_BYTES = 8192 };

/*
 * The readable form of `name`, written to `out` (`size` >= 8) and cut with "..." where it does not
 * fit. A name that is not mangled, or that cannot be read, is given back itself: the result is
 * `out` or `name`.
 */
const char *demangle_symbol(const char *name, char *out, size_t size);

#endif
