/* SPDX-License-Identifier: MIT */
#include "viewer-export/protobuf.h"

#include "viewer-export/varint.h"

#include <string.h>

/* How a value is written; part of the key. */
enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
};

static char *put_key(char *to, uint32_t field, enum wire_type type)
{
	return put_varint(to, (uint64_t)field << 3 | (uint64_t)type);
}

void protobuf_add_varint(struct text *message, uint32_t field, uint64_t value)
{
	char *begin = text_reserve(message, PROTOBUF_FIELD_BYTES_MAX);
	if (begin == NULL)
		return;
	char *to = put_varint(put_key(begin, field, WIRE_VARINT), value);
	text_advance(message, (size_t)(to - begin));
}

void protobuf_add_integer(struct text *message, uint32_t field, int64_t value)
{
	protobuf_add_varint(message, field, (uint64_t)value);
}

void protobuf_add_fixed64(struct text *message, uint32_t field, uint64_t value)
{
	char *begin = text_reserve(message, PROTOBUF_FIELD_BYTES_MAX);
	if (begin == NULL)
		return;
	char *to = put_key(begin, field, WIRE_FIXED64);
	for (int i = 0; i < 8; i++)
		*to++ = (char)(unsigned char)(value >> 8 * i);
	text_advance(message, (size_t)(to - begin));
}

void protobuf_add_double(struct text *message, uint32_t field, double value)
{
	uint64_t bits;
	_Static_assert(sizeof bits == sizeof value, "a double has 64 bits");
	memcpy(&bits, &value, sizeof bits);
	protobuf_add_fixed64(message, field, bits);
}

void protobuf_add_bytes(struct text *message, uint32_t field, const char *bytes, size_t length)
{
	char *begin = text_reserve(message, PROTOBUF_FIELD_BYTES_MAX);
	if (begin == NULL)
		return;
	char *to = put_varint(put_key(begin, field, WIRE_BYTES), length);
	text_advance(message, (size_t)(to - begin));
	text_add_bytes(message, bytes, length);
}

void protobuf_add_string(struct text *message, uint32_t field, const char *string)
{
	size_t begin = protobuf_begin(message, field);
	text_add_utf8(message, string, strlen(string));
	protobuf_end(message, begin);
}

/* The length stands before the message: one byte is kept for it, what most need. */
size_t protobuf_begin(struct text *message, uint32_t field)
{
	char *begin = text_reserve(message, PROTOBUF_FIELD_BYTES_MAX);
	if (begin == NULL)
		return 0;
	char *to = put_key(begin, field, WIRE_BYTES);
	*to++ = 0;
	text_advance(message, (size_t)(to - begin));
	return message->length;
}

void protobuf_end(struct text *message, size_t begin)
{
	char length[PROTOBUF_FIELD_BYTES_MAX];
	if (!text_is_ok(message))
		return;
	size_t inner = message->length - begin;
	size_t size = (size_t)(put_varint(length, inner) - length);
	if (size > 1) {
		if (text_reserve(message, size - 1) == NULL)
			return;
		memmove(message->bytes + begin + size - 1, message->bytes + begin, inner);
		text_advance(message, size - 1);
	}
	memcpy(message->bytes + begin - 1, length, size);
}
