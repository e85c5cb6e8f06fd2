/* SPDX-License-Identifier: MIT */
#include "viewer-export/digits.h"

#include <string.h>

static const char PAIRS[] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
	"4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
	"828384858687888990919293949596979899";

static char *put_unsigned(char *to, uint64_t value)
{
	char digits[DIGITS_MAX];
	char *end = digits + sizeof digits;
	char *begin = end;
	while (value >= 100) {
		begin -= 2;
		memcpy(begin, PAIRS + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		begin -= 2;
		memcpy(begin, PAIRS + value * 2, 2);
	} else {
		*--begin = (char)('0' + value);
	}
	memcpy(to, begin, (size_t)(end - begin));
	return to + (end - begin);
}

/* The sign goes to `to`, the rest comes back. */
static uint64_t put_sign(char **to, int64_t value)
{
	if (value >= 0)
		return (uint64_t)value;
	*(*to)++ = '-';
	return 0 - (uint64_t)value;
}

char *put_integer(char *to, int64_t value)
{
	uint64_t rest = put_sign(&to, value);
	return put_unsigned(to, rest);
}

char *put_microseconds(char *to, int64_t ns)
{
	uint64_t rest = put_sign(&to, ns);
	uint64_t fraction = rest % 1000;
	to = put_unsigned(to, rest / 1000);
	to[0] = '.';
	to[1] = (char)('0' + fraction / 100);
	memcpy(to + 2, PAIRS + fraction % 100 * 2, 2);
	return to + 4;
}
