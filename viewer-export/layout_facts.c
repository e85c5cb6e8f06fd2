/* SPDX-License-Identifier: MIT */
#include "viewer-export/layout_facts.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

static bool no_memory(struct trace_reader *reader, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export '%s'", trace_reader_path(reader));
}

/* What people call a stream by; several contexts of a device may use the same number. */
struct stream_number {
	int64_t device_id;
	int64_t number;
};

static int64_t number_uses(const struct layout_facts *facts, struct stream_number number)
{
	int64_t uses;
	return bytes_map_get(&facts->numbers, &number, sizeof number, &uses) ? uses : 0;
}

static bool stream_keep(struct layout_facts *facts, const struct stream_row *row)
{
	struct stream_row *streams = array_grow(facts->streams, &facts->stream_room,
						facts->stream_count, sizeof streams[0]);
	if (streams == NULL)
		return false;
	facts->streams = streams;
	streams[facts->stream_count] = *row;
	struct stream_number number = { row->device_id, row->number };
	if (!bytes_map_put(&facts->numbers, &number, sizeof number, number_uses(facts, number) + 1))
		return false;
	return id_map_put(&facts->stream_at, (uint64_t)row->stream_id,
			  (int64_t)facts->stream_count++);
}

static bool thread_keep(struct layout_facts *facts, const struct thread_row *row)
{
	struct thread_row *threads = array_grow(facts->threads, &facts->thread_room,
						facts->thread_count, sizeof threads[0]);
	if (threads == NULL)
		return false;
	facts->threads = threads;
	threads[facts->thread_count] = *row;
	return id_map_put(&facts->thread_at, (uint64_t)row->thread_id,
			  (int64_t)facts->thread_count++);
}

static bool device_keep(struct layout_facts *facts, const struct device_row *row)
{
	struct device_fact *devices = array_grow(facts->devices, &facts->device_room,
						 facts->device_count, sizeof devices[0]);
	if (devices == NULL)
		return false;
	facts->devices = devices;
	char *name = strdup(row->name);
	if (name == NULL)
		return false;
	devices[facts->device_count++] = (struct device_fact){ row->device_id, name };
	return true;
}

bool layout_facts_read(struct layout_facts *facts, struct trace_reader *reader, struct error *error)
{
	static const enum trace_table tables[] = { TABLE_stream, TABLE_thread, TABLE_device };
	union {
		struct stream_row stream;
		struct thread_row thread;
		struct device_row device;
	} row;
	*facts = (struct layout_facts){ .stream_count = 0 };
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct trace_cursor *cursor = NULL;
		bool ok = true;
		int result = 0;
		if (!trace_reader_select(reader, tables[i], 0, -1, &cursor, error))
			return false;
		while (ok && (result = trace_cursor_next(cursor, &row, error)) > 0)
			ok = tables[i] == TABLE_stream ? stream_keep(facts, &row.stream) :
			     tables[i] == TABLE_thread ? thread_keep(facts, &row.thread) :
							 device_keep(facts, &row.device);
		trace_cursor_close(cursor);
		if (!ok)
			return no_memory(reader, error);
		if (result < 0)
			return false;
	}
	return true;
}

void layout_facts_end(struct layout_facts *facts)
{
	for (size_t i = 0; i < facts->device_count; i++)
		free(facts->devices[i].name);
	free(facts->devices);
	free(facts->streams);
	free(facts->threads);
	bytes_map_end(&facts->numbers);
	id_map_end(&facts->stream_at);
	id_map_end(&facts->thread_at);
	*facts = (struct layout_facts){ .stream_count = 0 };
}

const struct stream_row *layout_facts_stream(const struct layout_facts *facts, int64_t stream_id)
{
	int64_t at;
	return id_map_get(&facts->stream_at, (uint64_t)stream_id, &at) ? &facts->streams[at] : NULL;
}

const struct thread_row *layout_facts_thread(const struct layout_facts *facts, int64_t thread_id)
{
	int64_t at;
	return id_map_get(&facts->thread_at, (uint64_t)thread_id, &at) ? &facts->threads[at] : NULL;
}

const char *layout_facts_device_name(const struct layout_facts *facts, int64_t device_id)
{
	for (size_t i = 0; i < facts->device_count; i++)
		if (facts->devices[i].device_id == device_id)
			return facts->devices[i].name;
	return "";
}

bool layout_facts_stream_is_ambiguous(const struct layout_facts *facts,
				      const struct stream_row *stream)
{
	return number_uses(facts, (struct stream_number){ stream->device_id, stream->number }) > 1;
}
