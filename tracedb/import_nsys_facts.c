/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_facts.h"

#include "base/arena.h"
#include "base/text.h"
#include "tracedb/import_nsys_communicator.h"
#include "tracedb/import_nsys_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LAUNCHES_MAX = 1024,	/* programs that one session started */
	COMMAND_BYTES_MAX = 32 * 1024,
};

static const size_t FACTS_BYTES_MAX = (size_t)64 * 1024 * 1024;

/* One program that the session started. */
struct launch {
	int64_t number;		/* n of PROCESS_<n>:... */
	int64_t pid;		/* 0 or -1: not told */
	int64_t rank, world_size, local_rank;
	struct text command;
};

struct nsys_facts {
	struct arena *arena;
	struct nsys_devices *devices;
	struct launch launches[LAUNCHES_MAX];
	size_t launch_count;
	const char *product_version, *schema_version, *session, *host;
	const char *driver_version, *cuda_driver_version;
	int64_t epoch_ns;
	struct nsys_list thread_names;		/* globalTid -> StringIds id */
	struct nsys_list process_names;		/* globalPid -> offset of a name in `names` */
	struct text names;
};

/* A table of facts: `take` is called for each row. */
typedef bool (*fact_take)(struct nsys_facts *facts, struct nsys_import *import,
			  const struct nsys_cursor *cursor);

static bool facts_walk(struct nsys_facts *facts, struct nsys_import *import,
		       const struct nsys_select *select, fact_take take, struct error *error)
{
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, import->file, select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		if (!take(facts, import, cursor)) {
			(void)nsys_no_memory(import, error);
			break;
		}
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

static bool text_is(const char *text, size_t length, const char *wanted)
{
	return text != NULL && strlen(wanted) == length && strncasecmp(text, wanted, length) == 0;
}

/* The value of a name/value row whose name is `wanted`; the first one counts. */
static bool take_value(struct nsys_facts *facts, const struct nsys_cursor *cursor,
		       const char *wanted, const char **out)
{
	size_t length = 0, size = 0;
	const char *name = nsys_cursor_text(cursor, 0, &length);
	if (!text_is(name, length, wanted) || **out != 0)
		return true;
	const char *value = nsys_cursor_text(cursor, 1, &size);
	const char *copy =
		value == NULL ? "" : arena_copy_text(facts->arena, value, strnlen(value, size));
	if (copy == NULL)
		return false;
	*out = copy;
	return true;
}

static bool take_export(struct nsys_facts *facts, struct nsys_import *import,
			const struct nsys_cursor *cursor)
{
	(void)import;
	return take_value(facts, cursor, "EXPORT_PRODUCT_VERSION", &facts->product_version) &&
	       take_value(facts, cursor, "EXPORT_SCHEMA_VERSION", &facts->schema_version);
}

static bool take_system(struct nsys_facts *facts, struct nsys_import *import,
			const struct nsys_cursor *cursor)
{
	(void)import;
	return take_value(facts, cursor, "Hostname", &facts->host) &&
	       take_value(facts, cursor, "NvDriverVersion", &facts->driver_version) &&
	       take_value(facts, cursor, "CudaDriverVersion", &facts->cuda_driver_version);
}

static struct launch *launch_of(struct nsys_facts *facts, int64_t number)
{
	for (size_t i = 0; i < facts->launch_count; i++)
		if (facts->launches[i].number == number)
			return &facts->launches[i];
	if (facts->launch_count == LAUNCHES_MAX)
		return NULL;
	struct launch *launch = &facts->launches[facts->launch_count++];
	*launch = (struct launch){ .number = number, .pid = -1, .rank = -1, .world_size = -1,
				   .local_rank = -1 };
	text_begin(&launch->command, COMMAND_BYTES_MAX);
	return launch;
}

/* Up to nine digits and nothing else; -1 otherwise. */
static int64_t small_number(const char *digits, size_t length)
{
	int64_t number = 0;
	if (length == 0 || length > 9)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		number = number * 10 + (digits[i] - '0');
	}
	return number;
}

/*
 * NAME=7 or NAME="7" of the three names that are taken; everything else of the environment stays
 * there.
 */
