/* SPDX-License-Identifier: MIT */
/*
 * Gains of sets of ranks, in a form that makes all questions cheap: each instance is a ladder of
 * its members from the last arrival down to the lower median. Repairing the first i of the ladder
 * gains the i-th height; what the i-th step adds is gained by sets that hold all of the first i.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_METRIC_FIX_SETS_H
#define ANALYZER_METRIC_FIX_SETS_H

#include "analyzer/metric_blame.h"

struct ladder_step {
	uint32_t rank;
	int64_t added_ns;	/* gain once this rank and all before it are on time */
	int64_t excess_ns;	/* how far above the lower median it arrived, capped */
};

struct ladders {
	size_t rank_count;
	size_t instance_count;
	size_t *first;		/* [instance_count + 1]: where an instance's steps begin */
	struct ladder_step *steps;
};

bool ladders_build(struct ladders *ladders, const struct blame_input *input, struct error *error);
void ladders_end(struct ladders *ladders);

int64_t ladders_gain(const struct ladders *ladders, const bool *is_fixed);

/* Fills fix_all_ns, fix_set_*, is_exact, and the ranks' fix_one_ns, shapley_ns, is_in_fix_set. */
bool fix_sets_measure(struct blame *blame, const struct ladders *ladders, struct error *error);

#endif
