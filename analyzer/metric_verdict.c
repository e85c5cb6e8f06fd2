/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_verdict.h"

#include <stdlib.h>

#include "analyzer/lateness.h"
#include "analyzer/metric_statistics.h"
#include "analyzer/ratio.h"

__extension__ typedef __int128 wide;

const struct verdict_gates verdict_gates_usual = {
	.steps_warning = 2,
	.steps_critical = 20,
	.share_min_e12 = RATIO_ONE / 100,
	.rotating_share_min_e12 = RATIO_ONE / 50,
	.rotating_entropy_e12 = RATIO_ONE / 5 * 4,
	.vote_alpha = 0.05,
	.vote_alpha_least = 1e-4,
	.vote_steps = 5,
	.vote_alpha_alone = 1e-5,
	.effect_min = 5,
	.effect_steps = 12,
};

struct scratch {
	struct lateness lateness;
	int64_t *values;	/* max(ranks, steps) */
	int64_t *median_ns;	/* a rank */
	int64_t *spread_ns;
	bool *is_named;
};

static const char *const reason_short = "too few steps to tell a pattern from chance";

/* Ascending lateness of a rank in the steps it took part in. */
static size_t rank_values(int64_t *values, const struct lateness *lateness, size_t rank)
{
	size_t count = 0;
	for (size_t step = 0; step < lateness->step_count; step++) {
		int64_t ns = lateness->ns[rank * lateness->step_count + step];
		if (ns != LATENESS_NONE)
			values[count++] = ns;
	}
	values_sort(values, count);
	return count;
}

/* Ascending values of all other ranks that took part in a step. */
static size_t other_values(int64_t *values, const int64_t *of_rank, const struct verdict *verdict,
			   size_t without)
{
	size_t count = 0;
	for (size_t rank = 0; rank < verdict->rank_count; rank++)
		if (rank != without && verdict->ranks[rank].steps > 0)
			values[count++] = of_rank[rank];
	values_sort(values, count);
	return count;
}

/*
 * Of n steps the spread is a guess from n values, and the smaller n, the more often chance makes it
 * tiny: the multiple grows with the square of what n lacks. Simulated balanced runs of two ranks
 * (the worst case; uniform, normal, exponential and Pareto jitter) pass effect and votes together
 * about once in 10^4 with five steps, and not once in 10^5 with six.
 */
static int64_t effect_needed(const struct verdict_gates *gates, int64_t steps)
{
	if (steps >= gates->effect_steps || steps < 1)
		return gates->effect_min;
	return gates->effect_min * gates->effect_steps * gates->effect_steps / (steps * steps);
}

/*
 * In few steps even a perfect record is weak evidence and the effect must carry it; in many a rank
 * may collect a fair share by luck alone, and there are enough to ask for more. A record of every
 * step passes at any number of steps from vote_steps on.
 */
static double vote_alpha(const struct verdict_gates *gates, int64_t steps)
{
	if (steps <= gates->vote_steps)
		return gates->vote_alpha;
	double shrunk = (double)gates->vote_steps / (double)steps;
	double alpha = gates->vote_alpha * shrunk * shrunk * shrunk * shrunk;
	return alpha > gates->vote_alpha_least ? alpha : gates->vote_alpha_least;
}

/*
 * The MAD is blind to a rank that is late in 6 of 10 steps by the same: half the middle half is
 * not.
 */