static void launch_take_variable(struct launch *launch, const char *variable, size_t length)
{
	static const struct { const char *name; size_t offset; } wanted[] = {
		{ "RANK=", offsetof(struct launch, rank) },
		{ "WORLD_SIZE=", offsetof(struct launch, world_size) },
		{ "LOCAL_RANK=", offsetof(struct launch, local_rank) },
	};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		size_t size = strlen(wanted[i].name);
		if (length <= size || memcmp(variable, wanted[i].name, size) != 0)
			continue;
		const char *value = variable + size;
		size_t rest = length - size;
		if (rest >= 2 && value[0] == '"' && value[rest - 1] == '"') {
			value++;
			rest -= 2;
		}
		int64_t number = small_number(value, rest);
		memcpy((unsigned char *)launch + wanted[i].offset, &number, sizeof number);
	}
}

/* PROCESS_<n>:COMMAND, :ARGUMENT_<i>, :PID, :ENVIRONMENT_VARIABLE */
static void take_launch(struct nsys_facts *facts, const char *name, size_t length,
			const char *value, size_t size)
{
	static const char prefix[] = "PROCESS_";
	const size_t begin = sizeof prefix - 1;
	const char *colon = memchr(name, ':', length);
	if (length < begin || memcmp(name, prefix, begin) != 0 || colon == NULL || value == NULL)
		return;
	int64_t number = small_number(name + begin, (size_t)(colon - name) - begin);
	const char *key = colon + 1;
	size_t key_length = length - (size_t)(key - name);
	bool is_argument = key_length > 9 && memcmp(key, "ARGUMENT_", 9) == 0;
	bool is_command = text_is(key, key_length, "COMMAND");
	bool is_pid = text_is(key, key_length, "PID");
	bool is_variable = text_is(key, key_length, "ENVIRONMENT_VARIABLE");
	struct launch *launch = NULL;
	if (number < 0 || !(is_argument || is_command || is_pid || is_variable) ||
	    (launch = launch_of(facts, number)) == NULL)
		return;
	if (is_pid)
		launch->pid = small_number(value, size);
	if (is_variable)
		launch_take_variable(launch, value, size);
	if (is_argument || is_command) {
		/* Cut where it gets too long, so that the text fails for want of memory only. */
		size_t taken = strnlen(value, size);
		if (launch->command.length > 0 && launch->command.length < COMMAND_BYTES_MAX - 2)
			text_add_char(&launch->command, ' ');
		size_t room = COMMAND_BYTES_MAX - 2 - launch->command.length;
		text_add_bytes(&launch->command, value, taken < room ? taken : room);
	}
}

static bool take_capture(struct nsys_facts *facts, struct nsys_import *import,
			 const struct nsys_cursor *cursor)
{
	(void)import;
	size_t length = 0, size = 0;
	const char *name = nsys_cursor_text(cursor, 0, &length);
	const char *value = nsys_cursor_text(cursor, 1, &size);
	if (name != NULL)
		take_launch(facts, name, length, value, size);
	return take_value(facts, cursor, "PROFILING_SESSION_UUID", &facts->session);
}

static bool take_session(struct nsys_facts *facts, struct nsys_import *import,
			 const struct nsys_cursor *cursor)
{
	(void)import;
	int64_t epoch_ns = nsys_cursor_integer_or(cursor, 0, 0);
	if (facts->epoch_ns == 0 && epoch_ns > 0 && epoch_ns < INT64_C(1) << 61)
		facts->epoch_ns = epoch_ns;
	return true;
}

static bool take_analysis(struct nsys_facts *facts, struct nsys_import *import,
			  const struct nsys_cursor *cursor)
{
	(void)facts;
	int64_t duration_ns = nsys_cursor_integer_or(cursor, 0, 0);
	if (duration_ns > import->duration_ns && duration_ns < INT64_C(1) << 61)
		import->duration_ns = duration_ns;
	return true;
}

