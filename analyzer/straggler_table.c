/* SPDX-License-Identifier: MIT */
#include "analyzer/straggler_table.h"

#include "analyzer/metric_blame.h"

#include <stdlib.h>

void straggler_table_end(struct straggler_table *table)
{
	free(table->instance);
	free(table->arrival_ns);
	free(table->wait_ns);
	free(table->step);
	free(table->cap_ns);
	free(table->exposed_ns);
	free(table->set);
	free(table->set_hash);
	free(table->set_gpu);
	free(table->places);
	free(table->tied_to);
}

size_t straggler_tied_count(const struct straggler_table *table, const struct job *job, size_t gpu)
{
	size_t count = 0;
	for (size_t g = 0; g < job->gpu_count; g++)
		count += !job->lanes[g].is_repeated && table->tied_to[g] == table->tied_to[gpu];
	return count;
}

static void tie(struct straggler_table *table, const struct job *job, size_t a, size_t b)
{
	size_t one = table->tied_to[a], other = table->tied_to[b];
	for (size_t g = 0; g < job->gpu_count; g++)
		if (table->tied_to[g] == one || table->tied_to[g] == other)
			table->tied_to[g] = one < other ? one : other;
}

static bool is_in_windows(const struct job *job, const struct collective_instance *instance)
{
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&job->match->members[instance->first_member + m];
		const struct job_gpu *gpu = &job->gpus[member->lane];
		const struct comm_kernel *kernel =
			&job->lanes[member->lane].kernels[member->kernel];
		if (kernel->start_ns < gpu->window.start_ns ||
		    kernel->start_ns >= gpu->window.end_ns)
			return false;
	}
	return true;
}

static bool is_judged(const struct job *job, const struct collective_instance *instance)
{
	return job->match->groups[instance->group].is_barrier && instance->is_wait_known &&
	       instance->member_count > 1 && is_in_windows(job, instance);
}

/* The step in which its first member starts; without steps each barrier is one. */
static int64_t step_of(const struct job *job, size_t index)
{
	const struct collective_instance *instance = &job->match->instances[index];
	const struct collective_member *member =
		&job->match->members[instance->first_member];
	const int64_t *bounds_ns = job->gpus[member->lane].step_ns;
	int64_t start_ns = job->lanes[member->lane].kernels[member->kernel].start_ns;
	if (bounds_ns == NULL)
		return (int64_t)index;
	size_t begin = 0, end = job->steps.count + 1;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (bounds_ns[middle] <= start_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin == 0 || begin > job->steps.count ? -1 : (int64_t)begin - 1;
}

/*
 * A wait that compute hides still delays the communication behind it, so that an on-time rank gains
 * up to what the waiter shows of communication in the whole step, and never more.
 */
static int64_t shown_ns_of(const struct job_gpu *gpu, int64_t step)
{
	if (gpu->step_parts == NULL || step < 0)
		return INT64_MAX;
	const struct time_parts *parts = &gpu->step_parts[step];
	return parts->ns[PART_TRANSFER] + parts->ns[PART_WAIT];
}

/* The number of the members' set. Sets are few, and a hash (FNV-1a) of 64 bits tells them apart. */
static uint32_t set_of(struct straggler_table *table, const struct job *job,
		       const struct collective_instance *instance)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t at = 0;
	for (size_t m = 0; m < instance->member_count; m++)
		hash = (hash ^ job->match->members[instance->first_member + m].lane) *
		       UINT64_C(0x100000001b3);
	while (at < table->set_count && table->set_hash[at] != hash)
		at++;
	if (at == table->set_count) {
		table->set_gpu[at] = job->match->members[instance->first_member].lane;
		table->set_hash[table->set_count++] = hash;
		for (size_t m = 1; m < instance->member_count; m++)
			tie(table, job, job->match->members[instance->first_member].lane,
			    job->match->members[instance->first_member + m].lane);
	}
	return (uint32_t)at;
}

