/* SPDX-License-Identifier: MIT */
#include "libtrace/recorder.h"

#include "base/arena.h"
#include "base/id_map.h"
#include "libtrace/device_list.h"
#include "libtrace/row_times.h"
#include "libtrace/thread_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_BYTES_MAX = 16 * 1024 * 1024,
	CBIDS_MAX = 4096,
	SYMBOL_SLOTS = 2048,	/* a power of two */
	PENDING_STREAMS_MAX = 512,
	LAUNCH_NAMES_MAX = 1 << 16,	/* string ids: names of calls come early */
};

/* State of an API name besides its string_id. */
enum { NAME_UNKNOWN = 0, NAME_SKIPPED = -1 };

/* The symbols seen last: CUPTI's name pointer and the launch shape -> kernel_id. */
struct symbol_slot {
	const char *pointer;
	const char *name;	/* our copy: a pointer may come back with another text */
	struct kernel_symbol_row shape;
};

struct recorder {
	struct trace_writer *writer;
	struct error error;
	bool has_failed;
	int64_t low_ns;		/* rows that end before are left out */
	struct arena *texts;
	struct trace_row trace;
	bool is_trace_dirty;
	struct recorder_options options;

	struct device_list devices;
	struct thread_list threads;

	struct id_map context_devices;		/* context -> device */
	struct id_map context_null_streams;	/* context -> number of its null stream */
	struct id_map streams;			/* context << 32 | number -> stream_id */
	struct id_map device_streams;		/* ... -> device of that row */
	struct id_map stream_names;		/* ... -> name_id */
	struct id_map stream_kinds;		/* ... -> priority << 8 | flag */
	struct stream_row pending[PENDING_STREAMS_MAX];	/* their context is not known yet */
	size_t pending_count;
	uint64_t stream_last_key;
	int64_t stream_last_device, stream_last_id;

	int64_t threads_lost;
	int64_t api_names[3][CBIDS_MAX];
	uint8_t launch_names[LAUNCH_NAMES_MAX / 8];	/* bits, by string_id */
	struct symbol_slot symbols[SYMBOL_SLOTS];
};

static void recorder_fail(struct recorder *recorder)
{
	recorder->has_failed = true;
}

bool recorder_is_ok(const struct recorder *recorder)
{
	return !recorder->has_failed;
}

const struct error *recorder_error(const struct recorder *recorder)
{
	return &recorder->error;
}

const char *recorder_keep_text(struct recorder *recorder, const char *text)
{
	if (text == NULL || *text == 0)
		return "";
	const char *copy = arena_copy_text(recorder->texts, text, strlen(text));
	return copy == NULL ? "" : copy;
}

int64_t recorder_string(struct recorder *recorder, const char *bytes, size_t length)
{
	int64_t id = 0;
	if (recorder->has_failed || recorder->writer == NULL || bytes == NULL)
		return 0;
	if (!trace_writer_string(recorder->writer, bytes, length, &id, &recorder->error))
		recorder_fail(recorder);
	return id;
}

void recorder_put(struct recorder *recorder, enum trace_table table, const void *row)
{
	if (recorder->writer == NULL ||
	    (recorder->low_ns != INT64_MIN && row_ends_before(table, row, recorder->low_ns)))
		return;
	if (!recorder->has_failed &&
	    !trace_writer_put(recorder->writer, table, row, &recorder->error))
		recorder_fail(recorder);
}

void recorder_replace(struct recorder *recorder, enum trace_table table, const void *row)
{
	if (!recorder->has_failed && recorder->writer != NULL &&
	    !trace_writer_replace(recorder->writer, table, row, &recorder->error))
		recorder_fail(recorder);
}

void recorder_drop_open_gap(struct recorder *recorder, int64_t start_ns, int64_t source_id)
{
	if (!recorder->has_failed && recorder->writer != NULL &&
	    !trace_writer_drop_open_gap(recorder->writer, start_ns, source_id, &recorder->error))
		recorder_fail(recorder);
}

