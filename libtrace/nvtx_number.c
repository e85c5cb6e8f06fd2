/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_number.h"
#include "libtrace/nvtx_abi.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NUMBER(form, type) { NVTX_NUMBER_##form, sizeof(type), _Alignof(type) }
#define NUMBER_OF_SIZE(form, bytes) { NVTX_NUMBER_##form, bytes, bytes }

static const struct nvtx_number_type types[] = {
	[NVTX_TYPE_CHAR] = NUMBER(CHARACTER, char),
	[NVTX_TYPE_UCHAR] = NUMBER(UNSIGNED, unsigned char),
	[NVTX_TYPE_SHORT] = NUMBER(SIGNED, short),
	[NVTX_TYPE_USHORT] = NUMBER(UNSIGNED, unsigned short),
	[NVTX_TYPE_INT] = NUMBER(SIGNED, int),
	[NVTX_TYPE_UINT] = NUMBER(UNSIGNED, unsigned),
	[NVTX_TYPE_LONG] = NUMBER(SIGNED, long),
	[NVTX_TYPE_ULONG] = NUMBER(UNSIGNED, unsigned long),
	[NVTX_TYPE_LONGLONG] = NUMBER(SIGNED, long long),
	[NVTX_TYPE_ULONGLONG] = NUMBER(UNSIGNED, unsigned long long),
	[NVTX_TYPE_I8] = NUMBER_OF_SIZE(SIGNED, 1),
	[NVTX_TYPE_U8] = NUMBER_OF_SIZE(UNSIGNED, 1),
	[NVTX_TYPE_I16] = NUMBER_OF_SIZE(SIGNED, 2),
	[NVTX_TYPE_U16] = NUMBER_OF_SIZE(UNSIGNED, 2),
	[NVTX_TYPE_I32] = NUMBER_OF_SIZE(SIGNED, 4),
	[NVTX_TYPE_U32] = NUMBER_OF_SIZE(UNSIGNED, 4),
	[NVTX_TYPE_I64] = NUMBER_OF_SIZE(SIGNED, 8),
	[NVTX_TYPE_U64] = NUMBER_OF_SIZE(UNSIGNED, 8),
	[NVTX_TYPE_FLOAT] = NUMBER(REAL, float),
	[NVTX_TYPE_DOUBLE] = NUMBER(REAL, double),
	[NVTX_TYPE_LONG_DOUBLE] = NUMBER(REAL, long double),
	[NVTX_TYPE_SIZE] = NUMBER(UNSIGNED, size_t),
	[NVTX_TYPE_ADDRESS] = NUMBER(HEX, void *),
	[NVTX_TYPE_WCHAR] = NUMBER_OF_SIZE(CHARACTER, 4),
	[NVTX_TYPE_CHAR8] = NUMBER_OF_SIZE(CHARACTER, 1),
	[NVTX_TYPE_CHAR16] = NUMBER_OF_SIZE(CHARACTER, 2),
	[NVTX_TYPE_CHAR32] = NUMBER_OF_SIZE(CHARACTER, 4),
	[NVTX_TYPE_BYTE] = NUMBER_OF_SIZE(HEX, 1),
	[NVTX_TYPE_I128] = NUMBER_OF_SIZE(HEX, 16),
	[NVTX_TYPE_U128] = NUMBER_OF_SIZE(HEX, 16),
	[NVTX_TYPE_F16] = NUMBER_OF_SIZE(REAL, 2),
	[NVTX_TYPE_F32] = NUMBER_OF_SIZE(REAL, 4),
	[NVTX_TYPE_F64] = NUMBER_OF_SIZE(REAL, 8),
	[NVTX_TYPE_F128] = NUMBER_OF_SIZE(HEX, 16),
	[NVTX_TYPE_BF16] = NUMBER_OF_SIZE(REAL, 2),
	[NVTX_TYPE_TF32] = NUMBER_OF_SIZE(REAL, 4),
	[NVTX_TYPE_CATEGORY] = NUMBER_OF_SIZE(UNSIGNED, 4),
	[NVTX_TYPE_COLOR] = NUMBER_OF_SIZE(HEX, 4),
	[NVTX_TYPE_SCOPE] = NUMBER_OF_SIZE(UNSIGNED, 8),
	[NVTX_TYPE_PID32] = NUMBER_OF_SIZE(UNSIGNED, 4),
	[NVTX_TYPE_PID64] = NUMBER_OF_SIZE(UNSIGNED, 8),
	[NVTX_TYPE_TID32] = NUMBER_OF_SIZE(UNSIGNED, 4),
	[NVTX_TYPE_TID64] = NUMBER_OF_SIZE(UNSIGNED, 8),
	[NVTX_TYPE_CSTRING] = { NVTX_NUMBER_NONE, 1, 1 },
	[NVTX_TYPE_CSTRING_UTF8] = { NVTX_NUMBER_NONE, 1, 1 },
	[NVTX_TYPE_CSTRING_UTF16] = { NVTX_NUMBER_NONE, 2, 2 },
	[NVTX_TYPE_CSTRING_UTF32] = { NVTX_NUMBER_NONE, 4, 4 },
	[NVTX_TYPE_REGISTERED_STRING] = { NVTX_NUMBER_NONE, 8, 8 },
	[NVTX_TYPE_SELECTOR] = NUMBER_OF_SIZE(UNSIGNED, 8),
};

struct nvtx_number_type nvtx_number_type_of(uint64_t type)
{
	static const struct nvtx_number_type none;
	return type < sizeof types / sizeof types[0] ? types[type] : none;
}

