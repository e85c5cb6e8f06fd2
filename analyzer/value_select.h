/* SPDX-License-Identifier: MIT */
/*
 * The n-th smallest of unsorted values without sorting them all: O(n), in place.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef ANALYZER_VALUE_SELECT_H
#define ANALYZER_VALUE_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* The value that would stand at `nth` < count if they were sorted. Moves the values. */
int64_t value_select(int64_t *values, size_t count, size_t nth);

/* Median; of an even count the mean of the middle two, rounded down. 0 without values. */
int64_t value_select_median(int64_t *values, size_t count);

#endif
