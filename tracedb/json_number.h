/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a JSON text as exact integers, read from their own digits: no floating point anywhere,
 * because a double loses up to 0.125 us of an absolute Unix time in microseconds.
 *
 * Thread: pure functions.
 */
#ifndef TRACEDB_JSON_NUMBER_H
#define TRACEDB_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * value x 10^digits, cut (not rounded) behind the point: with 3, decimal microseconds become
 * nanoseconds, and digits past the third are dropped. Takes a sign, a fraction and an exponent.
 * False if this is no number or does not fit.
 */
bool json_number_scale(const char *bytes, size_t length, int digits, int64_t *value);

/*
 * The whole part. Also takes hexadecimal ("0x7fda0e810200") and unsigned values above INT64_MAX,
 * which keep their 64 bits.
 */
bool json_number_integer(const char *bytes, size_t length, int64_t *value);

#endif
