/* SPDX-License-Identifier: MIT */
#include "libtrace/nvtx_source.h"
#include "base/id_map.h"
#include "base/text.h"
#include "libtrace/drain_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/nccl_ranges.h"
#include "libtrace/nvtx_event.h"
#include "libtrace/open_table.h"
#include "libtrace/settings.h"
#include "tracedb/vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STARTED_MAX = 65536, DEPTH_MAX = 4096, STACKS_MAX = 1 << 20 };

/* A range whose begin was seen; of start/end ranges perhaps the end alone. */
struct open_range {
	struct range_row row;
	char *payload;		/* JSON so far, or NULL; ours */
	bool has_begin;
	bool has_end;
	bool is_nccl;
	int32_t level;
	uint32_t domain;
	char name[32];		/* of NCCL calls, for their meaning */
	struct nccl_call call;
};

/* Push/pop ranges nest per thread and domain. */
struct stack {
	struct open_range *ranges;
	size_t depth;
	size_t room;
};

/*
 * State of the drain thread alone; a source has no object of its own because NVTX, whose handlers
 * fill the logs, passes none.
 */
static struct {
	bool is_begun;
	uint64_t definitions_read;
	uint64_t refused_reported;
	struct id_map strings;		/* definition -> string_id */
	struct id_map categories;	/* domain << 32 | category -> string_id */
	struct id_map stack_indexes;	/* thread << 32 | domain -> index into stacks */
	struct stack *stacks;
	size_t stack_count;
	size_t stack_room;
	struct open_table started;
	struct text json;
} timeline;

static void timeline_begin(void)
{
	if (timeline.is_begun)
		return;
	timeline.is_begun = true;
	open_table_begin(&timeline.started, sizeof(struct open_range), STARTED_MAX);
	text_begin(&timeline.json, NVTX_PAYLOAD_JSON_BYTES_MAX);
}

static void definition_read(struct drain *drain, const struct nvtx_definition *definition)
{
	const struct nvtx_name *name = (const struct nvtx_name *)definition;
	if (definition->kind == NVTX_DEFINED_CATEGORY)
		(void)id_map_put(&timeline.categories,
				 (uint64_t)definition->domain << 32 | (uint32_t)name->id,
				 drain_string(drain, name->text, name->length));
	else if (definition->kind == NVTX_DEFINED_THREAD)
		drain_thread(drain, (int64_t)name->id, name->text);
	else if (definition->kind == NVTX_DEFINED_STREAM && name->id != NVTX_STREAM_UNKNOWN)
		drain_stream_name(drain, (int64_t)(name->id >> 32),
				  (int64_t)(name->id & UINT32_MAX), name->text);
	else if (definition->kind == NVTX_DEFINED_STREAM || definition->kind == NVTX_DEFINED_DEVICE)
		drain_loss(drain, "nvtx", "name of a CUDA stream or device not used", 1);
	if (definition->kind != NVTX_DEFINED_SCHEMA && name->is_cut)
		drain_loss(drain, "nvtx", "text cut", 1);
}

static void definitions_read(struct drain *drain)
{
	const struct nvtx_definition *definition;
	while ((definition = nvtx_definition_at(timeline.definitions_read + 1)) != NULL) {
		definition_read(drain, definition);
		timeline.definitions_read++;
	}
	uint64_t refused = nvtx_definitions_refused();
	if (refused > timeline.refused_reported) {
		drain_loss(drain, "nvtx", "definition refused",
			   (int64_t)(refused - timeline.refused_reported));
		timeline.refused_reported = refused;
	}
}

/* string_id of a domain's name or a registered string, 0 if there is none. */
static int64_t defined_text(struct drain *drain, uint32_t index, enum nvtx_definition_kind kind)
{
	int64_t string_id = 0;
	if (index == 0 || id_map_get(&timeline.strings, index, &string_id))
		return string_id;
	const struct nvtx_name *name = nvtx_name_at(index, kind);
	if (name == NULL)
		return 0;
	string_id = drain_string(drain, name->text, name->length);
	(void)id_map_put(&timeline.strings, index, string_id);
	return string_id;
}

