/* SPDX-License-Identifier: MIT */
/*
 * Which CUDA calls are recorded, by name: all, or those that start or wait for GPU work, minus a
 * list of noisy ones that frameworks make by the thousand.
 *
 * Thread: pure functions.
 */
#ifndef LIBTRACE_API_FILTER_H
#define LIBTRACE_API_FILTER_H

#include <stdbool.h>

struct api_filter {
	bool is_launches_only;
	const char *skip;	/* "cudaGetDevice,cuCtx*", or NULL; borrowed */
};

/* `name` as CUPTI gives it, with or without "_v3020", "_ptsz". */
bool api_filter_keeps(const struct api_filter *filter, const char *name);

/* Whether the list of skipped calls has the name. */
bool api_filter_skips(const struct api_filter *filter, const char *name);

#endif
