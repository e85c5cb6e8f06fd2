/* SPDX-License-Identifier: MIT */
/*
 * Is run B slower than run A? Two sets of steps are compared: whether B's tend to be longer (rank
 * test), by how much (shift of the median with its interval), and which part of a step grew.
 *
 * What this cannot know: how much two runs of the very same program differ. Steps of one run are
 * not independent of each other, so that a small difference is easily "more than chance"; therefore
 * a verdict also needs a change of some size.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_COMPARE_H
#define ANALYZER_COMPARE_H

#include "analyzer/metric_statistics.h"
#include "analyzer/run_steps.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COMPARE_STEPS_MIN = 5 };

enum compare_verdict { COMPARE_NO_DIFFERENCE, COMPARE_FASTER, COMPARE_SLOWER, COMPARE_IMPOSSIBLE };

/* Why two runs cannot be compared. */
enum compare_reason {
	COMPARE_REASON_NONE,
	COMPARE_REASON_FEW_STEPS,
	COMPARE_REASON_RANKS,		/* another number of ranks, or of GPUs */
	COMPARE_REASON_KERNELS,		/* another amount of kernels a step: other work */
	COMPARE_REASON_ANCHOR,		/* steps divided by something else */
};

struct compare_options {
	int64_t threshold_e12;	/* smallest change of the median that makes a verdict */
	bool is_forced;		/* compares in spite of ranks, kernels and anchor */
};

/* One set of numbers against another. */
struct compared {
	int64_t a_median_ns, b_median_ns;
	struct median_shift shift;
	double p;		/* of parts: corrected for their number (Holm) */
	bool is_significant;	/* p < 0.05, and the interval excludes 0 */
};

struct compared_part {
	const char *name;	/* borrowed from the runs */
	struct compared numbers;
};

struct comparison {
	enum compare_verdict verdict;
	enum compare_reason reason;
	struct compared step;
	int64_t change_e12;	/* of the median, with its sign; 0 where A's is 0 */
	int64_t superiority_e12; /* share of pairs of steps in which B's is longer; 0.5: alike */
	struct compared_part parts[2 * RUN_PARTS_MAX]; /* in the order of A's, then B's own */
	size_t part_count;
};

/* Without COMPARE_STEPS_MIN steps on both sides there are no numbers. */
bool comparison_make(struct comparison *comparison, const struct run_steps *a,
		     const struct run_steps *b, const struct compare_options *options,
		     struct error *error);

/* "slower", "no-difference", ...; "few-steps", "ranks", ..., NULL for none */
const char *compare_verdict_name(enum compare_verdict verdict);
const char *compare_reason_name(enum compare_reason reason);

/*
 * The part without parts of its own that changed most in the direction of the verdict, and
 * significantly; NULL if there is none.
 */
const struct compared_part *comparison_main_part(const struct comparison *comparison);

#endif
