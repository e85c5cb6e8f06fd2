/* SPDX-License-Identifier: MIT */
/*
 * For tests: matches the communication kernels of traces and prints what came out as lines of
 * fields.
 *
 *     match_driver FILE...
 */
#include "analyzer/collective_match.h"
#include "analyzer/timeline.h"
#include "tracedb/nccl_names.h"
#include "tracedb/trace_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LANES_MAX = 64 };

static struct comm_lane lanes[LANES_MAX];
static size_t lane_count;

static bool lane_add(const struct timeline *timeline, const struct timeline_gpu *gpu,
		     const struct trace_row *trace, size_t input)
{
	const struct lane *rows = &gpu->lanes[LANE_KERNEL];
	struct comm_kernel *kernels = calloc(rows->count + 1, sizeof kernels[0]);
	size_t count = 0;
	if (kernels == NULL || lane_count == LANES_MAX)
		return false;
	for (size_t i = 0; i < rows->count; i++) {
		const struct timeline_kernel *kernel = &timeline->kernels[rows->what[i]];
		if (kernel->class != KERNEL_COMMUNICATION)
			continue;
		kernels[count++] = (struct comm_kernel){
			.start_ns = rows->start_ns[i], .end_ns = rows->end_ns[i],
			.stream = rows->stream[i], .kernel = rows->what[i],
			.communicator_rank = -1, .rank_count = -1, .sequence = -1, .bytes = -1,
			.peer = -1, .operation = nccl_operation_of_kernel(kernel->name),
		};
	}
	lanes[lane_count++] = (struct comm_lane){ .kernels = kernels, .count = count,
		.rank = trace->rank, .world_size = trace->world_size, .host = trace->host,
		.boot_id = trace->boot_id, .epoch_ns = trace->epoch_ns,
		.device_id = gpu->device_id, .trace = input };
	return true;
}

static bool lanes_load(const struct trace_set *set, struct timeline **timelines,
		       struct error *error)
{
	for (size_t i = 0; i < trace_set_count(set); i++) {
		const struct trace_input *input = trace_set_input(set, i);
		if (input->reader == NULL)
			continue;
		if (!timeline_load(&timelines[i], input->reader, error))
			return false;
		for (size_t g = 0; g < timelines[i]->gpu_count; g++)
			if (!lane_add(timelines[i], &timelines[i]->gpus[g],
				      trace_reader_trace(input->reader), i))
				return fail(error, ERROR_SYSTEM, "no memory for lanes");
	}
	return true;
}

static void match_print(const struct collective_match *match)
{
	struct text text;
	text_begin(&text, 4096);
	for (size_t l = 0; l < match->lane_count; l++) {
		const struct lane_clock *clock = &match->clocks[l];
		(void)printf("clock %zu rank %" PRId64 " device %" PRId64 " %s offset %" PRId64
			     " error %" PRId64 " drift %" PRId64 " barriers %zu\n", l,
			     lanes[l].rank, lanes[l].device_id, clock_state_name(clock->state),
			     clock->offset_ns, clock->error_ns, clock->drift_ppb,
			     clock->barrier_count);
	}
	for (size_t g = 0; g < match->group_count; g++) {
		const struct collective_group *group = &match->groups[g];
		text_clear(&text);
		collective_reason_add(&text, group);
		(void)printf("group %zu %s ranks %" PRId64 " lanes %zu matched %zu unmatched %zu "
			     "wait %" PRId64 " complete %d known %d worst %" PRId64 " reason %s\n",
			     g, group->operation, group->rank_count, group->lane_count,
			     group->matched, group->unmatched, group->wait_ns, group->is_complete,
			     group->is_wait_known, group->worst_ns, text_string(&text));
	}
	for (size_t i = 0; i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		(void)printf("instance %zu %s start_spread %" PRId64 " end_spread %" PRId64
			     " wait %" PRId64 " ordered %d complete %d latest %" PRIu32 "\n", i,
			     match->groups[instance->group].operation, instance->start_spread_ns,
			     instance->end_spread_ns, instance->wait_ns, instance->is_ordered,
			     instance->is_complete, instance->latest_count);
		for (size_t m = 0; m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			(void)printf("member %zu lane %" PRIu32 " start %" PRId64 " wait %" PRId64
				     " transfer %" PRId64 " latest %d\n", i, member->lane,
				     match->base_ns + member->start_ns, member->wait_ns,
				     member->transfer_ns,
				     member->start_ns == instance->latest_start_ns);
		}
	}
	text_end(&text);
}

int main(int argc, char **argv)
{
	struct trace_set *set = NULL;
	struct collective_match *match = NULL;
	struct error error = { 0 };
	struct timeline **timelines = NULL;
	bool ok = trace_set_open(&set, (const char *const *)argv + 1, (size_t)argc - 1, NULL,
				 &error);
	if (ok) {
		timelines = calloc(trace_set_count(set) + 1, sizeof(struct timeline *));
		ok = timelines != NULL && lanes_load(set, timelines, &error) &&
		     collective_match(&match, lanes, lane_count, &error);
	}
	if (ok)
		match_print(match);
	else
		(void)fprintf(stderr, "%s\n", error.message);
	collective_match_close(match);
	for (size_t l = 0; l < lane_count; l++)
		free((void *)(uintptr_t)lanes[l].kernels);
	for (size_t i = 0; timelines != NULL && i < trace_set_count(set); i++)
		timeline_close(timelines[i]);
	free(timelines);
	trace_set_close(set);
	return ok ? 0 : 1;
}
