/* SPDX-License-Identifier: MIT */
/*
 * Numbers as digits into memory that has room: several digits a step. An export writes hundreds of
 * millions of digits; with printf they would be most of its time.
 *
 * Thread: pure functions.
 */
#ifndef VIEWER_EXPORT_DIGITS_H
#define VIEWER_EXPORT_DIGITS_H

#include <stdint.h>

/* The longest: "-9223372036854775.808". */
enum { DIGITS_MAX = 24 };

/* Each returns the byte behind what it wrote. */
char *put_integer(char *to, int64_t value);

/* Nanoseconds as microseconds with exactly three digits behind the point. */
char *put_microseconds(char *to, int64_t ns);

#endif