static int64_t category_text(struct drain *drain, uint32_t domain, uint32_t category)
{
	int64_t string_id;
	char number[16];
	if (category == 0)
		return 0;
	if (id_map_get(&timeline.categories, (uint64_t)domain << 32 | category, &string_id))
		return string_id;
	int length = snprintf(number, sizeof number, "%" PRIu32, category);
	return drain_string(drain, number, (size_t)length);
}

static struct nvtx_payload payload_of(const struct nvtx_event_view *event)
{
	return (struct nvtx_payload){
		.scope = {
			.domain = event->head.domain, .caller = (uintptr_t)event->head.caller,
			.time_ns = event->head.time_ns,
		},
		.blobs = event->blobs, .blob_count = event->blob_count,
	};
}

/* Message, category and colour may come in the payload; there they win. */
static void field_describe(struct drain *drain, uint32_t domain, const struct nvtx_field *field,
			   struct range_row *row)
{
	bool is_message = (field->entry->flags & NVTX_ENTRY_EVENT_MASK) == NVTX_ENTRY_EVENT_MESSAGE;
	uint64_t value = 0;
	if (field->bytes == NULL || !field->is_supported)
		return;
	if (is_message && field->is_text) {
		text_clear(&timeline.json);
		nvtx_field_add_text(&timeline.json, field);
		row->name_id = drain_string(drain, text_string(&timeline.json),
					    timeline.json.length);
	} else if (is_message && field->type == NVTX_TYPE_REGISTERED_STRING) {
		memcpy(&value, field->bytes, sizeof value);
		row->name_id = defined_text(drain, (uint32_t)value, NVTX_DEFINED_STRING);
	} else if (field->type == NVTX_TYPE_CATEGORY && nvtx_field_integer(field, &value)) {
		row->category_id = category_text(drain, domain, (uint32_t)value);
	} else if (field->type == NVTX_TYPE_COLOR && nvtx_field_integer(field, &value)) {
		row->color = (int64_t)value;
	}
}

static void payload_describe(struct drain *drain, const struct nvtx_event_view *event,
			     struct range_row *row)
{
	const struct nvtx_payload payload = payload_of(event);
	for (size_t i = 0; i < payload.blob_count; i++) {
		const struct nvtx_blob *blob = &payload.blobs[i];
		const struct nvtx_schema *schema = nvtx_blob_schema(&payload, blob);
		struct nvtx_cursor cursor;
		struct nvtx_field field;
		if (schema == NULL)
			continue;
		nvtx_cursor_begin(&cursor, &payload, schema, blob->bytes, blob->size);
		while (nvtx_cursor_next(&cursor, &field))
			field_describe(drain, event->head.domain, &field, row);
	}
}

/* The payload as JSON in timeline.json; empty if there is none. */
static void payload_write(struct drain *drain, const struct nvtx_event_view *event)
{
	struct nvtx_payload_damage damage = { 0 };
	const struct nvtx_payload payload = payload_of(event);
	text_clear(&timeline.json);
	if (event->blob_count > 0)
		nvtx_payload_add_json(&timeline.json, &payload, &damage);
	else if (event->head.payload_type != NVTX_PAYLOAD_NONE)
		nvtx_value_add_json(&timeline.json, event->head.payload_type, event->head.payload);
	damage.truncated += event->head.blobs_left_out;
	if (!text_is_ok(&timeline.json)) {
		text_clear(&timeline.json);
		damage.truncated++;
	}
	if (damage.unknown > 0)
		drain_loss(drain, "nvtx", "payload field not decoded", damage.unknown);
	if (damage.truncated > 0)
		drain_loss(drain, "nvtx", "payload cut", damage.truncated);
}

