/* SPDX-License-Identifier: MIT */
/*
 * The parts that a GPU's time is made of. Every nanosecond is in exactly one of them; idle time is
 * split by its cause.
 *
 * Thread: constant data.
 */
#ifndef ANALYZER_TIME_PARTS_H
#define ANALYZER_TIME_PARTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * CAUSE(ENUMERATOR, id, words): why a GPU did nothing, or nothing that computes. The first group is
 * starved: the work had not been issued yet, because the launching thread
 */
#define IDLE_CAUSE_LIST(CAUSE) \
	CAUSE(CAUSE_SYNC, "sync", "the host waited for the GPU") \
	CAUSE(CAUSE_AFTER_SYNC, "after-sync", "the host had to refill the queue after a wait") \
	CAUSE(CAUSE_ALLOC, "alloc", "the host allocated or released memory") \
	CAUSE(CAUSE_LOAD, "module-load", "the host loaded code") \
	CAUSE(CAUSE_COMM_SETUP, "comm-setup", "the host made communicators") \
	CAUSE(CAUSE_DATA, "data", "the host fetched data") \
	CAUSE(CAUSE_LAUNCH_BOUND, "launch-bound", "the host launches slower than kernels run") \
	CAUSE(CAUSE_HOST, "host-other", "the host did something else") \
	CAUSE(CAUSE_COMM, "blocked-comm", "the work waited for communication") \
	CAUSE(CAUSE_COPY, "blocked-copy", "the work waited for a copy") \
	CAUSE(CAUSE_STREAM, "blocked-stream", "the work waited for another stream") \
	CAUSE(CAUSE_LATENCY, "launch-latency", "from the launch to the start") \
	CAUSE(CAUSE_UNEXPLAINED, "unexplained", "nothing in the trace explains it") \
	CAUSE(CAUSE_NOT_RECORDED, "not-recorded", "it was not recorded: a gap of the capture")

enum idle_cause {
#define CAUSE(enumerator, id, words) enumerator,
	IDLE_CAUSE_LIST(CAUSE)
#undef CAUSE
	CAUSE_COUNT
};

const char *idle_cause_name(enum idle_cause cause);	/* the id */
const char *idle_cause_words(enum idle_cause cause);

/* Is the launching thread what the GPU waited for? */
bool idle_cause_is_starved(enum idle_cause cause);

/* Before the causes of idle time: what the GPU did, in this order of priority. */
enum time_part {
	PART_COMPUTE,
	PART_TRANSFER,	/* communication that no compute hides, while data can move */
	PART_WAIT,	/* the same, while a rank is not there yet */
	PART_COPY_HTOD,	/* copies that neither hides, by direction */
	PART_COPY_DTOH,
	PART_COPY_OTHER,
	PART_IDLE,	/* + enum idle_cause */
	PART_COUNT = PART_IDLE + CAUSE_COUNT
};

/* "compute", "transfer", "wait", "copy-htod", ..., or the cause's id */
const char *time_part_name(enum time_part part);

struct time_parts {
	int64_t ns[PART_COUNT];
	/* The same time once more: compute and, by cause, the time without it (gpu_time.h). */
	int64_t absent_ns[CAUSE_COUNT];
};

int64_t time_parts_copy(const struct time_parts *parts);
int64_t time_parts_idle(const struct time_parts *parts);
int64_t time_parts_sum(const struct time_parts *parts);
void time_parts_add(struct time_parts *sum, const struct time_parts *parts);

#endif
