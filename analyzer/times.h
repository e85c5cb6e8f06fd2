/* SPDX-License-Identifier: MIT */
/*
 * The earlier and the later of two times: what clipping one stretch to another is made of.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_TIMES_H
#define ANALYZER_TIMES_H

#include <stdint.h>

static inline int64_t time_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t time_later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#endif
