/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_event.h"
#include "libtrace/host_facts.h"
#include "libtrace/nvtx_number.h"
#include "libtrace/thread_log.h"

#include <string.h>

enum {
	DEEP_TEXT_BYTES_MAX = 1024,
	POP_BYTES = offsetof(struct nvtx_event, text_length),
	PLAIN_BYTES = offsetof(struct nvtx_event, range_id),
	END_BYTES = offsetof(struct nvtx_event, payload),
	PLAIN_TEXT_BYTES_MAX = 255,	/* longer ones take the long way */
};

/* A blob in the log, followed by `kept` bytes. */
struct blob_head {
	uint64_t schema_id;
	uint64_t address;
	uint32_t kept;
	uint32_t is_cut;
};

/* The blobs to copy and the room they take. */
struct blob_plan {
	struct nvtx_blob blobs[NVTX_EVENT_BLOBS_MAX];
	size_t count;
	size_t bytes;
	size_t left_out;
};

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* SIZE_MAX means that the tool shall find the size: of a text, or what the schema says. */
static size_t payload_size(const struct nvtx_schema_scope *scope,
			   const struct nvtx_payload_data *data)
{
	if (data->size != SIZE_MAX)
		return data->size;
	struct nvtx_number_type shape = nvtx_number_type_of(data->schema_id);
	if (data->schema_id >= NVTX_TYPE_CSTRING && data->schema_id <= NVTX_TYPE_CSTRING_UTF32) {
		struct nvtx_text text = nvtx_text_measure(
			data->payload, (enum nvtx_text_width)shape.size,
			NVTX_EVENT_TEXT_BYTES_MAX / shape.size, NVTX_EVENT_TEXT_BYTES_MAX);
		return text.unit_count * shape.size;
	}
	const struct nvtx_schema *schema = data->schema_id < NVTX_SCHEMA_ID_STATIC ? NULL :
					   nvtx_schema_find(scope, data->schema_id);
	return schema != NULL ? schema->static_size : shape.size;
}

static void plan_add(struct blob_plan *plan, uint64_t schema_id, const void *bytes, size_t size)
{
	if (plan->count == NVTX_EVENT_BLOBS_MAX) {
		plan->left_out++;
		return;
	}
	size_t room = NVTX_EVENT_BLOB_BYTES_MAX - plan->bytes;
	size_t kept = size < room ? size : room;
	plan->blobs[plan->count++] = (struct nvtx_blob){
		.schema_id = schema_id, .address = (uintptr_t)bytes, .bytes = bytes, .size = kept,
		.is_cut = kept < size,
	};
	plan->bytes += padded(kept);
	if (plan->bytes > NVTX_EVENT_BLOB_BYTES_MAX)
		plan->bytes = NVTX_EVENT_BLOB_BYTES_MAX;
}

/* One pointer that the program asked to have followed. */
static void plan_add_pointed(struct blob_plan *plan, const struct nvtx_field *field, const void *at)
{
	const struct nvtx_schema_field *entry = field->entry;
	size_t element = field->nested != NULL ? field->nested->static_size :
			 nvtx_number_type_of(field->type).size;
	size_t size = element;
	bool is_terminated = (entry->flags & NVTX_ENTRY_ARRAY_MASK) == NVTX_ENTRY_ARRAY_TERMINATED;
	if (element == 0)
		return;
	if (element <= 4 && ((field->is_text && entry->detail == 0) || is_terminated)) {
		struct nvtx_text text = nvtx_text_measure(at, (enum nvtx_text_width)element,
							  DEEP_TEXT_BYTES_MAX, DEEP_TEXT_BYTES_MAX);
		size = text.unit_count * element;
	} else if (field->is_text ||
		   (entry->flags & NVTX_ENTRY_ARRAY_MASK) == NVTX_ENTRY_ARRAY_FIXED) {
		if (entry->detail > NVTX_EVENT_BLOB_BYTES_MAX / element)
			return;
		size = (size_t)entry->detail * element;
	}
	plan_add(plan, NVTX_TYPE_REFERENCED, at, size);
}

static void plan_add_deep(struct blob_plan *plan, const struct nvtx_schema_scope *scope,
			  const struct nvtx_blob *blob)
{
	const struct nvtx_payload payload = { .scope = *scope };
	const struct nvtx_schema *schema = nvtx_schema_find(scope, blob->schema_id);
	if (schema == NULL || !schema->has_deep_copies)
		return;
	struct nvtx_cursor cursor;
	struct nvtx_field field;
	nvtx_cursor_begin(&cursor, &payload, schema, blob->bytes, blob->size);
	while (nvtx_cursor_next(&cursor, &field)) {
		uint64_t wanted = NVTX_ENTRY_POINTER | NVTX_ENTRY_DEEP_COPY;
		void *at;
		if ((field.entry->flags & wanted) != wanted || cursor.offset > blob->size ||
		    cursor.offset < sizeof at)
			continue;
		memcpy(&at, blob->bytes + cursor.offset - sizeof at, sizeof at);
		if (at != NULL)
			plan_add_pointed(plan, &field, at);
	}
}

