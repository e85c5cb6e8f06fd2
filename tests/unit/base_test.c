/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/id_map.h"
#include "base/text.h"
#include "tests/unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

TEST(an_error_keeps_its_kind_and_gets_context_in_front)
{
	struct error error = { 0 };
	CHECK(!fail(&error, ERROR_INPUT, "row %d is bad", 7));
	CHECK(!fail_within(&error, "'%s'", "a.db"));
	CHECK_TEXT(error.message, "'a.db': row 7 is bad");
	CHECK_INT(error.kind, ERROR_INPUT);
	CHECK_INT(error_exit_status(error.kind), 3);
	CHECK_INT(error_exit_status(ERROR_USAGE), 2);
}

TEST(an_error_never_carries_control_characters_to_a_terminal)
{
	struct error error = { 0 };
	(void)fail(&error, ERROR_INPUT, "name '%s'", "a\x1b[31m\nb");
	CHECK_TEXT(error.message, "name 'a?[31m?b'");
}

TEST(a_long_error_is_cut_and_stays_terminated)
{
	struct error error = { 0 };
	char name[3000];
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	(void)fail(&error, ERROR_INPUT, "%s", name);
	(void)fail_within(&error, "context");
	CHECK_INT(strlen(error.message), ERROR_MESSAGE_MAX - 1);
	CHECK(strncmp(error.message, "context: xxx", 12) == 0);
}

TEST(an_arena_keeps_its_maximum_and_aligns)
{
	struct arena *arena = arena_create(1024 * 1024);
	CHECK(arena != NULL);
	for (size_t size = 1; size < 3000; size += 7) {
		unsigned char *memory = arena_take(arena, size);
		if (memory == NULL)
			break;
		CHECK_INT((uintptr_t)memory % 16, 0);
		for (size_t i = 0; i < size; i++)
			CHECK_INT(memory[i], 0);
		memset(memory, 0xff, size);
	}
	CHECK(arena_bytes(arena) <= 1024 * 1024);
	CHECK(arena_take(arena, 2 * 1024 * 1024) == NULL);
	CHECK(arena_take_array(arena, SIZE_MAX / 2, 16) == NULL);
	CHECK_TEXT(arena_copy_text(arena, "abcdef", 3), "abc");
	arena_close(arena);
}

TEST(a_text_over_its_maximum_stays_as_it_was_and_says_so)
{
	struct text text;
	text_begin(&text, 8);
	text_add(&text, "1234");
	text_add(&text, "567890");
	text_add(&text, "x");
	CHECK(!text_is_ok(&text));
	CHECK_TEXT(text_string(&text), "1234");
	text_end(&text);
}

static void check_microseconds(int64_t ns, const char *want)
{
	struct text text;
	text_begin(&text, 100);
	text_add_microseconds(&text, ns);
	CHECK_TEXT(text_string(&text), want);
	text_end(&text);
}

TEST(microseconds_are_exact_for_every_integer)
{
	check_microseconds(0, "0.000");
	check_microseconds(1, "0.001");
	check_microseconds(-1, "-0.001");
	check_microseconds(999, "0.999");
	check_microseconds(1000, "1.000");
	check_microseconds(1790000000123456789, "1790000000123456.789");
	check_microseconds(INT64_MAX, "9223372036854775.807");
	check_microseconds(INT64_MIN, "-9223372036854775.808");
}

static void check_json(const char *string, size_t length, const char *want)
{
	struct text text;
	text_begin(&text, 1000);
	text_add_json_bytes(&text, string, length);
	CHECK_TEXT(text_string(&text), want);
	text_end(&text);
}

