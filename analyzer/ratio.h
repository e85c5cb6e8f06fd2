/* SPDX-License-Identifier: MIT */
/*
 * Ratios of integers as integers: fixed-point numbers with twelve decimals, rounded to nearest. No
 * floating point comes near a time or a size.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_RATIO_H
#define ANALYZER_RATIO_H

#include <stddef.h>
#include <stdint.h>

/* 1.0 in a fixed-point number (*_e12). */
#define RATIO_ONE INT64_C(1000000000000)

/* numerator / denominator; INT64_MAX when it does not fit or the denominator is 0. Both >= 0. */
int64_t ratio_e12(int64_t numerator, int64_t denominator);

/* whole * part / of, rounded down; 0 <= part <= of, 0 if `of` is 0. */
int64_t share_of(int64_t whole, int64_t part, int64_t of);

/*
 * max / mean - 1 and population deviation / mean of non-negative values; -1 without values or where
 * all are 0.
 */
int64_t imbalance_e12(const int64_t *values, size_t count);
int64_t variation_e12(const int64_t *values, size_t count);

#endif
