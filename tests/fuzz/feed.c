/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/feed.h"

#include <string.h>

uint8_t feed_byte(struct feed *feed)
{
	if (feed->left == 0)
		return 0;
	feed->left--;
	return *feed->at++;
}

size_t feed_below(struct feed *feed, size_t limit)
{
	size_t value = feed_byte(feed);
	if (limit > 256)
		value = value << 8 | feed_byte(feed);
	return value % limit;
}

uint64_t feed_word(struct feed *feed)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)feed_byte(feed) << (i * 8);
	return value;
}

int64_t feed_integer(struct feed *feed)
{
	static const int64_t edges[] = {
		0, 1, -1, 2, 3, 7, 8, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
		INT32_MAX, INT32_MIN, UINT32_MAX, (int64_t)UINT32_MAX + 1, INT64_C(1) << 61,
		-(INT64_C(1) << 61), (INT64_C(1) << 61) + 1, INT64_C(1) << 62, -(INT64_C(1) << 62),
		INT64_C(1) << 53, INT64_MAX / 2 + 1, INT64_MAX / 1000, INT64_MAX / 1000 + 1,
		1000, 1000000000, 1790000000000000000, -1790000000000000000, 4096, 65535, 65536,
	};
	uint8_t choice = feed_byte(feed);
	if (choice < 0xa0)
		return edges[choice % (sizeof edges / sizeof edges[0])];
	if (choice < 0xc0)
		return (int8_t)feed_byte(feed);
	if (choice < 0xe0)
		return feed_byte(feed) * 100;
	return (int64_t)feed_word(feed);
}

const char *feed_text(struct feed *feed, char text[FEED_TEXT_BYTES])
{
	static const char *const texts[] = {
		"",
		"gemm",
		"\xff\xfe",
		"\xed\xa0\x80",
		"\xc0\x80",
		"\xf4\x90\x80\x80",
		"\xe2\x82",
		"\033[31mred\007",
		"two\nlines\r",
		"</script><b>&\"'`|*_",
		"\x01\x7f\xc2\x9b",
		"{\"a\":",
		"\\u0000\\",
		"%s%n%1000000d",
		"ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)",
		"_ZN1aILi1EE1bIfEEvT_",
		"_Z",
		"_ZN",
		"\xe2\x80\xae",
		"1e999",
		"-0",
		"16777216",
	};
	uint8_t choice = feed_byte(feed);
	size_t count = sizeof texts / sizeof texts[0], length = 0;
	if (choice < 0xc0) {
		memcpy(text, texts[choice % count], strlen(texts[choice % count]) + 1);
		return text;
	}
	if (choice < 0xd0) {
		length = FEED_TEXT_BYTES - 1;
		memset(text, choice & 1 ? 0xe2 : 'x', length);
	} else {
		for (size_t size = feed_below(feed, 64); length < size; length++)
			text[length] = (char)feed_byte(feed);
	}
	text[length] = 0;
	return text;
}
