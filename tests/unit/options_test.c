/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "tests/unit/harness.h"

#include <string.h>

enum { VERBOSE, OUTPUT, COUNT, FORMAT, TAG, OPTION_COUNT };

static const struct option_choice formats[] = {
	{ "text", "for people" }, { "json", NULL }, { NULL, NULL },
};

static const struct option options[OPTION_COUNT] = {
	[VERBOSE] = { .name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .text = "say more" },
	[OUTPUT] = { .name = "output",
		     .letter = 'o',
		     .kind = OPTION_FILE,
		     .value = "FILE",
		     .text = "where to" },
	[COUNT] = { .name = "row_count",
		    .letter = 'n',
		    .kind = OPTION_INTEGER,
		    .value = "N",
		    .minimum = -5,
		    .maximum = 100,
		    .fallback = "7",
		    .text = "how many" },
	[FORMAT] = { .name = "format",
		     .kind = OPTION_CHOICE,
		     .choices = formats,
		     .fallback = "text",
		     .text = "how" },
	[TAG] = { .name = "tag",
		  .letter = 't',
		  .kind = OPTION_TEXT,
		  .value = "TEXT",
		  .is_repeatable = true,
		  .text = "a mark" },
};

static const struct option_table table = {
	.name = "try", .summary = "try it", .arguments = "[--] FILE...", .description = "Tries it.",
	.options = options, .option_count = OPTION_COUNT, .arguments_max = 3,
};

static const struct option_table launcher = {
	.name = "run", .summary = "run it", .arguments = "PROGRAM", .description = "Runs it.",
	.options = options, .option_count = OPTION_COUNT, .arguments_min = 1, .arguments_max = 99,
	.stops_at_argument = true,
};

static struct error error;

/* Splits at blanks; "''" stands for an empty word. */
static bool parse(struct parsed_line *line, const struct option_table *with, const char *words)
{
	static char copy[512], empty[1];
	static char *argv[64];
	int argc = 0;
	CHECK(strlen(words) < sizeof copy);
	memcpy(copy, words, strlen(words) + 1);
	for (char *at = copy; *at != 0;) {
		size_t length = strcspn(at, " ");
		char *next = at + length + (at[length] == ' ');
		at[length] = 0;
		argv[argc++] = strcmp(at, "''") == 0 ? empty : at;
		at = next;
	}
	error = (struct error){ 0 };
	return parsed_line_begin(line, with, argc, argv, &error);
}

static void check_failure(const char *words, const char *fragment)
{
	struct parsed_line line;
	CHECK(!parse(&line, &table, words));
	CHECK_INT(error.kind, ERROR_USAGE);
	CHECK_CONTAINS(error.message, fragment);
	parsed_line_end(&line);
}

TEST(options_have_their_defaults)
{
	struct parsed_line line;
	CHECK_OK(parse(&line, &table, ""), error);
	CHECK(!parsed_flag(&line, VERBOSE));
	CHECK(parsed_text(&line, OUTPUT) == NULL);
	CHECK_INT(parsed_integer(&line, COUNT), 7);
	CHECK_INT(parsed_choice(&line, FORMAT), 0);
	CHECK_INT(line.options[TAG].count, 0);
	parsed_line_end(&line);
}

TEST(options_are_understood_in_every_spelling)
{
	static const char *const spellings[] = {
		"-v -o x -n -3 --format json a b", "-vox -n-3 --format=json a b",
		"a --output=x --row-count=-3 b --format json --verbose",
		"--row_count -3 --output x a b --format json -v", "-vn -3 -ox --format json -- a b",
	};
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		struct parsed_line line;
		CHECK_OK(parse(&line, &table, spellings[i]), error);
		CHECK(parsed_flag(&line, VERBOSE));
		CHECK_TEXT(parsed_text(&line, OUTPUT), "x");
		CHECK_INT(parsed_integer(&line, COUNT), -3);
		CHECK_INT(parsed_choice(&line, FORMAT), 1);
		CHECK_INT(line.argument_count, 2);
		CHECK_TEXT(line.arguments[0], "a");
		CHECK_TEXT(line.arguments[1], "b");
		parsed_line_end(&line);
	}
}

TEST(the_last_value_wins_and_all_are_kept)
{
	struct parsed_line line;
	CHECK_OK(parse(&line, &table, "-t a --tag b -tc -n 1 -n 2"), error);
	CHECK_INT(line.options[TAG].count, 3);
	CHECK_TEXT(line.options[TAG].texts[0], "a");
	CHECK_TEXT(line.options[TAG].texts[2], "c");
	CHECK_TEXT(parsed_text(&line, TAG), "c");
	CHECK_INT(parsed_integer(&line, COUNT), 2);
	parsed_line_end(&line);
}

TEST(a_double_hyphen_ends_the_options_and_a_single_one_is_an_argument)
{
	struct parsed_line line;
	CHECK_OK(parse(&line, &table, "- -- -v --help"), error);
	CHECK_INT(line.argument_count, 3);
	CHECK_TEXT(line.arguments[0], "-");
	CHECK_TEXT(line.arguments[1], "-v");
	CHECK(!parsed_flag(&line, VERBOSE));
	CHECK(!line.wants_help);
	parsed_line_end(&line);
}

