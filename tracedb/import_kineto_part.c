/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_part.h"

#include "base/array.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEVICE_RENUMBERED_FROM = 1000,
	GPU_PID_MAX = 1000,	/* a pid below it can be a plain GPU index */
};

static bool fail_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot import: no memory");
}

bool kineto_part_open(struct kineto_part **out, const char *folder, const char *path,
		      const char *suffix, struct error *error)
{
	static const struct trace_writer_options bulk = { .is_bulk = true };
	char output[PATH_MAX];
	*out = NULL;
	if (!import_output_path(output, sizeof output, folder, path, suffix, error))
		return false;
	struct kineto_part *part = calloc(1, sizeof *part);
	if (part == NULL)
		return fail_memory(error);
	part->pid = -1;
	part->pid_of_ranges = -1;
	part->path = strdup(output);
	if (part->path == NULL || !trace_writer_create(&part->writer, output, &bulk, error)) {
		if (part->path == NULL)
			(void)fail_memory(error);
		kineto_part_free(part);
		return false;
	}
	*out = part;
	return true;
}

void kineto_part_free(struct kineto_part *part)
{
	if (part == NULL)
		return;
	trace_writer_abandon(part->writer);
	for (size_t i = 0; i < part->thread_count; i++)
		free(part->threads[i].name);
	for (size_t i = 0; i < part->process_count; i++)
		free(part->processes[i].name);
	free(part->threads);
	bytes_map_end(&part->thread_index);
	id_map_end(&part->tid_owner);
	free(part->streams);
	bytes_map_end(&part->stream_index);
	id_map_end(&part->contexts);
	free(part->records);
	id_map_end(&part->record_index);
	kineto_collectives_free(&part->collectives);
	free(part->path);
	free(part);
}

int64_t kineto_part_rows(const struct kineto_part *part)
{
	int64_t rows = 0;
	for (int table = 0; table < TABLE_COUNT; table++)
		rows += trace_writer_count(part->writer, (enum trace_table)table);
	return rows;
}

bool kineto_part_lose(struct kineto_part *part, const char *reason, int64_t at_ns,
		      struct error *error)
{
	part->rejected++;
	return trace_writer_loss(part->writer, "import", reason, 1, at_ns, error);
}

/* NULL: memory is short, or there are too many. */
static struct kineto_thread *thread_find(struct kineto_part *part, int64_t pid, int64_t tid)
{
	if (part->last_thread < part->thread_count && part->threads[part->last_thread].tid == tid &&
	    part->threads[part->last_thread].pid == pid)
		return &part->threads[part->last_thread];
	const int64_t key[2] = { pid, tid };
	int64_t index;
	if (!bytes_map_get(&part->thread_index, key, sizeof key, &index)) {
		if (part->thread_count >= KINETO_THREADS_MAX)
			return NULL;
		void *array = array_grow(part->threads, &part->thread_room, part->thread_count,
					 sizeof *part->threads);
		if (array == NULL)
			return NULL;
		part->threads = array;
		index = (int64_t)part->thread_count;
		part->threads[index] =
			(struct kineto_thread){ .pid = pid, .tid = tid, .thread_id = tid };
		part->thread_count++;
		if (!bytes_map_put(&part->thread_index, key, sizeof key, index))
			return NULL;
	}
	part->last_thread = (size_t)index;
	return &part->threads[index];
}

bool kineto_part_thread(struct kineto_part *part, int64_t pid, int64_t tid, int64_t *thread_id,
			struct error *error)
{
	*thread_id = tid;
	struct kineto_thread *thread = thread_find(part, pid, tid);
	if (thread == NULL) {
		if (part->thread_count < KINETO_THREADS_MAX)
			return fail_memory(error);
		return trace_writer_loss(part->writer, "import",
					 "threads beyond the limit are unnamed", 0, -1, error);
	}
	if (!thread->is_used) {
		thread->is_used = true;
		int64_t owner;
		if (id_map_get(&part->tid_owner, (uint64_t)tid, &owner) && owner != pid)
			thread->thread_id = (int64_t)((uint64_t)pid << 32 ^ (uint64_t)tid);
		else if (!id_map_put(&part->tid_owner, (uint64_t)tid, pid))
			return fail_memory(error);
	}
	*thread_id = thread->thread_id;
	return true;
}

bool kineto_part_name_thread(struct kineto_part *part, int64_t pid, int64_t tid, const char *name,
			     struct error *error)
{
	if (strncmp(name, "stream ", 7) == 0)
		return true;	/* a GPU's track */
	struct kineto_thread *thread = thread_find(part, pid, tid);
	if (thread == NULL)
		return part->thread_count < KINETO_THREADS_MAX ? fail_memory(error) : true;
	/* "thread 598009 (pt_autograd_0)": the number is known. The last name is the truest. */
	size_t length = strlen(name);
	const char *inner = strncmp(name, "thread ", 7) == 0 ? strchr(name, '(') : NULL;
	if (inner != NULL && name[length - 1] == ')') {
		length = (size_t)(name + length - 1 - (inner + 1));
		name = inner + 1;
	}
	char *copy = strndup(name, length);
	if (copy == NULL)
		return fail_memory(error);
	free(thread->name);
	thread->name = copy;
	return true;
}

