/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_process.h"

#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_FLAG_NULL = 3 };

struct nsys_entry *nsys_list_find(const struct nsys_list *list, int64_t key)
{
	int64_t index;
	return id_map_get(&list->index, (uint64_t)key, &index) ? &list->entries[index] : NULL;
}

struct nsys_entry *nsys_list_add(struct nsys_list *list, int64_t key, int64_t value)
{
	struct nsys_entry *entry = nsys_list_find(list, key);
	if (entry != NULL)
		return entry;
	struct nsys_entry *entries =
		array_grow(list->entries, &list->room, list->count, sizeof *entries);
	if (entries == NULL)
		return NULL;
	list->entries = entries;
	if (!id_map_put(&list->index, (uint64_t)key, (int64_t)list->count))
		return NULL;
	entry = &list->entries[list->count++];
	*entry = (struct nsys_entry){ .key = key, .value = value, .extra = -1 };
	return entry;
}

void nsys_list_end(struct nsys_list *list)
{
	free(list->entries);
	id_map_end(&list->index);
	*list = (struct nsys_list){ 0 };
}

void nsys_process_end(struct nsys_process *process)
{
	trace_writer_abandon(process->writer);
	process->writer = NULL;
	id_map_end(&process->strings);
	nsys_list_end(&process->contexts);
	nsys_list_end(&process->devices);
	nsys_list_end(&process->threads);
	nsys_list_end(&process->thread_names);
	nsys_list_end(&process->domains);
	nsys_list_end(&process->operations);
	bytes_map_end(&process->categories);
	free(process->communicators);
	process->communicators = NULL;
	process->communicator_count = process->communicator_room = 0;
	bytes_map_end(&process->communicator_index);
	id_map_end(&process->ranks_of_hash);
	free(process->path);
	process->path = NULL;
}

bool nsys_no_memory(const struct nsys_import *import, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot import '%s': no memory",
		    nsys_file_path(import->file));
}

struct nsys_process *nsys_import_find(struct nsys_import *import, bool has_owner, int64_t owner)
{
	int64_t index;
	if (!has_owner)
		return import->heir;
	if (id_map_get(&import->process_index, (uint64_t)nsys_process_bits(owner), &index))
		return &import->processes[index];
	return NULL;
}

bool nsys_reject(struct nsys_import *import, struct nsys_process *process, const char *table,
		 const char *reason, struct error *error)
{
	char text[256];
	(void)snprintf(text, sizeof text, "%s: %s", table, reason);
	import->result->rejected++;
	return trace_writer_loss(process->writer, "import", text, 1, -1, error);
}

bool nsys_process_text(struct nsys_import *import, struct nsys_process *process,
		       const struct nsys_cursor *cursor, int column, int64_t *string_id,
		       struct error *error)
{
	int64_t id;
	const char *bytes;
	size_t length;
	*string_id = 0;
	if (!nsys_cursor_integer(cursor, column, &id)) {
		bytes = nsys_cursor_text(cursor, column, &length);
		return bytes == NULL ||
		       trace_writer_string(process->writer, bytes, length, string_id, error);
	}
	if (id_map_get(&process->strings, (uint64_t)id, string_id)) {
		process->missing_strings += *string_id < 0;
		*string_id = *string_id < 0 ? 0 : *string_id;
		return true;
	}
	int found = nsys_file_string(import->file, id, &bytes, &length, error);
	if (found < 0 ||
	    (found > 0 && !trace_writer_string(process->writer, bytes, length, string_id, error)))
		return false;
	process->missing_strings += found == 0;
	return id_map_put(&process->strings, (uint64_t)id, found > 0 ? *string_id : -1) ||
	       nsys_no_memory(import, error);
}

bool nsys_process_add_context(struct nsys_process *process, int64_t context, int64_t device)
{
	struct nsys_entry *entry = nsys_list_add(&process->contexts, context, device);
	if (entry == NULL)
		return false;
	if (entry->value < 0)
		entry->value = device;
	return true;
}

int64_t nsys_process_device_of(const struct nsys_process *process, int64_t context)
{
	const struct nsys_entry *entry = nsys_list_find(&process->contexts, context);
	if (entry != NULL && entry->value >= 0)
		return entry->value;
	return process->devices.count == 1 ? process->devices.entries[0].key : -1;
}

bool nsys_process_stream(struct nsys_import *import, struct nsys_process *process,
			 struct stream_row *stream, struct error *error)
{
	const int64_t key[3] = { process->pid, stream->context_id, stream->number };
	const struct nsys_entry *context = nsys_list_find(&process->contexts, stream->context_id);
	int64_t facts = 0;
	stream->stream_id = 0;
	if (stream->device_id < 0)
		return true;
	(void)bytes_map_get(&import->stream_facts, key, sizeof key, &facts);
	stream->flag = facts & 0xff;
	stream->priority = (facts - stream->flag) / 256;
	if (stream->flag == 0 && context != NULL && context->extra == stream->number)
		stream->flag = STREAM_FLAG_NULL;
	return trace_writer_stream(process->writer, stream, error);
}

bool nsys_process_thread(struct nsys_import *import, struct nsys_process *process, bool has_owner,
			 int64_t global_tid, int64_t *thread_id, struct error *error)
{
	*thread_id = has_owner ? global_tid & 0xffffff : 0;
	if (*thread_id == 0)
		return true;
	return nsys_list_add(&process->threads, *thread_id, 0) != NULL ||
	       nsys_no_memory(import, error);
}