/* A payload at the begin and one at the end become an array of both. */
static void payload_append(struct drain *drain, struct open_range *range,
			   const struct nvtx_event_view *event, bool is_end)
{
	payload_write(drain, event);
	if (timeline.json.length == 0)
		return;
	if (range->payload != NULL) {
		struct text both;
		const char *now = text_string(&timeline.json);
		text_begin(&both, 2 * NVTX_PAYLOAD_JSON_BYTES_MAX + 4);
		text_add_char(&both, '[');
		text_add(&both, is_end ? range->payload : now);
		text_add_char(&both, ',');
		text_add(&both, is_end ? now : range->payload);
		text_add_char(&both, ']');
		free(range->payload);
		range->payload = strdup(text_string(&both));
		text_end(&both);
	} else {
		range->payload = strdup(text_string(&timeline.json));
	}
	if (range->payload == NULL)
		drain_loss(drain, "nvtx", "no memory", 1);
}

/* Text, domain, category, colour: what a begin or a mark says of itself. */
static void event_describe(struct drain *drain, const struct nvtx_event_view *event,
			   struct range_row *row)
{
	const struct nvtx_event *head = &event->head;
	row->domain_id = defined_text(drain, head->domain, NVTX_DEFINED_DOMAIN);
	row->category_id = category_text(drain, head->domain, head->category);
	row->color = head->color;
	row->name_id = head->string != 0 ? defined_text(drain, head->string, NVTX_DEFINED_STRING) :
		       drain_string(drain, event->text, head->text_length);
	if (head->is_text_cut)
		drain_loss(drain, "nvtx", "text cut", 1);
	if (event->blob_count > 0)
		payload_describe(drain, event, row);
}

/* NCCL registers the names of its calls as strings and has a domain of its own. */
static void nccl_describe(const struct nvtx_event_view *event, struct open_range *range)
{
	const struct nvtx_name *domain = nvtx_name_at(event->head.domain, NVTX_DEFINED_DOMAIN);
	const struct nvtx_name *string = nvtx_name_at(event->head.string, NVTX_DEFINED_STRING);
	if (domain == NULL)
		return;
	if (string != NULL)
		(void)snprintf(range->name, sizeof range->name, "%s", string->text);
	else
		(void)snprintf(range->name, sizeof range->name, "%.*s",
			       (int)event->head.text_length, event->text);
	range->is_nccl = nccl_range_is_call(domain->text, range->name);
	nccl_call_begin(&range->call);
}

static void range_begin(struct drain *drain, const struct log_record *record,
			const struct nvtx_event_view *event, struct open_range *range)
{
	const struct nvtx_payload payload = payload_of(event);
	range->has_begin = true;
	range->level = event->head.level;
	range->domain = event->head.domain;
	range->row.start_ns = drain_time(drain, event->head.time_ns);
	range->row.thread_id = record->thread_id;
	event_describe(drain, event, &range->row);
	payload_append(drain, range, event, false);
	nccl_describe(event, range);
	if (!range->is_nccl)
		return;
	nccl_call_read(&range->call, &payload);
	nccl_call_open(drain, &range->call, range->name, &range->row);
}

/* row.duration_ns holds the end's time until both halves are there. */
static void range_end(struct drain *drain, const struct log_record *record,
		      const struct nvtx_event_view *event, struct open_range *range)
{
	const struct nvtx_payload payload = payload_of(event);
	range->has_end = true;
	range->row.end_thread_id = record->thread_id;
	range->row.duration_ns = drain_time(drain, event->head.time_ns);
	if (event->blob_count > 0)
		payload_describe(drain, event, &range->row);
	payload_append(drain, range, event, true);
	if (range->is_nccl)
		nccl_call_read(&range->call, &payload);
}

static void range_write(struct drain *drain, struct open_range *range)
{
	range->row.duration_ns -= range->row.start_ns;
	if (range->row.duration_ns < 0) {
		drain_loss(drain, "nvtx", "clock set back within a range", 1);
		range->row.duration_ns = 0;
	}
	if (range->payload != NULL)
		range->row.payload_id = drain_string(drain, range->payload, strlen(range->payload));
	drain_put(drain, TABLE_range, &range->row);
	if (range->is_nccl)
		nccl_call_close(drain, &range->call, range->name, &range->row);
	free(range->payload);
	range->payload = NULL;
}

