/* SPDX-License-Identifier: MIT */
/*
 * The host program of life_test.py: it begins with CUDA (the rig's double), pushes NVTX ranges
 * whose number it says, and meanwhile does one of the things that programs do to themselves.
 *
 * Thread: any.
 */
#ifndef TESTS_HOST_LIFE_H
#define TESTS_HOST_LIFE_H

#include <stdint.h>
#include <stdio.h>

/* Loads the driver (LIFE_DRIVER), initialises CUDA and makes a context on GPU `device`. */
void life_begin(int device);

/* `count` ranges "life", each begun and ended at once, on this thread. */
void life_ranges(int count);

/* Long enough for a commit of the recording, if there is one. */
void life_rest(void);

/* Ends the program as failed. */
_Noreturn void life_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ranges pushed so far. */
int64_t life_count(void);

/* Added to CLOCK_REALTIME for everybody in this process. */
extern _Atomic int64_t life_clock_offset_ns;

struct life_mode {
	const char *name;
	void (*run)(void);
};
extern const struct life_mode life_files[], life_threads[], life_limits[],
	life_killed[], life_sustained[];

#endif
