/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_number.h"
#include "libtrace/nvtx_payload.h"

#include <string.h>

enum { FIELD_TEXT_BYTES_MAX = 8192 };

struct json_walk {
	struct text *out;
	const struct nvtx_payload *payload;
	struct nvtx_payload_damage *damage;
	const struct nvtx_cursor *cursor;	/* of the struct we are in, NULL outside */
};

static void schema_add(struct json_walk *walk, const struct nvtx_schema *schema,
		       const unsigned char *bytes, size_t size);

void nvtx_field_add_text(struct text *out, const struct nvtx_field *field)
{
	enum nvtx_text_width width = field->element_bytes == 4 ? NVTX_TEXT_UTF32 :
				     field->element_bytes == 2 ? NVTX_TEXT_UTF16 : NVTX_TEXT_NARROW;
	struct nvtx_text text = nvtx_text_measure(field->bytes, width, field->element_count,
						  FIELD_TEXT_BYTES_MAX);
	char *to = text_reserve(out, text.length);
	if (to == NULL)
		return;
	nvtx_text_write(&text, to);
	text_advance(out, text.length);
}

static void text_field_add(struct text *out, const struct nvtx_field *field)
{
	struct text plain;
	text_begin(&plain, FIELD_TEXT_BYTES_MAX + 1);
	nvtx_field_add_text(&plain, field);
	text_add_json_bytes(out, text_string(&plain), plain.length);
	text_end(&plain);
}

/* Bits of a flag enum as "A|B"; what has no name stays a number. */
static void flags_add(struct text *out, const struct nvtx_schema *schema, uint64_t value)
{
	struct text names;
	uint64_t rest = value;
	text_begin(&names, FIELD_TEXT_BYTES_MAX);
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct nvtx_schema_field *entry = &schema->fields[i];
		const char *name = nvtx_field_name(schema, entry);
		if (entry->flags == 0 || entry->detail == 0 || name == NULL ||
		    (value & entry->detail) != entry->detail)
			continue;
		if (names.length != 0)
			text_add_char(&names, '|');
		text_add(&names, name);
		rest &= ~entry->detail;
	}
	if (rest == 0 && names.length != 0)
		text_add_json(out, text_string(&names));
	else
		nvtx_unsigned_add_json(out, value);
	text_end(&names);
}

static void enum_add(struct text *out, const struct nvtx_schema *schema, const unsigned char *bytes)
{
	uint64_t value = 0;
	memcpy(&value, bytes,
	       schema->static_size > sizeof value ? sizeof value : schema->static_size);
	const char *name = nvtx_enumerator_name(schema, value);
	if (name != NULL)
		text_add_json(out, name);
	else
		flags_add(out, schema, value);
}

/* Communicator ids are hashes of 64 bits: always hexadecimal, so that equal ids look equal. */
static bool is_hash(const struct nvtx_field *field)
{
	const char *name = nvtx_field_name(field->schema, field->entry);
	return field->type == NVTX_TYPE_U64 && name != NULL &&
	       strstr(name, "communicator ID") != NULL;
}

static void element_add(struct json_walk *walk, const struct nvtx_field *field, size_t index)
{
	const unsigned char *at = field->bytes + index * field->element_bytes;
	uint64_t value;
	if (field->nested != NULL && field->nested->is_enum) {
		enum_add(walk->out, field->nested, at);
	} else if (field->nested != NULL) {
		schema_add(walk, field->nested, at, field->element_bytes);
	} else if (field->type == NVTX_TYPE_REGISTERED_STRING) {
		memcpy(&value, at, sizeof value);
		const struct nvtx_name *name = nvtx_name_at(value, NVTX_DEFINED_STRING);
		text_add_json(walk->out, name == NULL ? "" : name->text);
	} else if (is_hash(field) && nvtx_number_integer(field->type, at, &value)) {
		nvtx_hex_add_json(walk->out, value);
	} else {
		nvtx_number_add_json(walk->out, field->type, at);
	}
}

static void array_add(struct json_walk *walk, const struct nvtx_field *field)
{
	size_t count = field->element_count;
	if (count > NVTX_PAYLOAD_ELEMENTS_MAX) {
		count = NVTX_PAYLOAD_ELEMENTS_MAX;
		walk->damage->truncated++;
	}
	if (field->type == NVTX_TYPE_BYTE) {
		nvtx_bytes_add_json(walk->out, field->bytes, count);
		return;
	}
	if (nvtx_number_type_of(field->type).form == NVTX_NUMBER_CHARACTER) {
		text_field_add(walk->out, field);
		return;
	}
	text_add_char(walk->out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_char(walk->out, ',');
		element_add(walk, field, i);
	}
	text_add_char(walk->out, ']');
}

static void field_add(struct json_walk *walk, const struct nvtx_field *field)
{
	if (field->is_text)
		text_field_add(walk->out, field);
	else if (field->is_array)
		array_add(walk, field);
	else if (field->element_count == 1)
		element_add(walk, field, 0);
	else
		text_add(walk->out, "null");
}

