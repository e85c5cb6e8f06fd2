/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/json_number.h"
#include "tracedb/json_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char *write_file(const char *name, const char *bytes, size_t length)
{
	const char *path = test_path(name);
	FILE *file = fopen(path, "wb");
	CHECK(file != NULL && fwrite(bytes, 1, length, file) == length);
	CHECK(fclose(file) == 0);
	return path;
}

/* Tokens as text: kind letter, depth, content. */
struct record {
	char text[1024];
	size_t length;
	int64_t tokens;
	size_t longest;
};

static bool record_token(void *context, const struct json_token *token, struct error *error)
{
	struct record *record = context;
	(void)error;
	record->tokens++;
	if (token->length > record->longest)
		record->longest = token->length;
	int added = snprintf(record->text + record->length, sizeof record->text - record->length,
			     "%c%d%.*s ", "0ftnsk{}[]"[token->kind], token->depth,
			     token->length > 100 ? 100 : (int)token->length,
			     token->bytes == NULL ? "" : token->bytes);
	if (added > 0 && record->length + (size_t)added < sizeof record->text)
		record->length += (size_t)added;
	else
		record->text[record->length] = 0;
	return true;
}

static bool read_bytes(const char *bytes, size_t length, struct record *record, struct error *error)
{
	*record = (struct record){ .length = 0 };
	const char *path = write_file("x.json", bytes, length);
	return json_stream_read(path, NULL, record_token, record, error);
}

TEST(a_json_file_becomes_tokens_with_their_depth)
{
	static const char text[] = "{\"a\": [1, -2.5e3, \"x\\ny\\u00e9\"], \"b\": {\"c\": null}, "
		"\"d\": true, \"e\": false}\n";
	struct record record;
	struct error error = { 0 };
	CHECK_OK(read_bytes(text, sizeof text - 1, &record, &error), error);
	CHECK_TEXT(record.text, "{0 k1a [1 n21 n2-2.5e3 s2x\ny\xc3\xa9 ]1 k1b {1 k2c 02 }1 k1d t1 "
		   "k1e f1 }0 ");
}

TEST(a_byte_order_mark_is_passed_over)
{
	struct record record;
	struct error error = { 0 };
	CHECK_OK(read_bytes("\xef\xbb\xbf[7]", 6, &record, &error), error);
	CHECK_TEXT(record.text, "[0 n17 ]0 ");
}

struct fault {
	const char *text;
	const char *place;	/* that the message must name */
	const char *reason;
};

TEST(every_fault_in_the_text_is_one_error_with_its_place)
{
	static const struct fault faults[] = {
		{ "{\"a\": NaN}", "byte 7, line 1", "invalid char" },
		{ "{\"a\":\n -Infinity}", "byte 8, line 2", "malformed number" },
		{ "{\"a\": nan}", "byte 7, line 1", "invalid string" },
		{ "{\"a\":\n\n\"say \"hi\" \"}", "line 3", "invalid" },
		{ "{\"a\": \"x\ny\"}", "byte 8, line 1", "invalid character inside string" },
		{ "{\"a\": \"x\ty\"}", "byte 8, line 1", "invalid character inside string" },
		{ "{\"a\": \"C:\\dir\"}", "byte 10, line 1", "'\\' occurs before" },
		{ "{\"a\": \"x\xff\"}", "line 1", "UTF8" },
		{ "{\"a\": \"x\xc0\x80\"}", "line 1", "UTF-8" },
		{ "{\"a\": \"x\xed\xa0\x80\"}", "line 1", "UTF-8" },
		{ "{\"\xed\xa0\x80\": 1}", "line 1", "UTF-8" },
		{ "{\"a\": [1, 2", "byte 11, line 1", "cut off" },
		{ "{\"a\": \"xyz", "line 1", "cut off" },
		{ "[1, 2,\n\n", "line 3", "cut off" },
		{ "   \n", "line 2", "cut off" },
		{ "[1, 2] 3", "line 1", "trailing garbage" },
		{ "[1 2]", "line 1", "," },
		{ "[1,, 2]", "line 1", "unallowed" },
		{ "{\"a\": 1,}", "line 1", "key" },
		{ "[01]", "line 1", "," },
		{ "hello", "byte 1, line 1", "invalid" },
	};
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct record record;
		struct error error = { 0 };
		if (read_bytes(faults[i].text, strlen(faults[i].text), &record, &error))
			test_fail(__FILE__, __LINE__, "accepted: %s", faults[i].text);
		CHECK_INT(error.kind, ERROR_INPUT);
		CHECK_CONTAINS(error.message, "x.json'");
		CHECK_CONTAINS(error.message, faults[i].place);
		CHECK_CONTAINS(error.message, faults[i].reason);
		CHECK(strchr(error.message, '\n') == NULL);
	}
}

