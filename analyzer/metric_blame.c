/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_blame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/metric_fix_sets.h"
#include "analyzer/metric_partition.h"
#include "analyzer/ratio.h"

__extension__ typedef __int128 wide;

struct step_instance {
	int64_t step;
	size_t instance;
};

static int by_step(const void *a, const void *b)
{
	const struct step_instance *x = a, *y = b;
	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return (x->instance > y->instance) - (x->instance < y->instance);
}

/* Members whose arrival cannot be told from the latest one; 0 with fewer than two members. */
static size_t latest_count(const struct blame_input *input, size_t instance, size_t *latest)
{
	const int64_t *arrival_ns = &input->arrival_ns[instance * input->rank_count];
	size_t members = 0, tied = 0;
	for (size_t rank = 0; rank < input->rank_count; rank++) {
		if (arrival_ns[rank] == ARRIVAL_NONE)
			continue;
		if (members++ == 0 || arrival_ns[rank] > arrival_ns[*latest])
			*latest = rank;
	}
	for (size_t rank = 0; members >= 2 && rank < input->rank_count; rank++)
		tied += arrival_ns[rank] != ARRIVAL_NONE &&
			(wide)arrival_ns[*latest] - arrival_ns[rank] <= input->clock_error_ns;
	return tied;
}

static int64_t waits_sum(const struct blame_input *input, size_t instance, size_t without)
{
	int64_t sum_ns = 0;
	for (size_t rank = 0; rank < input->rank_count; rank++) {
		int64_t wait_ns = input->wait_ns[instance * input->rank_count + rank];
		if (rank != without && wait_ns > 0)
			sum_ns = add_saturated(sum_ns, wait_ns);
	}
	return sum_ns;
}

static void blame_jointly(struct blame *blame, const struct blame_input *input, size_t instance,
			  size_t latest, int64_t waits_ns)
{
	const int64_t *arrival_ns = &input->arrival_ns[instance * input->rank_count];
	blame->ambiguous++;
	blame->ambiguous_ns = add_saturated(blame->ambiguous_ns, waits_ns);
	for (size_t rank = 0; rank < input->rank_count; rank++) {
		if (arrival_ns[rank] == ARRIVAL_NONE ||
		    (wide)arrival_ns[latest] - arrival_ns[rank] > input->clock_error_ns)
			continue;
		struct blame_rank *tied = &blame->ranks[rank];
		tied->times_tied++;
		tied->caused_jointly_ns = add_saturated(tied->caused_jointly_ns, waits_ns);
	}
}

/* Adds the instance to the ranks, and to what each caused in this step. */
static void instance_blame(struct blame *blame, const struct blame_input *input, size_t instance,
			   int64_t *in_step_ns)
{
	size_t latest = 0, tied = latest_count(input, instance, &latest);
	if (tied == 0)
		return;
	blame->instances++;
	if (tied > 1) {
		int64_t waits_ns = waits_sum(input, instance, SIZE_MAX);
		blame->caused_ns = add_saturated(blame->caused_ns, waits_ns);
		blame_jointly(blame, input, instance, latest, waits_ns);
		return;
	}
	int64_t waits_ns = waits_sum(input, instance, latest);
	struct blame_rank *culprit = &blame->ranks[latest];
	blame->caused_ns = add_saturated(blame->caused_ns, waits_ns);
	culprit->times_latest++;
	culprit->caused_ns = add_saturated(culprit->caused_ns, waits_ns);
	in_step_ns[latest] = add_saturated(in_step_ns[latest], waits_ns);
}

static void step_close(struct blame *blame, const int64_t *in_step_ns)
{
	size_t most = 0, equals = 0;
	for (size_t rank = 0; rank < blame->rank_count; rank++) {
		if (in_step_ns[rank] > in_step_ns[most])
			most = rank;
	}
	for (size_t rank = 0; rank < blame->rank_count; rank++)
		equals += in_step_ns[rank] == in_step_ns[most];
	blame->steps++;
	if (equals == 1 && in_step_ns[most] > 0)
		blame->ranks[most].steps_latest++;
}

