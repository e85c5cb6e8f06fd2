/* SPDX-License-Identifier: MIT */
/*
 * Steps against their own history: NVTX step ranges, one family of names after the other, of which
 * one is slow when it lasts longer than the median of the last ones by more than a given share and
 * by more than they scatter.
 *
 * Thread: one thread at a time (the drain). Pure.
 */
#ifndef LIBTRACE_FLIGHT_STEPS_H
#define LIBTRACE_FLIGHT_STEPS_H

#include "tracedb/step_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FLIGHT_STEPS_HISTORY = 64,
	FLIGHT_STEPS_LEAST = 16,	/* of history, before any step is called slow */
	FLIGHT_STEPS_OPEN = 64,
	FLIGHT_STEPS_FAMILIES = 8,
};

struct flight_family {
	char name[STEP_FAMILY_MAX];
	int64_t duration_ns[FLIGHT_STEPS_HISTORY];
	size_t count;		/* ever seen */
};

struct flight_open_step {
	uint64_t key;		/* 0: free */
	int64_t start_ns, number;
	size_t family;
};

struct flight_steps {
	struct flight_family families[FLIGHT_STEPS_FAMILIES];
	size_t family_count;
	struct flight_open_step open[FLIGHT_STEPS_OPEN];
};

struct flight_slow_step {
	const char *family;
	int64_t number;		/* -1: the name has none */
	int64_t duration_ns, median_ns;
};

/* A range begins; names that are no steps cost little and are forgotten. `key` tells its end. */
void flight_steps_begin(struct flight_steps *steps, uint64_t key, const char *name,
			size_t length, int64_t time_ns);

/* The range ends. True: it was a slow step. `percent`: longer than the median by so much. */
bool flight_steps_end(struct flight_steps *steps, uint64_t key, int64_t time_ns, int64_t percent,
		      struct flight_slow_step *slow);

#endif
