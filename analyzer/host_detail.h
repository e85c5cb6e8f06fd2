/* SPDX-License-Identifier: MIT */
/*
 * What the launching thread was seen doing while a GPU was idle for it: a refinement of the idle
 * causes after which no CUDA call says what the host did (host_detail_is_asked). It changes no
 * cause's time.
 *
 * A sample that lies in an idle piece speaks for the time around it: up to the middle to the next
 * sample in the piece, to the piece's ends, and to the sampling period on either side. The rest of
 * the piece is asked for and not seen. A thread that is runnable was running or waited for a CPU in
 * the proportion in which its CPU time and its delay grew from the sample before to the one behind.
 * So the states sum to what was seen, exactly; how far that speaks for the rest, the number of
 * samples says: they are taken at times of our own and favour no state.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_HOST_DETAIL_H
#define ANALYZER_HOST_DETAIL_H

#include "analyzer/host_samples.h"
#include "analyzer/time_parts.h"

/* STATE(ENUMERATOR, id, words) */
#define HOST_DOING_LIST(STATE) \
	STATE(HOST_RUNNING, "running", "it ran") \
	STATE(HOST_NO_CPU, "no-cpu", "it was ready to run and had no CPU") \
	STATE(HOST_ASLEEP, "asleep", "it slept: waited for another thread, a timer, data") \
	STATE(HOST_DEVICE, "device", "it waited for a disk or a driver, or for memory") \
	STATE(HOST_STOPPED, "stopped", "it was stopped, or had ended")

enum host_doing {
#define STATE(enumerator, id, words) enumerator,
	HOST_DOING_LIST(STATE)
#undef STATE
	HOST_DOING_COUNT
};

const char *host_doing_name(enum host_doing doing);
const char *host_doing_words(enum host_doing doing);

/* With fewer samples nothing is said about a GPU; with fewer still, no finding is made of it. */
enum { HOST_SAMPLES_TOLD_MIN = 20, HOST_SAMPLES_FINDING_MIN = 50, HOST_WAITS_MAX = 8 };

/* Time asleep, or waiting for a device, by what it waited in. */
struct host_wait {
	uint32_t string_id;	/* 0: unknown */
	const char *name;	/* NULL until somebody looks it up */
	int64_t ns;
	int64_t samples;
};

struct host_detail {
	int64_t asked_ns;
	int64_t seen_ns;	/* of it */
	int64_t samples;
	int64_t ns[HOST_DOING_COUNT];	/* sum: seen_ns */
	/* The most frequent ones, in no order; what had no room is in none. */
	struct host_wait waits[HOST_WAITS_MAX];
	size_t wait_count;
};

bool host_detail_is_asked(enum idle_cause cause);

/* Adds an idle piece that waited for this thread. */
void host_detail_add(struct host_detail *detail, const struct host_samples *samples,
		     int64_t thread_id, int64_t start_ns, int64_t end_ns);

/* The wait with most time; NULL without. */
const struct host_wait *host_detail_longest_wait(const struct host_detail *detail);

#endif
