/* SPDX-License-Identifier: MIT */
/*
 * The large copies between host and device of each GPU, kept to be compared over GPUs: do copies
 * slow each other down (they share a root complex), and do GPUs talk by way of the host?
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_COPY_SAMPLES_H
#define ANALYZER_COPY_SAMPLES_H

#include "analyzer/metric_partition.h"
#include "analyzer/timeline.h"

enum copy_way { COPY_WAY_TO_DEVICE, COPY_WAY_TO_HOST, COPY_WAY_COUNT };

/* Below this a copy's rate says little about the link. */
enum { LARGE_COPY_BYTES = 1024 * 1024 };

/* More are counted, not kept: 100,000 copies of a MiB show what there is to show. */
enum { COPY_SAMPLES_MAX = 100000 };

/* COPY_WAY_COUNT: neither way, a memset among them. */
enum copy_way copy_way_of(uint32_t transfer_kind);
bool copy_is_pageable(uint32_t transfer_kind);	/* at its host's end */

/* Bytes a second; 0 if it took no time. */
int64_t copy_rate(int64_t bytes, int64_t duration_ns);

struct copy_sample {
	int64_t start_ns;
	int64_t end_ns;
	int64_t bytes;
	uint8_t way;		/* enum copy_way */
	bool is_pageable;
};

struct copy_samples {
	struct copy_sample *items;	/* by start, on the clock of the trace */
	size_t count;
	int64_t left_out;
	int64_t offset_ns;	/* to add for a clock that all GPUs share; the caller sets it */
	/* Pinned copies of this GPU alone, as measured before; 0 unknown. The caller sets it. */
	int64_t alone_bytes_per_s[COPY_WAY_COUNT];
};

/* Those wholly in the window. False: memory is short. */
bool copy_samples_take(struct copy_samples *samples, const struct timeline_gpu *gpu,
		       const struct time_window *window);
void copy_samples_end(struct copy_samples *samples);

/* A copy of any GPU, on the shared clock. */
struct gpu_copy {
	int64_t start_ns;
	int64_t end_ns;
	int64_t bytes;
	size_t gpu;		/* place in the list */
	uint8_t way;		/* enum copy_way */
	bool is_taken;		/* for the caller; false at first */
};

/*
 * The copies of all GPUs by start, then GPU. O(gpus * copies): merged, for those of each GPU are in
 * order. The caller frees. NULL: memory is short.
 */
struct gpu_copy *gpu_copies_merge(const struct copy_samples *const *gpus, size_t gpu_count,
				  size_t *count);

/* Fewer samples on either side say nothing. */
enum { ROOT_SAMPLES_MIN = 5 };

/* Pinned copies of one GPU and way: while no other GPU copies, and while others do. */
struct root_contention {
	int64_t alone_count;
	int64_t alone_bytes_per_s;	/* median */
	int64_t together_count;		/* at least half of the copy beside others' */
	int64_t together_bytes_per_s;
	int64_t lost_ns;	/* together: time above what the median alone would take; >= 0 */
	bool is_alone_known;	/* alone: not from this trace, but measured before */
	bool is_comparable;	/* both sides have ROOT_SAMPLES_MIN; else rates and loss are 0 */
};

/*
 * GPUs of one host, `found[gpu * COPY_WAY_COUNT + way]`. O(gpus * copies). False: memory is
 * short (at most 56 bytes a copy).
 */
bool root_contention_measure(const struct copy_samples *const *gpus, size_t gpu_count,
			     struct root_contention *found);

/* The host's copy begins at most this long after the device's has ended. */
enum { STAGED_DELAY_NS = 1000 * 1000, STAGED_COPIES_MIN = 3 };

struct staged_copies {
	size_t from;		/* GPUs, places in the list */
	size_t to;
	int64_t count;		/* at least STAGED_COPIES_MIN */
	int64_t bytes;
	int64_t sum_ns;		/* of both copies */
};

/*
 * DtoH on one GPU and HtoD of as many bytes on another right after it, matched one to one, most
 * bytes first; at most `room` pairs. O(copies log copies + gpus^2). False: memory is short.
 */
bool staged_copies_find(const struct copy_samples *const *gpus, size_t gpu_count,
			struct staged_copies *pairs, size_t room, size_t *count);

#endif
