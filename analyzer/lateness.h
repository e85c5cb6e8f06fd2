/* SPDX-License-Identifier: MIT */
/*
 * How late each rank was in each step: the sum over the step's collectives of its arrival against
 * the lower median of the other members. A rank that took part in none has LATENESS_NONE.
 *
 * Thread: pure functions; lateness_build allocates, lateness_end frees.
 */
#ifndef ANALYZER_LATENESS_H
#define ANALYZER_LATENESS_H

#include "analyzer/metric_blame.h"

#define LATENESS_NONE INT64_MIN

struct lateness {
	size_t rank_count;
	size_t step_count;	/* distinct, >= 0, with a collective of two or more members */
	int64_t *ns;		/* the steps of rank 0, then of rank 1 and so on */
};

bool lateness_build(struct lateness *lateness, const struct blame_input *input,
		    struct error *error);
void lateness_end(struct lateness *lateness);

#endif
