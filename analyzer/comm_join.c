/* SPDX-License-Identifier: MIT */
#include "analyzer/comm_join.h"

#include "tracedb/collective_set.h"

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

static const struct collective_row *find_row(const struct collective_set *set,
					     const struct host_calls *calls,
					     const struct comm_kernel *kernel, uint32_t launch,
					     int64_t *operations)
{
	const struct collective_row *row =
		collective_set_find(set, kernel->correlation_id, operations);
	if (row != NULL || launch == NO_CALL)
		return row;
	return collective_set_find_enclosing(set, calls->threads[calls->thread[launch]].thread_id,
					     calls->start_ns[launch], operations);
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
		const struct collective_row *row = find_row(set, &timeline->calls, kernel,
							    lane->launch[i], &kernel->operations);
		if (row != NULL)
			describe(kernel, set, row, reader);
	}
}

bool comm_join(struct timeline *timeline, struct trace_reader *reader, struct error *error)
{
	struct collective_set set;
	bool has_comms = false;
	for (size_t g = 0; g < timeline->gpu_count; g++)
		has_comms = has_comms || timeline->gpus[g].comm_count > 0;
	if (!has_comms)
		return true;
	bool ok = collective_set_read(&set, reader, error);
	for (size_t g = 0; ok && g < timeline->gpu_count; g++)
		join_gpu(timeline, &timeline->gpus[g], &set, reader);
	collective_set_end(&set);
	return ok;
}
