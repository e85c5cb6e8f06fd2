/* SPDX-License-Identifier: MIT */
/*
 * One event of a Kineto trace, gathered from its tokens: the few members and arguments we know,
 * whatever their order and whether a number stands there as a number or as a string. Everything
 * else is passed over.
 *
 * Thread: one event belongs to one import.
 */
#ifndef TRACEDB_IMPORT_KINETO_EVENT_H
#define TRACEDB_IMPORT_KINETO_EVENT_H

#include "base/text.h"
#include "tracedb/json_stream.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * FIELD(name, level, shape, key): level EVENT = member of the event, ARGS = member of its "args".
 * Shapes: NUMBER  whole number           TIME    decimal microseconds, kept as nanoseconds TEXT
 * text                   ID      number or text, or a text that ends in a number ("stream 7") SHAPE
 * list of three numbers  LIST    text, or a list of numbers that becomes one ("[0, 1]")
 */
#define KINETO_FIELDS(FIELD) \
	FIELD(PHASE, EVENT, TEXT, "ph") \
	FIELD(CATEGORY, EVENT, TEXT, "cat") \
	FIELD(NAME, EVENT, TEXT, "name") \
	FIELD(PID, EVENT, ID, "pid") \
	FIELD(TID, EVENT, ID, "tid") \
	FIELD(START, EVENT, TIME, "ts") \
	FIELD(DURATION, EVENT, TIME, "dur") \
	FIELD(ARG_NAME, ARGS, TEXT, "name") \
	FIELD(DEVICE, ARGS, NUMBER, "device") \
	FIELD(CONTEXT, ARGS, NUMBER, "context") \
	FIELD(STREAM, ARGS, ID, "stream") \
	FIELD(CORRELATION, ARGS, NUMBER, "correlation") \
	FIELD(EXTERNAL_ID, ARGS, NUMBER, "External id") \
	FIELD(BYTES, ARGS, NUMBER, "bytes") \
	FIELD(GRID, ARGS, SHAPE, "grid") \
	FIELD(BLOCK, ARGS, SHAPE, "block") \
	FIELD(REGISTERS, ARGS, NUMBER, "registers per thread") \
	FIELD(SHARED_MEMORY, ARGS, NUMBER, "shared memory") \
	FIELD(PRIORITY, ARGS, NUMBER, "priority") \
	FIELD(GRAPH_ID, ARGS, NUMBER, "graph id") \
	FIELD(GRAPH_NODE_ID, ARGS, NUMBER, "graph node id") \
	FIELD(COPY_KIND, ARGS, TEXT, "kind") \
	FIELD(FROM_DEVICE, ARGS, NUMBER, "fromDevice") \
	FIELD(IN_DEVICE, ARGS, NUMBER, "inDevice") \
	FIELD(TO_DEVICE, ARGS, NUMBER, "toDevice") \
	FIELD(IN_CONTEXT, ARGS, NUMBER, "inContext") \
	FIELD(SYNC_KIND, ARGS, TEXT, "cuda_sync_kind") \
	FIELD(WAIT_STREAM, ARGS, NUMBER, "wait_on_stream") \
	FIELD(WAIT_RECORD, ARGS, NUMBER, "wait_on_cuda_event_record_corr_id") \
	FIELD(WAIT_EVENT, ARGS, NUMBER, "wait_on_cuda_event_id") \
	FIELD(EVENT_ID, ARGS, NUMBER, "event_id") \
	FIELD(MEMORY_BYTES, ARGS, NUMBER, "Bytes") \
	FIELD(MEMORY_ADDRESS, ARGS, NUMBER, "Addr") \
	FIELD(MEMORY_DEVICE_TYPE, ARGS, NUMBER, "Device Type") \
	FIELD(MEMORY_DEVICE, ARGS, NUMBER, "Device Id") \
	FIELD(MEMORY_ALLOCATED, ARGS, NUMBER, "Total Allocated") \
	FIELD(MEMORY_RESERVED, ARGS, NUMBER, "Total Reserved") \
	FIELD(COLLECTIVE, ARGS, TEXT, "Collective name") \
	FIELD(ELEMENTS_IN, ARGS, NUMBER, "In msg nelems") \
	FIELD(ELEMENTS_OUT, ARGS, NUMBER, "Out msg nelems") \
	FIELD(GROUP_SIZE, ARGS, NUMBER, "Group size") \
	FIELD(DATATYPE, ARGS, TEXT, "dtype") \
	FIELD(GROUP_NAME, ARGS, TEXT, "Process Group Name") \
	FIELD(GROUP_RANKS, ARGS, LIST, "Process Group Ranks") \
	FIELD(SOURCE_RANK, ARGS, NUMBER, "Src Rank") \
	FIELD(DESTINATION_RANK, ARGS, NUMBER, "Dst Rank") \
	FIELD(SEQUENCE, ARGS, NUMBER, "Seq") \
	FIELD(COMMUNICATOR, ARGS, ID, "Comms Id")

enum kineto_field {
#define FIELD(name, level, shape, key) FIELD_##name,
	KINETO_FIELDS(FIELD)
#undef FIELD
	FIELD_COUNT,
	FIELD_UNKNOWN = FIELD_COUNT
};

_Static_assert(FIELD_COUNT <= 64, "kineto_event.present has one bit a field");

struct kineto_event {
	uint64_t present;			/* bit per field */
	uint64_t broken;			/* bit per field: there, but no such value */
	int64_t numbers[FIELD_COUNT];
	struct { size_t offset, length; } texts[FIELD_COUNT];	/* in `text` */
	int64_t grid[3], block[3];
	bool has_counter;			/* some argument unknown to us is a number */
	bool is_counter_cut;			/* it has a fraction, which is cut */
	int64_t counter;
	struct text text;

	/* while reading */
	int depth;				/* of the event's own braces */
	enum kineto_field field;		/* that the next value belongs to */
	bool is_in_args;
	int list_index;				/* in a SHAPE or LIST; -1 outside */
};

void kineto_event_open(struct kineto_event *event);
void kineto_event_close(struct kineto_event *event);

/* Forgets the last event; the next one's braces are at `depth`. */
void kineto_event_begin(struct kineto_event *event, int depth);

/* One token from inside the braces. False: a text is too long. */
bool kineto_event_take(struct kineto_event *event, const struct json_token *token);

static inline bool event_has(const struct kineto_event *event, enum kineto_field field)
{
	return event->present >> field & 1;
}

/* The number, or `otherwise` where the event has none. */
static inline int64_t event_number(const struct kineto_event *event, enum kineto_field field,
				   int64_t otherwise)
{
	return event_has(event, field) ? event->numbers[field] : otherwise;
}

/* The text, terminated; "" where the event has none. Borrowed until the next event. */
const char *event_text(const struct kineto_event *event, enum kineto_field field);
size_t event_text_length(const struct kineto_event *event, enum kineto_field field);

#endif