static void table_add(struct straggler_table *table, const struct job *job, size_t index)
{
	const struct collective_instance *instance = &job->match->instances[index];
	size_t row = table->count++;
	int64_t *arrival_ns = &table->arrival_ns[row * job->gpu_count];
	int64_t *wait_ns = &table->wait_ns[row * job->gpu_count];
	int64_t step = step_of(job, index);
	table->instance[row] = (uint32_t)index;
	table->step[row] = step;
	table->set[row] = set_of(table, job, instance);
	table->cap_ns[row] = table->exposed_ns[row] = 0;
	for (size_t g = 0; g < job->gpu_count; g++) {
		arrival_ns[g] = ARRIVAL_NONE;
		wait_ns[g] = 0;
	}
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&job->match->members[instance->first_member + m];
		const struct job_gpu *gpu = &job->gpus[member->lane];
		int64_t exposed_ns = gpu->exposed_wait_ns[member->kernel];
		int64_t shown_ns = member->start_ns == instance->latest_start_ns ? 0 :
			shown_ns_of(gpu, step);
		arrival_ns[member->lane] = member->start_ns;
		wait_ns[member->lane] = member->wait_ns;
		if (shown_ns > table->cap_ns[row])
			table->cap_ns[row] = shown_ns;
		if (exposed_ns > table->exposed_ns[row])
			table->exposed_ns[row] = exposed_ns;
	}
}

static int place_compare(const void *left, const void *right)
{
	const struct straggler_place *a = left, *b = right;
	if (a->step != b->step)
		return a->step < b->step ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static void places_sort(struct straggler_table *table)
{
	for (size_t row = 0; row < table->count; row++)
		table->places[row] = (struct straggler_place){ table->step[row], row };
	if (table->count > 1)
		qsort(table->places, table->count, sizeof *table->places, place_compare);
}

bool straggler_table_make(struct straggler_table *table, const struct job *job)
{
	const struct collective_match *match = job->match;
	for (size_t i = 0; i < match->instance_count; i++)
		table->room += is_judged(job, &match->instances[i]);
	size_t cells = (table->room + 1) * job->gpu_count;
	table->instance = malloc((table->room + 1) * sizeof *table->instance);
	table->arrival_ns = malloc(cells * sizeof *table->arrival_ns);
	table->wait_ns = malloc(cells * sizeof *table->wait_ns);
	table->step = malloc((table->room + 1) * sizeof *table->step);
	table->cap_ns = malloc((table->room + 1) * sizeof *table->cap_ns);
	table->exposed_ns = malloc((table->room + 1) * sizeof *table->exposed_ns);
	table->set = malloc((table->room + 1) * sizeof *table->set);
	table->set_hash = malloc((table->room + 1) * sizeof *table->set_hash);
	table->tied_to = malloc((job->gpu_count + 1) * sizeof *table->tied_to);
	table->places = malloc((table->room + 1) * sizeof *table->places);
	table->set_gpu = malloc((table->room + 1) * sizeof *table->set_gpu);
	if (table->tied_to == NULL || table->set_gpu == NULL || table->places == NULL ||
	    table->set == NULL || table->set_hash == NULL || table->instance == NULL ||
	    table->arrival_ns == NULL || table->wait_ns == NULL || table->step == NULL ||
	    table->cap_ns == NULL || table->exposed_ns == NULL)
		return false;
	for (size_t g = 0; g < job->gpu_count; g++)
		table->tied_to[g] = g;
	for (size_t i = 0; i < match->instance_count; i++) {
		if (!is_judged(job, &match->instances[i]))
			continue;
		table->incomplete += !match->instances[i].is_complete;
		table_add(table, job, i);
	}
	places_sort(table);
	for (size_t lane = 0; lane < match->lane_count; lane++)
		if (match->clocks[lane].error_ns > table->clock_error_ns)
			table->clock_error_ns = match->clocks[lane].error_ns;
	return true;
}

/* The lower median of the values that are known; ARRIVAL_NONE without. Few: G^2 is nothing. */
static int64_t lower_median(const int64_t *values, size_t count)
{
	size_t known = 0;
	for (size_t i = 0; i < count; i++)
		known += values[i] != ARRIVAL_NONE;
	for (size_t i = 0; i < count; i++) {
		size_t below = 0, equal = 0;
		if (values[i] == ARRIVAL_NONE)
			continue;
		for (size_t j = 0; j < count; j++) {
			below += values[j] != ARRIVAL_NONE && values[j] < values[i];
			equal += values[j] == values[i];
		}
		size_t middle = (known - 1) / 2;
		if (below <= middle && middle < below + equal)
			return values[i];
	}
	return ARRIVAL_NONE;
}

/* The latest of all against the latest of those that stay as they are, or the lower median. */
static int64_t late_ns(const int64_t *values, const bool *is_fixed, size_t count)
{
	int64_t latest = ARRIVAL_NONE, kept = lower_median(values, count);
	for (size_t i = 0; i < count; i++) {
		latest = values[i] > latest ? values[i] : latest;
		if (!is_fixed[i] && values[i] > kept)
			kept = values[i];
	}
	return latest == ARRIVAL_NONE ? 0 : latest - kept;
}

/*
 * What each GPU needed in a step for everything but what waited for communication, among those that
 * barriers tie to `gpu`: what another job in the same folder does is no measure.
 */
static int64_t own_late_ns(const struct straggler_table *table, const struct job *job,
			   const bool *is_fixed, int64_t step, size_t gpu, int64_t *scratch)
{
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct time_parts *parts = &job->gpus[g].step_parts[step];
		bool is_other = job->lanes[g].is_repeated ||
				table->tied_to[g] != table->tied_to[gpu];
		scratch[g] = is_other ? ARRIVAL_NONE :
			time_parts_sum(parts) - parts->absent_ns[CAUSE_COMM];
	}
	return late_ns(scratch, is_fixed, job->gpu_count);
}