/* A range whose end is not known: it lasted at least until `time_ns` (since the epoch). */
static void range_write_open(struct drain *drain, struct open_range *range, int64_t time_ns)
{
	range->row.is_open = 1;
	range->row.end_thread_id = range->row.thread_id;
	range->row.duration_ns = time_ns < range->row.start_ns ? range->row.start_ns : time_ns;
	if (range->is_nccl)
		nccl_call_drop(&range->call);
	range->is_nccl = false;
	range_write(drain, range);
}

static struct stack *stack_of(int64_t thread_id, uint32_t domain)
{
	uint64_t key = (uint64_t)thread_id << 32 | domain;
	int64_t index;
	if (id_map_get(&timeline.stack_indexes, key, &index))
		return &timeline.stacks[index];
	if (timeline.stack_count == STACKS_MAX)
		return NULL;
	if (timeline.stack_count == timeline.stack_room) {
		size_t room = timeline.stack_room == 0 ? 16 : timeline.stack_room * 2;
		struct stack *stacks = realloc(timeline.stacks, room * sizeof *stacks);
		if (stacks == NULL)
			return NULL;
		timeline.stacks = stacks;
		timeline.stack_room = room;
	}
	if (!id_map_put(&timeline.stack_indexes, key, (int64_t)timeline.stack_count))
		return NULL;
	timeline.stacks[timeline.stack_count] = (struct stack){ 0 };
	return &timeline.stacks[timeline.stack_count++];
}

static struct open_range *stack_add(struct stack *stack)
{
	if (stack->depth == DEPTH_MAX)
		return NULL;
	if (stack->depth == stack->room) {
		size_t room = stack->room == 0 ? 8 : stack->room * 2;
		struct open_range *ranges = realloc(stack->ranges, room * sizeof *ranges);
		if (ranges == NULL)
			return NULL;
		stack->ranges = ranges;
		stack->room = room;
	}
	stack->ranges[stack->depth] = (struct open_range){ .row.kind = RANGE_PUSH_POP };
	return &stack->ranges[stack->depth++];
}

/*
 * Ranges at or above `level` cannot be open any more: their pops were lost, or their thread has
 * ended.
 */
static void stack_unwind(struct drain *drain, struct stack *stack, int32_t level, int64_t time_ns)
{
	while (level >= 0 && stack->depth > 0 && stack->ranges[stack->depth - 1].level >= level) {
		drain_loss(drain, "nvtx", "push without pop", 1);
		range_write_open(drain, &stack->ranges[--stack->depth], time_ns);
	}
}

static void push_read(struct drain *drain, const struct log_record *record,
		      const struct nvtx_event_view *event)
{
	struct stack *stack = stack_of(record->thread_id, event->head.domain);
	if (stack != NULL)
		stack_unwind(drain, stack, event->head.level,
			     drain_time(drain, event->head.time_ns));
	struct open_range *range = stack == NULL ? NULL : stack_add(stack);
	if (range == NULL) {
		drain_loss(drain, "nvtx", "ranges nested too deep", 1);
		return;
	}
	range_begin(drain, record, event, range);
}

static void pop_read(struct drain *drain, const struct log_record *record,
		     const struct nvtx_event_view *event)
{
	struct stack *stack = stack_of(record->thread_id, event->head.domain);
	int32_t level = event->head.level;
	if (stack != NULL && level >= 0)
		stack_unwind(drain, stack, level + 1, drain_time(drain, event->head.time_ns));
	if (stack == NULL || level == -1 || stack->depth == 0 ||
	    stack->ranges[stack->depth - 1].level != level) {
		drain_loss(drain, "nvtx", "pop without push", 1);
		return;
	}
	struct open_range *range = &stack->ranges[--stack->depth];
	range_end(drain, record, event, range);
	range_write(drain, range);
}

