/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with the copies of a GPU: pageable memory, read-backs of single values, many small
 * copies, copies in line with the kernels, low bandwidth. Exposed is what neither compute nor
 * communication kernels hide, as in the partition.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_COPIES_H
#define ANALYZER_METRIC_COPIES_H

#include "analyzer/copy_samples.h"
#include "analyzer/metric_partition.h"

enum { READBACK_BYTES_MAX = 16 };

struct copy_sum {
	int64_t count;
	int64_t bytes;		/* of a copy cut by the window: its share by time */
	int64_t sum_ns;		/* of durations */
	int64_t busy_ns;	/* union */
	int64_t exposed_ns;
};

enum pinned_rate_source {
	PINNED_RATE_UNKNOWN,
	PINNED_RATE_MEASURED,	/* by large pinned copies of this trace, the same way */
	PINNED_RATE_CEILING,	/* by what the link can carry */
};

struct pageable_copies {
	struct copy_sum sum;
	int64_t blocking_count;		/* the host came back only after the copy's end */
	int64_t blocking_ns;		/* time of those calls */
	enum pinned_rate_source rate_source;
	int64_t pinned_bytes_per_s;	/* 0 if unknown */
	/* Exposed time less what pinned copies would take; -1 if unknown. */
	int64_t recoverable_ns;
};

struct readbacks {
	int64_t count;		/* DtoH of up to READBACK_BYTES_MAX that the host waited for */
	int64_t wait_ns; /* of the calls that waited: for the copy and all work before it */
	int64_t small_count;	/* all such copies, waited for or not */
	bool is_known;		/* calls are recorded, so that waits can be told */
};

struct large_copies {
	int64_t count;		/* >= LARGE_COPY_BYTES, wholly in the window, not pageable */
	int64_t bytes;
	int64_t sum_ns;
	int64_t bytes_per_s;	/* bytes / sum_ns: weighted by time */
};

struct copy_problems {
	struct pageable_copies pageable[COPY_WAY_COUNT];
	struct readbacks readbacks;
	struct copy_sum small;			/* host <-> device below SMALL_COPY_BYTES */
	struct copy_sum in_line[COPY_WAY_COUNT]; /* on streams that also compute */
	struct large_copies large[COPY_WAY_COUNT];
};

/*
 * `link_pinned_bytes_per_s`: what pinned copies over the link reach, 0 if unknown. False: memory is
 * short (16 bytes a copy and 16 a kernel that runs during a copy, for a moment).
 */
bool copy_problems_measure(struct copy_problems *problems, const struct timeline *timeline,
			   const struct timeline_gpu *gpu, const struct time_window *window,
			   const int64_t link_pinned_bytes_per_s[COPY_WAY_COUNT]);

#endif
