/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_text.h"

#include <stdint.h>
#include <string.h>

enum { REPLACEMENT_POINT = 0xfffd };

static uint32_t unit_at(const void *units, enum nvtx_text_width width, size_t index)
{
	const unsigned char *at = (const unsigned char *)units + index * (size_t)width;
	uint16_t short_unit;
	uint32_t long_unit;
	if (width == NVTX_TEXT_NARROW)
		return *at;
	if (width == NVTX_TEXT_UTF16) {
		memcpy(&short_unit, at, sizeof short_unit);
		return short_unit;
	}
	memcpy(&long_unit, at, sizeof long_unit);
	return long_unit;
}

static bool is_high_surrogate(uint32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(uint32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The code point at *index, which moves behind it. The unit at `count` is not touched. */
static uint32_t point_next(const struct nvtx_text *text, size_t count, size_t *index)
{
	uint32_t unit = unit_at(text->units, text->width, (*index)++);
	if (text->width == NVTX_TEXT_UTF16 && is_high_surrogate(unit) && *index < count) {
		uint32_t low = unit_at(text->units, text->width, *index);
		if (is_low_surrogate(low)) {
			(*index)++;
			return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	if (is_high_surrogate(unit) || is_low_surrogate(unit) || unit > 0x10ffff)
		return REPLACEMENT_POINT;
	return unit;
}

static size_t point_length(uint32_t point)
{
	return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static size_t point_write(uint32_t point, char *to)
{
	size_t length = point_length(point);
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = length - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	to[0] = (char)(lead[length] | point);
	return length;
}

struct nvtx_text nvtx_text_measure(const void *units, enum nvtx_text_width width, size_t units_max,
				   size_t length_max)
{
	struct nvtx_text text = { .units = units, .width = width };
	if (units == NULL)
		return text;
	if (width == NVTX_TEXT_NARROW) {
		size_t bound = units_max < length_max ? units_max : length_max;
		text.length = strnlen(units, bound);
		text.unit_count = text.length;
		text.is_cut = text.length == length_max && length_max < units_max &&
			      ((const char *)units)[length_max] != 0;
		return text;
	}
	size_t count = 0;
	while (count < units_max && count <= length_max && unit_at(units, width, count) != 0)
		count++;
	for (size_t index = 0; index < count;) {
		size_t before = index;
		size_t length = point_length(point_next(&text, count, &index));
		if (length > length_max - text.length) {
			text.unit_count = before;
			text.is_cut = true;
			return text;
		}
		text.length += length;
	}
	text.unit_count = count;
	return text;
}

void nvtx_text_write(const struct nvtx_text *text, char *to)
{
	if (text->length == 0)
		return;
	if (text->width == NVTX_TEXT_NARROW) {
		memcpy(to, text->units, text->length);
		return;
	}
	for (size_t index = 0; index < text->unit_count;)
		to += point_write(point_next(text, text->unit_count, &index), to);
}
