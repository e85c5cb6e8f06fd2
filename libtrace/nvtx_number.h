/* SPDX-License-Identifier: MIT */
/*
 * Numbers of NVTX payloads: the size of each predefined type, and its JSON form. JSON readers keep
 * 53 bits, so larger integers are texts; what is not finite is a text, too. No locale is consulted.
 *
 * Thread: any; pure.
 */
#ifndef LIBTRACE_NVTX_NUMBER_H
#define LIBTRACE_NVTX_NUMBER_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvtx_number_form {
	NVTX_NUMBER_NONE,	/* not a number: texts, unknown types */
	NVTX_NUMBER_SIGNED, NVTX_NUMBER_UNSIGNED, NVTX_NUMBER_REAL,
	NVTX_NUMBER_HEX,	/* addresses, raw bytes, integers of 128 bits */
	NVTX_NUMBER_CHARACTER,
};

struct nvtx_number_type {
	enum nvtx_number_form form;
	size_t size;
	size_t alignment;
};

/* Form NONE and size 0 for a type that is not predefined. */
struct nvtx_number_type nvtx_number_type_of(uint64_t type);

/* Sign-extended or zero-extended; false unless it is an integer of at most 8 bytes. */
bool nvtx_number_integer(uint64_t type, const unsigned char *bytes, uint64_t *value);

void nvtx_number_add_json(struct text *out, uint64_t type, const unsigned char *bytes);
void nvtx_hex_add_json(struct text *out, uint64_t value);
void nvtx_bytes_add_json(struct text *out, const unsigned char *bytes, size_t size);
void nvtx_signed_add_json(struct text *out, int64_t value);
void nvtx_unsigned_add_json(struct text *out, uint64_t value);
void nvtx_real_add_json(struct text *out, double value, int digits);

#endif
