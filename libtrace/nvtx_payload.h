/* SPDX-License-Identifier: MIT */
/*
 * Extended payloads of NVTX: bytes laid out by a schema that the program registered. Walks their
 * fields and writes them as JSON.
 *
 * Thread: any. Pure: reads the copied bytes and the definitions, never the program's memory. Bytes
 * and schemas are not trusted: nothing outside the blobs is read, depth and counts are bounded.
 */
#ifndef LIBTRACE_NVTX_PAYLOAD_H
#define LIBTRACE_NVTX_PAYLOAD_H

#include "base/text.h"
#include "libtrace/nvtx_definitions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NVTX_PAYLOAD_DEPTH_MAX = 8,
	NVTX_PAYLOAD_ELEMENTS_MAX = 1024,
	NVTX_PAYLOAD_JSON_BYTES_MAX = 64 * 1024,
};

/* One blob of an event, as copied during the call. */
struct nvtx_blob {
	uint64_t schema_id;
	uint64_t address;	/* where it lay, for pointers into it */
	const unsigned char *bytes;
	size_t size;		/* bytes we have */
	bool is_cut;
};

struct nvtx_payload {
	struct nvtx_schema_scope scope;
	const struct nvtx_blob *blobs;
	size_t blob_count;
};

/* What could not be decoded; the caller counts it as lost. */
struct nvtx_payload_damage {
	uint32_t unknown;	/* types or schemas that are not known or not supported */
	uint32_t truncated;	/* fields or elements beyond the copied bytes or our bounds */
};

/* A field of a payload where it was found. */
struct nvtx_field {
	const struct nvtx_schema *schema;	/* that holds it */
	const struct nvtx_schema_field *entry;
	const struct nvtx_schema *nested;	/* its schema or enum, if the type is one */
	uint64_t type;
	bool is_text;		/* elements are characters */
	bool is_array;
	bool is_supported;
	const unsigned char *bytes;	/* NULL: not within the bytes we have */
	size_t element_bytes;
	size_t element_count;
};

/* Walks the fields of one level. */
struct nvtx_cursor {
	const struct nvtx_payload *payload;
	const struct nvtx_schema *schema;
	const unsigned char *bytes;
	size_t size;
	size_t index;
	size_t offset;		/* behind the last field */
	size_t first_end;	/* behind the first one */
	const struct nvtx_cursor *outer;	/* that walks the struct around it, or NULL */
	int depth;
	uint64_t lengths[32];	/* values of the integer fields so far: lengths of later arrays */
};

void nvtx_cursor_begin(struct nvtx_cursor *cursor, const struct nvtx_payload *payload,
		       const struct nvtx_schema *schema, const unsigned char *bytes, size_t size);
bool nvtx_cursor_next(struct nvtx_cursor *cursor, struct nvtx_field *field);

/* The schema of a blob; NULL for predefined types and unknown ids. */
const struct nvtx_schema *nvtx_blob_schema(const struct nvtx_payload *payload,
					   const struct nvtx_blob *blob);

/* The value of an integer or enum field, two's complement; false for everything else. */
bool nvtx_field_integer(const struct nvtx_field *field, uint64_t *value);

/* Name of an enumerator, or NULL. */
const char *nvtx_enumerator_name(const struct nvtx_schema *schema, uint64_t value);

/*
 * One JSON value: an object for a schema, an array for several blobs; nothing if there is nothing
 * to show.
 */
void nvtx_payload_add_json(struct text *out, const struct nvtx_payload *payload,
			   struct nvtx_payload_damage *damage);

/* A text field as UTF-8. */
void nvtx_field_add_text(struct text *out, const struct nvtx_field *field);

/* The 8-byte payload of an event as a JSON number (a text where a number would lose digits). */
void nvtx_value_add_json(struct text *out, uint32_t payload_type, uint64_t value);

#endif
