/* SPDX-License-Identifier: MIT */
/*
 * What the trace says about its streams, threads and devices, looked up by their ids.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_LAYOUT_FACTS_H
#define VIEWER_EXPORT_LAYOUT_FACTS_H

#include "base/error.h"
#include "base/id_map.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_fact {
	int64_t device_id;
	char *name;
};

struct layout_facts {
	struct id_map stream_at;
	struct stream_row *streams;
	size_t stream_count;
	size_t stream_room;
	struct bytes_map numbers;	/* (device, number) to how many streams have it */
	struct id_map thread_at;
	struct thread_row *threads;
	size_t thread_count;
	size_t thread_room;
	struct device_fact *devices;
	size_t device_count;
	size_t device_room;
};

bool layout_facts_read(struct layout_facts *facts, struct trace_reader *reader,
		       struct error *error);
void layout_facts_end(struct layout_facts *facts);

/* NULL: the trace does not say. */
const struct stream_row *layout_facts_stream(const struct layout_facts *facts, int64_t stream_id);
const struct thread_row *layout_facts_thread(const struct layout_facts *facts, int64_t thread_id);

/* "" if unknown. */
const char *layout_facts_device_name(const struct layout_facts *facts, int64_t device_id);

/* Another stream of the device has the same number, in another context. */
bool layout_facts_stream_is_ambiguous(const struct layout_facts *facts,
				      const struct stream_row *stream);

#endif
