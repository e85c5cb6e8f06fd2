/* SPDX-License-Identifier: MIT */
#include "tracedb/json_number.h"

#include <ctype.h>
#include <string.h>

enum {
	EXPONENT_MAX = 9999,	/* beyond it every value is 0 or does not fit */
};

/* The parts of a number: digits before the point, digits behind it, exponent. */
struct number {
	const char *whole, *fraction;
	size_t whole_length, fraction_length;
	int64_t exponent;
	bool is_negative;
};

static size_t count_digits(const char *bytes, size_t length)
{
	size_t count = 0;
	while (count < length && isdigit((unsigned char)bytes[count]))
		count++;
	return count;
}

static bool exponent_split(const char *bytes, size_t length, int64_t *exponent)
{
	size_t at = 0;
	bool is_negative = false;
	if (at < length && (bytes[at] == '+' || bytes[at] == '-'))
		is_negative = bytes[at++] == '-';
	if (at == length || count_digits(bytes + at, length - at) != length - at)
		return false;
	int64_t value = 0;
	for (; at < length; at++)
		if (value <= EXPONENT_MAX)
			value = value * 10 + (bytes[at] - '0');
	*exponent = is_negative ? -value : value;
	return true;
}

static bool number_split(const char *bytes, size_t length, struct number *number)
{
	*number = (struct number){ 0 };
	size_t at = 0;
	if (length > 0 && (bytes[0] == '-' || bytes[0] == '+'))
		number->is_negative = bytes[at++] == '-';
	number->whole = bytes + at;
	number->whole_length = count_digits(bytes + at, length - at);
	at += number->whole_length;
	if (at < length && bytes[at] == '.') {
		at++;
		number->fraction = bytes + at;
		number->fraction_length = count_digits(bytes + at, length - at);
		at += number->fraction_length;
	}
	if (number->whole_length + number->fraction_length == 0)
		return false;
	if (at < length && (bytes[at] == 'e' || bytes[at] == 'E'))
		return exponent_split(bytes + at + 1, length - at - 1, &number->exponent);
	return at == length;
}

static unsigned digit_at(const struct number *number, size_t index)
{
	if (index < number->whole_length)
		return (unsigned)(number->whole[index] - '0');
	index -= number->whole_length;
	return index < number->fraction_length ? (unsigned)(number->fraction[index] - '0') : 0;
}

/* |value| x 10^digits, cut; false if it is above UINT64_MAX. */
static bool number_magnitude(const struct number *number, int digits, uint64_t *magnitude)
{
	int64_t kept = (int64_t)number->whole_length + number->exponent + digits;
	size_t known = number->whole_length + number->fraction_length;
	uint64_t value = 0;
	for (int64_t i = 0; i < kept; i++) {
		if (value == 0 && (size_t)i >= known)
			break;	/* 0 x 10^n */
		unsigned digit = digit_at(number, (size_t)i);
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*magnitude = value;
	return true;
}

bool json_number_scale(const char *bytes, size_t length, int digits, int64_t *value)
{
	struct number number;
	uint64_t magnitude;
	if (!number_split(bytes, length, &number) ||
	    !number_magnitude(&number, digits, &magnitude) || magnitude > INT64_MAX)
		return false;
	*value = number.is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return true;
}

static bool hexadecimal_integer(const char *bytes, size_t length, uint64_t *value)
{
	*value = 0;
	if (length == 0 || length > 16)
		return false;
	for (size_t i = 0; i < length; i++) {
		int c = tolower((unsigned char)bytes[i]);
		if (!isxdigit(c))
			return false;
		*value = *value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

bool json_number_integer(const char *bytes, size_t length, int64_t *value)
{
	struct number number;
	uint64_t magnitude;
	if (length > 2 && bytes[0] == '0' && (bytes[1] == 'x' || bytes[1] == 'X')) {
		if (!hexadecimal_integer(bytes + 2, length - 2, &magnitude))
			return false;
	} else if (!number_split(bytes, length, &number) ||
		   !number_magnitude(&number, 0, &magnitude)) {
		return false;
	} else if (number.is_negative) {
		if (magnitude > INT64_MAX)
			return false;
		*value = -(int64_t)magnitude;
		return true;
	}
	memcpy(value, &magnitude, sizeof *value);
	return true;
}