TEST(an_empty_file_a_missing_file_and_a_folder_are_errors)
{
	struct record record = { .length = 0 };
	struct error error = { 0 };
	CHECK(!read_bytes("", 0, &record, &error));
	CHECK_CONTAINS(error.message, "is empty");
	CHECK(!json_stream_read(test_path("none.json"), NULL, record_token, &record, &error));
	CHECK_CONTAINS(error.message, "none.json': No such file");
	CHECK(!json_stream_read(test_folder(), NULL, record_token, &record, &error));
	CHECK_CONTAINS(error.message, "is a folder");
}

/* "[", then `count` numbers and strings with blanks and newlines in between, "]". */
static char *make_long_text(size_t count, size_t *length)
{
	char *text = malloc(count * 32 + 16);
	CHECK(text != NULL);
	size_t at = 0;
	text[at++] = '[';
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, 32, "%s%zu, \"s\xc3\xa9%zu\"",
				       i == 0 ? "" : ",\n ", i, i);
	text[at++] = ']';
	*length = at;
	return text;
}

static void check_long_text(const struct record *record, size_t count)
{
	CHECK_INT(record->tokens, 2 * (int64_t)count + 2);
	CHECK_INT(record->longest, 3 + snprintf(NULL, 0, "%zu", count - 1));
}

static const char *write_packed(const char *name, const char *bytes, size_t length,
				const char *mode)
{
	const char *path = test_path(name);
	gzFile file = gzopen(path, mode);
	CHECK(file != NULL && gzwrite(file, bytes, (unsigned)length) == (int)length);
	CHECK(gzclose(file) == Z_OK);
	return path;
}

static char *read_back(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
	*length = (size_t)ftell(file);
	rewind(file);
	char *bytes = malloc(*length + 1);
	CHECK(bytes != NULL && fread(bytes, 1, *length, file) == *length);
	CHECK(fclose(file) == 0);
	return bytes;
}

TEST(a_text_of_many_pieces_is_the_same_plain_and_packed)
{
	size_t length;
	char *text = make_long_text(100000, &length);
	struct record plain, packed = { .length = 0 };
	struct error error = { 0 };
	CHECK_OK(read_bytes(text, length, &plain, &error), error);
	check_long_text(&plain, 100000);
	const char *path = write_packed("x.json.gz", text, length, "wb");
	CHECK_OK(json_stream_read(path, NULL, record_token, &packed, &error), error);
	check_long_text(&packed, 100000);
	CHECK_TEXT(packed.text, plain.text);
	/* Two packed halves one after the other are one text. */
	packed = (struct record){ .length = 0 };
	(void)write_packed("two.gz", text, length / 2, "wb");
	path = write_packed("two.gz", text + length / 2, length - length / 2, "ab");
	CHECK_OK(json_stream_read(path, NULL, record_token, &packed, &error), error);
	check_long_text(&packed, 100000);
	free(text);
}

TEST(cut_and_damaged_gzip_data_is_an_error_wherever_it_is)
{
	size_t length, packed_length;
	char *text = make_long_text(20000, &length);
	const char *path = write_packed("x.json.gz", text, length, "wb");
	char *packed = read_back(path, &packed_length);
	struct record record = { .length = 0 };
	for (size_t cut = 3; cut < packed_length; cut += cut < 20 ? 1 : 997) {
		struct error error = { 0 };
		path = write_file("cut.json.gz", packed, cut);
		CHECK(!json_stream_read(path, NULL, record_token, &record, &error));
		CHECK_INT(error.kind, ERROR_INPUT);
		CHECK_CONTAINS(error.message, "cut.json.gz' is cut off");
	}
	packed[packed_length - 6] ^= 1;	/* the checksum: all the text was right */
	struct error error = { 0 };
	path = write_file("bad.json.gz", packed, packed_length);
	CHECK(!json_stream_read(path, NULL, record_token, &record, &error));
	CHECK_CONTAINS(error.message, "is damaged");
	free(packed);
	free(text);
}

TEST(a_fault_in_a_late_piece_of_packed_text_is_placed_in_the_unpacked_text)
{
	size_t length;
	char *text = make_long_text(100000, &length), place[64];
	char *fault = strstr(text, "77777, ");
	struct record record = { .length = 0 };
	struct error error = { 0 };
	*fault = '!';
	const char *path = write_packed("x.json.gz", text, length, "wb");
	CHECK(!json_stream_read(path, NULL, record_token, &record, &error));
	(void)snprintf(place, sizeof place, "byte %zu of the unpacked text, line 77778",
		       (size_t)(fault - text) + 1);
	CHECK_CONTAINS(error.message, place);
	free(text);
}

