/* SPDX-License-Identifier: MIT */
#include "analyzer/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

enum {
	CHANGE_STEPS_MIN = 10,		/* on each side of a new pace */
	CHANGE_PERCENT_MIN = 10
};

static int compare_times(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* The upper one of an even number; sorts. */
static int64_t median_of(int64_t *values, size_t count)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof *values, compare_times);
	return values[count / 2];
}

/* Median and median distance from it. */
static void robust_of(const int64_t *values, size_t count, int64_t *scratch, int64_t *median_ns,
		      int64_t *mad_ns)
{
	memcpy(scratch, values, count * sizeof *values);
	*median_ns = median_of(scratch, count);
	for (size_t i = 0; i < count; i++)
		scratch[i] = values[i] < *median_ns ? *median_ns - values[i] :
						      values[i] - *median_ns;
	*mad_ns = median_of(scratch, count);
}

/* z = (value - median) / (1.4826 MAD); a MAD below 0.2 % is the clock's, not the steps'. */
static bool is_outlier(int64_t value_ns, int64_t median_ns, int64_t mad_ns)
{
	int64_t floor_ns = median_ns / 500;
	wide mad = mad_ns < floor_ns ? floor_ns : mad_ns;
	return ((wide)value_ns - median_ns) * 10000 > mad * 3 * 14826;
}

static int64_t clipped(int64_t value_ns, int64_t median_ns, int64_t mad_ns)
{
	int64_t reach_ns = mad_ns > INT64_MAX / 8 ? INT64_MAX / 2 : mad_ns * 4;
	if (value_ns > median_ns && value_ns - median_ns > reach_ns)
		return median_ns + reach_ns;
	if (value_ns < median_ns && median_ns - value_ns > reach_ns)
		return median_ns - reach_ns;
	return value_ns;
}

/*
 * Where the sums of both sides differ most from one pace (CUSUM); 0: too few steps on a side.
 * Single slow steps are clipped, so that one pause is no new pace. Floating point only weighs the
 * places.
 */
static size_t change_place(const int64_t *values, size_t count, int64_t median_ns, int64_t mad_ns)
{
	wide total = 0, sum = 0;
	long double most = 0;
	size_t best = 0;
	for (size_t i = 0; i < count; i++)
		total += clipped(values[i], median_ns, mad_ns);
	for (size_t k = 1; k < count; k++) {
		sum += clipped(values[k - 1], median_ns, mad_ns);
		long double off = fabsl((long double)(sum * (wide)count - total * (wide)k)) /
				  sqrtl((long double)k * (long double)(count - k));
		if (off > most) {
			most = off;
			best = k;
		}
	}
	return best < CHANGE_STEPS_MIN || count - best < CHANGE_STEPS_MIN ? 0 : best;
}

static void change_find(struct step_choice *choice, const int64_t *values, size_t count,
			int64_t *scratch)
{
	int64_t before_ns, after_ns, before_mad_ns, after_mad_ns;
	size_t at = change_place(values, count, choice->median_ns, choice->mad_ns);
	if (at == 0)
		return;
	robust_of(values, at, scratch, &before_ns, &before_mad_ns);
	robust_of(values + at, count - at, scratch, &after_ns, &after_mad_ns);
	int64_t shift_ns = after_ns > before_ns ? after_ns - before_ns : before_ns - after_ns;
	/* Paces that scatter as much as they differ are one. */
	if ((wide)shift_ns * 100 < (wide)before_ns * CHANGE_PERCENT_MIN ||
	    shift_ns <= 2 * before_mad_ns || shift_ns <= 2 * after_mad_ns)
		return;
	choice->change_at = choice->first + at;
	choice->change_before_ns = before_ns;
	choice->change_after_ns = after_ns;
}

static void steady_choose(struct step_choice *choice, size_t count, const int64_t *durations_ns,
			  const int64_t *load_ns)
{
	choice->first = 0;
	choice->end = count;
	if (count < 4) {
		choice->reason = "too few steps to leave out those that warm up";
		return;
	}
	choice->first = count >= 6 ? STEP_WARM_UP : 1;
	choice->end = count - 1;
	while (load_ns != NULL && choice->end - choice->first > STEPS_MIN &&
	       (wide)load_ns[choice->first] * 100 >
		       (wide)durations_ns[choice->first] * STEP_LOAD_PERCENT)
		choice->first++;
}

bool steps_choose(struct step_choice *choice, const struct step_list *list,
		  const int64_t *durations_ns, const int64_t *load_ns, struct error *error)
{
	*choice = (struct step_choice){ 0 };
	if (list->count == 0)
		return true;
	steady_choose(choice, list->count, durations_ns, load_ns);
	size_t count = choice->end - choice->first;
	int64_t *scratch = malloc(count * sizeof *scratch);
	choice->is_slow = calloc(list->count, sizeof *choice->is_slow);
	if (scratch == NULL || choice->is_slow == NULL) {
		free(scratch);
		step_choice_end(choice);
		return fail(error, ERROR_SYSTEM, "cannot choose steps: memory is short");
	}
	const int64_t *values = durations_ns + choice->first;
	robust_of(values, count, scratch, &choice->median_ns, &choice->mad_ns);
	for (size_t i = 0; i < count; i++) {
		bool is_slow = is_outlier(values[i], choice->median_ns, choice->mad_ns);
		choice->is_slow[choice->first + i] = is_slow;
		choice->slow_count += is_slow;
	}
	change_find(choice, values, count, scratch);
	free(scratch);
	return true;
}

void step_choice_end(struct step_choice *choice)
{
	free(choice->is_slow);
	*choice = (struct step_choice){ 0 };
}