/* What the barriers of one set lose in a step. */
struct set_loss {
	int64_t late_ns;	/* sum of what the marked GPUs are late by */
	int64_t seen_ns;	/* the part of it that shows as exposed waits */
};

/* Of the rows at `place` and behind it that are of one step, by set; the place after them. */
static size_t losses_sum(struct set_loss *losses, const struct straggler_table *table,
			 const struct job *job, const bool *is_fixed, size_t place)
{
	int64_t step = table->places[place].step;
	for (size_t set = 0; set < table->set_count; set++)
		losses[set] = (struct set_loss){ 0 };
	for (; place < table->count && table->places[place].step == step; place++) {
		size_t row = table->places[place].row;
		struct set_loss *loss = &losses[table->set[row]];
		int64_t ns = late_ns(&table->arrival_ns[row * job->gpu_count], is_fixed,
				     job->gpu_count);
		int64_t seen_ns = ns < table->exposed_ns[row] ? ns : table->exposed_ns[row];
		loss->late_ns = add_saturated(loss->late_ns, ns);
		loss->seen_ns = add_saturated(loss->seen_ns, seen_ns);
	}
	return place;
}

int64_t straggler_loss_ns(const struct straggler_table *table, const struct job *job,
			  const bool *is_fixed)
{
	int64_t *scratch = malloc((job->gpu_count + 1) * sizeof *scratch);
	struct set_loss *losses = malloc((table->set_count + 1) * sizeof *losses);
	int64_t loss_ns = scratch == NULL || losses == NULL ? -1 : 0;
	for (size_t place = 0; loss_ns >= 0 && place < table->count;) {
		int64_t step = table->places[place].step, most_ns = 0;
		bool has_steps = job->gpus[0].step_parts != NULL && step >= 0;
		int64_t own_ns = 0;
		size_t tied_to = SIZE_MAX;
		place = losses_sum(losses, table, job, is_fixed, place);
		for (size_t set = 0; set < table->set_count; set++) {
			size_t gpu = table->set_gpu[set];
			if (has_steps && table->tied_to[gpu] != tied_to)
				own_ns = own_late_ns(table, job, is_fixed, step, gpu, scratch);
			tied_to = table->tied_to[gpu];
			int64_t ns = losses[set].seen_ns > own_ns ? losses[set].seen_ns : own_ns;
			ns = ns < losses[set].late_ns ? ns : losses[set].late_ns;
			most_ns = ns > most_ns ? ns : most_ns;
		}
		loss_ns = add_saturated(loss_ns, most_ns);
	}
	free(scratch);
	free(losses);
	return loss_ns;
}
