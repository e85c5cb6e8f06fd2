/* SPDX-License-Identifier: MIT */
#include "tests/sources/fake_drain.h"
#include "libtrace/cupti_source.h"
#include "libtrace/nccl_source.h"
#include "libtrace/nvtx_source.h"
#include "libtrace/thread_log.h"

#include <stdlib.h>
#include <string.h>

struct loss {
	char *source;
	char *reason;
	int64_t count;
	struct loss *next;
};

struct thread_name {
	int64_t thread_id;
	char *name;
	struct thread_name *next;
};

struct drain {
	struct {
		unsigned char *rows;
		size_t count;
	} tables[TABLE_COUNT];
	char **strings;
	size_t string_count;
	struct trace_row trace;
	struct loss *losses;
	struct thread_name *threads;
	struct device_row devices[8];
	size_t device_count;
};

/* A test ends with its process: what stays reachable is no leak. */
static struct drain *volatile the_drain;

struct drain *fake_drain_create(void)
{
	struct drain *drain = calloc(1, sizeof *drain);
	the_drain = drain;
	if (drain == NULL || !thread_log_start(64 * 1024 * 1024))
		abort();
	drain->trace.rank = drain->trace.world_size = -1;
	return drain;
}

static void consume(void *context, const struct log_record *record)
{
	if (record->source == LOG_SOURCE_NVTX)
		nvtx_source_consume(context, record);
	else
		nccl_source_consume(context, record);
}

void fake_drain_consume(struct drain *drain)
{
	(void)thread_log_drain(consume, drain);
}

void fake_drain_finish(struct drain *drain)
{
	fake_drain_consume(drain);
	nvtx_source_finish(drain);
	nccl_source_finish(drain);
}

int64_t drain_time(const struct drain *drain, int64_t realtime_ns)
{
	(void)drain;
	return realtime_ns - FAKE_EPOCH_NS;
}

int64_t drain_string(struct drain *drain, const char *bytes, size_t length)
{
	if (length == 0)
		return 0;
	for (size_t i = 0; i < drain->string_count; i++)
		if (strlen(drain->strings[i]) == length &&
		    memcmp(drain->strings[i], bytes, length) == 0)
			return (int64_t)i + 1;
	drain->strings = realloc(drain->strings, (drain->string_count + 1) * sizeof(char *));
	drain->strings[drain->string_count++] = strndup(bytes, length);
	return (int64_t)drain->string_count;
}

const char *drain_keep_text(struct drain *drain, const char *text)
{
	return fake_text(drain, drain_string(drain, text, strlen(text)));
}

static void row_keep(struct drain *drain, enum trace_table table, unsigned char *row)
{
	const struct table_descriptor *descriptor = &trace_tables[table];
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const char *text;
		if (descriptor->columns[i].type != COLUMN_TYPE_TEXT)
			continue;
		memcpy(&text, row + descriptor->columns[i].offset, sizeof text);
		text = drain_keep_text(drain, text == NULL ? "" : text);
		memcpy(row + descriptor->columns[i].offset, &text, sizeof text);
	}
}

void drain_put(struct drain *drain, enum trace_table table, const void *row)
{
	size_t size = trace_tables[table].row_size;
	size_t count = drain->tables[table].count++;
	/* At each power of two: address sanitizers copy at every realloc(). */
	if ((count & (count - 1)) == 0)
		drain->tables[table].rows =
			realloc(drain->tables[table].rows, (count == 0 ? 1 : 2 * count) * size);
	memcpy(drain->tables[table].rows + count * size, row, size);
	row_keep(drain, table, drain->tables[table].rows + count * size);
}

/* The key is the first column. */
void drain_replace(struct drain *drain, enum trace_table table, const void *row)
{
	size_t size = trace_tables[table].row_size;
	for (size_t i = 0; i < drain->tables[table].count; i++) {
		unsigned char *old = drain->tables[table].rows + i * size;
		if (memcmp(old, row, sizeof(int64_t)) != 0)
			continue;
		memcpy(old, row, size);
		row_keep(drain, table, old);
		return;
	}
	drain_put(drain, table, row);
}

