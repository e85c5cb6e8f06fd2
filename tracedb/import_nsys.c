/* SPDX-License-Identifier: MIT */
#include "tracedb/import.h"

#include "base/array.h"
#include "tracedb/import_nsys_facts.h"
#include "tracedb/import_nsys_loss.h"
#include "tracedb/import_nsys_nvtx.h"
#include "tracedb/import_nsys_payload.h"
#include "tracedb/import_nsys_process.h"
#include "tracedb/import_nsys_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4096,
	/* Databases open at once; an export with more processes is read more often. */
	TURN_PROCESSES = 32,
};

static bool process_add(struct nsys_import *import, int64_t global_pid, size_t *index,
			struct error *error)
{
	int64_t known;
	if (id_map_get(&import->process_index, (uint64_t)global_pid, &known)) {
		*index = (size_t)known;
		return true;
	}
	if (import->process_count == IMPORT_OUTPUTS_MAX)
		return fail(error, ERROR_INPUT, "'%s' holds more than %d processes with GPU work",
			    nsys_file_path(import->file), IMPORT_OUTPUTS_MAX);
	struct nsys_process *processes = array_grow(import->processes, &import->process_room,
						    import->process_count, sizeof *processes);
	if (processes == NULL)
		return nsys_no_memory(import, error);
	import->processes = processes;
	*index = import->process_count;
	if (!id_map_put(&import->process_index, (uint64_t)global_pid, (int64_t)*index))
		return nsys_no_memory(import, error);
	bool is_known = global_pid != NSYS_PID_UNKNOWN;
	import->processes[import->process_count++] = (struct nsys_process){
		.global_pid = global_pid, .pid = is_known ? (global_pid >> 24) & 0xffffff : -1,
	};
	return true;
}