static int64_t entropy_e12(const struct blame *blame)
{
	double sum = 0, entropy = 0;
	for (size_t rank = 0; rank < blame->rank_count; rank++)
		sum += (double)blame->ranks[rank].caused_ns;
	if (sum <= 0 || blame->rank_count < 2)
		return -1;
	for (size_t rank = 0; rank < blame->rank_count; rank++) {
		double share = (double)blame->ranks[rank].caused_ns / sum;
		if (share > 0)
			entropy -= share * log(share);
	}
	return (int64_t)llround(entropy / log((double)blame->rank_count) * (double)RATIO_ONE);
}

static void ranks_blame(struct blame *blame, const struct blame_input *input,
			const struct step_instance *sorted, int64_t *in_step_ns)
{
	size_t count = input->instance_count;
	for (size_t i = 0; i < count; i++) {
		int64_t before = blame->instances;
		if (i == 0 || sorted[i].step != sorted[i - 1].step)
			memset(in_step_ns, 0, (blame->rank_count + 1) * sizeof *in_step_ns);
		instance_blame(blame, input, sorted[i].instance, in_step_ns);
		/* The element behind the ranks: did the step have any instance of two members? */
		in_step_ns[blame->rank_count] += blame->instances - before;
		bool is_last = i + 1 == count || sorted[i + 1].step != sorted[i].step;
		if (is_last && sorted[i].step >= 0 && in_step_ns[blame->rank_count] > 0)
			step_close(blame, in_step_ns);
	}
	wide all_ns = (wide)input->window_ns * (wide)blame->rank_count;
	for (size_t rank = 0; rank < blame->rank_count; rank++) {
		struct blame_rank *scored = &blame->ranks[rank];
		scored->score_e12 = all_ns <= 0 || all_ns > INT64_MAX ? -1 :
			ratio_e12(scored->caused_ns, (int64_t)all_ns);
	}
	blame->entropy_e12 = entropy_e12(blame);
}

bool blame_measure(struct blame *blame, const struct blame_input *input, struct error *error)
{
	size_t ranks = input->rank_count, instances = input->instance_count;
	struct ladders ladders = { 0 };
	bool is_ok = false;
	*blame = (struct blame){ .rank_count = ranks, .entropy_e12 = -1 };
	blame->ranks = calloc(ranks == 0 ? 1 : ranks, sizeof *blame->ranks);
	struct step_instance *sorted = calloc(instances == 0 ? 1 : instances, sizeof *sorted);
	int64_t *in_step_ns = calloc(ranks + 1, sizeof *in_step_ns);
	if (blame->ranks == NULL || sorted == NULL || in_step_ns == NULL) {
		(void)fail(error, ERROR_SYSTEM, "not enough memory to blame %zu ranks", ranks);
		goto out;
	}
	for (size_t i = 0; i < instances; i++)
		sorted[i] = (struct step_instance){ input->step[i], i };
	qsort(sorted, instances, sizeof *sorted, by_step);
	ranks_blame(blame, input, sorted, in_step_ns);
	is_ok = ladders_build(&ladders, input, error) && fix_sets_measure(blame, &ladders, error);
out:
	ladders_end(&ladders);
	free(sorted);
	free(in_step_ns);
	if (!is_ok)
		blame_end(blame);
	return is_ok;
}

void blame_end(struct blame *blame)
{
	free(blame->ranks);
	*blame = (struct blame){ 0 };
}

bool blame_gain(int64_t *gain_ns, const struct blame_input *input, const bool *is_fixed,
		struct error *error)
{
	struct ladders ladders;
	if (!ladders_build(&ladders, input, error))
		return false;
	*gain_ns = ladders_gain(&ladders, is_fixed);
	ladders_end(&ladders);
	return true;
}

bool blame_interaction(int64_t *gain_ns, const struct blame_input *input, size_t one, size_t other,
		       struct error *error)
{
	struct ladders ladders;
	bool *is_fixed = calloc(input->rank_count == 0 ? 1 : input->rank_count, sizeof *is_fixed);
	*gain_ns = 0;
	if (is_fixed == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for %zu ranks",
			    input->rank_count);
	bool is_ok = ladders_build(&ladders, input, error);
	if (is_ok && one != other) {
		is_fixed[one] = true;
		int64_t alone_ns = ladders_gain(&ladders, is_fixed);
		is_fixed[other] = true;
		*gain_ns = ladders_gain(&ladders, is_fixed) - alone_ns;
		is_fixed[one] = false;
		*gain_ns -= ladders_gain(&ladders, is_fixed);
	}
	ladders_end(&ladders);
	free(is_fixed);
	return is_ok;
}
