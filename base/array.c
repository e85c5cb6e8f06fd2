/* SPDX-License-Identifier: MIT */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *array_grow(void *array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return array;
	size_t more = *room == 0 ? 64 : *room * 2;
	if (more > SIZE_MAX / size)
		return NULL;
	void *bigger = realloc(array, more * size);
	if (bigger != NULL)
		*room = more;
	return bigger;
}

void *array_reach(void *array, size_t *room, size_t place, size_t size)
{
	if (place < *room)
		return array;
	size_t more = place + place / 2 + 64;
	void *bigger = more < place || more > SIZE_MAX / size ? NULL : realloc(array, more * size);
	if (bigger == NULL)
		return NULL;
	memset((char *)bigger + *room * size, 0, (more - *room) * size);
	*room = more;
	return bigger;
}
