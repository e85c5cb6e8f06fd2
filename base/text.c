/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd";	/* U+FFFD in UTF-8 */

void text_begin(struct text *text, size_t length_max)
{
	*text = (struct text){ .length_max = length_max };
}

void text_end(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ .length_max = text->length_max };
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->bytes != NULL)
		text->bytes[0] = 0;
}

bool text_is_ok(const struct text *text)
{
	return !text->failed;
}

const char *text_string(const struct text *text)
{
	return text->bytes == NULL ? "" : text->bytes;
}

char *text_reserve(struct text *text, size_t size)
{
	if (text->failed)
		return NULL;
	if (size >= text->length_max || text->length > text->length_max - size) {
		text->failed = true;
		return NULL;
	}
	size_t needed = text->length + size + 1;
	if (needed > text->room) {
		size_t room = text->room < 256 ? 256 : text->room;
		while (room < needed)
			room = room > SIZE_MAX / 2 ? needed : room * 2;
		char *bytes = realloc(text->bytes, room);
		if (bytes == NULL) {
			text->failed = true;
			return NULL;
		}
		text->bytes = bytes;
		text->room = room;
		text->bytes[text->length] = 0;
	}
	return text->bytes + text->length;
}

void text_advance(struct text *text, size_t size)
{
	text->length += size;
	text->bytes[text->length] = 0;
}

void text_add_bytes(struct text *text, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	char *to = text_reserve(text, length);
	if (to == NULL)
		return;
	memcpy(to, bytes, length);
	text_advance(text, length);
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_add_char(struct text *text, char c)
{
	text_add_bytes(text, &c, 1);
}

void text_add_repeated(struct text *text, char c, size_t count)
{
	char *to = text_reserve(text, count);
	if (to == NULL)
		return;
	memset(to, c, count);
	text_advance(text, count);
}

/* Writes the digits of `value` so that they end before `end`; returns their begin. */
static char *digits_before(char *end, uint64_t value)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return end;
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void text_add_integer(struct text *text, int64_t value)
{
	char digits[24];
	char *end = digits + sizeof digits;
	char *begin = digits_before(end, magnitude(value));
	if (value < 0)
		*--begin = '-';
	text_add_bytes(text, begin, (size_t)(end - begin));
}

void text_add_microseconds(struct text *text, int64_t ns)
{
	char digits[28];
	char *end = digits + sizeof digits;
	uint64_t value = magnitude(ns);
	char *begin = end;
	for (int i = 0; i < 3; i++) {
		*--begin = (char)('0' + value % 10);
		value /= 10;
	}
	*--begin = '.';
	begin = digits_before(begin, value);
	if (ns < 0)
		*--begin = '-';
	text_add_bytes(text, begin, (size_t)(end - begin));
}

void text_add_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text->failed = true;
		return;
	}
	char *to = text_reserve(text, (size_t)length);
	if (to == NULL)
		return;
	va_start(arguments, format);
	(void)vsnprintf(to, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text_advance(text, (size_t)length);
}

void text_add_duration(struct text *text, int64_t ns)
{
	uint64_t size = magnitude(ns);
	double value = (double)ns;	/* for the eye only; never computed with */
	if (size >= 1000000000)
		text_add_format(text, "%.3f s", value / 1e9);
	else if (size >= 1000000)
		text_add_format(text, "%.3f ms", value / 1e6);
	else if (size >= 1000)
		text_add_format(text, "%.3f us", value / 1e3);
	else
		text_add_format(text, "%d ns", (int)ns);
}

void text_add_size(struct text *text, int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1000;
		unit++;
	}
	text_add_format(text, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
}

size_t utf8_sequence_length(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	if (length == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	size_t size;
	unsigned char low = 0x80,
		      high = 0xbf; /* bounds of the second byte: no overlong form, no surrogate */
	if (at[0] >= 0xc2 && at[0] <= 0xdf) {
		size = 2;
	} else if (at[0] >= 0xe0 && at[0] <= 0xef) {
		size = 3;
		if (at[0] == 0xe0)
			low = 0xa0;
		if (at[0] == 0xed)
			high = 0x9f;
	} else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		size = 4;
		if (at[0] == 0xf0)
			low = 0x90;
		if (at[0] == 0xf4)
			high = 0x8f;
	} else {
		return 0;
	}
	if (length < size || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return size;
}

void text_add_json_bytes(struct text *text, const char *bytes, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	/* Worst case per byte is \u00XX. One reservation keeps the loop free of checks. */
	if (length > (SIZE_MAX - 2) / 6) {
		text->failed = true;
		return;
	}
	char *begin = text_reserve(text, length * 6 + 2);
	if (begin == NULL)
		return;
	char *to = begin;
	*to++ = '"';
	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)bytes[i];
		if (c == '"' || c == '\\') {
			*to++ = '\\';
			*to++ = (char)c;
			i++;
		} else if (c < 0x20 || c == 0x7f) {
			memcpy(to, "\\u00", 4);
			to[4] = hex[c >> 4];
			to[5] = hex[c & 15];
			to += 6;
			i++;
		} else if (c < 0x80) {
			*to++ = (char)c;
			i++;
		} else {
			size_t size = utf8_sequence_length(bytes + i, length - i);
			if (size == 0) {
				memcpy(to, REPLACEMENT, 3);
				to += 3;
				i++;
			} else {
				memcpy(to, bytes + i, size);
				to += size;
				i += size;
			}
		}
	}
	*to++ = '"';
	text_advance(text, (size_t)(to - begin));
}

void text_add_json(struct text *text, const char *string)
{
	text_add_json_bytes(text, string, strlen(string));
}

void text_add_utf8(struct text *text, const char *bytes, size_t length)
{
	size_t whole = 0;	/* where what is valid and not yet added begins */
	for (size_t i = 0; i < length;) {
		size_t size = utf8_sequence_length(bytes + i, length - i);
		if (size == 0) {
			text_add_bytes(text, bytes + whole, i - whole);
			text_add(text, REPLACEMENT);
			whole = ++i;
		} else {
			i += size;
		}
	}
	text_add_bytes(text, bytes + whole, length - whole);
}

static bool is_noncharacter(const char *bytes, size_t size)
{
	return size == 3 && memcmp(bytes, "\xef\xbf", 2) == 0 && (unsigned char)bytes[2] >= 0xbe;
}

void text_add_html(struct text *text, const char *string)
{
	text_add_xml(text, string, strlen(string));
}

void text_add_xml(struct text *text, const char *string, size_t length)
{
	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)string[i];
		size_t size = utf8_sequence_length(string + i, length - i);
		if (c == '&')
			text_add(text, "&amp;");
		else if (c == '<')
			text_add(text, "&lt;");
		else if (c == '>')
			text_add(text, "&gt;");
		else if (c == '"')
			text_add(text, "&quot;");
		else if (c == '\'')
			text_add(text, "&#39;");
		else if (size == 0 || c == 0x7f || (c < 0x20 && c != '\n' && c != '\t') ||
			 is_noncharacter(string + i, size))
			text_add(text, REPLACEMENT);
		else
			text_add_bytes(text, string + i, size);
		i += size == 0 ? 1 : size;
	}
}
