/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_opens.h"
#include "libtrace/nccl_event.h"
#include "libtrace/nvtx_event.h"

#include <stdlib.h>
#include <string.h>

enum { BEGUN_MAX = 65536, BEGUN_BYTES_MAX = 8 << 20, FACTS_BYTES_MAX = 4 << 20 };

/* Three spaces of keys: threads' stacks, start/end ranges, NCCL's events. */
#define KEY_START (UINT64_C(1) << 62)
#define KEY_NCCL (UINT64_C(2) << 62)

/* A log record, copied; in the buffer of facts the payload follows, 8-aligned. */
struct kept {
	int64_t thread_id;
	uint32_t size;
	uint16_t source, type;
};

struct begun {
	struct kept head;
	uint64_t number;
	void *payload;		/* NULL: the end left the window before the begin */
	bool is_communicator;
};

void flight_opens_begin(struct flight_opens *opens)
{
	*opens = (struct flight_opens){ 0 };
	open_table_begin(&opens->begun, sizeof(struct begun), BEGUN_MAX);
}

void flight_opens_finish(struct flight_opens *opens)
{
	struct begun *begun;
	uint64_t key;
	for (size_t at = 0; (begun = open_table_next(&opens->begun, &at, &key)) != NULL;)
		free(begun->payload);
	open_table_end(&opens->begun);
	free(opens->cupti.bytes);
	free(opens->logs.bytes);
	*opens = (struct flight_opens){ 0 };
}

/* Room for `size` more bytes, 8-aligned; NULL: full, and counted. */
static void *bytes_add(struct flight_opens *opens, struct flight_bytes *to, size_t size)
{
	size = (size + 7) / 8 * 8;
	if (to->size + size > to->room) {
		size_t room = to->room == 0 ? 4096 : to->room * 2;
		while (room < to->size + size)
			room *= 2;
		uint8_t *bytes = room > FACTS_BYTES_MAX ? NULL : realloc(to->bytes, room);
		if (bytes == NULL) {
			opens->refused++;
			return NULL;
		}
		to->bytes = bytes;
		to->room = room;
	}
	void *place = to->bytes + to->size;
	memset(place, 0, size);
	to->size += size;
	return place;
}

void flight_opens_keep_record(struct flight_opens *opens, const void *record, size_t size)
{
	void *place = bytes_add(opens, &opens->cupti, size);
	if (place != NULL)
		memcpy(place, record, size);
}

static void fact_keep(struct flight_opens *opens, const struct kept *head, const void *payload)
{
	uint8_t *place = bytes_add(opens, &opens->logs, sizeof *head + head->size);
	if (place == NULL)
		return;
	memcpy(place, head, sizeof *head);
	memcpy(place + sizeof *head, payload, head->size);
}

static void begun_remove(struct flight_opens *opens, uint64_t key)
{
	struct begun *begun = open_table_find(&opens->begun, key);
	if (begun == NULL)
		return;
	if (begun->payload != NULL)
		opens->begun_bytes -= begun->head.size;
	free(begun->payload);
	open_table_remove(&opens->begun, key);
}

static void begun_add(struct flight_opens *opens, uint64_t key, const struct log_record *record,
		      bool is_communicator)
{
	begun_remove(opens, key);	/* a push whose pop was lost */
	struct begun *begun = opens->begun_bytes + record->size > BEGUN_BYTES_MAX ? NULL :
		open_table_entry(&opens->begun, key);
	void *payload = begun == NULL ? NULL : malloc(record->size + 1);
	if (payload == NULL) {
		opens->refused++;
		if (begun != NULL)
			open_table_remove(&opens->begun, key);
		return;
	}
	memcpy(payload, record->payload, record->size);
	opens->begun_bytes += record->size;
	*begun = (struct begun){
		.head = {
			.thread_id = record->thread_id, .size = (uint32_t)record->size,
			.source = (uint16_t)record->source, .type = record->type,
		},
		.number = ++opens->number, .payload = payload, .is_communicator = is_communicator,
	};
}

static uint64_t stack_key(const struct log_record *record, const struct nvtx_event *event)
{
	return ((uint64_t)record->thread_id << 32 | (uint64_t)event->domain << 12 |
		(uint64_t)(event->level & 4095)) & (KEY_START - 1);
}

