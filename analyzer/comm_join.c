/* SPDX-License-Identifier: MIT */
#include "analyzer/comm_join.h"

#include "tracedb/collective_launch.h"
#include "tracedb/nccl_names.h"

#include <stdlib.h>

static void describe(struct comm_kernel *kernel, const struct collective_set *set,
		     const struct collective_row *row, const struct trace_reader *reader)
{
	const char *operation = trace_reader_string(reader, row->operation_id);
	const struct communicator_row *communicator =
		collective_set_communicator(set, row->communicator_id);
	if (operation[0] != 0)
		kernel->operation = operation;
	kernel->sequence = row->sequence;
	kernel->bytes = row->bytes;
	kernel->peer = row->peer;
	kernel->datatype = trace_reader_string(reader, row->datatype_id);
	kernel->algorithm = trace_reader_string(reader, row->algorithm_id);
	kernel->protocol = trace_reader_string(reader, row->protocol_id);
	if (communicator == NULL)
		return;
	kernel->communicator_hash = communicator->hash;
	kernel->communicator_rank = communicator->rank;
	kernel->rank_count = communicator->rank_count;
}

/* The calls that launched the communication kernels of all GPUs; NULL: memory is short. */
static struct collective_launch *launches_make(const struct timeline *timeline, size_t room,
					       size_t *count)
{
	const struct host_calls *calls = &timeline->calls;
	struct collective_launch *launches = malloc((room + 1) * sizeof launches[0]);
	*count = 0;
	for (size_t g = 0; launches != NULL && g < timeline->gpu_count; g++) {
		const struct timeline_gpu *gpu = &timeline->gpus[g];
		const struct lane *lane = &gpu->lanes[LANE_KERNEL];
		size_t comm = 0;
		for (size_t i = 0; i < lane->count && comm < gpu->comm_count; i++) {
			const struct timeline_kernel *kernel = &timeline->kernels[lane->what[i]];
			if (kernel->class != KERNEL_COMMUNICATION)
				continue;
			int64_t correlation_id = gpu->comms[comm++].correlation_id;
			uint32_t call = lane->launch[i];
			if (call == NO_CALL)
				continue;
			launches[(*count)++] = (struct collective_launch){
				.correlation_id = correlation_id,
				.thread_id = calls->threads[calls->thread[call]].thread_id,
				.start_ns = calls->start_ns[call],
				.device_id = gpu->device_id,
				.operation = nccl_operation_of_kernel(kernel->name),
			};
		}
	}
	return launches;
}

static bool launches_join(const struct timeline *timeline, struct collective_set *set, size_t room,
			  struct error *error)
{
	size_t count;
	if (set->spans.count == 0)
		return true;
	struct collective_launch *launches = launches_make(timeline, room, &count);
	bool ok = launches != NULL ? collective_set_join_launches(set, launches, count, error) :
		  fail(error, ERROR_SYSTEM, "no memory for the collectives of '%s'",
		       trace_reader_path(set->reader));
	free(launches);
	return ok;
}

/* The communication kernels of a GPU are those of its lane, in the same order. */
static void join_gpu(const struct timeline *timeline, struct timeline_gpu *gpu,
		     const struct collective_set *set, const struct trace_reader *reader)
{
	const struct lane *lane = &gpu->lanes[LANE_KERNEL];
	size_t comm = 0;
	for (size_t i = 0; i < lane->count && comm < gpu->comm_count; i++) {
		if (timeline->kernels[lane->what[i]].class != KERNEL_COMMUNICATION)
			continue;
		struct comm_kernel *kernel = &gpu->comms[comm++];
		const struct collective_row *row = collective_set_find(
			set, kernel->correlation_id, &kernel->operations);
		if (row != NULL)
			describe(kernel, set, row, reader);
	}
}

bool comm_join(struct timeline *timeline, struct trace_reader *reader, struct error *error)
{
	struct collective_set set;
	size_t comm_count = 0;
	for (size_t g = 0; g < timeline->gpu_count; g++)
		comm_count += timeline->gpus[g].comm_count;
	if (comm_count == 0)
		return true;
	bool ok = collective_set_read(&set, reader, error) &&
		  launches_join(timeline, &set, comm_count, error);
	for (size_t g = 0; ok && g < timeline->gpu_count; g++)
		join_gpu(timeline, &timeline->gpus[g], &set, reader);
	collective_set_end(&set);
	return ok;
}