/* x86-64 and arm64 are little-endian: the low bytes come first. */
static uint64_t bytes_unsigned(const unsigned char *bytes, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, bytes, size > sizeof value ? sizeof value : size);
	return value;
}

static int64_t bytes_signed(const unsigned char *bytes, size_t size)
{
	uint64_t value = bytes_unsigned(bytes, size);
	if (size < sizeof value && (value >> (size * 8 - 1)) != 0)
		value |= UINT64_MAX << (size * 8);
	return (int64_t)value;
}

bool nvtx_number_integer(uint64_t type, const unsigned char *bytes, uint64_t *value)
{
	struct nvtx_number_type shape = nvtx_number_type_of(type);
	if (shape.size == 0 || shape.size > 8 || bytes == NULL)
		return false;
	if (shape.form == NVTX_NUMBER_SIGNED)
		*value = (uint64_t)bytes_signed(bytes, shape.size);
	else if (shape.form == NVTX_NUMBER_UNSIGNED || shape.form == NVTX_NUMBER_HEX)
		*value = bytes_unsigned(bytes, shape.size);
	else
		return false;
	return true;
}

void nvtx_hex_add_json(struct text *out, uint64_t value)
{
	text_add_format(out, "\"0x%" PRIx64 "\"", value);
}

void nvtx_bytes_add_json(struct text *out, const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	text_add(out, "\"0x");
	for (size_t i = 0; i < size; i++) {
		text_add_char(out, digits[bytes[i] >> 4]);
		text_add_char(out, digits[bytes[i] & 15]);
	}
	text_add_char(out, '"');
}

#define EXACT_MAX (INT64_C(1) << 53)

void nvtx_signed_add_json(struct text *out, int64_t value)
{
	if (value <= EXACT_MAX && value >= -EXACT_MAX)
		text_add_integer(out, value);
	else
		text_add_format(out, "\"%" PRId64 "\"", value);
}

void nvtx_unsigned_add_json(struct text *out, uint64_t value)
{
	if (value <= (uint64_t)EXACT_MAX)
		text_add_integer(out, (int64_t)value);
	else
		text_add_format(out, "\"%" PRIu64 "\"", value);
}

/*
 * The host may have set a locale with another decimal point: whatever stands there is ours to
 * replace.
 */
void nvtx_real_add_json(struct text *out, double value, int digits)
{
	char number[64];
	if (!isfinite(value)) {
		text_add(out, isnan(value) ? "\"NaN\""
			      : value > 0  ? "\"Infinity\""
					   : "\"-Infinity\"");
		return;
	}
	(void)snprintf(number, sizeof number, "%.*g", digits, value);
	bool in_point = false;
	for (const char *at = number; *at != 0; at++) {
		bool is_plain = strchr("0123456789+-e", *at) != NULL;
		if (is_plain || !in_point)
			text_add_char(out, is_plain ? *at : '.');
		in_point = !is_plain;
	}
}

/* IEEE half precision: 5 bits of exponent, 10 of fraction. */
static double half_value(uint64_t bits)
{
	int exponent = (int)(bits >> 10 & 0x1f);
	double fraction = (double)(bits & 0x3ff);
	double size = exponent == 0 ? ldexp(fraction, -24) :
		      exponent < 31 ? ldexp(fraction + 1024, exponent - 25) :
		      fraction == 0 ? (double)INFINITY : (double)NAN;
	return (bits & 0x8000) != 0 ? -size : size;
}

static double float_value(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return (double)value;
}

static void real_add_json(struct text *out, uint64_t type, const unsigned char *bytes)
{
	double value;
	long double wide;
	if (type == NVTX_TYPE_DOUBLE || type == NVTX_TYPE_F64) {
		memcpy(&value, bytes, sizeof value);
		nvtx_real_add_json(out, value, 17);
	} else if (type == NVTX_TYPE_LONG_DOUBLE) {
		memcpy(&wide, bytes, sizeof wide);
		nvtx_real_add_json(out, (double)wide, 17);
	} else if (type == NVTX_TYPE_F16) {
		nvtx_real_add_json(out, half_value(bytes_unsigned(bytes, 2)), 5);
	} else if (type == NVTX_TYPE_BF16) {
		nvtx_real_add_json(out, float_value((uint32_t)bytes_unsigned(bytes, 2) << 16), 4);
	} else {
		nvtx_real_add_json(out, float_value((uint32_t)bytes_unsigned(bytes, 4)), 9);
	}
}

void nvtx_number_add_json(struct text *out, uint64_t type, const unsigned char *bytes)
{
	struct nvtx_number_type shape = nvtx_number_type_of(type);
	switch (shape.form) {
	case NVTX_NUMBER_SIGNED:
		nvtx_signed_add_json(out, bytes_signed(bytes, shape.size));
		break;
	case NVTX_NUMBER_UNSIGNED:
		nvtx_unsigned_add_json(out, bytes_unsigned(bytes, shape.size));
		break;
	case NVTX_NUMBER_REAL:
		real_add_json(out, type, bytes);
		break;
	case NVTX_NUMBER_CHARACTER:
		if (bytes_unsigned(bytes, shape.size) >= 0x20 &&
		    bytes_unsigned(bytes, shape.size) < 0x7f)
			text_add_json_bytes(out, (const char *)bytes, 1);
		else
			text_add_integer(out, (int64_t)bytes_unsigned(bytes, shape.size));
		break;
	case NVTX_NUMBER_HEX:
		if (shape.size <= 8)
			nvtx_hex_add_json(out, bytes_unsigned(bytes, shape.size));
		else
			nvtx_bytes_add_json(out, bytes, shape.size);
		break;
	case NVTX_NUMBER_NONE:
		text_add(out, "null");
		break;
	}
}