/* Does this push begin the making of a communicator? */
static bool is_communicator_call(struct flight_opens *opens, const struct nvtx_event_view *event)
{
	const struct nvtx_event *head = &event->head;
	if (head->domain == 0)
		return false;
	if (opens->nccl_domain == 0) {
		const struct nvtx_name *domain = nvtx_name_at(head->domain, NVTX_DEFINED_DOMAIN);
		if (domain == NULL || strcmp(domain->text, "NCCL") != 0)
			return false;
		opens->nccl_domain = head->domain;
	}
	if (head->domain != opens->nccl_domain)
		return false;
	const struct nvtx_name *name = nvtx_name_at(head->string, NVTX_DEFINED_STRING);
	if (name != NULL)
		return strncmp(name->text, "ncclComm", 8) == 0;
	return head->text_length >= 8 && strncmp(event->text, "ncclComm", 8) == 0;
}

static void pop_leave(struct flight_opens *opens, const struct log_record *record, uint64_t key)
{
	const struct begun *begun = open_table_find(&opens->begun, key);
	if (begun != NULL && begun->is_communicator) {
		const struct kept pop = {
			.thread_id = record->thread_id, .size = (uint32_t)record->size,
			.source = (uint16_t)record->source, .type = record->type,
		};
		fact_keep(opens, &begun->head, begun->payload);
		fact_keep(opens, &pop, record->payload);
	}
	begun_remove(opens, key);
}

/* Of two threads' logs the end may leave first; then its begin is not kept. */
static void ended_leave(struct flight_opens *opens, uint64_t key, bool is_end,
			const struct log_record *record)
{
	const struct begun *begun = open_table_find(&opens->begun, key);
	if (is_end && begun == NULL) {
		struct begun *ended = open_table_entry(&opens->begun, key);
		if (ended == NULL)
			opens->refused++;
	} else if (is_end || begun != NULL) {
		begun_remove(opens, key);
	} else {
		begun_add(opens, key, record, false);
	}
}

static void nvtx_leave(struct flight_opens *opens, const struct log_record *record)
{
	struct nvtx_event_view event;
	if (record->type == NVTX_EVENT_MARK || record->type == NVTX_EVENT_DEFINED ||
	    !nvtx_event_read(&event, record->payload, record->size))
		return;
	bool is_stack = record->type == NVTX_EVENT_PUSH || record->type == NVTX_EVENT_POP;
	if (!is_stack) {
		ended_leave(opens, KEY_START | event.head.range_id,
			    record->type == NVTX_EVENT_END, record);
		return;
	}
	if (event.head.level < 0)
		return;
	uint64_t key = stack_key(record, &event.head);
	if (record->type == NVTX_EVENT_PUSH)
		begun_add(opens, key, record, is_communicator_call(opens, &event));
	else
		pop_leave(opens, record, key);
}

static void nccl_leave(struct flight_opens *opens, const struct log_record *record)
{
	struct nccl_stop head;	/* both records begin with time and handle */
	if (record->type == NCCL_RECORD_CONTEXT || record->size < sizeof head)
		return;
	memcpy(&head, record->payload, sizeof head);
	ended_leave(opens, KEY_NCCL | head.handle, record->type == NCCL_RECORD_STOP, record);
}

void flight_opens_leave(struct flight_opens *opens, const struct log_record *record)
{
	if (record->source == LOG_SOURCE_NVTX)
		nvtx_leave(opens, record);
	else
		nccl_leave(opens, record);
}

static void replay_one(const struct kept *head, const void *payload, log_consume consume,
		       void *context)
{
	const struct log_record record = {
		.source = (enum log_source)head->source, .type = head->type,
		.thread_id = head->thread_id, .payload = payload, .size = head->size,
	};
	consume(context, &record);
}

static int begun_order(const void *a, const void *b)
{
	const struct begun *left = *(const struct begun *const *)a;
	const struct begun *right = *(const struct begun *const *)b;
	return (left->number > right->number) - (left->number < right->number);
}

void flight_opens_replay(const struct flight_opens *opens, log_consume consume, void *context)
{
	struct begun *begun;
	uint64_t key;
	size_t count = 0;
	for (size_t at = 0; at < opens->logs.size;) {
		const struct kept *head = (const void *)(opens->logs.bytes + at);
		replay_one(head, head + 1, consume, context);
		at += (sizeof *head + head->size + 7) / 8 * 8;
	}
	struct begun **order = calloc(opens->begun.used + 1, sizeof(struct begun *));
	if (order == NULL)
		return;
	for (size_t at = 0; (begun = open_table_next(&opens->begun, &at, &key)) != NULL;)
		if (begun->payload != NULL)
			order[count++] = begun;
	qsort(order, count, sizeof(struct begun *), begun_order);
	for (size_t i = 0; i < count; i++)
		replay_one(&order[i]->head, order[i]->payload, consume, context);
	free(order);
}

int64_t flight_opens_take_refused(struct flight_opens *opens)
{
	int64_t refused = opens->refused;
	opens->refused = 0;
	return refused;
}