/* globalTid -> StringIds id: names are read when a process's threads are written. */
static bool take_thread_name(struct nsys_facts *facts, struct nsys_import *import,
			     const struct nsys_cursor *cursor)
{
	(void)import;
	int64_t tid, name;
	if (!nsys_cursor_integer(cursor, 0, &tid) || !nsys_cursor_integer(cursor, 1, &name))
		return true;
	return nsys_list_add(&facts->thread_names, tid, name) != NULL;
}

static bool take_process_name(struct nsys_facts *facts, struct nsys_import *import,
			      const struct nsys_cursor *cursor)
{
	(void)import;
	int64_t global_pid;
	size_t length = 0;
	const char *name = nsys_cursor_text(cursor, 1, &length);
	if (!nsys_cursor_integer(cursor, 0, &global_pid) || name == NULL)
		return true;
	if (nsys_list_add(&facts->process_names, global_pid, (int64_t)facts->names.length) == NULL)
		return false;
	text_add_bytes(&facts->names, name, strnlen(name, length));
	text_add_bytes(&facts->names, "", 1);
	return text_is_ok(&facts->names);
}

static struct nsys_process *process_of_pid(struct nsys_import *import, int64_t pid)
{
	for (size_t i = 0; i < import->process_count; i++)
		if (import->processes[i].pid == pid)
			return &import->processes[i];
	return NULL;
}

static bool take_context(struct nsys_facts *facts, struct nsys_import *import,
			 const struct nsys_cursor *cursor)
{
	(void)facts;
	struct nsys_process *process =
		process_of_pid(import, nsys_cursor_integer_or(cursor, 0, -1));
	int64_t context, null_stream;
	if (process == NULL || !nsys_cursor_integer(cursor, 1, &context))
		return true;
	if (!nsys_process_add_context(process, context, nsys_cursor_integer_or(cursor, 2, -1)))
		return false;
	if (nsys_cursor_integer(cursor, 3, &null_stream) && null_stream < UINT32_MAX)
		nsys_list_find(&process->contexts, context)->extra = null_stream;
	return true;
}

static bool take_stream(struct nsys_facts *facts, struct nsys_import *import,
			const struct nsys_cursor *cursor)
{
	(void)facts;
	const int64_t key[3] = { nsys_cursor_integer_or(cursor, 0, -1),
				 nsys_cursor_integer_or(cursor, 1, -1),
				 nsys_cursor_integer_or(cursor, 2, -1) };
	int64_t priority = nsys_cursor_integer_or(cursor, 3, 0);
	int64_t flag = nsys_cursor_integer_or(cursor, 4, 0);
	if (priority < -1000000 || priority > 1000000 || flag < 0 || flag > 3)
		return true;
	return bytes_map_put(&import->stream_facts, key, sizeof key, priority * 256 + flag);
}

struct fact_source {
	const char *table;
	fact_take take;
	const char *columns[5];
	size_t column_count;
};

static const struct fact_source sources[] = {
	{ "META_DATA_EXPORT", take_export, { "name", "value" }, 2 },
	{ "EXPORT_META_DATA", take_export, { "name", "value" }, 2 },
	{ "META_DATA_CAPTURE", take_capture, { "name", "value" }, 2 },
	{ "TARGET_INFO_SYSTEM_ENV", take_system, { "name", "value" }, 2 },
	{ "TARGET_INFO_SESSION_START_TIME", take_session, { "utcEpochNs" }, 1 },
	{ "ANALYSIS_DETAILS", take_analysis, { "duration" }, 1 },
	{ "ThreadNames", take_thread_name, { "globalTid", "nameId" }, 2 },
	{ "PROCESSES", take_process_name, { "globalPid", "name" }, 2 },
	{ "TARGET_INFO_CUDA_CONTEXT_INFO",
	  take_context,
	  { "processId", "contextId", "deviceId", "nullStreamId" },
	  4 },
	{ "TARGET_INFO_CUDA_NULL_STREAM",
	  take_context,
	  { "processId", "contextId", "", "streamId" },
	  4 },
	{ "TARGET_INFO_CUDA_STREAM",
	  take_stream,
	  { "processId", "contextId", "streamId", "priority", "flag" },
	  5 },
};

