/* SPDX-License-Identifier: MIT */
/*
 * What the launching threads were seen doing (table host_sample), by thread and time.
 *
 * Memory: 40 bytes a sample.
 *
 * Thread: loading is the reader's thread's; constant afterwards.
 */
#ifndef ANALYZER_HOST_SAMPLES_H
#define ANALYZER_HOST_SAMPLES_H

#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_samples {
	size_t count;
	size_t room;
	int64_t *thread_id;	/* ascending; within a thread time is */
	int64_t *time_ns;
	int64_t *cpu_ns;	/* so far; -1 unknown */
	int64_t *run_delay_ns;
	uint32_t *wait;		/* string_id of what it waits in, 0 if unknown */
	uint32_t *state;	/* the system's letter */
	/* The median time between a thread's samples; what one of them may speak for. */
	int64_t period_ns;
};

bool host_samples_load(struct host_samples *samples, struct trace_reader *reader,
		       struct error *error);
void host_samples_end(struct host_samples *samples);

/* The samples of a thread are [*first, *end). */
void host_samples_of_thread(const struct host_samples *samples, int64_t thread_id, size_t *first,
			    size_t *end);

/* The first of [first, end) at or after a time. */
size_t host_samples_from(const struct host_samples *samples, size_t first, size_t end,
			 int64_t time_ns);

#endif
