/* SPDX-License-Identifier: MIT */
/*
 * Growing arrays of any element.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Room for element `count`: returns the array, perhaps moved, or NULL when memory is short (the old
 * one is then as it was). `room` is in elements of `size` bytes.
 */
void *array_grow(void *array, size_t *room, size_t count, size_t size);

/* Room for element `place`, however far behind the others it lies; new elements are all 0. */
void *array_reach(void *array, size_t *room, size_t place, size_t size);

#endif
