/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "viewer-export/protobuf.h"

#include <stdio.h>

/* The bytes of a message as hexadecimal digits; borrowed until the next call. */
static const char *hex(const struct text *message)
{
	static char digits[4096];
	for (size_t i = 0; i < message->length; i++)
		snprintf(digits + 2 * i, 3, "%02x", (unsigned char)message->bytes[i]);
	digits[2 * message->length] = 0;
	return digits;
}

#define CHECK_BYTES(call, want) \
	do { \
		struct text message; \
		text_begin(&message, 1 << 20); \
		call; \
		CHECK(text_is_ok(&message)); \
		CHECK_TEXT(hex(&message), want); \
		text_end(&message); \
	} while (0)

TEST(protobuf_numbers_have_their_golden_bytes)
{
	CHECK_BYTES(protobuf_add_varint(&message, 1, 0), "0800");
	CHECK_BYTES(protobuf_add_varint(&message, 1, 150), "089601");
	CHECK_BYTES(protobuf_add_varint(&message, 15, 127), "787f");
	CHECK_BYTES(protobuf_add_varint(&message, 16, 128), "80018001");
	CHECK_BYTES(protobuf_add_varint(&message, 3000, 1), "c0bb0101");
	CHECK_BYTES(protobuf_add_varint(&message, 1, UINT64_MAX), "08ffffffffffffffffff01");
	CHECK_BYTES(protobuf_add_integer(&message, 1, -1), "08ffffffffffffffffff01");
	CHECK_BYTES(protobuf_add_integer(&message, 1, INT64_MAX), "08ffffffffffffffff7f");
	CHECK_BYTES(protobuf_add_integer(&message, 1, INT64_MIN), "0880808080808080808001");
	CHECK_BYTES(protobuf_add_varint(&message, 536870911, UINT64_MAX),
		    "f8ffffff0fffffffffffffffffff01");
	CHECK_BYTES(protobuf_add_fixed64(&message, 47, 0x0123456789abcdef),
		    "f902efcdab8967452301");
	CHECK_BYTES(protobuf_add_double(&message, 5, 1.5), "29000000000000f83f");
}

TEST(protobuf_texts_are_utf8_whatever_they_were)
{
	CHECK_BYTES(protobuf_add_string(&message, 2, "testing"), "120774657374696e67");
	CHECK_BYTES(protobuf_add_string(&message, 2, ""), "1200");
	CHECK_BYTES(protobuf_add_string(&message, 2, "\xc3\xa4"), "1202c3a4");
	CHECK_BYTES(protobuf_add_string(&message, 2, "a\xff"), "120461efbfbd");
	CHECK_BYTES(protobuf_add_string(&message, 2, "\xed\xa0\x80"), "1209efbfbdefbfbdefbfbd");
	CHECK_BYTES(protobuf_add_bytes(&message, 2, "\0\xff", 2), "120200ff");
}

TEST(protobuf_lengths_grow_with_what_is_inside)
{
	for (size_t size = 0; size < 40000; size += size < 300 ? 1 : 4999) {
		struct text message;
		text_begin(&message, 1 << 20);
		protobuf_add_varint(&message, 1, 7);
		size_t outer = protobuf_begin(&message, 3);
		size_t inner = protobuf_begin(&message, 4);
		text_add_repeated(&message, 'x', size);
		protobuf_end(&message, inner);
		protobuf_end(&message, outer);
		protobuf_add_varint(&message, 1, 8);
		size_t length_bytes = size < 128 ? 1 : size < 16384 ? 2 : 3;
		size_t inside = 1 + length_bytes + size;
		size_t outer_bytes = inside < 128 ? 1 : inside < 16384 ? 2 : 3;
		CHECK(text_is_ok(&message));
		CHECK_INT(message.length, 2 + 1 + outer_bytes + inside + 2);
		CHECK_INT(message.bytes[2], 3 << 3 | 2);
		CHECK_INT(message.bytes[3 + outer_bytes], 4 << 3 | 2);
		CHECK_INT(message.bytes[message.length - 1], 8);
		if (size > 0)
			CHECK_INT(message.bytes[message.length - 3], 'x');
		text_end(&message);
	}
	CHECK_BYTES(size_t outer = protobuf_begin(&message, 3);
		    protobuf_add_varint(&message, 1, 150); protobuf_end(&message, outer),
		    "1a03089601");
}

TEST(protobuf_stays_failed_when_memory_is_short)
{
	struct text message;
	text_begin(&message, 40);
	size_t outer = protobuf_begin(&message, 3);
	for (int i = 0; i < 50; i++)
		protobuf_add_varint(&message, 1, UINT64_MAX);
	size_t inner = protobuf_begin(&message, 3);
	protobuf_end(&message, inner);
	protobuf_end(&message, outer);
	CHECK(!text_is_ok(&message));
	text_end(&message);
}