TEST(a_bomb_of_brackets_is_refused)
{
	char *text = malloc(1000000);
	struct record record;
	struct error error = { 0 };
	CHECK(text != NULL);
	memset(text, '[', 1000000);
	CHECK(!read_bytes(text, 1000000, &record, &error));
	CHECK_CONTAINS(error.message, "nested too deeply");
	free(text);
}

TEST(a_string_without_end_is_refused_before_it_fills_the_memory)
{
	size_t length = (size_t)JSON_TOKEN_BYTES_MAX + 1024 * 1024;
	char *text = malloc(length);
	struct record record;
	struct error error = { 0 };
	CHECK(text != NULL);
	memset(text, 'x', length);
	text[0] = '"';
	CHECK(!read_bytes(text, length, &record, &error));
	CHECK_CONTAINS(error.message, "more than 64 MiB");
	free(text);
}

struct stop { int64_t left; };

static bool stop_early(void *context, const struct json_token *token, struct error *error)
{
	struct stop *stop = context;
	(void)token;
	if (--stop->left == 0)
		return fail(error, ERROR_SYSTEM, "the disk is full");
	return true;
}

TEST(a_receiver_that_fails_ends_the_reading_with_its_own_error)
{
	struct stop stop = { 3 };
	struct error error = { 0 };
	const char *path = write_file("x.json", "[1, 2, 3, 4]", 12);
	CHECK(!json_stream_read(path, NULL, stop_early, &stop, &error));
	CHECK_TEXT(error.message, "the disk is full");
	CHECK_INT(stop.left, 0);
}

struct number_case {
	const char *text;
	bool is_time;		/* fits as microseconds */
	int64_t ns;
	bool is_integer;
	int64_t integer;
};

TEST(numbers_are_exact_to_the_nanosecond)
{
	static const struct number_case cases[] = {
		{ "5.74", true, 5740, true, 5 },
		{ "0.6", true, 600, true, 0 },
		{ "68.0", true, 68000, true, 68 },
		{ "0", true, 0, true, 0 },
		{ "-0.001", true, -1, true, 0 },
		{ "1661938466265032", true, INT64_C(1661938466265032000), true,
		  INT64_C(1661938466265032) },
		{ "1682725898082228.123", true, INT64_C(1682725898082228123), true,
		  INT64_C(1682725898082228) },
		{ "4458676983543.183", true, INT64_C(4458676983543183), true,
		  INT64_C(4458676983543) },
		{ "5.7499", true, 5749, true, 5 }, /* cut, not rounded */
		{ "5.74999999999999999999999999999", true, 5749, true, 5 },
		{ "1e3", true, 1000000, true, 1000 },
		{ "1.5E+2", true, 150000, true, 150 },
		{ "12345e-3", true, 12345, true, 12 },
		{ "1e-9", true, 0, true, 0 },
		{ "0e999999999999", true, 0, true, 0 },
		{ "1e999999999999", false, 0, false, 0 },
		{ "1e-999999999999", true, 0, true, 0 },
		{ "9223372036854775.807", true, INT64_MAX, true, INT64_C(9223372036854775) },
		{ "9223372036854775.808", false, 0, true, INT64_C(9223372036854775) },
		{ "18446744073709551615", false, 0, true, -1 },
		{ "18446744073709551616", false, 0, false, 0 },
		{ "-9223372036854775808", false, 0, false, 0 },
		{ "0x7fda0e810200", false, 0, true, INT64_C(0x7fda0e810200) },
		{ "0xFFFFFFFFFFFFFFFF", false, 0, true, -1 },
		{ "0x1FFFFFFFFFFFFFFFF", false, 0, false, 0 },
		{ "", false, 0, false, 0 },
		{ "-", false, 0, false, 0 },
		{ ".", false, 0, false, 0 },
		{ "1e", false, 0, false, 0 },
		{ "12x", false, 0, false, 0 },
		{ " 1", false, 0, false, 0 },
		{ "nan", false, 0, false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = cases[i].text;
		int64_t ns = 0, integer = 0;
		bool is_time = json_number_scale(text, strlen(text), 3, &ns);
		bool is_integer = json_number_integer(text, strlen(text), &integer);
		if (is_time != cases[i].is_time || (is_time && ns != cases[i].ns) ||
		    is_integer != cases[i].is_integer ||
		    (is_integer && integer != cases[i].integer))
			test_fail(__FILE__, __LINE__, "'%s' -> %d %" PRId64 ", %d %" PRId64, text,
				  is_time, ns, is_integer, integer);
	}
}
