/* SPDX-License-Identifier: MIT */
#include "viewer-export/groups.h"

#include "base/array.h"

#include <stdlib.h>

static struct group_recent *recent_of(struct group_set *set, struct span_key key)
{
	uint64_t mixed = (uint64_t)key.first * 31 + (uint64_t)key.second;
	return &set->recent[mixed % GROUP_RECENT_COUNT];
}

bool group_set_find(struct group_set *set, struct span_key key, uint32_t *number)
{
	struct group_recent *recent = recent_of(set, key);
	if (recent->is_used && recent->key.first == key.first && recent->key.second == key.second) {
		*number = recent->number;
		return true;
	}
	int64_t found;
	if (!bytes_map_get(&set->numbers, &key, sizeof key, &found))
		return false;
	*number = (uint32_t)found;
	*recent = (struct group_recent){ .key = key, .number = *number, .is_used = true };
	return true;
}

bool group_set_take(struct group_set *set, struct span_key key, uint32_t *number)
{
	if (group_set_find(set, key, number))
		return true;
	struct span_key *keys = array_grow(set->keys, &set->room, set->count, sizeof keys[0]);
	if (keys == NULL)
		return false;
	set->keys = keys;
	if (set->count >= UINT32_MAX ||
	    !bytes_map_put(&set->numbers, &key, sizeof key, (int64_t)set->count))
		return false;
	keys[set->count] = key;
	*number = (uint32_t)set->count++;
	return true;
}

void group_set_end(struct group_set *set)
{
	bytes_map_end(&set->numbers);
	free(set->keys);
	*set = (struct group_set){ .count = 0 };
}
