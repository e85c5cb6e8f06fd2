/* SPDX-License-Identifier: MIT */
/*
 * Where libcupti may lie: the candidates in order of preference, made from what is mapped, the
 * environment and the usual places.
 *
 * Thread: one thread; reads the environment.
 */
#ifndef LIBTRACE_CUPTI_SEARCH_H
#define LIBTRACE_CUPTI_SEARCH_H

#include <stdbool.h>

/* Called for each candidate (a path, or a bare name for the loader); true ends the search. */
typedef bool (*cupti_try)(void *context, const char *candidate);

/* True when a candidate was taken. `wanted` as in cupti_library_open. */
bool cupti_search(const char *wanted, cupti_try try_candidate, void *context);

#endif