TEST(what_follows_the_program_belongs_to_it)
{
	struct parsed_line line;
	CHECK_OK(parse(&line, &launcher, "-v prog -o y --unknown -- -h"), error);
	CHECK(parsed_flag(&line, VERBOSE));
	CHECK(parsed_text(&line, OUTPUT) == NULL);
	CHECK_INT(line.argument_count, 6);
	CHECK_TEXT(line.arguments[4], "--");
	parsed_line_end(&line);
	CHECK_OK(parse(&line, &launcher, "-- prog -- x"), error);
	CHECK_INT(line.argument_count, 3);
	CHECK_TEXT(line.arguments[1], "--");
	parsed_line_end(&line);
}

TEST(help_wins_over_what_is_missing)
{
	struct parsed_line line;
	CHECK_OK(parse(&line, &launcher, "-h"), error);
	CHECK(line.wants_help);
	parsed_line_end(&line);
	CHECK_OK(parse(&line, &launcher, "-vh"), error);
	CHECK(line.wants_help);
	parsed_line_end(&line);
}

TEST(a_wrong_command_line_is_one_clear_error)
{
	check_failure("--formt x", "did you mean '--format'?");
	check_failure("--rowcount 3", "did you mean '--row-count'?");
	check_failure("--zzzzzzzzzz", "unknown option '--zzzzzzzzzz'");
	check_failure("-q", "unknown option '-q'");
	check_failure("-vq", "unknown option '-q' in '-vq'");
	check_failure("--output", "option '--output' takes a value");
	check_failure("-n", "option '--row-count' takes a value");
	check_failure("--verbose=1", "option '--verbose' takes no value");
	check_failure("--help=1", "option '--help' takes no value");
	check_failure("--format xml", "takes 'text' or 'json', not 'xml'");
	check_failure("--format tex", "not 'tex'");
	check_failure("--format ''", "not ''");
	check_failure("--output ''", "takes a path");
	check_failure("a b c d", "unexpected argument 'd'");
	struct parsed_line line;
	CHECK(!parse(&line, &launcher, "-v"));
	CHECK_TEXT(error.message, "PROGRAM is missing");
	parsed_line_end(&line);
}

TEST(numbers_are_whole_and_within_their_range)
{
	static const char *const bad[] = {
		"-n 101", "-n -6", "-n 1.5", "-n 1e2", "-n 0x10", "-n 1k", "-n ''", "-n +-1",
		"-n 99999999999999999999", "-n -99999999999999999999",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		check_failure(bad[i], "takes a whole number from -5 to 100");
	struct parsed_line line;
	CHECK_OK(parse(&line, &table, "-n 100"), error);
	CHECK_INT(parsed_integer(&line, COUNT), 100);
	parsed_line_end(&line);
}

TEST(the_nearest_name_is_suggested_and_only_if_it_is_near)
{
	static const char *const names[] = { "run", "analyze", "export", "import", "schema", NULL };
	CHECK_TEXT(nearest_name("rnu", names), "run");
	CHECK_TEXT(nearest_name("analyse", names), "analyze");
	CHECK_TEXT(nearest_name("ANALYZE", names), "analyze");
	CHECK_TEXT(nearest_name("exprot", names), "export");
	CHECK_TEXT(nearest_name("imp", names), "import");
	CHECK_TEXT(nearest_name("shcema", names), "schema");
	CHECK(nearest_name("frobnicate", names) == NULL);
	CHECK(nearest_name("xyz", names) == NULL);
	CHECK(nearest_name("", names) == NULL);
	char huge[5000];
	memset(huge, 'a', sizeof huge - 1);
	huge[sizeof huge - 1] = 0;
	CHECK(nearest_name(huge, names) == NULL);
}

TEST(help_shows_every_option_with_its_default)
{
	struct text page;
	text_begin(&page, 1 << 16);
	options_add_help(&page, &table, "laggard");
	CHECK_CONTAINS(text_string(&page), "Usage: laggard try [options] [--] FILE...\n");
	CHECK_CONTAINS(text_string(&page), "  -v, --verbose             say more\n");
	CHECK_CONTAINS(text_string(&page),
		       "  -n, --row-count N         how many (-5 to 100; default 7)\n");
	CHECK_CONTAINS(text_string(&page), "      --format text|json    how (default text)\n");
	CHECK_CONTAINS(text_string(&page), "text: for people\n");
	CHECK_CONTAINS(text_string(&page), "a mark; may be given several times\n");
	CHECK_CONTAINS(text_string(&page), "  -h, --help                this page\n");
	text_end(&page);
}

TEST(wrapped_text_keeps_its_width_and_its_words)
{
	struct text page;
	text_begin(&page, 1 << 16);
	text_add_wrapped(&page, "one two three\n\nfour,five,six averyveryverylongword", 2, 14);
	CHECK_TEXT(text_string(&page),
		   "  one two\n  three\n\n  four,five,\n  six\n  averyveryverylongword\n");
	text_end(&page);
}
