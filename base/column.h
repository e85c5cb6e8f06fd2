/* SPDX-License-Identifier: MIT */
/*
 * Columns: long arrays of numbers, one value a row, released with free(). The system is asked for
 * huge pages for them: a trace has millions of rows, and a fault for every 4 KiB of them costs more
 * than what is then done with their values.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef BASE_COLUMN_H
#define BASE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `column` is the address of a pointer to values of `size` bytes, NULL at first. Room for `room` of
 * them; what was there stays. False: memory is short, nothing changed.
 */
bool column_resize(void *column, size_t room, size_t size);

/* A column of its own, its values undefined; NULL: memory is short. */
void *column_new(size_t room, size_t size);

#endif
