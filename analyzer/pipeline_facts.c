/* SPDX-License-Identifier: MIT */
#include "analyzer/pipeline_facts.h"

#include <stdlib.h>
#include <string.h>

static bool is_send(const struct comm_kernel *kernel)
{
	return strcmp(kernel->operation, "Send") == 0 || strcmp(kernel->operation, "SendRecv") == 0;
}

/* The GPU of a communicator's rank; false: not captured. */
static bool find_peer(const struct job *job, int64_t hash, int64_t rank, size_t *gpu)
{
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct comm_lane *lane = &job->lanes[g];
		for (size_t k = 0; k < lane->count; k++) {
			if (lane->kernels[k].communicator_hash != hash)
				continue;
			if (lane->kernels[k].communicator_rank == rank) {
				*gpu = g;
				return true;
			}
			break;	/* a GPU has one rank in a communicator */
		}
	}
	return false;
}

/* Sends of each GPU to each other one in the window, gpu_count of each. */
static void count_sends(const struct job *job, int64_t *sends)
{
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct comm_lane *lane = &job->lanes[g];
		const struct time_window *window = &job->gpus[g].window;
		int64_t hash = 0, rank = -1;
		size_t peer = 0;
		bool is_known = false;
		for (size_t k = 0; k < lane->count; k++) {
			const struct comm_kernel *kernel = &lane->kernels[k];
			if (!is_send(kernel) || kernel->peer < 0 ||
			    kernel->communicator_hash == 0 ||
			    kernel->start_ns < window->start_ns ||
			    kernel->start_ns >= window->end_ns)
				continue;
			if (hash != kernel->communicator_hash || rank != kernel->peer) {
				hash = kernel->communicator_hash;
				rank = kernel->peer;
				is_known = find_peer(job, hash, rank, &peer);
			}
			if (is_known && peer != g)
				sends[g * job->gpu_count + peer]++;
		}
	}
}

static bool measure(struct report *report, const struct pipeline *pipeline)
{
	struct pipeline_facts *facts = &report->pipeline;
	struct bubble_share of_total, of_ideal;
	int64_t *compute_ns = calloc(report->gpu_count + 1, sizeof *compute_ns);
	int64_t *of_stage = calloc(report->gpu_count + 1, sizeof *of_stage);
	int64_t window_ns = 0;
	bool ok = compute_ns != NULL && of_stage != NULL;
	for (size_t g = 0; ok && g < report->gpu_count; g++) {
		compute_ns[g] = report->gpus[g].partition.compute_ns;
		if (report->gpus[g].partition.window_ns > window_ns)
			window_ns = report->gpus[g].partition.window_ns;
	}
	if (ok && window_ns > 0 &&
	    bubble_predict(&of_total, &of_ideal, pipeline->stages, pipeline->micro_batches,
			   pipeline->interleave)) {
		facts->bubble = bubble_measure(of_stage, compute_ns, report->gpu_count, window_ns,
					       &of_total);
		facts->is_known = true;
		facts->stages = pipeline->stages;
		facts->micro_batches = pipeline->micro_batches;
	}
	free(compute_ns);
	free(of_stage);
	return ok;
}

bool pipeline_find(struct report *report, struct error *error)
{
	const struct job *job = &report->job;
	size_t count = job->gpu_count, edges = 0;
	const struct step_choice *choice = &job->steps.choice;
	int64_t steps = job->window == WINDOW_STEADY && job->steps.is_known ?
		(int64_t)(choice->end - choice->first) : 1;
	struct pipeline pipeline = { 0 };
	if (count < 2 || steps <= 0)
		return true;
	int64_t *sends = calloc(count * count + 1, sizeof *sends);
	struct peer_sends *list = calloc(count * count + 1, sizeof *list);
	report->pipeline.stage =
		arena_take_array(report->arenas[0], count + 1, sizeof *report->pipeline.stage);
	bool ok = sends != NULL && list != NULL && report->pipeline.stage != NULL;
	if (ok)
		count_sends(job, sends);
	for (size_t i = 0; ok && i < count * count; i++)
		if (sends[i] > 0)
			list[edges++] = (struct peer_sends){ i / count, i % count,
							     (sends[i] + steps / 2) / steps };
	if (ok && edges > 0)
		ok = pipeline_detect(&pipeline, report->pipeline.stage, count, list, edges, error);
	if (ok && pipeline.is_known)
		ok = measure(report, &pipeline);
	free(sends);
	free(list);
	return ok || fail(error, ERROR_SYSTEM, "cannot analyse: no memory for the pipeline");
}
