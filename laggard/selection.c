/* SPDX-License-Identifier: MIT */
#include "laggard/selection.h"

#include "viewer-export/export.h"

#include <string.h>

/* Digits at `*at`, which is moved behind them; false without any, or where they are too many. */
static bool number_parse(const char **at, int64_t *number)
{
	const char *begin = *at;
	*number = 0;
	for (; **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, **at - '0', number))
			return false;
	return *at > begin;
}

static bool range_parse(const char **at, struct export_range *range)
{
	if (!number_parse(at, &range->first))
		return false;
	range->last = range->first;
	if (**at != '-')
		return true;
	++*at;
	return number_parse(at, &range->last) && range->last >= range->first;
}

bool selection_parse_ranks(struct export_range *ranges, size_t *count, const char *value,
			   struct error *error)
{
	const char *at = value;
	for (*count = 0; *count < SELECTION_RANGES_MAX;) {
		if (!range_parse(&at, &ranges[*count]))
			break;
		++*count;
		if (*at == 0)
			return true;
		if (*at++ != ',')
			break;
	}
	return fail(error, ERROR_USAGE,
		    "option '--ranks' takes numbers and ranges such as 0,2-3, not '%s'", value);
}

bool selection_parse_steps(int64_t *first, int64_t *last, const char *value, struct error *error)
{
	const char *at = value;
	bool has_first = number_parse(&at, first);
	bool is_range = strncmp(at, "..", 2) == 0;
	bool is_good = has_first || (is_range && at == value);
	if (!has_first)
		*first = 0;
	*last = is_range ? INT64_MAX : *first;
	if (is_range) {
		at += 2;
		if (*at != 0)
			is_good = is_good && number_parse(&at, last);
	}
	return (is_good && *at == 0 && *last >= *first) ||
	       fail(error, ERROR_USAGE,
		    "option '--steps' takes a step or a range such as 5..8, not '%s'", value);
}

bool selection_parse_size(int64_t *bytes, const char *value, struct error *error)
{
	static const struct { const char *name; int64_t bytes; } units[] = {
		{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
	};
	const char *at = value;
	if (number_parse(&at, bytes) && *bytes > 0)
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strcmp(at, units[i].name) == 0 &&
			    !__builtin_mul_overflow(*bytes, units[i].bytes, bytes))
				return true;
	return fail(error, ERROR_USAGE,
		    "option '--max-size' takes a number of bytes such as 200M, not '%s'", value);
}
