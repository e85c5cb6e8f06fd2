/* SPDX-License-Identifier: MIT */
#include "analyzer/dense_ids.h"

#include <stdlib.h>
#include <string.h>

/* The array has at most this many places and four a put: lone huge ids go to the map. */
enum { PLACES_FREE = 4096, PLACES_A_PUT = 4 };

static bool dense_ids_grow(struct dense_ids *ids, size_t id)
{
	size_t room = id + 1 + ids->room / 2;
	uint32_t *places = realloc(ids->places, room * sizeof *places);
	if (places == NULL)
		return false;
	memset(places + ids->room, 0, (room - ids->room) * sizeof *places);
	ids->places = places;
	ids->room = room;
	return true;
}

bool dense_ids_put(struct dense_ids *ids, int64_t id, uint32_t place)
{
	bool is_near = id >= 0 && (uint64_t)id < ids->puts * PLACES_A_PUT + PLACES_FREE;
	ids->puts++;
	if (!is_near)
		return id_map_put(&ids->far, (uint64_t)id, (int64_t)place);
	if ((size_t)id >= ids->room && !dense_ids_grow(ids, (size_t)id))
		return false;
	ids->places[id] = place + 1;
	return true;
}

bool dense_ids_find_far(const struct dense_ids *ids, int64_t id, uint32_t *place)
{
	int64_t value = 0;
	if (ids->far.used == 0 || !id_map_get(&ids->far, (uint64_t)id, &value))
		return false;
	*place = (uint32_t)value;
	return true;
}

void dense_ids_end(struct dense_ids *ids)
{
	free(ids->places);
	id_map_end(&ids->far);
	*ids = (struct dense_ids){ 0 };
}
