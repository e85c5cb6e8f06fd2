/* SPDX-License-Identifier: MIT */
/*
 * Which API call launched what: the correlation ids of the calls, in the order of their spans. Ids
 * come nearly sorted; 8 bytes a call, 4 more where they are not sorted.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_LAUNCHES_H
#define VIEWER_EXPORT_LAUNCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct launch_index {
	int64_t *correlations;	/* by call; 0: none */
	size_t count;
	size_t room;
	uint32_t *order; /* calls by (correlation, call); NULL: they are sorted as they are */
	size_t hint;		/* where the last one was found: the next is often near */
	bool is_unsorted;
};

/* False: memory is short. */
bool launch_index_add(struct launch_index *index, int64_t correlation_id);
bool launch_index_solve(struct launch_index *index);

/* First call with that correlation id. False: there is none. */
bool launch_index_find(struct launch_index *index, int64_t correlation_id, size_t *call);

void launch_index_end(struct launch_index *index);

#endif
