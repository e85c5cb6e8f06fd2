/* SPDX-License-Identifier: MIT */
#include "base/array.h"

#include "base/column.h"

#include <stdint.h>

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
