/* SPDX-License-Identifier: MIT */
#include "libtrace/output_path.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct output_fields fields = { .host = "box/1", .pid = 42, .rank = 3 };

static void check_path(const char *pattern, const char *wanted)
{
	char path[OUTPUT_PATH_MAX];
	struct error error = { 0 };
	CHECK_OK(output_path_make(path, pattern, &fields, &error), error);
	CHECK_TEXT(path, wanted);
}

TEST(output_patterns_become_paths)
{
	check_path("/x/%r.trace.db", "/x/3.trace.db");
	check_path("/x/a-%h-%p-%r-100%%", "/x/a-box_1-42-3-100%");
	check_path("/x/traces", "/x/traces/box_1-42.trace.db");
	check_path("/x/traces/", "/x/traces/box_1-42.trace.db");
	check_path("/x/one.db", "/x/one.db");
	check_path("/x/%r/", "/x/3/box_1-42.trace.db");
}

TEST(an_output_that_is_an_existing_folder_gets_the_default_name)
{
	const char *folder = test_path("like-a-file.db");
	char wanted[OUTPUT_PATH_MAX];
	CHECK_INT(mkdir(folder, 0700), 0);
	(void)snprintf(wanted, sizeof wanted, "%s/box_1-42.trace.db", folder);
	check_path(folder, wanted);
}

TEST(a_relative_output_is_made_absolute)
{
	char path[OUTPUT_PATH_MAX], wanted[OUTPUT_PATH_MAX];
	struct error error = { 0 };
	CHECK_INT(chdir(test_folder()), 0);
	CHECK_OK(output_path_make(path, ".", &fields, &error), error);
	(void)snprintf(wanted, sizeof wanted, "%s/box_1-42.trace.db", test_folder());
	CHECK_TEXT(path, wanted);
}

TEST(an_output_with_an_unknown_field_or_too_long_is_refused)
{
	char path[OUTPUT_PATH_MAX], pattern[OUTPUT_PATH_MAX + 8];
	struct error error = { 0 };
	CHECK(!output_path_make(path, "/x/%q.db", &fields, &error));
	CHECK_CONTAINS(error.message, "LAGGARD_OUTPUT");
	memset(pattern, 'y', sizeof pattern);
	pattern[0] = '/';
	pattern[sizeof pattern - 1] = 0;
	CHECK(!output_path_make(path, pattern, &fields, &error));
	CHECK_CONTAINS(error.message, "too long");
}

TEST(an_output_folder_is_checked_before_and_made_when_needed)
{
	char path[OUTPUT_PATH_MAX];
	struct error error = { 0 };
	(void)snprintf(path, sizeof path, "%s/a/b/c.trace.db", test_folder());
	CHECK_OK(output_path_check(path, &error), error);
	CHECK_INT(access(test_path("a"), F_OK), -1);
	CHECK_OK(output_path_make_folders(path, &error), error);
	CHECK_INT(access(test_path("a/b"), F_OK), 0);
	CHECK(!output_path_check("/dev/null/x.db", &error));
	CHECK_CONTAINS(error.message, "/dev/null");
}

TEST(an_output_that_is_there_already_gets_a_number)
{
	char path[OUTPUT_PATH_MAX];
	CHECK(output_path_number(path, "/x/box-42.trace.db", 2));
	CHECK_TEXT(path, "/x/box-42-2.trace.db");
	CHECK(output_path_number(path, "/x/one.db", 3));
	CHECK_TEXT(path, "/x/one-3.db");
	CHECK(output_path_number(path, "/x.y/plain", 4));
	CHECK_TEXT(path, "/x.y/plain-4");
}