void recorder_loss(struct recorder *recorder, const char *source, const char *reason, int64_t count,
		   int64_t at_ns)
{
	if (!recorder->has_failed && recorder->writer != NULL &&
	    !trace_writer_loss(recorder->writer, source, reason, count, at_ns, &recorder->error))
		recorder_fail(recorder);
}

void recorder_thread(struct recorder *recorder, int64_t thread_id, const char *name)
{
	if (!thread_list_note(&recorder->threads, thread_id, name, recorder->texts))
		recorder->threads_lost++;
}

size_t recorder_thread_count(const struct recorder *recorder)
{
	return recorder->threads.count;
}

int64_t recorder_thread_at(const struct recorder *recorder, size_t index)
{
	return recorder->threads.entries[index].thread_id;
}

struct device_row *recorder_device_row(struct recorder *recorder, int64_t device_id)
{
	return device_list_row(&recorder->devices, device_id);
}

size_t recorder_device_count(const struct recorder *recorder)
{
	return recorder->devices.used_count;
}

struct device_row *recorder_device_at(struct recorder *recorder, size_t index)
{
	return device_list_at(&recorder->devices, index);
}

static uint64_t stream_key(int64_t context_id, int64_t number)
{
	return (uint64_t)context_id << 32 | (uint32_t)number;
}

static int64_t sink_device_of(void *context, int64_t context_id)
{
	const struct recorder *recorder = context;
	int64_t device_id;
	return id_map_get(&recorder->context_devices, (uint64_t)context_id, &device_id) ? device_id
											: -1;
}

static void context_learn_device(struct recorder *recorder, int64_t context_id, int64_t device_id)
{
	if (context_id == 0 || sink_device_of(recorder, context_id) == device_id)
		return;
	(void)id_map_put(&recorder->context_devices, (uint64_t)context_id, device_id);
}

/* The row of a stream whose device is known. */
static int64_t stream_intern(struct recorder *recorder, const struct stream_row *wanted)
{
	struct stream_row row = *wanted;
	int64_t null_number;
	if (row.flag == 0 && id_map_get(&recorder->context_null_streams, (uint64_t)row.context_id,
					&null_number) && null_number == row.number)
		row.flag = 3;
	if (recorder->has_failed || recorder->writer == NULL)
		return 0;
	if (!trace_writer_stream(recorder->writer, &row, &recorder->error)) {
		recorder_fail(recorder);
		return 0;
	}
	uint64_t key = stream_key(row.context_id, row.number);
	(void)id_map_put(&recorder->streams, key, row.stream_id);
	(void)id_map_put(&recorder->device_streams, key, row.device_id);
	device_list_use(&recorder->devices, row.device_id);
	return row.stream_id;
}

static int64_t sink_stream(void *context, int64_t device_id, int64_t context_id, int64_t number)
{
	struct recorder *recorder = context;
	uint64_t key = stream_key(context_id, number);
	if (key == recorder->stream_last_key && recorder->stream_last_id != 0 &&
	    (device_id == -1 || device_id == recorder->stream_last_device))
		return recorder->stream_last_id;
	if (device_id == -1)
		device_id = sink_device_of(recorder, context_id);
	else
		context_learn_device(recorder, context_id, device_id);
	if (device_id == -1)
		return 0;
	int64_t id, row_device;
	if (!id_map_get(&recorder->streams, key, &id) ||
	    !id_map_get(&recorder->device_streams, key, &row_device) || row_device != device_id)
		id = stream_intern(recorder, &(struct stream_row){
			.device_id = device_id, .context_id = context_id, .number = number });
	recorder->stream_last_key = key;
	recorder->stream_last_device = device_id;
	recorder->stream_last_id = id;
	return id;
}

/* Its name comes from one side, priority and flag from another. */
static void stream_complete(struct recorder *recorder, struct stream_row *row)
{
	uint64_t key = stream_key(row->context_id, row->number);
	int64_t kind = row->priority * 256 + (row->flag & 255);
	if (row->name_id != 0)
		(void)id_map_put(&recorder->stream_names, key, row->name_id);
	else
		(void)id_map_get(&recorder->stream_names, key, &row->name_id);
	if (kind != 0) {
		(void)id_map_put(&recorder->stream_kinds, key, kind);
	} else if (id_map_get(&recorder->stream_kinds, key, &kind)) {
		row->flag = kind & 255;
		row->priority = (kind - row->flag) / 256;
	}
}

