/* SPDX-License-Identifier: MIT */
/*
 * The iterations of a training run, as one trace shows them, and where each begins and ends on each
 * GPU. Anchors in this order: ranges that are called a step, a sequence of collectives that recurs,
 * kernels of an optimiser, a sequence of kernels that recurs.
 *
 * Ranges are believed, since somebody named them; what is found by recurrence must not be
 * contradicted by the optimiser's kernels: where they are a whole multiple off, the optimiser says
 * what a step is, else there are no steps and `reason` says so.
 *
 * Thread: a timeline is only read; each caller has its own list.
 */
#ifndef ANALYZER_STEPS_H
#define ANALYZER_STEPS_H

#include "analyzer/timeline.h"
#include "base/error.h"
#include "tracedb/step_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step_anchor { STEP_NONE, STEP_RANGE, STEP_COLLECTIVES, STEP_OPTIMIZER, STEP_KERNELS };

enum {
	STEPS_MIN = 3,			/* fewer are no steps, but for PyTorch's own ranges */
	STEPS_DISAGREE_PERCENT = 5,	/* two anchors may differ by this */
	STEP_WARM_UP = 2,		/* not steady: the first, and the last */
	STEP_LOAD_PERCENT = 1		/* of a step's time in loading code: still warming up */
};

#define STEP_TIME_UNKNOWN INT64_MIN

struct step {
	int64_t number;		/* of its name, else counted from 0 */
	int64_t host_start_ns;	/* STEP_TIME_UNKNOWN unless the anchor is a range */
	int64_t host_end_ns;
};

struct step_list {
	enum step_anchor anchor;
	char name[STEP_FAMILY_MAX];	/* of the range or collective or kernel; "" unknown */
	struct step *steps;
	size_t count;
	int64_t *gpu_bounds;	/* (count + 1) for each GPU; NULL where the anchor is a range */
	size_t micro_batches;	/* equal parts of a step, perhaps layers; 0: unknown */
	size_t collectives_per_step;	/* 0: unknown */
	enum step_anchor second;	/* who agrees or not; STEP_NONE: nobody was there */
	int64_t second_count;		/* its steps within the steps */
	int64_t agreement_e12;	/* smaller / larger of both counts, after a whole multiple; -1 */
	const char *reason;	/* NULL, or why there are no steps, or what is doubtful */
};

/* No steps is no failure: anchor STEP_NONE and a reason. */
bool steps_detect(struct step_list *list, const struct timeline *timeline, struct error *error);

/* Safe on what steps_detect has filled or on zeros, any number of times. */
void steps_end(struct step_list *list);

/* Of each anchor "range", "collectives", "optimizer", "kernels"; NULL for none. */
const char *step_anchor_name(enum step_anchor anchor);

/*
 * Where the steps begin and end on a GPU: count + 1 times, never falling. Work belongs to the step
 * whose range was open when the host launched it. Idle time before a step's first work belongs to
 * that step, which ends it. Where a step's work begins before the last one's has ended (a batch
 * fetched ahead), the step begins with its first compute kernel. Collectives end a step together on
 * all ranks. All zeros where the GPU has no work. False: memory is short.
 */
bool steps_bound(int64_t *bounds, const struct step_list *list, const struct timeline *timeline,
		 size_t gpu, struct error *error);

struct step_choice {
	size_t first, end;	/* the steady steps: [first, end) */
	const char *reason;	/* NULL, or why even those that warm up are in */
	bool *is_slow;		/* of each step: robust z > 3 among the steady ones */
	size_t slow_count;
	size_t change_at;	/* the first step of a new pace; 0: there is none */
	int64_t change_before_ns, change_after_ns;	/* median durations */
	int64_t median_ns, mad_ns;	/* of the steady steps */
};

/*
 * `durations_ns` of each step, the longest over the GPUs compared; `load_ns` the time each step
 * spent in loading code and making communicators (NULL: unknown). False: memory is short.
 */
bool steps_choose(struct step_choice *choice, const struct step_list *list,
		  const int64_t *durations_ns, const int64_t *load_ns, struct error *error);
void step_choice_end(struct step_choice *choice);

/* Adds to `load_ns`, one a step; times by the host's ranges, else by `bounds` of a GPU. */
void steps_load_time(int64_t *load_ns, const struct step_list *list, const int64_t *bounds,
		     const struct timeline *timeline);

#endif