TEST(json_strings_escape_what_must_be_and_pass_utf8)
{
	check_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	check_json("\x01\n\x7f", 3, "\"\\u0001\\u000a\\u007f\"");
	check_json("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
	check_json("a\xff" "b", 3, "\"a\xef\xbf\xbd" "b\"");
	check_json("\xc3", 1, "\"\xef\xbf\xbd\"");			/* cut sequence */
	check_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* surrogate */
	check_json("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");	/* overlong */
	check_json("a\0b", 3, "\"a\\u0000b\"");
	check_json("</script>", 9, "\"</script>\"");
}

TEST(html_is_escaped_for_content_and_attributes)
{
	struct text text;
	text_begin(&text, 1000);
	text_add_html(&text, "<a href=\"x\" id='y'>&\x01\xff</a>");
	CHECK_TEXT(text_string(&text), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;"
		   "\xef\xbf\xbd\xef\xbf\xbd&lt;/a&gt;");
	text_end(&text);
}

TEST(sizes_and_durations_read_well)
{
	struct text text;
	text_begin(&text, 1000);
	text_add_size(&text, 999);
	text_add(&text, "|");
	text_add_size(&text, 1234567);
	text_add(&text, "|");
	text_add_duration(&text, 1500);
	text_add(&text, "|");
	text_add_duration(&text, 999);
	text_add(&text, "|");
	text_add_duration(&text, 12345678901);
	CHECK_TEXT(text_string(&text), "999 B|1.23 MB|1.500 us|999 ns|12.346 s");
	text_end(&text);
}

TEST(an_id_map_holds_what_was_put_through_growth)
{
	struct id_map map = { 0 };
	int64_t value = 0;
	CHECK(!id_map_get(&map, 5, &value));
	for (uint64_t i = 0; i < 10000; i++)
		CHECK(id_map_put(&map, i * UINT64_C(0x100000001), (int64_t)i));
	CHECK(id_map_put(&map, 0, -7));
	CHECK_INT(map.used, 10000);
	for (uint64_t i = 1; i < 10000; i++) {
		CHECK(id_map_get(&map, i * UINT64_C(0x100000001), &value));
		CHECK_INT(value, i);
	}
	CHECK(id_map_get(&map, 0, &value));
	CHECK_INT(value, -7);
	CHECK(!id_map_get(&map, 3, &value));
	id_map_end(&map);
}

TEST(a_bytes_map_tells_keys_apart_by_every_byte_and_by_length)
{
	struct bytes_map map = { 0 };
	char key[64] = { 0 };
	int64_t value = 0;
	for (size_t length = 0; length <= sizeof key; length++)
		CHECK(bytes_map_put(&map, key, length, (int64_t)length));
	for (size_t at = 0; at < sizeof key; at++) {
		key[at] = 1;
		CHECK(!bytes_map_get(&map, key, sizeof key, &value));
		CHECK(bytes_map_put(&map, key, sizeof key, 1000 + (int64_t)at));
		key[at] = 0;
	}
	for (size_t length = 0; length <= sizeof key; length++) {
		CHECK(bytes_map_get(&map, key, length, &value));
		CHECK_INT(value, length);
	}
	bytes_map_end(&map);
}

TEST(a_descriptor_taken_away_and_given_to_another_file_is_told_from_ours)
{
	struct file_identity ours = { 0 }, named = { 0 };
	int file = open(test_path("ours"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(!descriptor_is_of(-1, &ours));
	CHECK(!descriptor_is_of(file, &ours));
	CHECK(file_identity_of_descriptor(&ours, file));
	CHECK(file_identity_of_path(&named, test_path("ours")));
	CHECK(file_identity_equals(&ours, &named));
	CHECK(descriptor_is_of(file, &ours));
	int copy = dup(file);
	CHECK(descriptor_is_of(copy, &ours));
	(void)close(copy);
	CHECK(!descriptor_is_of(copy, &ours));
	int other = open(test_path("other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(dup2(other, file) == file);
	CHECK(!descriptor_is_of(file, &ours));
	CHECK(!file_identity_of_path(&named, test_path("none")));
	CHECK_INT(errno, ENOENT);
	CHECK(file_identity_equals(&ours, &named));
	(void)close(file);
	(void)close(other);
}

TEST(a_lifted_descriptor_leaves_its_number_free_and_errno_as_it_was)
{
	struct file_identity ours = { 0 };
	int file = open(test_path("ours"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(file_identity_of_descriptor(&ours, file));
	errno = ERANGE;
	int lifted = descriptor_lift(file);
	CHECK_INT(errno, ERANGE);
	CHECK(lifted >= descriptor_least());
	CHECK(descriptor_is_of(lifted, &ours));
	CHECK(fcntl(file, F_GETFD) == -1);
	CHECK_INT(descriptor_lift(lifted), lifted);
	CHECK_INT(descriptor_lift(-1), -1);
	(void)close(lifted);
}
