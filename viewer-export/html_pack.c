/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_pack.h"

#include "viewer-export/output.h"
#include "viewer-export/varint.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	PACKED_BYTES = 3 << 14,		/* a multiple of 3: base64 without padding but at the end */
	CODED_BYTES = 4 << 14,
	ELEMENT_BYTES_MAX = 1 << 20,	/* the page decodes one while the next comes in */
	PACK_LEVEL = 6,
};

struct html_pack {
	struct output *output;
	const char *type;
	bool is_divided;	/* into elements: only the data, a picture is small */
	z_stream stream;
	unsigned char packed[PACKED_BYTES];
	char coded[CODED_BYTES];
	size_t element_bytes;
};

static const char element_end[] = "</script>\n";

static bool element_open(struct html_pack *pack, struct error *error)
{
	char begin[64];
	int size = snprintf(begin, sizeof begin, "<script type=\"%s\">", pack->type);
	pack->element_bytes = 0;
	return output_write(pack->output, begin, (size_t)size, error);
}

bool html_pack_open(struct html_pack **out, struct output *output, const char *type,
		    struct error *error)
{
	struct html_pack *pack = calloc(1, sizeof *pack);
	*out = NULL;
	if (pack == NULL || deflateInit(&pack->stream, PACK_LEVEL) != Z_OK) {
		free(pack);
		return fail(error, ERROR_SYSTEM, "no memory to export");
	}
	pack->output = output;
	pack->type = type;
	pack->is_divided = strcmp(type, HTML_PACK_TRACE) == 0;
	pack->stream.next_out = pack->packed;
	pack->stream.avail_out = PACKED_BYTES;
	*out = pack;
	return element_open(pack, error);
}

void html_pack_close(struct html_pack *pack)
{
	if (pack != NULL)
		(void)deflateEnd(&pack->stream);
	free(pack);
}

static size_t base64_encode(char *to, const unsigned char *from, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *begin = to;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)from[i] << 16;
		bits |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
		bits |= left > 2 ? (uint32_t)from[i + 2] : 0;
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[bits & 63] : '=';
	}
	return (size_t)(to - begin);
}

static bool packed_write(struct html_pack *pack, struct error *error)
{
	size_t size = base64_encode(pack->coded, pack->packed,
				    PACKED_BYTES - pack->stream.avail_out);
	pack->stream.next_out = pack->packed;
	pack->stream.avail_out = PACKED_BYTES;
	if (pack->element_bytes + size > ELEMENT_BYTES_MAX && pack->is_divided) {
		if (!output_write(pack->output, element_end, sizeof element_end - 1, error) ||
		    !element_open(pack, error))
			return false;
	}
	pack->element_bytes += size;
	return output_write(pack->output, pack->coded, size, error);
}

static bool bytes_pack(struct html_pack *pack, const char *bytes, size_t size, struct error *error)
{
	while (size > 0) {
		size_t part = size < UINT_MAX / 2 ? size : UINT_MAX / 2;
		/* zlib only reads it: its prototype is older than const. */
		pack->stream.next_in = (Bytef *)(uintptr_t)bytes;
		pack->stream.avail_in = (uInt)part;
		while (pack->stream.avail_in > 0) {
			(void)deflate(&pack->stream, Z_NO_FLUSH);
			if (pack->stream.avail_out == 0 && !packed_write(pack, error))
				return false;
		}
		bytes += part;
		size -= part;
	}
	return true;
}

bool html_pack_put(struct html_pack *pack, enum html_record type, struct text *text,
		   struct error *error)
{
	struct text head;
	if (!text_is_ok(text))
		return fail(error, ERROR_SYSTEM, "no memory to export");
	text_begin(&head, 64);
	text_add_varint(&head, type);
	text_add_varint(&head, text->length);
	bool ok = text_is_ok(&head) || fail(error, ERROR_SYSTEM, "no memory to export");
	ok = ok && bytes_pack(pack, text_string(&head), head.length, error) &&
	     bytes_pack(pack, text_string(text), text->length, error);
	text_end(&head);
	text_clear(text);
	return ok;
}

bool html_pack_finish(struct html_pack *pack, struct error *error)
{
	int state;
	do {
		state = deflate(&pack->stream, Z_FINISH);
		if (!packed_write(pack, error))
			return false;
	} while (state != Z_STREAM_END);
	return output_write(pack->output, element_end, sizeof element_end - 1, error);
}

void text_add_varint(struct text *text, uint64_t value)
{
	char *begin = text_reserve(text, VARINT_BYTES_MAX);
	if (begin == NULL)
		return;
	text_advance(text, (size_t)(put_varint(begin, value) - begin));
}

void text_add_zigzag(struct text *text, int64_t value)
{
	text_add_varint(text, varint_fold((uint64_t)value));
}