static bool facts_read(struct nsys_facts *facts, struct nsys_import *import, struct error *error)
{
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		const struct nsys_select select = { .table = sources[i].table,
						    .columns = sources[i].columns,
						    .column_count = sources[i].column_count };
		if (!facts_walk(facts, import, &select, sources[i].take, error))
			return false;
	}
	for (size_t i = 0; i < facts->launch_count; i++)
		if (!text_is_ok(&facts->launches[i].command))
			return nsys_no_memory(import, error);
	return nsys_devices_load(&facts->devices, import->file, error);
}

bool nsys_facts_load(struct nsys_facts **out, struct nsys_import *import, struct error *error)
{
	*out = NULL;
	struct nsys_facts *facts = calloc(1, sizeof *facts);
	if (facts == NULL || (facts->arena = arena_create(FACTS_BYTES_MAX)) == NULL) {
		free(facts);
		return nsys_no_memory(import, error);
	}
	text_begin(&facts->names, FACTS_BYTES_MAX);
	facts->product_version = facts->schema_version = facts->session = facts->host = "";
	facts->driver_version = facts->cuda_driver_version = "";
	if (!facts_read(facts, import, error)) {
		nsys_facts_close(facts);
		return false;
	}
	*out = facts;
	return true;
}

void nsys_facts_close(struct nsys_facts *facts)
{
	if (facts == NULL)
		return;
	for (size_t i = 0; i < facts->launch_count; i++)
		text_end(&facts->launches[i].command);
	nsys_devices_close(facts->devices);
	nsys_list_end(&facts->thread_names);
	nsys_list_end(&facts->process_names);
	text_end(&facts->names);
	arena_close(facts->arena);
	free(facts);
}

/* How the process was started: by its pid, else by the only program that the session started. */
static const struct launch *launch_of_process(const struct nsys_facts *facts, int64_t pid)
{
	for (size_t i = 0; i < facts->launch_count; i++)
		if (facts->launches[i].pid == pid && pid > 0)
			return &facts->launches[i];
	return facts->launch_count == 1 ? &facts->launches[0] : NULL;
}

/* "13000" -> "13.0" */
static void cuda_version(const char *digits, char *out, size_t size)
{
	int64_t number = small_number(digits, strlen(digits));
	if (number >= 1000)
		(void)snprintf(out, size, "%d.%d", (int)(number / 1000), (int)(number % 1000 / 10));
	else
		(void)snprintf(out, size, "%.60s", digits);
}

/*
 * Processes of one session share its clock, and so one "boot id": the session's id, or what else
 * tells sessions apart where an old export has none.
 */
static void session_id(const struct nsys_facts *facts, const struct nsys_import *import, char *out,
		       size_t size)
{
	const char *path = nsys_file_path(import->file);
	if (*facts->session != 0)
		(void)snprintf(out, size, "nsys-%.80s", facts->session);
	else if (facts->epoch_ns != 0)
		(void)snprintf(out, size, "nsys-%lld", (long long)facts->epoch_ns);
	else
		(void)snprintf(out, size, "nsys-%016llx",
			       (unsigned long long)bytes_hash(path, strlen(path)));
}

/* The one program with this pid: processes of several hosts may share it. */
static bool is_launch_of(const struct nsys_facts *facts, const struct launch *launch, int64_t pid)
{
	size_t count = 0;
	for (size_t i = 0; i < facts->launch_count; i++)
		count += facts->launches[i].pid == pid;
	return pid > 0 && launch->pid == pid && count == 1;
}

/*
 * Rank and world size. The environment counts for the process that the export names with it, or
 * where there is but one: the children of a launcher share its environment, but not their ranks.
 */
static void trace_set_ranks(struct trace_row *trace, const struct nsys_facts *facts,
			    const struct launch *launch,
			    const struct nsys_import *import, const struct nsys_process *process)
{
	nsys_communicator_world(process, &trace->rank, &trace->world_size);
	trace->local_rank = -1;
	if (launch == NULL || launch->rank < 0 ||
	    (import->process_count != 1 && !is_launch_of(facts, launch, process->pid)))
		return;
	trace->rank = launch->rank;
	trace->local_rank = launch->local_rank;
	if (launch->world_size > launch->rank)
		trace->world_size = launch->world_size;
	if (trace->world_size <= trace->rank)
		trace->world_size = -1;
}