static int64_t spread_of(const int64_t *sorted, size_t count)
{
	int64_t half = quantile_of(sorted, count, 3, 4) / 2 - quantile_of(sorted, count, 1, 4) / 2;
	int64_t mad = median_absolute_deviation(sorted, count);
	return half > mad ? half : mad;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void effects_measure(struct verdict *verdict, const struct blame_input *input,
			    const struct verdict_gates *gates, struct scratch *scratch)
{
	for (size_t i = 0; i < verdict->rank_count; i++) {
		size_t count = rank_values(scratch->values, &scratch->lateness, i);
		verdict->ranks[i].steps = (int64_t)count;
		scratch->median_ns[i] = median_middle(scratch->values, count);
		scratch->spread_ns[i] = spread_of(scratch->values, count);
	}
	for (size_t i = 0; i < verdict->rank_count; i++) {
		struct verdict_rank *rank = &verdict->ranks[i];
		size_t others = other_values(scratch->values, scratch->spread_ns, verdict, i);
		int64_t mad = larger(scratch->spread_ns[i], median_upper(scratch->values, others));
		others = other_values(scratch->values, scratch->median_ns, verdict, i);
		mad = larger(mad, median_absolute_deviation(scratch->values, others));
		rank->lateness_ns = scratch->median_ns[i];
		rank->noise_ns = larger(deviation_from_mad(mad), larger(input->clock_error_ns, 1));
		rank->is_late = rank->steps > 0 &&
				(wide)rank->lateness_ns >
					(wide)rank->noise_ns * effect_needed(gates, rank->steps);
	}
}

/*
 * In how many of its steps was the rank one of the `last_count` last? `present` becomes the fewest
 * ranks of such a step. Ties do not count: neither may claim the place.
 */
static int64_t votes_count(const struct lateness *lateness, size_t rank, size_t last_count,
			   size_t *present)
{
	int64_t votes = 0;
	*present = lateness->rank_count;
	for (size_t step = 0; step < lateness->step_count; step++) {
		int64_t own_ns = lateness->ns[rank * lateness->step_count + step];
		size_t not_before = 0, here = 0;
		if (own_ns == LATENESS_NONE)
			continue;
		for (size_t other = 0; other < lateness->rank_count; other++) {
			int64_t ns = lateness->ns[other * lateness->step_count + step];
			here += ns != LATENESS_NONE;
			not_before += ns != LATENESS_NONE && ns >= own_ns;
		}
		votes += not_before <= last_count;
		*present = here < *present ? here : *present;
	}
	return votes;
}

/* Votes of all ranks at `last_count`; how many of them are named. */
static size_t ranks_name(struct verdict *verdict, const struct lateness *lateness,
			 const struct verdict_gates *gates, size_t last_count)
{
	verdict->last_count = last_count;
	verdict->named_count = 0;
	for (size_t i = 0; i < verdict->rank_count; i++) {
		struct verdict_rank *rank = &verdict->ranks[i];
		size_t present = 0;
		rank->steps_among_last = votes_count(lateness, i, last_count, &present);
		double chance = present == 0 ? 1 : (double)last_count / (double)present;
		double low = binomial_lower_bound(rank->steps_among_last, rank->steps,
						  vote_alpha(gates, rank->steps));
		double alone = binomial_tail(rank->steps_among_last, rank->steps, chance);
		rank->persistence_low_e12 = (int64_t)(low * (double)RATIO_ONE);
		rank->is_persistent = rank->steps > 0 && low > chance;
		rank->is_named = rank->steps > 0 && rank->lateness_ns > rank->noise_ns / 2 &&
				 ((rank->is_late && rank->is_persistent) ||
				  alone < gates->vote_alpha_alone);
		verdict->named_count += rank->is_named;
	}
	return verdict->named_count;
}

/*
 * How many are late together is read from the effects; where none is steady enough for that, the
 * smallest number at which the votes alone name somebody.
 */
static void culprits_find(struct verdict *verdict, const struct lateness *lateness,
			  const struct verdict_gates *gates)
{
	size_t late = 0, most = verdict->rank_count / 2;
	for (size_t i = 0; i < verdict->rank_count; i++)
		late += verdict->ranks[i].is_late;
	if (late > 0) {
		(void)ranks_name(verdict, lateness, gates, late < most ? late : most);
		return;
	}
	for (size_t count = 1; count <= most; count++)
		if (ranks_name(verdict, lateness, gates, count) > 0)
			return;
	(void)ranks_name(verdict, lateness, gates, 1);
}

static int64_t share_e12(int64_t gain_ns, const struct blame_input *input)
{
	return input->window_ns <= 0 ? 0 : ratio_e12(gain_ns, input->window_ns);
}

static void names_drop(struct verdict *verdict)
{
	verdict->named_count = 0;
	for (size_t i = 0; i < verdict->rank_count; i++)
		verdict->ranks[i].is_named = false;
}

/*
 * Would even the last place in every step be a matter of chance? Or would a rank be named if it
 * went on like that for more steps?
 */
static bool is_too_short(const struct verdict *verdict, const struct lateness *lateness,
			 const struct verdict_gates *gates)
{
	int64_t steps = (int64_t)lateness->step_count;
	for (size_t i = 0; i < verdict->rank_count; i++) {
		const struct verdict_rank *rank = &verdict->ranks[i];
		wide effect = (wide)rank->noise_ns * gates->effect_min;
		if (rank->is_persistent && !rank->is_late && rank->lateness_ns > effect)
			return true;
	}
	return steps < gates->steps_warning || verdict->rank_count < 2 ||
	       binomial_lower_bound(steps, steps, vote_alpha(gates, steps)) <=
		       1 / (double)verdict->rank_count;
}

static void verdict_choose(struct verdict *verdict, const struct blame *blame,
			   const struct blame_input *input, const struct verdict_gates *gates,
			   const struct lateness *lateness)
{
	int64_t named_e12 = share_e12(verdict->gain_ns, input);
	verdict->may_be_critical = (int64_t)lateness->step_count >= gates->steps_critical;
	verdict->share_e12 = share_e12(blame->fix_all_ns, input);
	if (verdict->named_count > 0 && named_e12 >= gates->share_min_e12) {
		verdict->share_e12 = named_e12;
		verdict->kind = verdict->named_count == 1 ? VERDICT_CULPRIT : VERDICT_CO_CULPRITS;
		verdict->reason = verdict->named_count == 1 ?
			"one rank is late in step after step" :
			"several ranks are late together in step after step";
		return;
	}
	names_drop(verdict);
	if (lateness->step_count == 0) {
		verdict->kind = VERDICT_UNKNOWN;
		verdict->reason = "no collectives were matched in any step";
	} else if ((int64_t)lateness->step_count >= gates->steps_warning &&
		   verdict->share_e12 < gates->share_min_e12) {
		verdict->kind = VERDICT_NONE;
		verdict->reason = "late arrivals cost next to nothing";
	} else if (is_too_short(verdict, lateness, gates)) {
		verdict->kind = VERDICT_UNKNOWN;
		verdict->reason = reason_short;
	} else if (verdict->share_e12 >= gates->rotating_share_min_e12) {
		verdict->kind = VERDICT_ROTATING;
		verdict->reason = blame->entropy_e12 > gates->rotating_entropy_e12 ?
			"the late rank changes from step to step" :
			"no rank is late often enough to be named";
	} else {
		verdict->kind = VERDICT_NONE;
		verdict->reason = "no rank is late often enough to be named";
	}
}

static bool scratch_build(struct scratch *scratch, const struct blame_input *input,
			  struct error *error)
{
	if (!lateness_build(&scratch->lateness, input, error))
		return false;
	size_t ranks = input->rank_count + 1, steps = scratch->lateness.step_count;
	scratch->values = calloc(ranks > steps ? ranks : steps, sizeof *scratch->values);
	scratch->median_ns = calloc(ranks, sizeof *scratch->median_ns);
	scratch->spread_ns = calloc(ranks, sizeof *scratch->spread_ns);
	scratch->is_named = calloc(ranks, sizeof *scratch->is_named);
	if (scratch->values != NULL && scratch->median_ns != NULL && scratch->spread_ns != NULL &&
	    scratch->is_named != NULL)
		return true;
	return fail(error, ERROR_SYSTEM, "not enough memory to judge %zu ranks", input->rank_count);
}

bool verdict_decide(struct verdict *verdict, const struct blame *blame,
		    const struct blame_input *input, const struct verdict_gates *gates,
		    struct error *error)
{
	struct scratch scratch = { 0 };
	*verdict = (struct verdict){ .rank_count = input->rank_count, .reason = "" };
	verdict->ranks = calloc(input->rank_count + 1, sizeof *verdict->ranks);
	bool is_ok = verdict->ranks != NULL
			     ? scratch_build(&scratch, input, error)
			     : fail(error, ERROR_SYSTEM, "not enough memory to judge %zu ranks",
				    input->rank_count);
	if (is_ok) {
		effects_measure(verdict, input, gates, &scratch);
		culprits_find(verdict, &scratch.lateness, gates);
		for (size_t i = 0; i < verdict->rank_count; i++)
			scratch.is_named[i] = verdict->ranks[i].is_named;
		is_ok = blame_gain(&verdict->gain_ns, input, scratch.is_named, error);
	}
	if (is_ok)
		verdict_choose(verdict, blame, input, gates, &scratch.lateness);
	lateness_end(&scratch.lateness);
	free(scratch.values);
	free(scratch.median_ns);
	free(scratch.spread_ns);
	free(scratch.is_named);
	if (!is_ok)
		verdict_end(verdict);
	return is_ok;
}

void verdict_end(struct verdict *verdict)
{
	free(verdict->ranks);
	*verdict = (struct verdict){ 0 };
}