static void schema_add(struct json_walk *walk, const struct nvtx_schema *schema,
		       const unsigned char *bytes, size_t size)
{
	struct nvtx_cursor cursor;
	struct nvtx_field field;
	bool is_first = true;
	const struct nvtx_cursor *outer = walk->cursor;
	if (outer != NULL && outer->depth + 1 >= NVTX_PAYLOAD_DEPTH_MAX) {
		walk->damage->unknown++;
		text_add(walk->out, "null");
		return;
	}
	text_add_char(walk->out, '{');
	nvtx_cursor_begin(&cursor, walk->payload, schema, bytes, size);
	cursor.depth = outer == NULL ? 0 : outer->depth + 1;
	cursor.outer = outer;
	walk->cursor = &cursor;
	while (nvtx_cursor_next(&cursor, &field)) {
		const char *name = nvtx_field_name(schema, field.entry);
		if (!field.is_supported)
			walk->damage->unknown++;
		else if (field.bytes == NULL)
			walk->damage->truncated++;
		if (!field.is_supported || field.bytes == NULL ||
		    (field.entry->flags & NVTX_ENTRY_HIDE) != 0)
			continue;
		if (!is_first)
			text_add_char(walk->out, ',');
		is_first = false;
		if (name != NULL)
			text_add_json(walk->out, name);
		else
			text_add_format(walk->out, "\"%zu\"", cursor.index - 1);
		text_add_char(walk->out, ':');
		field_add(walk, &field);
	}
	text_add_char(walk->out, '}');
	walk->cursor = outer;
}

/* A blob of a predefined type: one value, or a text. */
static void predefined_add(struct json_walk *walk, const struct nvtx_blob *blob)
{
	struct nvtx_number_type shape = nvtx_number_type_of(blob->schema_id);
	if (blob->schema_id >= NVTX_TYPE_CSTRING && blob->schema_id <= NVTX_TYPE_CSTRING_UTF32) {
		struct nvtx_field field = {
			.bytes = blob->bytes, .element_bytes = shape.size,
			.element_count = blob->size / shape.size,
		};
		text_field_add(walk->out, &field);
	} else if (shape.form != NVTX_NUMBER_NONE && blob->size >= shape.size) {
		nvtx_number_add_json(walk->out, blob->schema_id, blob->bytes);
	} else {
		if (blob->schema_id != NVTX_TYPE_RAW)
			walk->damage->unknown++;
		nvtx_bytes_add_json(walk->out, blob->bytes,
				    blob->size < NVTX_PAYLOAD_ELEMENTS_MAX ? blob->size :
				    NVTX_PAYLOAD_ELEMENTS_MAX);
	}
}

void nvtx_payload_add_json(struct text *out, const struct nvtx_payload *payload,
			   struct nvtx_payload_damage *damage)
{
	struct json_walk walk = { .out = out, .payload = payload, .damage = damage };
	size_t shown = 0, written = 0;
	for (size_t i = 0; i < payload->blob_count; i++)
		shown += payload->blobs[i].schema_id != NVTX_TYPE_REFERENCED;
	if (shown > 1)
		text_add_char(out, '[');
	for (size_t i = 0; i < payload->blob_count; i++) {
		const struct nvtx_blob *blob = &payload->blobs[i];
		const struct nvtx_schema *schema = nvtx_blob_schema(payload, blob);
		damage->truncated += blob->is_cut;
		if (blob->schema_id == NVTX_TYPE_REFERENCED)
			continue;
		if (written++ > 0)
			text_add_char(out, ',');
		if (schema == NULL)
			predefined_add(&walk, blob);
		else if (schema->is_enum && blob->size >= schema->static_size)
			enum_add(out, schema, blob->bytes);
		else
			schema_add(&walk, schema, blob->bytes, blob->size);
	}
	if (shown > 1)
		text_add_char(out, ']');
}

void nvtx_value_add_json(struct text *out, uint32_t payload_type, uint64_t value)
{
	static const enum nvtx_entry_type types[] = {
		[NVTX_PAYLOAD_U64] = NVTX_TYPE_U64, [NVTX_PAYLOAD_I64] = NVTX_TYPE_I64,
		[NVTX_PAYLOAD_DOUBLE] = NVTX_TYPE_DOUBLE, [NVTX_PAYLOAD_U32] = NVTX_TYPE_U32,
		[NVTX_PAYLOAD_I32] = NVTX_TYPE_I32, [NVTX_PAYLOAD_FLOAT] = NVTX_TYPE_FLOAT,
	};
	if (payload_type >= NVTX_PAYLOAD_U64 && payload_type <= NVTX_PAYLOAD_FLOAT)
		nvtx_number_add_json(out, types[payload_type], (const unsigned char *)&value);
}
