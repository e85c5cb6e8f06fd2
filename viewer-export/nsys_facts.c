/* SPDX-License-Identifier: MIT */
/* What is no event: machine, GPUs, contexts, streams, processes, threads, the session itself. */
#include "viewer-export/nsys_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Ids of 32 bits whose value is not known. */
static const int64_t NO_ID = INT64_C(0xffffffff);

enum { NS_PER_S = 1000000000, HZ_PER_MHZ = 1000000 };

/* Places of columns in TARGET_INFO_GPU; the others are not known. */
enum {
	GPU_MACHINE = 0,
	GPU_ID = 1,
	GPU_NAME = 2,
	GPU_BUS = 3,
	GPU_L2 = 5,
	GPU_MEMORY = 6,
	GPU_BANDWIDTH = 7,
	GPU_CLOCK = 8,
	GPU_SM_COUNT = 9,
	GPU_UUID = 11,
	GPU_ENGINES = 27,
	GPU_COMPUTE_MAJOR = 37,
	GPU_COMPUTE_MINOR = 38,
	GPU_COLUMNS = 41,
};

static bool put_pair(struct nsys_session *session, enum nsys_output_table table, const char *name,
		     const char *value, struct error *error)
{
	const struct nsys_cell cells[] = { CELL_OF_TEXT(name), CELL_OF_TEXT(value) };
	return NSYS_PUT(session->writer, table, cells, error);
}

