/* SPDX-License-Identifier: MIT */
/*
 * Streams that were told to wait for work on other streams (cudaStreamWaitEvent): when the host
 * said so, and which work the event stood for. A wait joins with its cudaEventRecord by the id of
 * the record, never by the event, which is recorded again and again.
 *
 * Memory: 32 bytes a wait; 24 a record while a trace is read.
 *
 * Thread: loading is the reader's thread's; loaded waits may be read by any number of threads.
 */
#ifndef ANALYZER_EVENT_WAITS_H
#define ANALYZER_EVENT_WAITS_H

#include "analyzer/host_calls.h"
#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NO_STREAM UINT32_MAX

struct event_wait {
	int64_t host_ns;	/* when the host made the stream wait */
	int64_t record_ns;	/* when the host recorded the event */
	uint32_t stream;	/* place of the stream that waits */
	uint32_t source;	/* place of the stream waited for; NO_STREAM: not recorded */
};

struct event_waits {
	struct event_wait *waits;	/* by stream and host_ns */
	size_t count;
	size_t room;
	size_t *first;		/* of each stream; stream_count + 1 items */
	bool has_sources;	/* the records are known, not only the waits */
};

/* `streams`: places by stream_id, `stream_count` of them. */
bool event_waits_load(struct event_waits *waits, const struct dense_ids *streams,
		      size_t stream_count, struct host_calls *calls, struct trace_reader *reader,
		      struct error *error);
void event_waits_end(struct event_waits *waits);

#endif
