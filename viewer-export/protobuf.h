/* SPDX-License-Identifier: MIT */
/*
 * Protocol buffer messages, written field by field: varints, 64-bit numbers, texts, messages inside
 * messages. Nothing else is needed of that format, and so no library. A field's number is the
 * schema's; a message may have its fields in any order.
 *
 *     size_t event = protobuf_begin(&text, 11);
 *     protobuf_add_varint(&text, 9, 1);
 *     protobuf_end(&text, event);
 *
 * Thread: one thread at a time for a text.
 */
#ifndef VIEWER_EXPORT_PROTOBUF_H
#define VIEWER_EXPORT_PROTOBUF_H

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* The longest field that is no text: a key of 5 bytes and a number of 10. */
enum { PROTOBUF_FIELD_BYTES_MAX = 15 };

/* Integers and enums; a negative number takes ten bytes. */
void protobuf_add_varint(struct text *message, uint32_t field, uint64_t value);
void protobuf_add_integer(struct text *message, uint32_t field, int64_t value);

void protobuf_add_fixed64(struct text *message, uint32_t field, uint64_t value);
void protobuf_add_double(struct text *message, uint32_t field, double value);

/* Any bytes: a message that is written already, too. */
void protobuf_add_bytes(struct text *message, uint32_t field, const char *bytes, size_t length);

/* A text; what is no UTF-8 in it becomes U+FFFD, since readers may refuse the file otherwise. */
void protobuf_add_string(struct text *message, uint32_t field, const char *string);

/* Between the two stands the inner message; the number returned is for protobuf_end. */
size_t protobuf_begin(struct text *message, uint32_t field);
void protobuf_end(struct text *message, size_t begin);

#endif