static bool put_start(struct nsys_session *session, struct error *error)
{
	char text[32] = "";
	struct tm parts;
	if (!session->has_base[true])
		return true;
	time_t seconds = (time_t)(session->base_ns[true] / NS_PER_S);
	if (gmtime_r(&seconds, &parts) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	const struct nsys_cell cells[] = { CELL_OF(session->base_ns[true]), CELL_OF_TEXT(text),
					   CELL_NONE, CELL_NONE };
	return NSYS_PUT(session->writer, NSYS_SESSION_START, cells, error);
}

/* From the start of the session to the end of the last recording, or its last event. */
static int64_t session_duration(const struct nsys_session *session)
{
	int64_t duration_ns = 0;
	for (size_t i = 0; i < session->set->count; i++) {
		const struct export_trace *trace = &session->set->traces[i];
		int64_t last_ns = trace->source->trace->stop_ns, end_ns;
		if (trace->has_time && trace->last_ns > last_ns)
			last_ns = trace->last_ns;
		if (!__builtin_add_overflow(last_ns, trace->epoch_ns, &end_ns) &&
		    !__builtin_sub_overflow(end_ns, session->base_ns[trace->is_unix], &end_ns) &&
		    end_ns > duration_ns)
			duration_ns = end_ns;
	}
	return duration_ns;
}

bool nsys_put_session_facts(struct nsys_session *session, struct error *error)
{
	static const char *const pairs[][2] = {
		{ "EXPORT_SCHEMA_VERSION", "3.25.0" }, { "EXPORT_SCHEMA_VERSION_MAJOR", "3" },
		{ "EXPORT_SCHEMA_VERSION_MINOR", "25" }, { "EXPORT_SCHEMA_VERSION_MICRO", "0" },
		{ "EXPORT_PARAM_EXPORT_TYPE", "SQLite" }, { "EXPORT_PARAM_LAZY", "true" },
		{ "EXPORT_PARAM_INCLUDE_JSON", "true" }, { "EXPORT_PARAM_INCLUDE_BLOBS", "false" },
	};
	const char *version = session->set->tool_version;
	/* Who made it is said: a reader must not take it for a file of the real tool. */
	if (!put_pair(session, NSYS_EXPORT, "EXPORT_PRODUCT_NAME", "laggard", error) ||
	    !put_pair(session, NSYS_EXPORT, "EXPORT_PRODUCT_VERSION",
		      version == NULL ? "" : version, error))
		return false;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (!put_pair(session, NSYS_EXPORT, pairs[i][0], pairs[i][1], error))
			return false;
	const int64_t duration_ns = session_duration(session);
	const struct nsys_cell details[] = {
		CELL_OF(INT64_C(1) << 48), CELL_OF(duration_ns), CELL_OF(0), CELL_OF(duration_ns),
	};
	return nsys_writer_enums(session->writer, error) && put_start(session, error) &&
	       NSYS_PUT(session->writer, NSYS_ANALYSIS_DETAILS, details, error);
}

static bool put_env(struct nsys_session *session, const struct nsys_trace *trace,
		    const char *name, int64_t number, const char *value, struct error *error)
{
	if (value[0] == 0)
		return true;
	const struct nsys_cell cells[] = {
		CELL_OF(trace->machine_id << 48), CELL_OF_TEXT("Local (CLI)"), CELL_OF_TEXT(name),
		CELL_OF(number), CELL_OF_TEXT(value),
	};
	return NSYS_PUT(session->writer, NSYS_SYSTEM_ENV, cells, error);
}

/* Once for each machine. "12.4" is written as the driver says it: 12040. */
static bool put_machine(struct nsys_session *session, const struct nsys_trace *trace, size_t index,
			struct error *error)
{
	const struct trace_row *row = trace->from->source->trace;
	char version[32] = "";
	char *end;
	for (size_t i = 0; i < index; i++)
		if (session->identities[i].machine_id == trace->machine_id)
			return true;
	long major = strtol(row->cuda_driver_version, &end, 10);
	long minor = *end == '.' ? strtol(end + 1, &end, 10) : 0;
	if (*end == 0 && major > 0 && major < 1000 && minor >= 0 && minor < 100)
		(void)snprintf(version, sizeof version, "%ld", major * 1000 + minor * 10);
	return put_env(session, trace, "NvDriverVersion", 205, row->driver_version, error) &&
	       put_env(session, trace, "CudaDriverVersion", 611, version, error) &&
	       put_env(session, trace, "Hostname", 619, row->host, error);
}

/* Which program it is, without the path and the arguments; "" if unknown. */
static void program_name(char *name, size_t size, const char *command)
{
	size_t length = strcspn(command, " ");
	for (size_t i = length; i > 0; i--)
		if (command[i - 1] == '/') {
			command += i;
			length -= i;
			break;
		}
	(void)snprintf(name, size, "%.*s", (int)length, command);
}

/* One PROCESS_<n>: key for each variable of a whitelist that the recorder keeps. */
static bool put_environment(struct nsys_session *session, const char *key, const char *environment,
			    struct error *error)
{
	bool ok = true;
	while (ok && *environment != 0) {
		size_t length = strcspn(environment, "\n");
		char *line = strndup(environment, length);
		if (line == NULL)
			return fail(error, ERROR_SYSTEM, "no memory to export");
		ok = length == 0 || put_pair(session, NSYS_CAPTURE, key, line, error);
		free(line);
		environment += length + (environment[length] == '\n');
	}
	return ok;
}

/* A framework's trace knows its rank without a variable; readers look for the variable. */
static bool put_rank(struct nsys_session *session, const char *key, const char *name, int64_t rank,
		     const char *environment, struct error *error)
{
	char variable[64];
	size_t length = strlen(name);
	const char *line = environment;
	while (line != NULL && !(strncmp(line, name, length) == 0 && line[length] == '=')) {
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	if (rank < 0 || line != NULL)
		return true;
	(void)snprintf(variable, sizeof variable, "%s=%" PRId64, name, rank);
	return put_pair(session, NSYS_CAPTURE, key, variable, error);
}

static bool put_process(struct nsys_session *session, const struct nsys_trace *trace, size_t index,
			struct error *error)
{
	const struct trace_row *row = trace->from->source->trace;
	char name[256], key[64], pid[24];
	program_name(name, sizeof name, row->command);
	const struct nsys_cell cells[] = { CELL_OF(trace->global_pid),
					   nsys_cell_or_null(trace->pid, 0), CELL_OF_TEXT(name) };
	if (!NSYS_PUT(session->writer, NSYS_PROCESSES, cells, error))
		return false;
	(void)snprintf(key, sizeof key, "PROCESS_%zu:COMMAND", index);
	if (row->command[0] != 0 &&
	    !put_pair(session, NSYS_CAPTURE, key, row->command, error))
		return false;
	(void)snprintf(key, sizeof key, "PROCESS_%zu:PID", index);
	(void)snprintf(pid, sizeof pid, "%" PRId64, trace->pid);
	if (!put_pair(session, NSYS_CAPTURE, key, pid, error))
		return false;
	(void)snprintf(key, sizeof key, "PROCESS_%zu:ENVIRONMENT_VARIABLE", index);
	return put_environment(session, key, row->environment, error) &&
	       put_rank(session, key, "RANK", row->rank, row->environment, error) &&
	       put_rank(session, key, "WORLD_SIZE", row->world_size, row->environment, error) &&
	       put_rank(session, key, "LOCAL_RANK", row->local_rank, row->environment, error);
}

/* Bare, as the real tool writes it. */
static const char *bare_uuid(const char *uuid)
{
	return strncmp(uuid, "GPU-", 4) == 0 ? uuid + 4 : uuid;
}

/* "00000000:01:00.0" as the real tool has it: "0000:01:00.0". */
static const char *short_bus(const char *bus)
{
	return strlen(bus) == 16 && strncmp(bus, "0000", 4) == 0 && bus[8] == ':' ? bus + 4 : bus;
}

static bool put_gpu(struct nsys_session *session, const struct nsys_trace *trace,
		    const struct device_row *device, int64_t gpu_id, struct error *error)
{
	struct nsys_cell cells[GPU_COLUMNS];
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		cells[i] = CELL_NONE;
	cells[GPU_MACHINE] = CELL_OF(trace->machine_id << 48);
	cells[GPU_ID] = CELL_OF(gpu_id);
	cells[GPU_NAME] = CELL_OF_TEXT(device->name);
	cells[GPU_BUS] = CELL_OF_TEXT(short_bus(device->pci_bus_id));
	cells[GPU_L2] = nsys_cell_or_null(device->l2_bytes, 0);
	cells[GPU_MEMORY] = nsys_cell_or_null(device->memory_bytes, 0);
	cells[GPU_BANDWIDTH] = nsys_cell_or_null(device->memory_bandwidth_bytes_per_s, 0);
	int64_t clock_mhz = device->clock_sm_max_mhz;
	bool has_clock = clock_mhz > 0 && clock_mhz < HZ_PER_MHZ;
	cells[GPU_CLOCK] = has_clock ? CELL_OF(clock_mhz * HZ_PER_MHZ) : CELL_NONE;
	cells[GPU_SM_COUNT] = nsys_cell_or_null(device->sm_count, 0);
	cells[GPU_UUID] = CELL_OF_TEXT(bare_uuid(device->uuid));
	cells[GPU_ENGINES] = nsys_cell_or_null(device->copy_engines, 0);
	if (device->compute_major > 0) {
		cells[GPU_COMPUTE_MAJOR] = CELL_OF(device->compute_major);
		cells[GPU_COMPUTE_MINOR] = CELL_OF(device->compute_minor);
	}
	return NSYS_PUT(session->writer, NSYS_GPU, cells, error);
}

/*
 * Which GPU of the machine: by what names it in the world, else by its number in the process, which
 * is the same GPU for all unless each sees its own.
 */
static bool gpu_find(struct nsys_session *session, const struct nsys_trace *trace,
		     const struct device_row *device, int64_t *gpu_id, bool *is_new,
		     struct error *error)
{
	struct text key;
	text_begin(&key, 1 << 12);
	text_add_format(&key, "%" PRId64 "/", trace->machine_id);
	if (device->uuid[0] != 0)
		text_add_format(&key, "%.200s", device->uuid);
	else if (device->pci_bus_id[0] != 0)
		text_add_format(&key, "%.200s", device->pci_bus_id);
	else
		text_add_format(&key, "#%" PRId64, device->device_id);
	bool ok = text_is_ok(&key);
	*is_new = !bytes_map_get(&session->gpus, key.bytes, key.length, gpu_id);
	if (ok && *is_new) {
		/* The number of the process where it is free: readers join by it. */
		char taken[64];
		int64_t ignored;
		*gpu_id = device->device_id;
		for (;; (*gpu_id)++) {
			(void)snprintf(taken, sizeof taken, "id %" PRId64 "/%" PRId64,
				       trace->machine_id, *gpu_id);
			if (!bytes_map_get(&session->gpus, taken, strlen(taken), &ignored))
				break;
		}
		ok = bytes_map_put(&session->gpus, taken, strlen(taken), 0) &&
		     bytes_map_put(&session->gpus, key.bytes, key.length, *gpu_id);
	}
	text_end(&key);
	return ok || nsys_trace_no_memory(trace, error);
}

static bool put_device(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		       struct error *error)
{
	const struct device_row *device = row;
	bool is_named = device->uuid[0] != 0 || device->pci_bus_id[0] != 0;
	bool is_new = false;
	int64_t gpu_id = -1;
	if ((is_named || device->name[0] != 0) &&
	    (!gpu_find(session, trace, device, &gpu_id, &is_new, error) ||
	     (is_new && !put_gpu(session, trace, device, gpu_id, error))))
		return false;
	const struct nsys_cell cells[] = {
		is_named ? CELL_OF(gpu_id) : CELL_NONE, CELL_OF(device->device_id),
		CELL_OF(trace->pid), CELL_OF_TEXT(bare_uuid(device->uuid)),
		nsys_cell_or_null(device->sm_count, 0),
	};
	return NSYS_PUT(session->writer, NSYS_CUDA_DEVICE, cells, error);
}

static bool put_context(struct nsys_session *session, struct nsys_trace *trace, const void *row,
			struct error *error)
{
	const struct context_row *context = row;
	if (context->device_id < 0) {
		trace->left_out[NSYS_LEFT_CONTEXT]++;
		return true;
	}
	const struct nsys_cell cells[] = {
		CELL_OF(context->null_stream_number < 0 ? NO_ID : context->null_stream_number),
		CELL_OF(trace->hardware_id),
		CELL_OF(trace->machine_id),
		CELL_OF(trace->pid),
		CELL_OF(context->device_id),
		CELL_OF(context->context_id),
		CELL_NONE,
		CELL_NONE,
		CELL_NONE,
	};
	return NSYS_PUT(session->writer, NSYS_CUDA_CONTEXT, cells, error);
}

static bool put_stream(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		       struct error *error)
{
	const struct stream_row *stream = row;
	if (stream->number < 0) {
		trace->left_out[NSYS_LEFT_STREAM]++;
		return true;
	}
	const struct nsys_cell cells[] = {
		CELL_OF(stream->number), CELL_OF(trace->hardware_id), CELL_OF(trace->machine_id),
		CELL_OF(trace->pid), CELL_OF(stream->context_id), CELL_OF(stream->priority),
		CELL_OF(stream->flag),
	};
	return NSYS_PUT(session->writer, NSYS_CUDA_STREAM, cells, error);
}

/* A thread whose number had to be replaced is known by the number, where it has no name. */
static bool put_thread(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		       struct error *error)
{
	const struct thread_row *thread = row;
	char number[48];
	int64_t tid, name_id;
	const char *name = trace_reader_string(trace->reader, thread->name_id);
	if (!nsys_trace_thread(trace, thread->thread_id, &tid, error))
		return false;
	(void)snprintf(number, sizeof number, "thread %" PRId64, thread->thread_id);
	if (name[0] == 0 && tid != (trace->global_pid | thread->thread_id))
		name = number;
	if (name[0] == 0)
		return true;
	if (!nsys_writer_string(session->writer, name, &name_id, error))
		return false;
	const struct nsys_cell cells[] = { CELL_OF(name_id), CELL_NONE, CELL_OF(tid) };
	return NSYS_PUT(session->writer, NSYS_THREAD_NAMES, cells, error);
}

bool nsys_put_trace_facts(struct nsys_session *session, struct nsys_trace *trace, size_t index,
			  struct error *error)
{
	return put_machine(session, trace, index, error) &&
	       put_process(session, trace, index, error) &&
	       nsys_walk(session, trace, TABLE_device, put_device, error) &&
	       nsys_walk(session, trace, TABLE_context, put_context, error) &&
	       nsys_walk(session, trace, TABLE_stream, put_stream, error) &&
	       nsys_walk(session, trace, TABLE_thread, put_thread, error);
}
