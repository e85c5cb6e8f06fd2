/* SPDX-License-Identifier: MIT */
#include "viewer-export/digits.h"

#include <string.h>

static const char PAIRS[] =
	"0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
	"4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
	"828384858687888990919293949596979899";

static char *put_pair(char *to, uint64_t value)
{
	memcpy(to, PAIRS + value * 2, 2);
	return to + 2;
}

/* Four digits a step, the highest first: nothing is moved afterwards. At most five steps deep. */
static char *put_unsigned(char *to, uint64_t value)
{
	if (value >= 10000) {
		to = put_unsigned(to, value / 10000);
		to = put_pair(to, value / 100 % 100);
		return put_pair(to, value % 100);
	}
	if (value >= 1000)
		to = put_pair(to, value / 100);
	else if (value >= 100)
		*to++ = (char)('0' + value / 100);
	else if (value < 10) {
		*to++ = (char)('0' + value);
		return to;
	}
	return put_pair(to, value % 100);
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