/* A STREAM record: priority and flag of a stream whose row may already stand there without them. */
static void stream_merge(struct recorder *recorder, const struct stream_row *row)
{
	if (row->device_id == -1) {
		if (recorder->pending_count < PENDING_STREAMS_MAX)
			recorder->pending[recorder->pending_count++] = *row;
		return;
	}
	struct stream_row full = *row;
	stream_complete(recorder, &full);
	full.stream_id = stream_intern(recorder, &full);
	if (full.stream_id != 0)
		recorder_replace(recorder, TABLE_stream, &full);
}

static void context_merge(struct recorder *recorder, const struct context_row *row)
{
	context_learn_device(recorder, row->context_id, row->device_id);
	(void)id_map_put(&recorder->context_null_streams, (uint64_t)row->context_id,
			 row->null_stream_number);
	device_list_use(&recorder->devices, row->device_id);
	recorder_replace(recorder, TABLE_context, row);
	size_t kept = 0;
	for (size_t i = 0; i < recorder->pending_count; i++) {
		struct stream_row stream = recorder->pending[i];
		if (stream.context_id != row->context_id) {
			recorder->pending[kept++] = stream;
			continue;
		}
		stream.device_id = row->device_id;
		stream_merge(recorder, &stream);
	}
	recorder->pending_count = kept;
}

void recorder_stream_name(struct recorder *recorder, int64_t context_id, int64_t number,
			  const char *name)
{
	struct stream_row row = {
		.device_id = sink_device_of(recorder, context_id),
		.context_id = context_id,
		.number = number,
		.name_id = recorder_string(recorder, name, strlen(name)),
	};
	stream_merge(recorder, &row);
}

static void launch_hear(struct recorder *recorder, const struct api_call_row *row)
{
	if (recorder->options.hear_launch != NULL && row->name_id > 0 &&
	    row->name_id < LAUNCH_NAMES_MAX &&
	    (recorder->launch_names[row->name_id / 8] >> (row->name_id % 8) & 1) != 0)
		recorder->options.hear_launch(row->thread_id);
}

static void sink_stream_name(void *context, int64_t context_id, int64_t number, const char *name)
{
	recorder_stream_name(context, context_id, number, name);
}

static void sink_put(void *context, enum trace_table table, const void *row)
{
	struct recorder *recorder = context;
	if (table == TABLE_device)
		device_list_merge(&recorder->devices, row, recorder->texts);
	else if (table == TABLE_context)
		context_merge(recorder, row);
	else if (table == TABLE_stream)
		stream_merge(recorder, row);
	else
		recorder_put(recorder, table, row);
	if (table == TABLE_api_call)
		launch_hear(recorder, row);
}

static int64_t sink_string(void *context, const char *text)
{
	return recorder_string(context, text, strlen(text));
}

static void sink_thread(void *context, int64_t thread_id, const char *name)
{
	recorder_thread(context, thread_id, name);
}

static bool shape_is_equal(const struct kernel_symbol_row *a, const struct kernel_symbol_row *b)
{
	const size_t from = offsetof(struct kernel_symbol_row, grid_x);
	return memcmp((const char *)a + from, (const char *)b + from, sizeof *a - from) == 0;
}

