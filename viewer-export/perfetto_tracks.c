/* SPDX-License-Identifier: MIT */
/* Processes, GPUs, tracks, queues and counters of a Perfetto trace: what events lie on. */
#include "viewer-export/perfetto.h"

#include "base/array.h"
#include "tracedb/tables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	COUNTERS_BYTES_MAX = 1 << 24,
	ORDERING_EXPLICIT = 3,
	MERGING_NONE = 2,
	API_CUDA = 4,
	FIRST_QUEUE_IID = 16,		/* above the stages */
	COUNTER_RANK = -(1 << 20),	/* above the tracks of its process */
};

/* Processes, and the tracks of each, stand as the walk orders them. */
bool perfetto_root_write(struct export_stream *stream, struct error *error)
{
	struct text *text = &stream->text;
	size_t packet = perfetto_packet_begin(stream);
	size_t descriptor = protobuf_begin(text, PACKET_TRACK_DESCRIPTOR);
	protobuf_add_varint(text, DESCRIPTOR_UUID, 0);
	protobuf_add_varint(text, DESCRIPTOR_CHILD_ORDERING, ORDERING_EXPLICIT);
	protobuf_add_varint(text, DESCRIPTOR_PROCESS_ORDERING, ORDERING_EXPLICIT);
	protobuf_end(text, descriptor);
	return perfetto_packet_end(stream, packet, error);
}

static struct perfetto_track *track_take(struct perfetto *perfetto, int64_t track_id)
{
	struct perfetto_track *tracks = array_reach(perfetto->tracks, &perfetto->track_room,
						    (size_t)track_id, sizeof tracks[0]);
	if (tracks == NULL)
		return NULL;
	perfetto->tracks = tracks;
	return &tracks[track_id];
}

/* Begins a descriptor inside a packet; protobuf_end ends it. */
static size_t descriptor_begin(struct text *text, uint64_t uuid, const char *name,
			       uint64_t parent_uuid, int64_t rank)
{
	size_t descriptor = protobuf_begin(text, PACKET_TRACK_DESCRIPTOR);
	protobuf_add_varint(text, DESCRIPTOR_UUID, uuid);
	protobuf_add_string(text, DESCRIPTOR_NAME, name);
	if (parent_uuid != 0)
		protobuf_add_varint(text, DESCRIPTOR_PARENT, parent_uuid);
	protobuf_add_integer(text, DESCRIPTOR_RANK, rank);
	/* Two threads may have the same name, and are two for all that. */
	protobuf_add_varint(text, DESCRIPTOR_MERGING, MERGING_NONE);
	return descriptor;
}

static void add_description(struct text *text, const struct export_source *source)
{
	const struct trace_row *trace = source->trace;
	const struct { const char *key, *value; } facts[] = {
		{ "", source->path }, { "recorded by ", trace->source },
		{ "driver ", trace->driver_version }, { "CUDA ", trace->cuda_driver_version },
		{ "NCCL ", trace->nccl_version }, { "", trace->framework },
	};
	size_t description = protobuf_begin(text, DESCRIPTOR_DESCRIPTION);
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
		if (facts[i].value == NULL || facts[i].value[0] == 0)
			continue;
		text_add(text, i == 0 ? "" : ", ");
		text_add(text, facts[i].key);
		text_add_utf8(text, facts[i].value, strlen(facts[i].value));
	}
	protobuf_end(text, description);
}

/* What its queues need to know of a GPU; a pid of one is that of the process which uses it. */
static bool gpu_take(struct export_stream *stream, const struct export_process *process,
		     struct perfetto_track *made, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &stream->text;
	bool has_host = perfetto->host_process != 0 && perfetto->host_source == process->source;
	made->context_pid = has_host ? perfetto->host_process : process->process_id;
	made->gpu = perfetto->gpu_count++;
	size_t gpu = protobuf_begin(&perfetto->gpus, GPU_INFO_GPU);
	protobuf_add_string(&perfetto->gpus, GPU_NAME, process->name);
	protobuf_end(&perfetto->gpus, gpu);
	if (!text_is_ok(&perfetto->gpus))
		return perfetto_no_memory(error);
	size_t packet = perfetto_packet_begin(stream);
	size_t data = protobuf_begin(text, PACKET_INTERNED_DATA);
	size_t context = protobuf_begin(text, INTERNED_CONTEXTS);
	protobuf_add_integer(text, INTERNED_IID, process->process_id);
	protobuf_add_integer(text, CONTEXT_PID, made->context_pid);
	protobuf_add_varint(text, CONTEXT_API, API_CUDA);
	protobuf_end(text, context);
	protobuf_end(text, data);
	return perfetto_packet_end(stream, packet, error);
}

