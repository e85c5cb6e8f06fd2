/* SPDX-License-Identifier: MIT */
/*
 * Groups of spans: dense numbers for the keys (stream, thread and domain, ...) of one family.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_GROUPS_H
#define VIEWER_EXPORT_GROUPS_H

#include "base/id_map.h"
#include "viewer-export/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GROUP_RECENT_COUNT = 64 };

struct group_set {
	struct bytes_map numbers;
	struct span_key *keys;		/* by number */
	size_t count;
	size_t room;
	struct group_recent {		/* the next row is often of a group seen just before */
		struct span_key key;
		uint32_t number;
		bool is_used;
	} recent[GROUP_RECENT_COUNT];
};

/* Number of the key's group, made if it is new. False: memory is short. */
bool group_set_take(struct group_set *set, struct span_key key, uint32_t *number);

/* False: no such group. */
bool group_set_find(struct group_set *set, struct span_key key, uint32_t *number);

void group_set_end(struct group_set *set);

#endif