static bool put_trace(const struct nsys_facts *facts, struct nsys_import *import,
		      struct nsys_process *process, struct error *error)
{
	char version[256], boot_id[96], cuda_driver[64];
	const struct launch *launch = launch_of_process(facts, process->pid);
	const struct nsys_entry *name = nsys_list_find(&facts->process_names, process->global_pid);
	(void)snprintf(version, sizeof version, "Nsight Systems %.80s, schema %.80s",
		       *facts->product_version != 0 ? facts->product_version : "of unknown version",
		       *facts->schema_version != 0 ? facts->schema_version : "unknown");
	session_id(facts, import, boot_id, sizeof boot_id);
	cuda_version(facts->cuda_driver_version, cuda_driver, sizeof cuda_driver);
	struct trace_row trace = {
		.trace_id = 1,
		.source = "nsys",
		.tool_version = import->options == NULL ? NULL : import->options->tool_version,
		.source_path = nsys_file_path(import->file),
		.source_version = version,
		.host = facts->host,
		.boot_id = boot_id,
		.pid = process->pid,
		.epoch_ns = facts->epoch_ns,
		.driver_version = facts->driver_version,
		.cuda_driver_version = cuda_driver,
		.stop_ns = process->end_ns > import->duration_ns ? process->end_ns
								 : import->duration_ns,
	};
	if (launch != NULL && launch->command.length > 0)
		trace.command = text_string(&launch->command);
	else if (name != NULL)
		trace.command = text_string(&facts->names) + name->value;
	trace_set_ranks(&trace, facts, launch, import, process);
	return trace_put_trace(process->writer, &trace, error);
}

static bool put_contexts(struct nsys_process *process, struct error *error)
{
	for (size_t i = 0; i < process->contexts.count; i++) {
		const struct nsys_entry *entry = &process->contexts.entries[i];
		const struct context_row context = { .context_id = entry->key,
						     .device_id = entry->value,
						     .null_stream_number = entry->extra };
		if (!trace_writer_replace(process->writer, TABLE_context, &context, error))
			return false;
	}
	return true;
}

/* A name given by annotation goes before the system's name of the thread. */
static bool put_threads(const struct nsys_facts *facts, struct nsys_import *import,
			struct nsys_process *process, struct error *error)
{
	for (size_t i = 0; i < process->threads.count; i++) {
		int64_t thread_id = process->threads.entries[i].key;
		struct thread_row thread = { .thread_id = thread_id, .pid = process->pid };
		const struct nsys_entry *own = nsys_list_find(&process->thread_names, thread_id);
		const struct nsys_entry *name =
			nsys_list_find(&facts->thread_names, process->global_pid | thread_id);
		const char *bytes = NULL;
		size_t length = 0;
		int found = own != NULL || name == NULL ? 0 :
			nsys_file_string(import->file, name->value, &bytes, &length, error);
		if (found < 0)
			return false;
		if (own != NULL)
			thread.name_id = own->value;
		else if (found == 1 && !trace_writer_string(process->writer, bytes, length,
							    &thread.name_id, error))
			return false;
		if (!trace_put_thread(process->writer, &thread, error))
			return false;
	}
	return true;
}

bool nsys_facts_put(const struct nsys_facts *facts, struct nsys_import *import,
		    struct nsys_process *process, struct error *error)
{
	if (!put_trace(facts, import, process, error) || !put_contexts(process, error) ||
	    !put_threads(facts, import, process, error) ||
	    !nsys_devices_put(facts->devices, process, error))
		return false;
	for (size_t i = 0; i < process->communicator_count; i++)
		if (!trace_put_communicator(process->writer, &process->communicators[i], error))
			return false;
	return process->missing_strings == 0 ||
	       trace_writer_loss(process->writer, "import", "names that StringIds does not hold",
				 process->missing_strings, -1, error);
}

const char *nsys_facts_schema_version(const struct nsys_facts *facts)
{
	return facts->schema_version;
}