static int64_t sink_kernel_symbol(void *context, struct kernel_symbol_row *shape, const char *name)
{
	struct recorder *recorder = context;
	if (name == NULL)
		name = "";
	uint64_t hash = (uint64_t)(uintptr_t)name ^ (uint64_t)shape->grid_x * 31 ^
		(uint64_t)shape->block_x * 1009 ^ (uint64_t)shape->grid_y * 8191 ^
		(uint64_t)shape->dynamic_shared_bytes;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	struct symbol_slot *slot = &recorder->symbols[(hash >> 40) & (SYMBOL_SLOTS - 1)];
	if (slot->pointer == name && shape_is_equal(&slot->shape, shape) &&
	    strcmp(slot->name, name) == 0)
		return slot->shape.kernel_id;
	if (recorder->has_failed || recorder->writer == NULL)
		return 0;
	shape->name_id = recorder_string(recorder, name, strlen(name));
	if (!trace_writer_kernel_symbol(recorder->writer, shape, &recorder->error)) {
		recorder_fail(recorder);
		return 0;
	}
	if (slot->name == NULL || strcmp(slot->name, name) != 0)
		slot->name = arena_copy_text(recorder->texts, name, strlen(name));
	slot->pointer = slot->name == NULL ? NULL : name;
	slot->shape = *shape;
	return shape->kernel_id;
}

static int64_t api_name_make(struct recorder *recorder, enum api_kind api, uint32_t cbid)
{
	char numbered[48];
	const char *name = recorder->options.api_name == NULL ? NULL
		: recorder->options.api_name(api, cbid);
	if (name == NULL) {
		(void)snprintf(numbered, sizeof numbered, "%s call %" PRIu32,
			       api == API_DRIVER ? "driver" : "runtime", cbid);
		name = numbered;
	} else if (!api_filter_keeps(&recorder->options.api_filter, name)) {
		return NAME_SKIPPED;
	}
	int64_t id = recorder_string(recorder, name, strlen(name));
	if (id > 0 && id < LAUNCH_NAMES_MAX &&
	    (strstr(name, "Launch") != NULL || strstr(name, "Memcpy") != NULL))
		recorder->launch_names[id / 8] |= (uint8_t)(1U << (id % 8));
	return id;
}

static int64_t sink_api_name(void *context, enum api_kind api, uint32_t cbid)
{
	struct recorder *recorder = context;
	if (cbid >= CBIDS_MAX)
		return api_name_make(recorder, api, cbid);
	int64_t *id = &recorder->api_names[api][cbid];
	if (*id == NAME_UNKNOWN)
		*id = api_name_make(recorder, api, cbid);
	return *id;
}

struct cupti_sink recorder_sink(struct recorder *recorder)
{
	return (struct cupti_sink){
		.context = recorder, .put = sink_put, .string = sink_string, .stream = sink_stream,
		.device_of = sink_device_of, .kernel_symbol = sink_kernel_symbol,
		.api_name = sink_api_name, .stream_name = sink_stream_name, .thread = sink_thread,
	};
}

bool recorder_create(struct recorder **out, const char *path,
		     const struct recorder_options *options, struct error *error)
{
	*out = NULL;
	struct recorder *recorder = calloc(1, sizeof *recorder);
	if (recorder == NULL)
		return fail(error, ERROR_SYSTEM, "cannot create '%s': no memory",
			    path == NULL ? "" : path);
	recorder->options = *options;
	recorder->low_ns = INT64_MIN;
	recorder->texts = arena_create(TEXT_BYTES_MAX);
	const struct trace_writer_options writer_options = {
		.commit_ns = options->commit_ns, .is_private = true,
	};
	if (recorder->texts == NULL) {
		(void)fail(error, ERROR_SYSTEM, "cannot create '%s': no memory",
			   path == NULL ? "" : path);
		(void)recorder_close(recorder, NULL);
		return false;
	}
	if (path != NULL &&
	    !trace_writer_create(&recorder->writer, path, &writer_options, error)) {
		(void)recorder_close(recorder, NULL);
		return false;
	}
	recorder->trace = (struct trace_row){
		.trace_id = 1, .source = "libtrace", .pid = options->pid, .rank = -1,
		.world_size = -1, .local_rank = -1, .epoch_ns = options->epoch_ns, .stop_ns = -1,
	};
	recorder->is_trace_dirty = true;
	*out = recorder;
	return true;
}

struct trace_row *recorder_trace_row(struct recorder *recorder)
{
	recorder->is_trace_dirty = true;
	return &recorder->trace;
}

