/* SPDX-License-Identifier: MIT */
/*
 * Who makes the others wait: per rank, the waiting it caused by coming last to collectives that all
 * must enter before any may leave, and what would be gained by having ranks, alone or together,
 * arrive on time. Blaming ranks one at a time is wrong where two are late together: repairing
 * either gains nothing, so gains are those of sets.
 *
 * Whether any of it is more than chance says metric_verdict.h.
 *
 * Thread: pure functions; those with an error allocate, blame_end frees.
 */
#ifndef ANALYZER_METRIC_BLAME_H
#define ANALYZER_METRIC_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Arrival of a rank that is no member of the collective. */
#define ARRIVAL_NONE INT64_MIN

/* Matched collectives with barrier semantics. Tables hold the ranks of instance 0, then of 1 ... */
struct blame_input {
	size_t rank_count;
	size_t instance_count;
	const int64_t *arrival_ns;	/* on one clock; ARRIVAL_NONE */
	const int64_t *wait_ns;		/* how long the member waited; 0 for others */
	const int64_t *step;		/* one an instance; -1: in none */
	const int64_t *exposed_cap_ns;	/* one an instance: longest exposed wait; NULL: no caps */
	int64_t clock_error_ns;		/* arrivals that differ by no more have no order */
	int64_t window_ns;
};

struct blame_rank {
	int64_t caused_ns;	/* waits of the others where this rank alone came last */
	int64_t caused_jointly_ns;	/* and where it was one of several last ones */
	int64_t score_e12;	/* caused_ns / (ranks x window); -1 without a window */
	int64_t times_latest;	/* alone */
	int64_t times_tied;
	int64_t steps_latest;	/* steps in which it caused more than any other rank */
	int64_t fix_one_ns;	/* gain if this rank alone had been on time */
	int64_t shapley_ns;	/* its fair share of fix_all_ns; -1 beyond SHAPLEY_RANKS_MAX */
	bool is_in_fix_set;
};

enum { EXACT_RANKS_MAX = 16, SHAPLEY_RANKS_MAX = 64, FIX_SET_PERCENT = 80 };

struct blame {
	size_t rank_count;
	struct blame_rank *ranks;
	int64_t instances;	/* with at least two members */
	int64_t ambiguous;	/* of them: last arrivals closer than the clock error */
	int64_t ambiguous_ns;	/* waits there, blamed on nobody */
	int64_t caused_ns;	/* all waits = those of the ranks' caused_ns + ambiguous_ns */
	int64_t steps;		/* distinct, with at least one such instance */
	/* Entropy of caused_ns over the ranks / log ranks: 0 one culprit, 1 everybody; -1 none. */
	int64_t entropy_e12;
	int64_t fix_all_ns;	/* gain if all had come no later than the lower median member */
	int64_t fix_set_ns;	/* gain of the smallest set that reaches FIX_SET_PERCENT of it */
	size_t fix_set_count;
	bool is_exact;		/* all sets were compared (EXACT_RANKS_MAX), not found by greed */
};

bool blame_measure(struct blame *blame, const struct blame_input *input, struct error *error);
void blame_end(struct blame *blame);

/*
 * Gain in time (of every GPU) if the ranks marked in `is_fixed` had come no later than the others,
 * or the lower median of the members: per instance at most its exposed cap. Saturated.
 */
bool blame_gain(int64_t *gain_ns, const struct blame_input *input, const bool *is_fixed,
		struct error *error);

/* Gain of both - gain of one - gain of the other: > 0 where they hide each other. */
bool blame_interaction(int64_t *gain_ns, const struct blame_input *input, size_t one, size_t other,
		       struct error *error);

#endif
