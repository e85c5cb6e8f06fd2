/* SPDX-License-Identifier: MIT */
/*
 * One NVTX event on its way from the program's thread to the drain: how the handlers append it to
 * the thread's log and how the drain reads it back. Everything the event points to is copied during
 * the call.
 *
 * Thread: append on the calling thread of the program (never blocks, no heap, keeps errno); read
 * anywhere.
 */
#ifndef LIBTRACE_NVTX_EVENT_H
#define LIBTRACE_NVTX_EVENT_H

#include "libtrace/nvtx_abi.h"
#include "libtrace/nvtx_definitions.h"
#include "libtrace/nvtx_payload.h"
#include "libtrace/nvtx_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nvtx_event_type {
	NVTX_EVENT_MARK = 1, NVTX_EVENT_PUSH, NVTX_EVENT_POP, NVTX_EVENT_START, NVTX_EVENT_END,
	NVTX_EVENT_DEFINED,	/* empty: tells the drain to look at new definitions */
};

enum {
	NVTX_EVENT_TEXT_BYTES_MAX = 8 * 1024,
	NVTX_EVENT_BLOBS_MAX = 16,
	NVTX_EVENT_BLOB_BYTES_MAX = 16 * 1024,	/* all blobs of an event together */
	NVTX_LEVEL_UNKNOWN = -2,	/* more domains on this thread than are counted */
};

/*
 * Head of the record in the log; behind it the text, then the blobs, each 8-aligned. What an event
 * does not have at the end of its head is left out (the reader takes it as 0): a pop ends before
 * `text_length`, an end before `payload`. A plain push, with a text and nothing else, has its text
 * instead of all that follows `string`.
 */
struct nvtx_event {
	int64_t time_ns;	/* CLOCK_REALTIME */
	uint32_t domain;	/* index of its definition, 0: default */
	int32_t level;		/* push and pop: nesting level; -1: pop without push */
	uint32_t text_length;	/* NVTX_TEXT_IS_PLAIN in it: a plain push */
	uint32_t string;	/* index of a registered string, 0: the text that follows */
	uint64_t range_id;	/* start and end */
	uint64_t payload;	/* value by payload_type */
	uint64_t caller; /* in the calling library, where schemas of the default domain matter */
	uint32_t category;
	uint32_t color;		/* ARGB */
	uint16_t payload_type;	/* enum nvtx_payload_type */
	uint16_t blob_count;
	uint16_t blobs_left_out;
	bool is_text_cut;
};

#define NVTX_TEXT_IS_PLAIN (UINT32_C(1) << 31)

/* Attributes as the program gave them, brought to one form. */
struct nvtx_event_source {
	struct nvtx_event head;
	struct nvtx_text text;
	const struct nvtx_payload_data *payload;
	size_t payload_count;
};

/* Reads only as much of the caller's struct as it says it has; NULL gives an event without text. */
void nvtx_event_from_attributes(struct nvtx_event_source *source, const void *attributes);

/* Whether attributes, copied to `plain`, are no more than a text or a registered string. */
bool nvtx_attributes_are_plain(struct nvtx_event_attributes *plain, const void *attributes);

/*
 * Stamps and appends. Begins are stamped last and ends first, so that our own work lies outside the
 * range.
 */
void nvtx_event_append(enum nvtx_event_type type, struct nvtx_event_source *source);

/*
 * The same for the most frequent events, which have nothing but a text or a registered string; a
 * text that is not NULL ends with NUL.
 */
void nvtx_event_append_push(uint32_t domain, int32_t level, uint32_t string, const char *text);
void nvtx_event_append_pop(uint32_t domain, int32_t level);

/* Reads a record back; false if it is malformed. The views point into the record. */
struct nvtx_event_view {
	struct nvtx_event head;
	const char *text;
	struct nvtx_blob blobs[NVTX_EVENT_BLOBS_MAX];
	size_t blob_count;
};
bool nvtx_event_read(struct nvtx_event_view *view, const void *record, size_t size);

#endif
