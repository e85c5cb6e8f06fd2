/* SPDX-License-Identifier: MIT */
/*
 * What the host did while a GPU had no work because none had been issued (starved time). Every
 * nanosecond asked for gets exactly one cause, the first of these that knows one:
 *  1. calls of the thread that launched the work that keep it from launching: those that
 *     synchronise, allocate or load, and copies that take SLOW_CALL_NS or longer (as
 *     synchronising); last the launching call itself, if it allocates or loads, or takes
 *     SLOW_CALL_NS (CAUSE_HOST);
 *  2. the same calls of the thread that launched what had begun last before, if it is another;
 *  3. ranges with a class, of these two threads, and those that fetch data of any thread where a
 *     step begins or a batch is copied: of what is left in one piece the range with the largest
 *     part of it, the one that starts last of equals, then the same for the pieces before and
 *     behind it, 8 times at most; pauses count as CAUSE_HOST, an ncclGroupEnd from
 *     GROUP_SETUP_NS_MIN on as CAUSE_COMM_SETUP; only the last 1024 such ranges before a piece's
 *     end are looked at;
 *  4. for each piece still left: CAUSE_LAUNCH_BOUND within such a stretch; CAUSE_DATA if a step
 *     begins, a batch is copied, all of the time asked for is INPUT_GAP_NS_MIN or more and the
 *     thread spent at most half of that in calls before the launch; CAUSE_AFTER_SYNC if the piece
 *     is shorter than after_sync_max_ns and one of the two threads was in a synchronising call
 *     (its last call to begin by then) when the GPU ran dry; else CAUSE_HOST.
 *
 * Thread: pure functions over a loaded timeline.
 */
#ifndef ANALYZER_IDLE_HOST_H
#define ANALYZER_IDLE_HOST_H

#include "analyzer/time_parts.h"
#include "analyzer/timeline.h"

#include <stdbool.h>
#include <stdint.h>

#define NO_RANGE UINT32_MAX

enum {
	/*
	 * A call that should return at once and takes longer: a copy call waits for the copy or
	 * stages pageable memory itself, a launch waits for a lock of the driver.
	 */
	SLOW_CALL_NS = 20000,
	/*
	 * Refilling the queue after a wait takes tens to hundreds of us; what takes longer than
	 * this, and than a tenth of a step, is something else.
	 */
	AFTER_SYNC_NS_MAX = 1000000,
	/* An ncclGroupEnd that takes longer makes communicators. */
	GROUP_SETUP_NS_MIN = 1000000,
	/* A silent host before a batch is copied fetched that batch, if it took longer than this.
	 */
	INPUT_GAP_NS_MIN = 250000,
};

struct host_question {
	const struct timeline *timeline;
	int64_t start_ns;	/* the GPU ran dry */
	int64_t end_ns;		/* the work that ends it was issued */
	uint32_t launch;	/* the call that issued it; never NO_CALL */
	uint32_t before;	/* the call that issued what ran last before, or NO_CALL */
	bool is_head;		/* first work of a step */
	bool is_input;		/* that work is a copy of a batch to the GPU */
	int64_t after_sync_max_ns; /* AFTER_SYNC_NS_MAX, or a tenth of the median step if longer */
	bool is_launch_bound;	/* one of many gaps in a row, each by a late launch */
};

struct host_segment {
	enum idle_cause cause;
	int64_t start_ns;
	int64_t end_ns;
	uint32_t call;		/* evidence: the call that took this time, or NO_CALL */
	uint32_t range;		/* evidence: place in host_ranges, or NO_RANGE */
};

typedef void (*host_segment_add)(void *context, const struct host_segment *segment);

/* Calls `add` for disjoint segments whose lengths sum to end_ns - start_ns. */
void host_explain(const struct host_question *question, host_segment_add add, void *context);

/*
 * When the call had issued its work, which began at `begin_ns`: a launch, or one that loads, when
 * it returns; copies when the call begins, for it may last until their end, but if the work began
 * long after that the call itself was slow.
 */
int64_t host_issue_ns(const struct timeline *timeline, uint32_t launch, int64_t begin_ns);

/* The last call on the thread that began before `time_ns`; NO_CALL without. */
uint32_t host_call_before(const struct host_calls *calls, uint32_t thread, int64_t time_ns);

#endif
