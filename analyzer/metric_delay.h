/* SPDX-License-Identifier: MIT */
/*
 * Delay costs: what a rank that came late to a collective did more of than a rank that waited for
 * it, since the collective before. The wait is divided over that surplus and over the waits of the
 * late rank itself, whose own culprits then carry their part on. Integers that sum exactly.
 *
 * Collectives are processed from the last to the first, so that the cost on a wait is known before
 * its cause is looked for.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_METRIC_DELAY_H
#define ANALYZER_METRIC_DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All times lie between two common barriers and are not negative. */
struct delay_input {
	size_t category_count;
	const int64_t *culprit_ns; /* time of each category on the late rank, its waits not in it */
	const int64_t *waiter_ns;	/* and on the rank that waited */
	int64_t wait_ns;		/* how long that one waited */
	int64_t culprit_wait_ns;	/* sum of the late rank's own waits */
	int64_t received_ns; /* cost that later collectives have already put on this wait */
};

struct delay_cost {
	bool is_known; /* false: no surplus and no wait, the cause lies further back */
	int64_t surplus_ns;		/* sum of the categories' surplus; saturated */
	int64_t explained_ns;		/* part of the wait that was divided, at most wait_ns */
	int64_t passed_short_ns;	/* parts that fall on the late rank's own waits */
	int64_t passed_long_ns;
	int64_t coverage_e12;		/* explained_ns / wait_ns; -1 without a wait */
};

/*
 * Arrays of one entry a category: how much more the late rank took, its part of the wait, and its
 * part of what the wait had received. The parts of the wait and passed_short_ns sum to
 * explained_ns, the long-term ones and passed_long_ns to received_ns (to 0 when not known).
 */
struct delay_cost delay_measure(const struct delay_input *input, int64_t *surplus_ns,
				int64_t *short_ns, int64_t *long_ns);

/*
 * Divides `total` in proportion to the weights (none negative), rounded so that the parts sum to
 * it: those with the largest remainders get one more, the first of equals. All 0 when the weights
 * are.
 */
void total_divide(int64_t *parts, const int64_t *weights, size_t count, int64_t total);

#endif