bool perfetto_process(struct export_stream *stream, const struct export_process *process,
			     struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &stream->text;
	struct perfetto_track *made = track_take(perfetto, process->process_id);
	if (made == NULL)
		return perfetto_no_memory(error);
	made->process_id = process->process_id;
	size_t packet = perfetto_packet_begin(stream);
	size_t descriptor = descriptor_begin(text, perfetto_track_uuid(process->process_id),
					     process->name, 0, process->order);
	size_t inner = protobuf_begin(text, DESCRIPTOR_PROCESS);
	protobuf_add_integer(text, PROCESS_PID, process->process_id);
	if (process->kind == PROCESS_HOST &&
	    perfetto->sources[process->source].trace->command[0] != 0)
		protobuf_add_string(text, PROCESS_COMMAND,
				    perfetto->sources[process->source].trace->command);
	protobuf_add_string(text, PROCESS_NAME, process->name);
	protobuf_end(text, inner);
	protobuf_add_varint(text, DESCRIPTOR_CHILD_ORDERING, ORDERING_EXPLICIT);
	if (process->kind == PROCESS_HOST)
		add_description(text, &perfetto->sources[process->source]);
	protobuf_end(text, descriptor);
	if (!perfetto_packet_end(stream, packet, error))
		return false;
	if (process->kind == PROCESS_HOST) {
		perfetto->host_process = process->process_id;
		perfetto->host_source = process->source;
	}
	return process->kind != PROCESS_GPU || gpu_take(stream, process, made, error);
}

static bool queue_write(struct export_stream *stream, uint64_t iid, const char *name,
			struct error *error)
{
	struct text *text = &stream->text;
	size_t packet = perfetto_packet_begin(stream);
	size_t data = protobuf_begin(text, PACKET_INTERNED_DATA);
	size_t queue = protobuf_begin(text, INTERNED_SPECIFICATIONS);
	protobuf_add_varint(text, INTERNED_IID, iid);
	protobuf_add_string(text, INTERNED_NAME, name);
	protobuf_end(text, queue);
	protobuf_end(text, data);
	return perfetto_packet_end(stream, packet, error);
}

bool perfetto_track_describe(struct export_stream *stream, uint64_t uuid, const char *name,
			     int64_t process_id, int64_t rank, struct error *error)
{
	size_t packet = perfetto_packet_begin(stream);
	protobuf_end(&stream->text, descriptor_begin(&stream->text, uuid, name,
						     perfetto_track_uuid(process_id), rank));
	return perfetto_packet_end(stream, packet, error);
}

bool perfetto_track(struct export_stream *stream, const struct export_track *track,
			   struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *text = &perfetto->tracks_text;
	struct perfetto_track *made = track_take(perfetto, track->track_id);
	if (made == NULL)
		return perfetto_no_memory(error);
	const struct perfetto_track *process = &perfetto->tracks[track->process_id];
	*made = (struct perfetto_track){
		.is_work = track->kind == TRACK_WORK || track->kind == TRACK_GRAPHS,
		.process_id = track->process_id,
		.context_pid = process->context_pid,
		.gpu = process->gpu,
		/* The lanes of a stream have one queue: that of the first. */
		.queue_iid = FIRST_QUEUE_IID + (uint64_t)track->track_id - track->lane,
		.arguments = { .begin = text->length },
	};
	if (!perfetto_add_arguments(stream, text,
				    made->is_work ? LAUNCH_ARGUMENT : EVENT_ANNOTATION,
				    made->is_work ? AS_COMPUTE : AS_ANNOTATIONS,
				    &track->arguments, error))
		return false;
	if (!text_is_ok(text))
		return perfetto_no_memory(error);
	made->arguments.length = text->length - made->arguments.begin;
	if (made->is_work)
		return track->lane > 0 ||
		       queue_write(stream, made->queue_iid, track->name, error);
	return perfetto_track_describe(stream, perfetto_track_uuid(track->track_id), track->name,
				track->process_id, track->order, error);
}

/* Perfetto knows some units by number. */
static void add_unit(struct text *text, const char *series)
{
	static const char *const numbered[] = { "", "ns", "count", "bytes" };
	size_t counter = protobuf_begin(text, DESCRIPTOR_COUNTER);
	uint64_t unit = 1;
	while (unit < sizeof numbered / sizeof numbered[0] && strcmp(numbered[unit], series) != 0)
		unit++;
	if (unit < sizeof numbered / sizeof numbered[0])
		protobuf_add_varint(text, COUNTER_UNIT, unit);
	else
		protobuf_add_string(text, COUNTER_UNIT_NAME, series);
	protobuf_end(text, counter);
}

bool perfetto_counter_take(struct export_stream *stream, const struct export_counter *counter,
			 int64_t *number, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	struct text *key = &perfetto->scratch, *text = &stream->text;
	text_clear(key);
	text_add_format(key, "%" PRId64, counter->process_id);
	text_add_bytes(key, counter->name, strlen(counter->name) + 1);
	text_add(key, counter->series);
	if (!text_is_ok(key))
		return perfetto_no_memory(error);
	if (bytes_map_get(&perfetto->counters, key->bytes, key->length, number))
		return true;
	if (perfetto->counters.bytes > COUNTERS_BYTES_MAX)
		return fail(error, ERROR_INPUT, "too many different counters to export");
	*number = perfetto->next_counter++;
	if (!bytes_map_put(&perfetto->counters, key->bytes, key->length, *number))
		return perfetto_no_memory(error);
	size_t packet = perfetto_packet_begin(stream);
	size_t descriptor = descriptor_begin(text, perfetto_counter_uuid(*number), counter->name,
					     perfetto_track_uuid(counter->process_id),
					     COUNTER_RANK + *number);
	add_unit(text, counter->series);
	protobuf_end(text, descriptor);
	return perfetto_packet_end(stream, packet, error);
}
