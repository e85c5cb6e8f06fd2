/* SPDX-License-Identifier: MIT */
/*
 * From ids to places 0, 1, 2, ...: an array for ids that are small, as our writers make them, a map
 * for the others.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_DENSE_IDS_H
#define ANALYZER_DENSE_IDS_H

#include "base/id_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dense_ids {
	uint32_t *places;	/* by id: place + 1, 0 where there is none */
	size_t room;
	size_t puts;
	struct id_map far;
};

/* Sets or replaces; `place` < UINT32_MAX. False: memory is short. */
bool dense_ids_put(struct dense_ids *ids, int64_t id, uint32_t place);
bool dense_ids_find_far(const struct dense_ids *ids, int64_t id, uint32_t *place);
void dense_ids_end(struct dense_ids *ids);

/* Leaves `place` alone where there is none. Inline: asked several times a row. */
static inline bool dense_ids_find(const struct dense_ids *ids, int64_t id, uint32_t *place)
{
	if (id < 0 || (uint64_t)id >= ids->room || ids->places[id] == 0)
		return dense_ids_find_far(ids, id, place);
	*place = ids->places[id] - 1;
	return true;
}

#endif
