/* SPDX-License-Identifier: MIT */
/*
 * Single CUDA calls by their names: those that nobody wants recorded, and those that start and stop
 * the profiler.
 *
 * Thread: one at a time, and no CUPTI callback.
 */
#ifndef LIBTRACE_CUPTI_CALLS_H
#define LIBTRACE_CUPTI_CALLS_H

#include "libtrace/cupti_library.h"
#include "libtrace/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* Where CUPTI can leave out the calls of LAGGARD_API_SKIP, it does so, or no longer does. */
void cupti_calls_enable_noisy(const struct cupti_library *library, const struct settings *settings,
			      bool is_enabled);

/* cbids by domain: of stop, of start */
typedef uint32_t cupti_profiler_calls[CUPTI_DOMAIN_RUNTIME + 1][2];

/* Callbacks on cudaProfilerStart and Stop. False: CUPTI knows none. */
bool cupti_calls_find_profiler(const struct cupti_library *library, cupti_profiler_calls found);

#endif
