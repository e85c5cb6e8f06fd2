/* SPDX-License-Identifier: MIT */
/*
 * Frontier accounting: how far the slowest rank has come at the end of each stage of a step, from
 * durations alone, so that no clocks need agree. What the stages add to the frontier sums to the
 * step of the slowest rank exactly; who leads says which rank to look at.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_FRONTIER_H
#define ANALYZER_METRIC_FRONTIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct frontier_stage {
	int64_t frontier_ns;	/* largest sum of a rank's durations up to this stage; saturated */
	int64_t exposed_ns;	/* what the stage added to it */
	size_t leader;		/* the rank at the frontier, the first of equals */
	bool is_ambiguous;	/* another rank is within 5 % of exposed_ns, or leads elsewhere */
};

/*
 * `duration_ns` holds the stages of rank 0, then of rank 1 and so on; negative ones count as 0.
 * `stages` receives one entry a stage. Fails when memory is short.
 */
bool frontier_measure(struct frontier_stage *stages, const int64_t *duration_ns, size_t rank_count,
		      size_t stage_count, struct error *error);

/* Also ambiguous is a stage that another rank led in another window. */
void frontier_compare(struct frontier_stage *stages, const struct frontier_stage *others,
		      size_t stage_count);

#endif