bool kineto_part_name_process(struct kineto_part *part, int64_t pid, const char *name,
			      struct error *error)
{
	for (size_t i = 0; i < part->process_count; i++)
		if (part->processes[i].pid == pid)
			return true;
	if (part->process_count == KINETO_PROCESSES_MAX)
		return true;	/* only the name of the process that called CUDA is used */
	char *copy = strdup(name);
	if (copy == NULL)
		return fail_memory(error);
	part->processes[part->process_count++] = (struct kineto_process){ pid, copy };
	return true;
}

static bool is_device_id_taken(const struct kineto_part *part, int64_t device_id)
{
	for (size_t i = 0; i < part->device_count; i++)
		if (part->devices[i].device_id == device_id)
			return true;
	return false;
}

bool kineto_part_device(struct kineto_part *part, int64_t pid, int64_t index, int64_t *device_id,
			struct error *error)
{
	int64_t offset = pid >= GPU_PID_MAX && pid > index ? pid - index : 0;
	const struct kineto_device *last = &part->devices[part->last_device];
	if (part->device_count > 0 && last->index == index && last->offset == offset) {
		*device_id = last->device_id;
		return true;
	}
	for (size_t i = 0; i < part->device_count; i++) {
		if (part->devices[i].index == index && part->devices[i].offset == offset) {
			part->last_device = i;
			*device_id = part->devices[i].device_id;
			return true;
		}
	}
	if (part->device_count == KINETO_DEVICES_MAX) {
		*device_id = -1;
		return true;
	}
	*device_id = index;
	if (is_device_id_taken(part, index)) {
		*device_id = DEVICE_RENUMBERED_FROM;
		while (is_device_id_taken(part, *device_id))
			++*device_id;
		if (!trace_writer_loss(
			    part->writer, "import",
			    "merged file: GPUs of several processes have one index and are "
			    "renumbered from 1000, launches may be joined wrongly", 0, -1, error))
			return false;
	}
	part->last_device = part->device_count;
	part->devices[part->device_count++] = (struct kineto_device){ offset, index, *device_id };
	return true;
}

bool kineto_part_stream(struct kineto_part *part, struct stream_row *stream, struct error *error)
{
	/* Not every event says its context: a number is one stream unless two contexts are told. */
	const int64_t key[2] = { stream->device_id, stream->number };
	int64_t index;
	if (bytes_map_get(&part->stream_index, key, sizeof key, &index)) {
		const struct kineto_stream *known = &part->streams[index];
		if (stream->context_id == 0 || known->context_id == 0 ||
		    known->context_id == stream->context_id) {
			stream->stream_id = known->stream_id;
			return true;
		}
		return trace_writer_stream(part->writer, stream, error);
	}
	if (!trace_writer_stream(part->writer, stream, error))
		return false;
	void *array = array_grow(part->streams, &part->stream_room, part->stream_count,
				 sizeof *part->streams);
	if (array == NULL)
		return fail_memory(error);
	part->streams = array;
	part->streams[part->stream_count] =
		(struct kineto_stream){ stream->stream_id, stream->context_id };
	if (!bytes_map_put(&part->stream_index, key, sizeof key, (int64_t)part->stream_count))
		return fail_memory(error);
	part->stream_count++;
	int64_t device_id;
	if (stream->context_id <= 0 ||
	    id_map_get(&part->contexts, (uint64_t)stream->context_id, &device_id))
		return true;
	const struct context_row context = { .context_id = stream->context_id,
					     .device_id = stream->device_id };
	return (id_map_put(&part->contexts, (uint64_t)stream->context_id, stream->device_id) ||
		fail_memory(error)) && trace_put_context(part->writer, &context, error);
}

bool kineto_part_record(struct kineto_part *part, const struct kineto_record *record,
			struct error *error)
{
	int64_t index;
	if (record->correlation_id <= 0)
		return true;
	if (id_map_get(&part->record_index, (uint64_t)record->correlation_id, &index)) {
		part->records[index].has_row |= record->has_row;
		return true;
	}
	if (part->record_count >= KINETO_RECORDS_MAX)
		return record->has_row ||
			trace_writer_loss(part->writer, "import",
					  "streams of recorded events beyond the limit", 1, -1,
					  error);
	void *array = array_grow(part->records, &part->record_room, part->record_count,
				 sizeof *part->records);
	if (array == NULL)
		return fail_memory(error);
	part->records = array;
	part->records[part->record_count] = *record;
	if (!id_map_put(&part->record_index, (uint64_t)record->correlation_id,
			(int64_t)part->record_count))
		return fail_memory(error);
	part->record_count++;
	return true;
}
