/* SPDX-License-Identifier: MIT */
/*
 * Numbers as reports show them: the one place where they are rounded. JSON takes integers as they
 * are and ratios with fixed decimals; people get units and percent.
 *
 * Thread: one text, one thread.
 */
#ifndef ANALYZER_REPORT_NUMBERS_H
#define ANALYZER_REPORT_NUMBERS_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* A unit for a whole column, so that its numbers can be compared by eye. */
struct time_unit {
	const char *name;
	int64_t ns;
	int decimals;
};

/*
 * For a column of a table, so that its largest time has at least two digits before the point: with
 * fewer, the small ones beside it would all read 0.000.
 */
const struct time_unit *time_unit_for(int64_t largest_ns);

/* The same with fewer decimals: no time up to the largest takes more than six columns. */
struct time_unit time_unit_narrow(int64_t largest_ns);

/* "1.234" in that unit, without its name */
void number_add_time(struct text *out, int64_t ns, const struct time_unit *unit);

/* "47.3 %"; never "0.0 %" for something or "100.0 %" for less than all: "<0.1 %", ">99.9 %" */
void number_add_percent(struct text *out, int64_t part, int64_t whole);
void number_add_percent_e12(struct text *out, int64_t share_e12);
/* The same without the sign, for columns whose header says it. */
void number_add_percent_bare(struct text *out, int64_t part, int64_t whole);

/* "12,345" */
void number_add_count(struct text *out, int64_t count);

/* value / divisor, rounded: 310,400 mW are 310 W */
void number_add_rounded(struct text *out, int64_t value, int64_t divisor);

/* A fixed-point ratio with `decimals` <= 12 of them */
void number_add_ratio(struct text *out, int64_t ratio_e12, int decimals);

/* Bytes a nanosecond are GB/s; false, and nothing added, where there is no size or no time. */
bool number_add_rate(struct text *out, int64_t bytes, int64_t ns, int decimals);

#endif
