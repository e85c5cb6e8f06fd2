/* SPDX-License-Identifier: MIT */
#include "analyzer/job.h"

#include "analyzer/trace_measures.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

const char *window_kind_name(enum window_kind kind)
{
	return kind == WINDOW_STEADY ? "steady" : kind == WINDOW_ALL ? "all" : "explicit";
}

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot analyse: no memory to compare the ranks");
}

static size_t count_gpus(const struct trace_measures *measures, size_t trace_count)
{
	size_t count = 0;
	for (size_t t = 0; t < trace_count; t++)
		count += measures[t].timeline == NULL ? 0 : measures[t].trace.gpu_count;
	return count;
}

static void add_gpus_of(struct job *job, size_t trace)
{
	const struct trace_measures *measures = &job->measures[trace];
	for (size_t g = 0; g < measures->timeline->gpu_count; g++) {
		const struct timeline_gpu *gpu = &measures->timeline->gpus[g];
		if (timeline_gpu_rows(gpu) == 0)
			continue;
		job->lanes[job->gpu_count] = (struct comm_lane){
			.kernels = gpu->comms,
			.count = gpu->comm_count,
			.rank = measures->trace.rank,
			.world_size = measures->trace.world_size,
			.host = measures->trace.host,
			.boot_id = measures->trace.boot_id,
			.epoch_ns = measures->trace.epoch_ns,
			.device_id = gpu->device_id,
			.trace = trace,
		};
		job->gpus[job->gpu_count] = (struct job_gpu){
			.trace = trace, .gpu = g, .lane = job->gpu_count,
			.window = window_all(gpu),
		};
		job->gpu_count++;
	}
}

/* A trace and a copy of it, or what was imported from it, must not count as two late ranks. */
static bool is_same_work(const struct job *job, size_t a, size_t b)
{
	const struct comm_lane *x = &job->lanes[a], *y = &job->lanes[b];
	const struct time_window *mine = &job->gpus[a].window, *other = &job->gpus[b].window;
	return x->trace != y->trace && x->rank == y->rank && x->device_id == y->device_id &&
	       x->count > 0 && x->count == y->count && strcmp(x->host, y->host) == 0 &&
	       mine->end_ns - mine->start_ns == other->end_ns - other->start_ns &&
	       (uint64_t)x->epoch_ns + (uint64_t)mine->start_ns ==
		       (uint64_t)y->epoch_ns + (uint64_t)other->start_ns;
}

static void find_repeated(struct job *job)
{
	for (size_t g = 0; g < job->gpu_count; g++)
		for (size_t before = 0; before < g && !job->lanes[g].is_repeated; before++)
			job->lanes[g].is_repeated = is_same_work(job, g, before);
}

/* How long each communication kernel waited, on its own clock. */
static bool find_waits(struct job *job, struct job_gpu *gpu)
{
	const struct comm_lane *lane = &job->lanes[gpu->lane];
	const struct collective_match *match = job->match;
	gpu->wait_end_ns = malloc((lane->count + 1) * sizeof *gpu->wait_end_ns);
	gpu->exposed_wait_ns = calloc(lane->count + 1, sizeof *gpu->exposed_wait_ns);
	if (gpu->wait_end_ns == NULL || gpu->exposed_wait_ns == NULL)
		return false;
	for (size_t k = 0; k < lane->count; k++) {
		uint32_t member = match->member_of[gpu->lane][k];
		gpu->wait_end_ns[k] = lane->kernels[k].start_ns;
		gpu->unmatched_comms += member == COLLECTIVE_NONE;
		if (member == COLLECTIVE_NONE)
			continue;
		gpu->wait_end_ns[k] += match->members[member].wait_ns;
		gpu->is_wait_known = true;
	}
	return true;
}

bool job_join(struct job *job, struct trace_measures *measures, size_t trace_count,
	      struct error *error)
{
	size_t count = count_gpus(measures, trace_count);
	*job = (struct job){ .measures = measures, .trace_count = trace_count };
	job->gpus = calloc(count + 1, sizeof *job->gpus);
	job->lanes = calloc(count + 1, sizeof *job->lanes);
	if (job->gpus == NULL || job->lanes == NULL)
		return no_memory(error);
	for (size_t t = 0; t < trace_count; t++)
		if (measures[t].timeline != NULL)
			add_gpus_of(job, t);
	find_repeated(job);
	if (!collective_match(&job->match, job->lanes, job->gpu_count, error))
		return false;
	for (size_t g = 0; g < job->gpu_count; g++)
		if (!find_waits(job, &job->gpus[g]))
			return no_memory(error);
	return true;
}

void job_window_all(struct job *job)
{
	job->window = WINDOW_ALL;
	for (size_t g = 0; g < job->gpu_count; g++) {
		struct job_gpu *gpu = &job->gpus[g];
		gpu->window = window_all(&job->measures[gpu->trace].timeline->gpus[gpu->gpu]);
	}
}

struct sync_state {
	int64_t hash[SYNC_SETS_MAX];	/* communicators, in the order in which they are met */
	int64_t start_ns[SYNC_SETS_MAX]; /* of the last barrier of each; INT64_MIN: none yet */
	size_t room[SYNC_SETS_MAX];
	size_t instance_room[SYNC_SETS_MAX];
	size_t count;
};