/* Finds the processes with GPU work, and which context is on which device. */
static bool discover_table(struct nsys_import *import, const char *table, struct error *error)
{
	static const char *const columns[] = { "globalPid", "deviceId", "contextId" };
	const struct nsys_select select = { .table = table, .columns = columns,
		.column_count = sizeof columns / sizeof columns[0] };
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, import->file, &select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		int64_t owner = NSYS_PID_UNKNOWN, context;
		int64_t device = nsys_cursor_integer_or(cursor, 1, -1);
		size_t index = 0;
		if (nsys_cursor_integer(cursor, 0, &owner))
			owner = nsys_process_bits(owner);
		if (!process_add(import, owner, &index, error))
			break;
		struct nsys_process *process = &import->processes[index];
		process->gpu_rows++;
		if (device < 0 || device > NSYS_DEVICE_MAX)
			continue;
		if (nsys_list_add(&process->devices, device, 0) == NULL ||
		    (nsys_cursor_integer(cursor, 2, &context) &&
		     !nsys_process_add_context(process, context, device))) {
			(void)nsys_no_memory(import, error);
			break;
		}
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

/* The one process that made API calls; NSYS_PID_UNKNOWN if there is none or more than one. */
static bool find_only_caller(struct nsys_import *import, int64_t *global_pid, struct error *error)
{
	static const char *const columns[] = { "globalTid" };
	const struct nsys_select select = { .table = "CUPTI_ACTIVITY_KIND_RUNTIME",
					    .columns = columns,
					    .column_count = 1 };
	struct nsys_cursor *cursor = NULL;
	bool is_found = false;
	*global_pid = NSYS_PID_UNKNOWN;
	if (!nsys_cursor_open(&cursor, import->file, &select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		int64_t owner;
		if (!nsys_cursor_integer(cursor, 0, &owner))
			continue;
		owner = nsys_process_bits(owner);
		if (is_found && owner != *global_pid) {
			*global_pid = NSYS_PID_UNKNOWN;
			more = 0;
			break;
		}
		is_found = true;
		*global_pid = owner;
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

/*
 * GPU rows that name no process belong to the only process there is: the one with GPU work that is
 * named, or else the one that made API calls. Where that is not clear they get a database of their
 * own, pid unknown.
 */
static bool discover_nameless(struct nsys_import *import, struct error *error)
{
	int64_t nameless, global_pid;
	if (!id_map_get(&import->process_index, NSYS_PID_UNKNOWN, &nameless))
		return true;
	if (import->process_count == 1) {
		struct nsys_process *only = &import->processes[0];
		if (!find_only_caller(import, &global_pid, error))
			return false;
		if (global_pid == NSYS_PID_UNKNOWN)
			return true;
		only->global_pid = global_pid;
		only->pid = (global_pid >> 24) & 0xffffff;
		return true;
	}
	if (import->process_count > 2)
		return true;
	struct nsys_process *from = &import->processes[nameless];
	struct nsys_process *to = &import->processes[1 - nameless];
	to->gpu_rows += from->gpu_rows;
	for (size_t i = 0; i < from->devices.count; i++)
		if (nsys_list_add(&to->devices, from->devices.entries[i].key, 0) == NULL)
			return nsys_no_memory(import, error);
	for (size_t i = 0; i < from->contexts.count; i++)
		if (!nsys_process_add_context(to, from->contexts.entries[i].key,
					      from->contexts.entries[i].value))
			return nsys_no_memory(import, error);
	nsys_process_end(from);
	import->processes[0] = *to;
	import->process_count = 1;
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct nsys_process *x = a, *y = b;
	if (x->pid != y->pid)
		return (x->pid > y->pid) - (x->pid < y->pid);
	return (x->global_pid > y->global_pid) - (x->global_pid < y->global_pid);
}

static bool discover_processes(struct nsys_import *import, struct error *error)
{
	for (size_t i = 0; i < NSYS_GPU_TABLE_COUNT; i++)
		if (!discover_table(import, nsys_gpu_tables[i].select.table, error))
			return false;
	if (import->process_count == 0)
		return fail(error, ERROR_INPUT,
			    "'%s': no GPU activity recorded: it is a Nsight Systems export "
			    "without kernels, copies and memsets",
			    nsys_file_path(import->file));
	if (!discover_nameless(import, error))
		return false;
	qsort(import->processes, import->process_count, sizeof *import->processes, by_pid);
	id_map_end(&import->process_index);
	for (size_t i = 0; i < import->process_count; i++) {
		struct nsys_process *process = &import->processes[i];
		if (!id_map_put(&import->process_index, (uint64_t)process->global_pid, (int64_t)i))
			return nsys_no_memory(import, error);
		if (import->process_count == 1 || process->global_pid == NSYS_PID_UNKNOWN)
			import->heir = process;
	}
	return true;
}

/* "", "-pid148", or "-pid148-2" where two machines of one session had that pid. */
static bool process_create(struct nsys_import *import, size_t index, struct error *error)
{
	static const struct trace_writer_options options = { .is_bulk = true };
	struct nsys_process *process = &import->processes[index];
	char suffix[64] = "", path[PATH_BYTES];
	size_t twins = 1;
	for (size_t i = 0; i < index; i++)
		twins += import->processes[i].pid == process->pid;
	if (import->process_count > 1 && process->pid < 0)
		(void)snprintf(suffix, sizeof suffix, "-pid-unknown");
	else if (import->process_count > 1 && twins == 1)
		(void)snprintf(suffix, sizeof suffix, "-pid%lld", (long long)process->pid);
	else if (import->process_count > 1)
		(void)snprintf(suffix, sizeof suffix, "-pid%lld-%zu", (long long)process->pid,
			       twins);
	if (!import_output_path(path, sizeof path, import->folder, nsys_file_path(import->file),
				suffix, error))
		return false;
	process->path = strdup(path);
	if (process->path == NULL)
		return nsys_no_memory(import, error);
	return trace_writer_create(&process->writer, path, &options, error);
}

static bool process_close(struct nsys_import *import, struct nsys_process *process,
			  struct error *error)
{
	struct trace_writer *writer = process->writer;
	int64_t rows = 0;
	for (int table = 0; table < TABLE_COUNT; table++)
		rows += trace_writer_count(writer, (enum trace_table)table);
	/* Noted before it is closed, so that a failure in closing removes it too. */
	if (!import_result_add(import->result, process->path, error))
		return false;
	process->writer = NULL;
	if (!trace_writer_close(writer, error))
		return false;
	import->result->rows += rows;
	nsys_process_end(process);
	return true;
}

/* One reading of the whole export for the processes first .. last - 1. */
static bool import_turn(struct nsys_import *import, const struct nsys_facts *facts, size_t first,
			size_t last, struct error *error)
{
	for (size_t i = first; i < last; i++)
		if (!process_create(import, i, error))
			return false;
	if (!nsys_import_rows(import, error) || !nsys_import_nvtx(import, error))
		return false;
	if (import->is_first_turn &&
	    !nsys_losses_put(import, nsys_facts_schema_version(facts), error))
		return false;
	for (size_t i = first; i < last; i++)
		if (!nsys_facts_put(facts, import, &import->processes[i], error) ||
		    !process_close(import, &import->processes[i], error))
			return false;
	import->is_first_turn = false;
	return true;
}

static bool import_all(struct nsys_import *import, struct error *error)
{
	struct nsys_facts *facts = NULL;
	bool ok = discover_processes(import, error) && nsys_facts_load(&facts, import, error) &&
		nsys_payloads_load(&import->payloads, import->file, error);
	if (!ok)
		goto out;
	import->first = &import->processes[0];
	import->is_first_turn = true;
	size_t turns = (import->process_count + TURN_PROCESSES - 1) / TURN_PROCESSES;
	for (size_t i = 0; i < nsys_file_table_count(import->file); i++) {
		const char *table = nsys_file_table(import->file, i);
		if (nsys_is_imported_table(table))
			import->rows_all += nsys_file_guess_rows(import->file, table);
	}
	import->rows_all *= (int64_t)turns;
	for (size_t first = 0; ok && first < import->process_count; first += TURN_PROCESSES) {
		size_t last = first + TURN_PROCESSES;
		if (last > import->process_count)
			last = import->process_count;
		ok = import_turn(import, facts, first, last, error);
	}
out:
	nsys_facts_close(facts);
	return ok;
}

/* Databases of earlier turns go too: an import is there as a whole or not at all. */
static void remove_outputs(struct import_result *result, size_t first)
{
	while (result->count > first) {
		char *path = result->paths[--result->count];
		(void)unlink(path);
		free(path);
	}
}

bool import_nsys(const char *path, const char *folder, const struct import_options *options,
		 struct import_result *result, struct error *error)
{
	struct nsys_import import = { .folder = folder, .options = options, .result = result };
	const struct import_result before = *result;
	bool ok = nsys_file_open(&import.file, path, error) && import_all(&import, error);
	for (size_t i = 0; i < import.process_count; i++)
		nsys_process_end(&import.processes[i]);
	free(import.processes);
	id_map_end(&import.process_index);
	bytes_map_end(&import.stream_facts);
	nsys_payloads_close(import.payloads);
	nsys_file_close(import.file);
	if (ok)
		return true;
	remove_outputs(result, before.count);
	result->rows = before.rows;
	result->rejected = before.rejected;
	return false;
}