/* The halves come from different threads' logs, in any order. */
static void started_read(struct drain *drain, const struct log_record *record,
			 const struct nvtx_event_view *event)
{
	uint64_t range_id = event->head.range_id;
	struct open_range *range = open_table_entry(&timeline.started, range_id);
	if (range == NULL) {
		drain_loss(drain, "nvtx", "too many open ranges", 1);
		return;
	}
	range->row.kind = RANGE_START_END;
	if (record->type == NVTX_EVENT_START)
		range_begin(drain, record, event, range);
	else
		range_end(drain, record, event, range);
	if (!range->has_begin || !range->has_end)
		return;
	range_write(drain, range);
	open_table_remove(&timeline.started, range_id);
}

static void mark_read(struct drain *drain, const struct log_record *record,
		      const struct nvtx_event_view *event)
{
	struct range_row described = { 0 };
	event_describe(drain, event, &described);
	payload_write(drain, event);
	const struct mark_row row = {
		.time_ns = drain_time(drain, event->head.time_ns),
		.thread_id = record->thread_id,
		.domain_id = described.domain_id,
		.category_id = described.category_id,
		.name_id = described.name_id,
		.color = described.color,
		.payload_id =
			drain_string(drain, text_string(&timeline.json), timeline.json.length),
	};
	drain_put(drain, TABLE_mark, &row);
}

void nvtx_source_consume(struct drain *drain, const struct log_record *record)
{
	struct nvtx_event_view event;
	timeline_begin();
	definitions_read(drain);
	if (record->type == NVTX_EVENT_DEFINED)
		return;
	if (!nvtx_event_read(&event, record->payload, record->size)) {
		drain_loss(drain, "nvtx", "malformed record", 1);
		return;
	}
	drain_thread(drain, record->thread_id, NULL);
	if (record->type == NVTX_EVENT_MARK)
		mark_read(drain, record, &event);
	else if (record->type == NVTX_EVENT_PUSH)
		push_read(drain, record, &event);
	else if (record->type == NVTX_EVENT_POP)
		pop_read(drain, record, &event);
	else
		started_read(drain, record, &event);
}

void nvtx_source_finish(struct drain *drain)
{
	int64_t now = drain_time(drain, realtime_ns());
	struct open_range *range;
	uint64_t key;
	timeline_begin();
	definitions_read(drain);
	for (size_t i = 0; i < timeline.stack_count; i++) {
		struct stack *stack = &timeline.stacks[i];
		while (stack->depth > 0)
			range_write_open(drain, &stack->ranges[--stack->depth], now);
		free(stack->ranges);
	}
	for (size_t at = 0; (range = open_table_next(&timeline.started, &at, &key)) != NULL;) {
		if (range->has_begin)
			range_write_open(drain, range, now);
		else
			drain_loss(drain, "nvtx", "end without start", 1);
		free(range->payload);
	}
	open_table_end(&timeline.started);
	text_end(&timeline.json);
	id_map_end(&timeline.strings);
	id_map_end(&timeline.categories);
	id_map_end(&timeline.stack_indexes);
	free(timeline.stacks);
	memset(&timeline, 0, sizeof timeline);
}

static void nvtx_begin(struct drain *drain, const struct drain_plan *plan)
{
	if (!plan->settings->nvtx)
		drain_loss(drain, "nvtx", "disabled: LAGGARD_NVTX=off", 0);
	else if (plan->is_nvtx_taken)
		drain_loss(drain, "nvtx", "disabled: NVTX_INJECTION64_PATH names another tool", 0);
}

static void nvtx_finish(struct drain *drain, int64_t stop_ns)
{
	(void)stop_ns;
	nvtx_source_finish(drain);
}

const struct drain_source drain_source_nvtx = {
	.name = "nvtx", .begin = nvtx_begin, .log = LOG_SOURCE_NVTX,
	.consume = nvtx_source_consume, .finish = nvtx_finish,
};
