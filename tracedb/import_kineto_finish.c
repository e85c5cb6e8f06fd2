/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_part.h"
#include "tracedb/json_number.h"

#include <stdio.h>
#include <string.h>

static bool put_threads(struct kineto_part *part, struct error *error)
{
	for (size_t i = 0; i < part->thread_count; i++) {
		const struct kineto_thread *thread = &part->threads[i];
		struct thread_row row = { .thread_id = thread->thread_id, .pid = thread->pid };
		if (!thread->is_used)
			continue;
		if (thread->name != NULL &&
		    !trace_writer_string(part->writer, thread->name, strlen(thread->name),
					 &row.name_id, error))
			return false;
		/* Ids made for equal tids could meet a real tid: the later row stays. */
		if (!trace_writer_replace(part->writer, TABLE_thread, &row, error))
			return false;
	}
	return true;
}

static bool put_devices(struct kineto_part *part, const struct kineto_metadata *metadata,
			struct error *error)
{
	for (size_t i = 0; i < part->device_count; i++) {
		const struct kineto_gpu *gpu =
			kineto_metadata_gpu(metadata, part->devices[i].index);
		struct device_row row = { .device_id = part->devices[i].device_id,
					  .pcie_replays = -1 };
		if (gpu != NULL) {
			row.name = gpu->name;
			row.memory_bytes = gpu->memory_bytes;
			row.compute_major = gpu->compute_major;
			row.compute_minor = gpu->compute_minor;
			row.sm_count = gpu->sm_count;
		}
		if (!trace_put_device(part->writer, &row, error))
			return false;
	}
	return true;
}

/*
 * Older traces have no rows for cudaEventRecord, but a wait tells which record, of which stream, it
 * waited for: that much is kept, without a time.
 */
static bool put_records(struct kineto_part *part, struct error *error)
{
	for (size_t i = 0; i < part->record_count; i++) {
		const struct kineto_record *record = &part->records[i];
		const struct cuda_event_row row = {
			.time_ns = -1, .event_id = record->event_id,
			.event_sync_id = record->correlation_id, .context_id = record->context_id,
			.stream_id = record->stream_id, .correlation_id = record->correlation_id,
		};
		if (!record->has_row && !trace_put_cuda_event(part->writer, &row, error))
			return false;
	}
	return true;
}

/* The one number in a merger's label, "[rank 3]" or "[TP03]"; -1 where it has none or several. */
static int64_t rank_of_label(const char *label)
{
	int64_t rank = -1;
	while (*label != 0) {
		size_t length = strspn(label, "0123456789");
		if (length > 0 && (rank >= 0 || !json_number_integer(label, length, &rank)))
			return -1;
		label += length > 0 ? length : 1;
	}
	return rank;
}

static const char *command_of(const struct kineto_part *part, int64_t pid)
{
	for (size_t i = 0; i < part->process_count; i++)
		if (part->processes[i].pid == pid)
			return part->processes[i].name;
	return "";
}

/* "PyTorch 2.4.0", or `otherwise` where there is no version. */
static void named_version(const char *otherwise, const char *name, const char *version, char *out,
			  size_t size)
{
	if (version[0] == 0)
		(void)snprintf(out, size, "%s", otherwise);
	else
		(void)snprintf(out, size, "%s %s", name, version);
}

static bool put_trace(struct kineto_part *part, const struct kineto_source *source, int64_t rank,
		      struct error *error)
{
	const struct kineto_metadata *metadata = source->metadata;
	int64_t pid = part->pid >= 0 ? part->pid : part->pid_of_ranges, unix_ns;
	if (__builtin_add_overflow(metadata->base_ns, source->epoch_ns, &unix_ns)) {
		unix_ns = 0;
		if (!trace_writer_loss(part->writer, "import",
				       "baseTimeNanoseconds is out of range", 0, -1, error))
			return false;
	}
	char framework[KINETO_WORD_MAX + 16], dialect[KINETO_WORD_MAX + 16];
	named_version("PyTorch", "PyTorch", metadata->framework_version, framework,
		      sizeof framework);
	named_version("", "schema", metadata->schema_version, dialect, sizeof dialect);
	const struct trace_row row = {
		.trace_id = 1,
		.source = "kineto",
		.tool_version = source->tool_version,
		.source_path = source->path,
		.source_version = dialect,
		.host = metadata->host,
		.pid = pid,
		.command = command_of(part, pid),
		.rank = rank,
		.world_size = metadata->world_size,
		.local_rank = -1,
		.epoch_ns = unix_ns,
		.stop_ns = part->end_ns,
		.settings = text_string(&metadata->settings),
		.cuda_driver_version = metadata->driver_version,
		.cuda_runtime_version = metadata->runtime_version,
		.cupti_version = metadata->cupti_version,
		.nccl_version = metadata->nccl_version,
		.framework = framework,
	};
	return trace_put_trace(part->writer, &row, error);
}

bool kineto_part_finish(struct kineto_part *part, const struct kineto_source *source,
			struct import_result *result, struct error *error)
{
	int64_t rank = part->label[0] == 0 ? source->metadata->rank : rank_of_label(part->label);
	if (!put_threads(part, error) || !put_devices(part, source->metadata, error) ||
	    !put_records(part, error) ||
	    !kineto_collectives_finish(&part->collectives, part->writer, rank, error) ||
	    !put_trace(part, source, rank, error) || !trace_writer_commit(part->writer, error) ||
	    !import_result_add(result, part->path, error))
		return false;
	result->rows += kineto_part_rows(part);
	result->rejected += part->rejected;
	struct trace_writer *writer = part->writer;
	part->writer = NULL;
	return trace_writer_close(writer, error);
}