static void plan_make(struct blob_plan *plan, const struct nvtx_event_source *source)
{
	const struct nvtx_schema_scope scope = {
		.domain = source->head.domain, .caller = (uintptr_t)source->head.caller,
		.time_ns = INT64_MAX,
	};
	plan->count = plan->bytes = plan->left_out = 0;
	if (source->payload == NULL)
		return;
	for (size_t i = 0; i < source->payload_count; i++) {
		const struct nvtx_payload_data *data = &source->payload[i];
		if (i == NVTX_EVENT_BLOBS_MAX) {
			plan->left_out += source->payload_count - i;
			break;
		}
		plan_add(plan, data->schema_id, data->payload,
			 data->payload == NULL ? 0 : payload_size(&scope, data));
	}
	size_t direct = plan->count;
	if (nvtx_definitions_have_deep_copies())
		for (size_t i = 0; i < direct; i++)
			plan_add_deep(plan, &scope, &plan->blobs[i]);
}

static void message_take(struct nvtx_event_source *source, int32_t type, uint64_t message)
{
	const void *at = (const void *)(uintptr_t)message;
	if (type == NVTX_MESSAGE_ASCII)
		source->text = nvtx_text_measure(at, NVTX_TEXT_NARROW, SIZE_MAX,
						 NVTX_EVENT_TEXT_BYTES_MAX);
	else if (type == NVTX_MESSAGE_WIDE)
		source->text = nvtx_text_measure(at, NVTX_TEXT_UTF32, SIZE_MAX,
						 NVTX_EVENT_TEXT_BYTES_MAX);
	else if (type == NVTX_MESSAGE_REGISTERED && message <= UINT32_MAX)
		source->head.string = (uint32_t)message;
}

void nvtx_event_from_attributes(struct nvtx_event_source *source, const void *attributes)
{
	struct nvtx_event_attributes known = { 0 };
	uint16_t size = 0;
	if (attributes == NULL)
		return;
	memcpy(&size, (const char *)attributes + offsetof(struct nvtx_event_attributes, size),
	       sizeof size);
	memcpy(&known, attributes, size < sizeof known ? size : sizeof known);
	source->head.category = known.category;
	if (known.color_type == NVTX_COLOR_TYPE_ARGB)
		source->head.color = known.color;
	if ((uint32_t)known.payload_type == NVTX_PAYLOAD_EXTENSION) {
		source->payload = (const struct nvtx_payload_data *)(uintptr_t)known.payload;
		source->payload_count = known.payload_count > 0 ? (size_t)known.payload_count : 0;
	} else if (known.payload_type > NVTX_PAYLOAD_NONE &&
		   known.payload_type <= NVTX_PAYLOAD_FLOAT) {
		source->head.payload_type = (uint16_t)known.payload_type;
		source->head.payload = known.payload;
	}
	message_take(source, known.message_type, known.message);
}

bool nvtx_attributes_are_plain(struct nvtx_event_attributes *plain, const void *attributes)
{
	uint16_t size = 0;
	if (attributes == NULL)
		return false;
	memcpy(&size, (const char *)attributes + offsetof(struct nvtx_event_attributes, size),
	       sizeof size);
	if (size < sizeof *plain)
		return false;
	memcpy(plain, attributes, sizeof *plain);
	return plain->category == 0 && plain->color_type == 0 &&
	       plain->payload_type == NVTX_PAYLOAD_NONE &&
	       (plain->message_type == NVTX_MESSAGE_ASCII ||
		(plain->message_type == NVTX_MESSAGE_REGISTERED && plain->message <= UINT32_MAX));
}

static void blob_write(unsigned char *to, const struct nvtx_blob *blob)
{
	const struct blob_head head = {
		.schema_id = blob->schema_id,
		.address = blob->address,
		.kept = (uint32_t)blob->size,
		.is_cut = blob->is_cut,
	};
	memcpy(to, &head, sizeof head);
	if (blob->size > 0)
		memcpy(to + sizeof head, blob->bytes, blob->size);
}

/* Half of all events: the end of a range and nothing else. */
static void end_append(enum nvtx_event_type type, struct nvtx_event_source *source)
{
	void *record = thread_log_begin(LOG_SOURCE_NVTX, (uint16_t)type, END_BYTES);
	if (record == NULL)
		return;
	memcpy(record, &source->head, END_BYTES);
	thread_log_end();
}