void drain_loss(struct drain *drain, const char *source, const char *reason, int64_t count)
{
	struct loss *loss = drain->losses;
	while (loss != NULL &&
	       (strcmp(loss->source, source) != 0 || strcmp(loss->reason, reason) != 0))
		loss = loss->next;
	if (loss == NULL) {
		loss = calloc(1, sizeof *loss);
		loss->source = strdup(source);
		loss->reason = strdup(reason);
		loss->next = drain->losses;
		drain->losses = loss;
	}
	loss->count += count;
}

struct trace_row *drain_trace_row(struct drain *drain)
{
	return &drain->trace;
}

void drain_thread(struct drain *drain, int64_t thread_id, const char *name)
{
	if (name == NULL)
		return;
	struct thread_name *thread = calloc(1, sizeof *thread);
	thread->thread_id = thread_id;
	thread->name = strdup(name);
	thread->next = drain->threads;
	drain->threads = thread;
}

struct device_row *drain_device_row(struct drain *drain, int64_t device_id)
{
	for (size_t i = 0; i < drain->device_count; i++)
		if (drain->devices[i].device_id == device_id)
			return &drain->devices[i];
	return NULL;
}

size_t drain_device_count(const struct drain *drain)
{
	return drain->device_count;
}

struct device_row *drain_device_at(struct drain *drain, size_t index)
{
	return &drain->devices[index];
}

struct device_row *fake_device_add(struct drain *drain, int64_t device_id)
{
	struct device_row *row = &drain->devices[drain->device_count++];
	row->device_id = device_id;
	row->pcie_replays = -1;
	return row;
}

size_t fake_count(const struct drain *drain, enum trace_table table)
{
	return drain->tables[table].count;
}

const void *fake_row(const struct drain *drain, enum trace_table table, size_t index)
{
	return drain->tables[table].rows + index * trace_tables[table].row_size;
}

const char *fake_text(const struct drain *drain, int64_t string_id)
{
	return string_id == 0 ? "" : drain->strings[string_id - 1];
}

const char *fake_thread_name(const struct drain *drain, int64_t thread_id)
{
	for (const struct thread_name *thread = drain->threads; thread != NULL;
	     thread = thread->next)
		if (thread->thread_id == thread_id)
			return thread->name;
	return "";
}

int64_t fake_loss(const struct drain *drain, const char *source, const char *reason)
{
	for (const struct loss *loss = drain->losses; loss != NULL; loss = loss->next)
		if (strcmp(loss->source, source) == 0 && strcmp(loss->reason, reason) == 0)
			return loss->count;
	return -1;
}

static const void *row_find(const struct drain *drain, enum trace_table table, size_t column,
			    const char *text)
{
	const void *found = NULL;
	for (size_t i = 0; i < drain->tables[table].count; i++) {
		const unsigned char *row = fake_row(drain, table, i);
		int64_t string_id;
		memcpy(&string_id, row + column, sizeof string_id);
		if (strcmp(fake_text(drain, string_id), text) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = row;
	}
	return found;
}

const struct range_row *fake_range(const struct drain *drain, const char *name)
{
	return row_find(drain, TABLE_range, offsetof(struct range_row, name_id), name);
}

const struct mark_row *fake_mark(const struct drain *drain, const char *name)
{
	return row_find(drain, TABLE_mark, offsetof(struct mark_row, name_id), name);
}

const struct collective_row *fake_collective(const struct drain *drain, const char *operation)
{
	return row_find(drain, TABLE_collective, offsetof(struct collective_row, operation_id),
			operation);
}

static _Thread_local int external_depth;
static _Thread_local uint64_t external_last;

/* Streams of the tests: the handle is CUPTI's number, of context 3. */
bool cupti_source_find_stream(void *stream, uint32_t *context_id, uint32_t *number)
{
	*context_id = 3;
	*number = (uint32_t)(uintptr_t)stream;
	return stream != NULL;
}

void drain_stream_name(struct drain *drain, int64_t context_id, int64_t number, const char *name)
{
	const struct stream_row row = {
		.context_id = context_id, .number = number,
		.name_id = drain_string(drain, name, strlen(name)),
	};
	drain_put(drain, TABLE_stream, &row);
}

void cupti_source_push_external(uint64_t id)
{
	external_depth++;
	external_last = id;
}

void cupti_source_pop_external(void)
{
	external_depth--;
}

int fake_external_depth(void)
{
	return external_depth;
}

uint64_t fake_external_last(void)
{
	return external_last;
}
