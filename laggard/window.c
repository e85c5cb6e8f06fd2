/* SPDX-License-Identifier: MIT */
#include "laggard/window.h"

#include <string.h>

struct window_unit {
	const char *name;
	int64_t ns;
};

static const struct window_unit units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "", 1 },
};

static const struct window_unit *unit_find(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
			return &units[i];
	return NULL;
}

static size_t digit_count(const char *at, const char *end)
{
	const char *begin = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (size_t)(at - begin);
}

/* `*number` = `*number` * 10 + digit; false where it does not fit. */
static bool digit_append(int64_t *number, char digit)
{
	return !__builtin_mul_overflow(*number, 10, number) &&
	       !__builtin_add_overflow(*number, digit - '0', number);
}

/* All of [at, end), which is not empty. */
static bool time_parse(const char *at, const char *end, int64_t *ns)
{
	size_t whole = digit_count(at, end);
	size_t fraction = 0;
	const char *point = at + whole;
	if (point < end && *point == '.')
		fraction = digit_count(point + 1, end);
	const char *name = fraction > 0 ? point + 1 + fraction : point;
	const struct window_unit *unit = unit_find(name, (size_t)(end - name));
	if (whole == 0 || unit == NULL)
		return false;
	int64_t number = 0;
	for (size_t i = 0; i < whole; i++)
		if (!digit_append(&number, at[i]))
			return false;
	if (__builtin_mul_overflow(number, unit->ns, ns))
		return false;
	/* Each decimal counts a tenth of the one before; below a nanosecond there is nothing. */
	int64_t worth = unit->ns;
	for (size_t i = 0; i < fraction; i++) {
		if (worth % 10 != 0)
			return false;
		worth /= 10;
		if (__builtin_add_overflow(*ns, (point[1 + i] - '0') * worth, ns))
			return false;
	}
	return true;
}

bool window_parse(struct window *window, const char *value, bool may_be_steady,
		  struct error *error)
{
	*window = (struct window){ .is_all = true, .start_ns = 0, .end_ns = INT64_MAX };
	if (strcmp(value, "all") == 0)
		return true;
	if (may_be_steady && strcmp(value, "steady") == 0) {
		window->is_steady = true;
		return true;
	}
	const char *dots = strstr(value, "..");
	if (dots == NULL)
		return fail(error, ERROR_USAGE,
			    "option '--window' takes %s'all' or START..END such as "
			    "1.5s..2s, not '%s'",
			    may_be_steady ? "'steady', " : "", value);
	const char *end = dots + 2;
	if (dots > value && !time_parse(value, dots, &window->start_ns))
		return fail(error, ERROR_USAGE,
			    "'%.*s' is no time: say a number with ns, us, ms or s",
			    (int)(dots - value), value);
	if (*end != 0 && !time_parse(end, end + strlen(end), &window->end_ns))
		return fail(error, ERROR_USAGE,
			    "'%s' is no time: say a number with ns, us, ms or s", end);
	if (window->start_ns >= window->end_ns)
		return fail(error, ERROR_USAGE, "window '%s' is empty", value);
	window->is_all = dots == value && *end == 0;
	return true;
}

enum window_kind window_kind_of(const struct window *window)
{
	if (window->is_steady)
		return WINDOW_STEADY;
	return window->is_all ? WINDOW_ALL : WINDOW_EXPLICIT;
}
