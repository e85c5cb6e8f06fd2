/* SPDX-License-Identifier: MIT */
/*
 * Where libcupti may lie: the candidates in order of preference, made from what is mapped, the
 * environment and the usual places.
 *
 * Thread: one thread; reads the environment.
 */
#ifndef LIBTRACE_CUPTI_SEARCH_H
#define LIBTRACE_CUPTI_SEARCH_H

#include "libtrace/mapped_objects.h"

#include <stdbool.h>

/* Called for each candidate (a path, or a bare name for the loader); true ends the search. */
typedef bool (*cupti_try)(void *context, const char *candidate);

/* As mapped_object_find: the objects beside which to look. */
struct cupti_surroundings {
	bool (*find)(const void *context, const char *prefix, char path[MAPPED_PATH_MAX]);
	const char *(*variable)(const void *context, const char *name);	/* as getenv */
	const void *context;
};

/* Those of this process. */
extern const struct cupti_surroundings cupti_surroundings_own;

/* True when a candidate was taken. `wanted` as in cupti_library_open. */
bool cupti_search(const char *wanted, const struct cupti_surroundings *surroundings,
		  cupti_try try_candidate, void *context);

#endif
