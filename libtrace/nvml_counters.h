/* SPDX-License-Identifier: MIT */
/*
 * What is sampled of a GPU: a table of counters with NVML's function for each, and how to ask it.
 *
 * Thread: constant data; a question may be asked on any thread. nvml_refusal_note: drain thread.
 */
#ifndef LIBTRACE_NVML_COUNTERS_H
#define LIBTRACE_NVML_COUNTERS_H

#include "libtrace/drain.h"

#include <stdbool.h>
#include <stdint.h>

struct nvml_device;

/* How a function of NVML wants to be asked. */
enum nvml_shape {
	NVML_SHAPE_NUMBER, NVML_SHAPE_SELECTED, NVML_SHAPE_WIDE, NVML_SHAPE_MEMORY,
	NVML_SHAPE_UTILIZATION, NVML_SHAPE_FIELD,
};

/*
 * How often. A throughput call measures for 20 ms, so that only one device a round is asked, and
 * each at most once a second.
 */
enum nvml_pace { NVML_PACE_ROUND, NVML_PACE_SECOND, NVML_PACE_TURN };

struct nvml_counter {
	const char *name;		/* as it stands in the database */
	const char *function;
	const char *older_function;	/* another name of the same, or NULL */
	enum nvml_shape shape;
	enum nvml_pace pace;
	int selector;			/* which clock, sensor, direction, member or field */
	/* Asked only where the counter before it cannot be; this fact goes with it. NULL: always.
	 */
	const char *instead_fact;
};

enum { NVML_COUNTER_COUNT = 15 };
extern const struct nvml_counter nvml_counters[NVML_COUNTER_COUNT];

/* NVML's answer; the value counts if it is NVML_OK. A NULL function answers as a missing one. */
int nvml_counter_ask(const struct nvml_counter *counter, void *function,
		     struct nvml_device *device, int64_t *value);

/* Answers that will not change while the process lives. */
bool nvml_result_is_final(int result);

/* Notes a fact about a call of NVML that answered `result`, so that it is in `loss` once. */
void nvml_refusal_note(struct drain *drain, const char *function, int result, int64_t count);

#endif