static void threads_write(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->threads.count; i++) {
		struct thread_entry *thread = &recorder->threads.entries[i];
		if (!thread->is_dirty)
			continue;
		thread->is_dirty = false;
		struct thread_row row = {
			.thread_id = thread->thread_id, .pid = recorder->options.pid,
			.name_id = recorder_string(recorder, thread->name, strlen(thread->name)),
		};
		recorder_replace(recorder, TABLE_thread, &row);
	}
	if (recorder->threads_lost != 0)
		recorder_loss(recorder, "drain", "thread not listed", recorder->threads_lost, -1);
	recorder->threads_lost = 0;
}

static void devices_write(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->devices.used_count; i++) {
		struct device_entry *device = &recorder->devices.entries[recorder->devices.used[i]];
		if (device->is_dirty)
			recorder_replace(recorder, TABLE_device, &device->row);
		device->is_dirty = false;
	}
}

void recorder_flush(struct recorder *recorder, bool is_due)
{
	if (recorder->writer == NULL)
		return;
	if (recorder->is_trace_dirty) {
		recorder->is_trace_dirty = false;
		recorder_replace(recorder, TABLE_trace, &recorder->trace);
	}
	devices_write(recorder);
	threads_write(recorder);
	if (recorder->has_failed)
		return;
	bool ok = is_due ? trace_writer_commit(recorder->writer, &recorder->error)
		: trace_writer_tick(recorder->writer, &recorder->error);
	if (!ok)
		recorder_fail(recorder);
}

int64_t recorder_row_count(const struct recorder *recorder)
{
	int64_t count = 0;
	for (int table = 0; recorder->writer != NULL && table < TABLE_COUNT; table++)
		count += trace_writer_count(recorder->writer, (enum trace_table)table);
	return count;
}

/* Ids are those of one file. */
static void ids_forget(struct recorder *recorder)
{
	id_map_end(&recorder->streams);
	id_map_end(&recorder->device_streams);
	recorder->stream_last_key = 0;
	recorder->stream_last_id = 0;
	recorder->pending_count = 0;
	memset(recorder->api_names, 0, sizeof recorder->api_names);
	memset(recorder->symbols, 0, sizeof recorder->symbols);
}

bool recorder_open_file(struct recorder *recorder, const char *path, int64_t low_ns,
			struct error *error)
{
	const struct trace_writer_options options = {
		.commit_ns = recorder->options.commit_ns, .is_private = true,
	};
	ids_forget(recorder);
	if (!trace_writer_create(&recorder->writer, path, &options, error))
		return false;
	recorder->low_ns = low_ns;
	recorder->is_trace_dirty = true;
	for (size_t i = 0; i < recorder->devices.used_count; i++)
		recorder->devices.entries[recorder->devices.used[i]].is_dirty = true;
	for (size_t i = 0; i < recorder->threads.count; i++)
		recorder->threads.entries[i].is_dirty = true;
	return true;
}

bool recorder_close_file(struct recorder *recorder, struct error *error)
{
	recorder_flush(recorder, true);
	struct error at_close = recorder->error;
	bool ok = trace_writer_close(recorder->writer, recorder->has_failed ? NULL : &at_close) &&
		!recorder->has_failed;
	if (!ok && error != NULL)
		*error = at_close;
	recorder->writer = NULL;
	recorder->has_failed = false;
	recorder->error = (struct error){ 0 };
	return ok;
}

bool recorder_close(struct recorder *recorder, struct error *error)
{
	if (recorder == NULL)
		return true;
	bool ok = true;
	if (recorder->writer != NULL) {
		recorder_flush(recorder, true);
		struct error at_close = recorder->error;
		ok = trace_writer_close(recorder->writer,
					recorder->has_failed ? NULL : &at_close) &&
		     !recorder->has_failed;
		if (!ok && error != NULL)
			*error = at_close;
	}
	id_map_end(&recorder->context_devices);
	id_map_end(&recorder->context_null_streams);
	id_map_end(&recorder->streams);
	id_map_end(&recorder->device_streams);
	id_map_end(&recorder->stream_names);
	id_map_end(&recorder->stream_kinds);
	thread_list_end(&recorder->threads);
	arena_close(recorder->texts);
	free(recorder);
	return ok;
}
