/* SPDX-License-Identifier: MIT */
#include "laggard/window.h"
#include "tests/unit/harness.h"

#include <stddef.h>

static void check_window(const char *value, int64_t start_ns, int64_t end_ns)
{
	struct window window;
	struct error error = { 0 };
	CHECK_OK(window_parse(&window, value, true, &error), error);
	CHECK_INT(window.start_ns, start_ns);
	CHECK_INT(window.end_ns, end_ns);
	CHECK(!window.is_all);
}

static void check_bad(const char *value)
{
	struct window window;
	struct error error = { 0 };
	if (window_parse(&window, value, true, &error))
		test_fail(__FILE__, __LINE__, "'%s' is taken for a window", value);
	CHECK_INT(error.kind, ERROR_USAGE);
}

TEST(a_window_is_exact_to_the_nanosecond)
{
	check_window("0..1", 0, 1);
	check_window("1.5s..2s", 1500000000, 2000000000);
	check_window("1.000000001s..1000000002", 1000000001, 1000000002);
	check_window("0.25ms..9223372036.854775807s", 250000, INT64_MAX);
}

TEST(a_window_may_be_open_at_either_end)
{
	struct window window;
	check_window("2us..", 2000, INT64_MAX);
	check_window("..3ms", 0, 3000000);
	CHECK(window_parse(&window, "..", false, 0) && window.is_all);
	CHECK(window_parse(&window, "all", false, 0) && window.is_all);
}

TEST(what_is_no_window_is_refused)
{
	static const char *const bad[] = {
		"",
		"5",
		"a..b",
		"1..1",
		"2s..1s",
		"-1s..2s",
		"1.5..2",
		"1.0000000001s..2s",
		"1m..2m",
		"1 s..2s",
		"1s...2s",
		".5s..1s",
		"1.s..2s",
		"9223372037s..",
		"99999999999999999999..",
		"1s..2s ",
		"1..2..3",
		"ALL",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		check_bad(bad[i]);
}
