/* SPDX-License-Identifier: MIT */
/*
 * Clocks of GPUs from the barriers that were matched: which lanes share one, whether the barriers
 * agree, and the offsets between those that differ. The part of collective_match that decides about
 * clocks.
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_COLLECTIVE_CLOCKS_H
#define ANALYZER_COLLECTIVE_CLOCKS_H

#include "analyzer/collective_match.h"

/* By lane: the first lane whose clock is the same by what the traces say. */
void lane_hosts_find(const struct comm_lane *lanes, size_t count, size_t *host_of);

/* Sets shift_ns and base_ns: all times on one axis, before any correction. */
void lane_shifts_find(struct collective_match *match, const struct comm_lane *lanes);

/*
 * Sets all clocks anew from the instances of the groups that are barriers, which are in the order
 * of time. False: memory is short; the clocks are as they were.
 */
bool lane_clocks_find(struct collective_match *match, const struct comm_lane *lanes,
		      const size_t *host_of);

bool clock_fit_copy(struct clock_fit *to, const struct clock_fit *from);

#endif