void nvtx_event_append_pop(uint32_t domain, int32_t level)
{
	int64_t time_ns = realtime_ns();
	struct nvtx_event *record = thread_log_begin(LOG_SOURCE_NVTX, NVTX_EVENT_POP, POP_BYTES);
	if (record == NULL)
		return;
	record->time_ns = time_ns;
	record->domain = domain;
	record->level = level;
	thread_log_end();
}

static void long_push_append(uint32_t domain, int32_t level, const char *text)
{
	struct nvtx_event_source source = {
		.head = { .domain = domain, .level = level },
		.text = nvtx_text_measure(text, NVTX_TEXT_NARROW, SIZE_MAX,
					  NVTX_EVENT_TEXT_BYTES_MAX),
	};
	nvtx_event_append(NVTX_EVENT_PUSH, &source);
}

void nvtx_event_append_push(uint32_t domain, int32_t level, uint32_t string, const char *text)
{
	size_t length = text == NULL ? 0 : strnlen(text, PLAIN_TEXT_BYTES_MAX + 1);
	if (length > PLAIN_TEXT_BYTES_MAX) {
		long_push_append(domain, level, text);
		return;
	}
	struct nvtx_event *record = thread_log_begin(LOG_SOURCE_NVTX, NVTX_EVENT_PUSH,
						     PLAIN_BYTES + padded(length));
	if (record == NULL)
		return;
	record->domain = domain;
	record->level = level;
	record->string = string;
	record->text_length = (uint32_t)length | NVTX_TEXT_IS_PLAIN;
	if (length > 0)
		memcpy((char *)record + PLAIN_BYTES, text, length);
	record->time_ns = realtime_ns();
	thread_log_end();
}

void nvtx_event_append(enum nvtx_event_type type, struct nvtx_event_source *source)
{
	struct blob_plan plan;
	bool is_end = type == NVTX_EVENT_POP || type == NVTX_EVENT_END;
	if (is_end)
		source->head.time_ns = realtime_ns();
	if (is_end && source->payload == NULL) {
		end_append(type, source);
		return;
	}
	plan_make(&plan, source);
	size_t text_room = padded(source->text.length);
	unsigned char *record =
		thread_log_begin(LOG_SOURCE_NVTX, (uint16_t)type,
				 sizeof source->head + text_room +
					 plan.count * sizeof(struct blob_head) + plan.bytes);
	if (record == NULL)
		return;
	source->head.text_length = (uint32_t)source->text.length;
	source->head.is_text_cut = source->text.is_cut;
	source->head.blob_count = (uint16_t)plan.count;
	source->head.blobs_left_out =
		plan.left_out > UINT16_MAX ? UINT16_MAX : (uint16_t)plan.left_out;
	unsigned char *to = record + sizeof source->head;
	nvtx_text_write(&source->text, (char *)to);
	to += text_room;
	for (size_t i = 0; i < plan.count; i++) {
		blob_write(to, &plan.blobs[i]);
		to += sizeof(struct blob_head) + padded(plan.blobs[i].size);
	}
	if (!is_end)
		source->head.time_ns = realtime_ns();
	memcpy(record, &source->head, sizeof source->head);
	thread_log_end();
}

bool nvtx_event_read(struct nvtx_event_view *view, const void *record, size_t size)
{
	const unsigned char *bytes = record;
	memset(&view->head, 0, sizeof view->head);
	view->text = "";
	view->blob_count = 0;
	if (size < POP_BYTES)
		return false;
	memcpy(&view->head, bytes, size < PLAIN_BYTES ? size : PLAIN_BYTES);
	if ((view->head.text_length & NVTX_TEXT_IS_PLAIN) != 0) {
		view->head.text_length &= ~NVTX_TEXT_IS_PLAIN;
		view->text = (const char *)bytes + PLAIN_BYTES;
		return view->head.text_length <= size - PLAIN_BYTES;
	}
	memcpy(&view->head, bytes, size < sizeof view->head ? size : sizeof view->head);
	if (size < sizeof view->head)
		return true;
	size_t at = sizeof view->head;
	if (view->head.text_length > size - at)
		return false;
	view->text = (const char *)bytes + at;
	at += padded(view->head.text_length);
	for (size_t i = 0; i < view->head.blob_count && i < NVTX_EVENT_BLOBS_MAX; i++) {
		struct blob_head head;
		if (at > size || size - at < sizeof head)
			return false;
		memcpy(&head, bytes + at, sizeof head);
		at += sizeof head;
		if (head.kept > size - at)
			return false;
		view->blobs[view->blob_count++] = (struct nvtx_blob){
			.schema_id = head.schema_id, .address = head.address, .bytes = bytes + at,
			.size = head.kept, .is_cut = head.is_cut != 0,
		};
		at += padded(head.kept);
	}
	return true;
}