static bool sync_add(struct sync_set *set, struct sync_state *state, size_t place,
		     const struct interval *item, uint32_t instance)
{
	struct interval *items = array_grow(set->items, &state->room[place], set->count,
					    sizeof *items);
	if (items == NULL)
		return false;
	set->items = items;
	uint32_t *instances = array_grow(set->instance, &state->instance_room[place], set->count,
					 sizeof *instances);
	if (instances == NULL)
		return false;
	set->instance = instances;
	items[set->count] = *item;
	instances[set->count++] = instance;
	return true;
}

/* One more barrier on a GPU; what lies between it and the one before is kept if in the window. */
static bool sync_meet(struct job *job, struct sync_state *state, uint32_t instance,
		      const struct collective_member *member)
{
	const struct collective_match *match = job->match;
	struct job_gpu *gpu = &job->gpus[member->lane];
	const struct comm_kernel *kernel = &job->lanes[member->lane].kernels[member->kernel];
	int64_t hash = match->groups[match->instances[instance].group].communicator_hash;
	size_t place = 0;
	while (place < state->count && state->hash[place] != hash)
		place++;
	if (place == SYNC_SETS_MAX)
		return true;
	if (place == state->count) {
		state->hash[state->count] = hash;
		state->start_ns[state->count++] = INT64_MIN;
	}
	struct interval between = { state->start_ns[place], kernel->start_ns };
	bool is_inside = between.start_ns != INT64_MIN && between.start_ns <= between.end_ns &&
		between.start_ns >= gpu->window.start_ns && between.end_ns <= gpu->window.end_ns;
	if (kernel->start_ns > state->start_ns[place])
		state->start_ns[place] = kernel->start_ns;
	return !is_inside || sync_add(&gpu->sync[place], state, place, &between, instance);
}

bool job_find_syncs(struct job *job, struct error *error)
{
	const struct collective_match *match = job->match;
	struct sync_state *states = calloc(job->gpu_count + 1, sizeof *states);
	bool ok = states != NULL;
	for (size_t i = 0; ok && i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		if (!match->groups[instance->group].is_barrier || !instance->is_wait_known)
			continue;
		for (size_t m = 0; ok && m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			ok = sync_meet(job, &states[member->lane], (uint32_t)i, member);
		}
	}
	free(states);
	for (size_t g = 0; ok && g < job->gpu_count; g++)
		for (size_t set = 0; ok && set < SYNC_SETS_MAX; set++) {
			struct sync_set *sync = &job->gpus[g].sync[set];
			sync->parts = calloc(sync->count + 1, sizeof *sync->parts);
			ok = sync->parts != NULL;
		}
	return ok || no_memory(error);
}

bool job_measure_gpu(struct job *job, struct job_gpu *gpu, idle_piece_add add_piece,
		     void *piece_context)
{
	const struct timeline *timeline = job->measures[gpu->trace].timeline;
	struct time_slices slices[SYNC_SETS_MAX + 1];
	struct gpu_time_input input = {
		.timeline = timeline,
		.gpu = &timeline->gpus[gpu->gpu],
		.window = gpu->window,
		.wait_end_ns = gpu->wait_end_ns,
		.slices = slices,
		.add_piece = add_piece,
		.piece_context = piece_context,
	};
	for (size_t set = 0; set < SYNC_SETS_MAX; set++)
		if (gpu->sync[set].count > 0)
			slices[input.slice_sets++] = (struct time_slices){
				gpu->sync[set].items, gpu->sync[set].parts, gpu->sync[set].count
			};
	/* Only ranges say where a step begins; what is found by recurrence has any phase. */
	if (gpu->step_ns != NULL && job->steps.anchor == STEP_RANGE) {
		input.step_ns = gpu->step_ns;
		input.step_bounds = job->steps.count + 1;
	}
	if (gpu->step_ns != NULL) {
		input.step_median_ns = job->steps.choice.median_ns;
		slices[input.slice_sets++] = (struct time_slices){ gpu->steps, gpu->step_parts,
								   job->steps.count };
	}
	gpu->time.exposed_wait_ns = gpu->exposed_wait_ns;
	return gpu_time_measure(&gpu->time, &input);
}

void job_end(struct job *job)
{
	for (size_t g = 0; g < job->gpu_count; g++) {
		struct job_gpu *gpu = &job->gpus[g];
		for (size_t set = 0; set < SYNC_SETS_MAX; set++) {
			free(gpu->sync[set].items);
			free(gpu->sync[set].parts);
			free(gpu->sync[set].instance);
		}
		free(gpu->wait_end_ns);
		free(gpu->exposed_wait_ns);
		free(gpu->step_ns);
		free(gpu->steps);
		free(gpu->step_parts);
		free(gpu->pieces.items);
	}
	free(job->steps.duration_ns);
	step_choice_end(&job->steps.choice);
	free(job->gpus);
	free(job->lanes);
	collective_match_close(job->match);
	*job = (struct job){ 0 };
}
