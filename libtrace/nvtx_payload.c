/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_payload.h"
#include "libtrace/nvtx_number.h"

#include <string.h>

/* What is known of a field before its place is. */
struct shape {
	const struct nvtx_schema *nested;
	size_t size;
	size_t alignment;
	bool is_text;
	bool is_supported;
};

static bool is_text_type(uint64_t type)
{
	return type >= NVTX_TYPE_CSTRING && type <= NVTX_TYPE_CSTRING_UTF32;
}

const struct nvtx_schema *nvtx_blob_schema(const struct nvtx_payload *payload,
					   const struct nvtx_blob *blob)
{
	return blob->schema_id < NVTX_SCHEMA_ID_STATIC ? NULL :
	       nvtx_schema_find(&payload->scope, blob->schema_id);
}

static size_t round_up(size_t value, size_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/* Bytes that a nested struct takes at `bytes`. */
static size_t schema_extent(const struct nvtx_cursor *outer, const struct nvtx_schema *schema,
			    const unsigned char *bytes, size_t size)
{
	if (schema->static_size != 0 || outer->depth + 1 >= NVTX_PAYLOAD_DEPTH_MAX)
		return schema->static_size;
	struct nvtx_cursor cursor;
	struct nvtx_field field;
	nvtx_cursor_begin(&cursor, outer->payload, schema, bytes, size);
	cursor.depth = outer->depth + 1;
	cursor.outer = outer;
	size_t extent = 0;
	while (nvtx_cursor_next(&cursor, &field)) {
		if (cursor.offset > extent)
			extent = cursor.offset;
	}
	return round_up(extent, schema->alignment);
}

/* A schema inside itself has no end. */
static bool is_within(const struct nvtx_cursor *cursor, const struct nvtx_schema *schema)
{
	while (cursor != NULL && cursor->schema != schema)
		cursor = cursor->outer;
	return cursor != NULL;
}

static struct shape shape_of(const struct nvtx_cursor *cursor, uint64_t type)
{
	struct shape shape = { .alignment = 1 };
	size_t pack = cursor->schema->pack_alignment;
	if (type >= NVTX_SCHEMA_ID_STATIC) {
		shape.nested = nvtx_schema_find(&cursor->payload->scope, type);
		if (shape.nested != NULL && is_within(cursor, shape.nested))
			shape.nested = NULL;
		if (shape.nested != NULL) {
			shape.size = shape.nested->static_size;
			shape.alignment = shape.nested->alignment;
			shape.is_supported = shape.nested->is_enum ? shape.size - 1 < 8 :
					     shape.nested->type - NVTX_SCHEMA_STATIC <=
						     NVTX_SCHEMA_UNION_WITH_SELECTOR -
							     NVTX_SCHEMA_STATIC;
		}
	} else {
		struct nvtx_number_type number = nvtx_number_type_of(type);
		shape.size = number.size;
		shape.alignment = number.alignment == 0 ? 1 : number.alignment;
		shape.is_text = is_text_type(type);
		shape.is_supported = number.size != 0;
	}
	if (pack != 0 && shape.alignment > pack)
		shape.alignment = pack;
	return shape;
}

void nvtx_cursor_begin(struct nvtx_cursor *cursor, const struct nvtx_payload *payload,
		       const struct nvtx_schema *schema, const unsigned char *bytes, size_t size)
{
	*cursor = (struct nvtx_cursor){
		.payload = payload, .schema = schema, .bytes = bytes, .size = size,
	};
}

/* Elements up to the zero one, which is not counted; bounded by the bytes there are. */
static size_t terminated_count(const unsigned char *bytes, size_t room, size_t element)
{
	static const unsigned char zero[16];
	size_t count = 0;
	if (element == 0 || element > sizeof zero)
		return 0;
	while ((count + 1) * element <= room && memcmp(bytes + count * element, zero, element) != 0)
		count++;
	return count;
}

/* The blob that holds the address, and how many bytes of it follow. */
static const unsigned char *pointer_resolve(const struct nvtx_payload *payload, uint64_t address,
					    size_t *room)
{
	for (size_t i = 0; i < payload->blob_count; i++) {
		const struct nvtx_blob *blob = &payload->blobs[i];
		if (address >= blob->address && address - blob->address < blob->size) {
			*room = blob->size - (size_t)(address - blob->address);
			return blob->bytes + (address - blob->address);
		}
	}
	return NULL;
}

/* The first integers of another blob of the event: the dimensions of an array. */
static uint64_t payload_length(const struct nvtx_cursor *outer, uint64_t index)
{
	const struct nvtx_payload *payload = outer->payload;
	uint64_t value = 0;
	if (index >= payload->blob_count)
		return 0;
	const struct nvtx_blob *blob = &payload->blobs[index];
	const struct nvtx_schema *schema = nvtx_blob_schema(payload, blob);
	if (schema != NULL && !is_within(outer, schema) &&
	    outer->depth + 1 < NVTX_PAYLOAD_DEPTH_MAX) {
		struct nvtx_cursor cursor;
		struct nvtx_field field;
		nvtx_cursor_begin(&cursor, payload, schema, blob->bytes, blob->size);
		cursor.outer = outer;
		cursor.depth = outer->depth + 1;
		(void)nvtx_cursor_next(&cursor, &field);
		return cursor.lengths[0];
	}
	if (schema == NULL && blob->size >= nvtx_number_type_of(blob->schema_id).size)
		(void)nvtx_number_integer(blob->schema_id, blob->bytes, &value);
	return value;
}

/* How many elements the field has, and how many bytes it takes beyond them (a terminator). */
static uint64_t element_count(const struct nvtx_cursor *cursor, const struct nvtx_field *field,
			      const unsigned char *at, size_t room, size_t *extra)
{
	const struct nvtx_schema_field *entry = field->entry;
	*extra = 0;
	switch (entry->flags & NVTX_ENTRY_ARRAY_MASK) {
	case NVTX_ENTRY_ARRAY_FIXED:
		return entry->detail;
	case NVTX_ENTRY_ARRAY_TERMINATED:
		*extra = field->element_bytes;
		return terminated_count(at, room, field->element_bytes);
	case NVTX_ENTRY_ARRAY_LENGTH_INDEX:
		return entry->detail < sizeof cursor->lengths / sizeof cursor->lengths[0] &&
		       entry->detail < cursor->index ? cursor->lengths[entry->detail] : 0;
	case NVTX_ENTRY_ARRAY_LENGTH_PAYLOAD:
		return payload_length(cursor, entry->detail);
	default:
		break;
	}
	if (!field->is_text)
		return 1;
	if ((entry->flags & NVTX_ENTRY_POINTER) != 0 && entry->detail == 0)
		return terminated_count(at, room, field->element_bytes);
	return entry->detail;
}

/*
 * Places the field's elements at `at`; returns the bytes they take, or SIZE_MAX if they do not fit.
 */
static size_t field_place(const struct nvtx_cursor *cursor, struct nvtx_field *field,
			  const unsigned char *at, size_t room)
{
	size_t extra;
	field->element_bytes = field->nested == NULL ? nvtx_number_type_of(field->type).size :
			       schema_extent(cursor, field->nested, at, room);
	uint64_t count = element_count(cursor, field, at, room, &extra);
	if (field->element_bytes == 0) {
		field->is_supported = false;
		return 0;
	}
	if (count > room / field->element_bytes)
		return SIZE_MAX;
	field->bytes = at;
	field->element_count = (size_t)count;
	return (size_t)count * field->element_bytes + extra;
}

/*
 * Notes the value (or the product of the values) of integers: later fields may name it as their
 * length.
 */
static void length_note(struct nvtx_cursor *cursor, const struct nvtx_field *field)
{
	uint64_t product = 1, value = 0;
	if (cursor->index >= sizeof cursor->lengths / sizeof cursor->lengths[0] ||
	    field->bytes == NULL || field->nested != NULL || field->element_count > 8)
		return;
	for (size_t i = 0; i < field->element_count; i++) {
		if (!nvtx_number_integer(field->type, field->bytes + i * field->element_bytes,
					 &value))
			return;
		if (__builtin_mul_overflow(product, value, &product))
			return;
	}
	cursor->lengths[cursor->index] = product;
}

static void field_follow(struct nvtx_cursor *cursor, struct nvtx_field *field, size_t offset)
{
	uint64_t address;
	size_t room = 0;
	memcpy(&address, cursor->bytes + offset, sizeof address);
	const unsigned char *at = pointer_resolve(cursor->payload, address, &room);
	if (at != NULL)
		(void)field_place(cursor, field, at, room);
}

/*
 * Where the next field may begin. Members of a union lie on top of each other, behind its selector
 * if it has one; all are shown, for which of them is meant is the program's to know.
 */
static size_t next_offset(const struct nvtx_cursor *cursor)
{
	if (cursor->schema->type == NVTX_SCHEMA_UNION)
		return 0;
	if (cursor->schema->type == NVTX_SCHEMA_UNION_WITH_SELECTOR && cursor->index > 0)
		return cursor->first_end;
	return cursor->offset;
}

bool nvtx_cursor_next(struct nvtx_cursor *cursor, struct nvtx_field *field)
{
	if (cursor->schema->is_enum || cursor->index >= cursor->schema->field_count)
		return false;
	const struct nvtx_schema_field *entry = &cursor->schema->fields[cursor->index];
	struct shape shape = shape_of(cursor, entry->type);
	bool is_pointer = (entry->flags & NVTX_ENTRY_POINTER) != 0;
	bool is_relative = (entry->flags &
			    (NVTX_ENTRY_OFFSET_FROM_BASE | NVTX_ENTRY_OFFSET_FROM_HERE)) != 0;
	*field = (struct nvtx_field){
		.schema = cursor->schema,
		.entry = entry,
		.nested = shape.nested,
		.type = entry->type,
		.is_text = shape.is_text,
		.is_supported = shape.is_supported && !is_relative,
		.is_array = (entry->flags & NVTX_ENTRY_ARRAY_MASK) != 0 && !shape.is_text,
	};
	if (is_pointer || is_relative)
		shape.alignment = sizeof(void *);
	size_t offset = entry->offset != 0 ? (size_t)entry->offset :
			round_up(next_offset(cursor), shape.alignment);
	if (offset > cursor->size)
		offset = cursor->size;
	size_t room = cursor->size - offset;
	size_t taken = sizeof(void *);
	if (is_pointer && room >= taken)
		field_follow(cursor, field, offset);
	else if (!is_pointer && !is_relative)
		taken = field_place(cursor, field, cursor->bytes + offset, room);
	length_note(cursor, field);
	cursor->offset = taken > room ? cursor->size : offset + taken;
	if (cursor->index == 0)
		cursor->first_end = cursor->offset;
	cursor->index++;
	return true;
}

bool nvtx_field_integer(const struct nvtx_field *field, uint64_t *value)
{
	if (field->bytes == NULL || field->element_count != 1 || field->is_text)
		return false;
	if (field->nested == NULL)
		return nvtx_number_integer(field->type, field->bytes, value);
	if (!field->nested->is_enum || field->element_bytes > sizeof *value)
		return false;
	*value = 0;
	memcpy(value, field->bytes, field->element_bytes);
	return true;
}

const char *nvtx_enumerator_name(const struct nvtx_schema *schema, uint64_t value)
{
	uint64_t mask = schema->static_size >= sizeof value ? UINT64_MAX :
			(UINT64_C(1) << (schema->static_size * 8)) - 1;
	for (size_t i = 0; i < schema->field_count; i++)
		if ((schema->fields[i].detail & mask) == value && schema->fields[i].name_at != 0)
			return nvtx_field_name(schema, &schema->fields[i]);
	return NULL;
}
