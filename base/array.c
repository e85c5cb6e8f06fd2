/* SPDX-License-Identifier: MIT */
#include "base/array.h"

#include "base/column.h"

#include <stdint.h>
#include <string.h>

void *array_grow(void *array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return array;
	size_t more = *room == 0 ? 64 : *room * 2;
	if (more > SIZE_MAX / size)
		return NULL;
	if (!column_resize(&array, more, size))
		return NULL;
	*room = more;
	return array;
}

void *array_reach(void *array, size_t *room, size_t place, size_t size)
{
	if (place < *room)
		return array;
	size_t more = place + place / 2 + 64;
	if (more < place || more > SIZE_MAX / size || !column_resize(&array, more, size))
		return NULL;
	memset((char *)array + *room * size, 0, (more - *room) * size);
	*room = more;
	return array;
}
