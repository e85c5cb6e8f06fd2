/* SPDX-License-Identifier: MIT */
#include "analyzer/compare.h"

#include "analyzer/ratio.h"

#include <stdlib.h>
#include <string.h>

/* Draws for the interval of one median, and for all steps together: a second or so at most. */
enum { ROUNDS_MAX = 2000, ROUNDS_MIN = 40, DRAWS_OF_STEPS = 40000000, DRAWS_OF_PART = 4000000 };
/* Kernels a step may differ by a tenth: steps that log or clip are not other work. */
enum { KERNELS_DIFFER_PERCENT = 10 };
static const double P_MAX = 0.05;

static unsigned rounds_for(size_t values, size_t draws)
{
	size_t rounds = draws / (values + 1);
	return rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds < ROUNDS_MIN ? ROUNDS_MIN :
		(unsigned)rounds;
}

static bool median_find(int64_t *median, const int64_t *values, size_t count, struct error *error)
{
	int64_t *sorted = calloc(count + 1, sizeof *sorted);
	if (sorted == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to compare the runs");
	memcpy(sorted, values, count * sizeof *sorted);
	values_sort(sorted, count);
	*median = median_middle(sorted, count);
	free(sorted);
	return true;
}

static void compared_judge(struct compared *numbers)
{
	numbers->is_significant = numbers->p < P_MAX &&
				  (numbers->shift.low > 0 || numbers->shift.high < 0);
}

static bool compared_make(struct compared *numbers, struct rank_test *test, const int64_t *a,
			  size_t a_count, const int64_t *b, size_t b_count, size_t draws,
			  struct error *error)
{
	if (!median_find(&numbers->a_median_ns, a, a_count, error) ||
	    !median_find(&numbers->b_median_ns, b, b_count, error) ||
	    !rank_test_run(test, a, a_count, b, b_count, error) ||
	    !median_shift_bootstrap(&numbers->shift, a, a_count, b, b_count,
				    rounds_for(a_count + b_count, draws), error))
		return false;
	numbers->p = test->p;
	compared_judge(numbers);
	return true;
}

static bool is_far(int64_t a, int64_t b)
{
	int64_t smaller = a < b ? a : b, larger = a < b ? b : a;
	return smaller >= 0 && larger - smaller > share_of(larger, KERNELS_DIFFER_PERCENT, 100);
}

static enum compare_reason reason_find(const struct run_steps *a, const struct run_steps *b,
				       bool is_forced)
{
	if (a->count < COMPARE_STEPS_MIN || b->count < COMPARE_STEPS_MIN)
		return COMPARE_REASON_FEW_STEPS;
	if (is_forced)
		return COMPARE_REASON_NONE;
	if (a->gpu_count != b->gpu_count ||
	    (a->ranks >= 0 && b->ranks >= 0 && a->ranks != b->ranks))
		return COMPARE_REASON_RANKS;
	if (a->anchor[0] != 0 && b->anchor[0] != 0 && strcmp(a->anchor, b->anchor) != 0)
		return COMPARE_REASON_ANCHOR;
	if (is_far(a->kernels, b->kernels))
		return COMPARE_REASON_KERNELS;
	return COMPARE_REASON_NONE;
}

/* Does the run say anything about parts of this kind: idle time by cause, say? */
static bool has_kind(const struct run_steps *run, const char *name)
{
	const char *slash = strchr(name, '/');
	if (slash == NULL)
		return false;
	for (size_t i = 0; i < run->part_count; i++)
		if (strncmp(run->parts[i].name, name, (size_t)(slash - name) + 1) == 0)
			return true;
	return false;
}

/* A cause that one side does not name took no time there; other parts it does not know. */
static bool part_compare(struct comparison *comparison, const char *name, const struct run_steps *a,
			 const struct run_steps *b, const int64_t *zeros, struct error *error)
{
	const int64_t *a_ns = run_steps_part(a, name), *b_ns = run_steps_part(b, name);
	struct rank_test test;
	if (a_ns == NULL && has_kind(a, name))
		a_ns = zeros;
	if (b_ns == NULL && has_kind(b, name))
		b_ns = zeros;
	if (a_ns == NULL || b_ns == NULL)
		return true;
	struct compared_part *part = &comparison->parts[comparison->part_count++];
	part->name = name;
	return compared_make(&part->numbers, &test, a_ns, a->count, b_ns, b->count, DRAWS_OF_PART,
			     error);
}

static bool parts_compare(struct comparison *comparison, const struct run_steps *a,
			  const struct run_steps *b, struct error *error)
{
	size_t most = a->count > b->count ? a->count : b->count;
	int64_t *zeros = calloc(most, sizeof *zeros);
	bool ok = zeros != NULL || fail(error, ERROR_SYSTEM, "no memory to compare the runs");
	for (size_t i = 0; ok && i < a->part_count; i++)
		ok = part_compare(comparison, a->parts[i].name, a, b, zeros, error);
	for (size_t i = 0; ok && i < b->part_count; i++)
		if (run_steps_part(a, b->parts[i].name) == NULL)
			ok = part_compare(comparison, b->parts[i].name, a, b, zeros, error);
	free(zeros);
	return ok;
}

static int by_p(const void *a, const void *b)
{
	const struct compared_part *const *x = a, *const *y = b;
	return ((*x)->numbers.p > (*y)->numbers.p) - ((*x)->numbers.p < (*y)->numbers.p);
}

/* Holm: with twenty parts one is "significant" by chance; the smallest p counts twenty times. */
static void parts_correct(struct comparison *comparison)
{
	struct compared_part *order[2 * RUN_PARTS_MAX];
	double largest = 0;
	for (size_t i = 0; i < comparison->part_count; i++)
		order[i] = &comparison->parts[i];
	if (comparison->part_count > 1)
		qsort(order, comparison->part_count, sizeof(struct compared_part *), by_p);
	for (size_t i = 0; i < comparison->part_count; i++) {
		double p = order[i]->numbers.p * (double)(comparison->part_count - i);
		largest = p > largest ? p : largest;
		order[i]->numbers.p = largest > 1 ? 1 : largest;
		compared_judge(&order[i]->numbers);
	}
}

static int64_t change_find(const struct compared *step)
{
	int64_t shift = step->shift.shift;	/* durations are not negative: it can be negated */
	if (step->a_median_ns <= 0)
		return 0;
	return shift < 0 ? -ratio_e12(-shift, step->a_median_ns) :
		ratio_e12(shift, step->a_median_ns);
}

bool comparison_make(struct comparison *comparison, const struct run_steps *a,
		     const struct run_steps *b, const struct compare_options *options,
		     struct error *error)
{
	struct rank_test test;
	*comparison = (struct comparison){ .verdict = COMPARE_IMPOSSIBLE };
	comparison->reason = reason_find(a, b, options->is_forced);
	if (comparison->reason == COMPARE_REASON_FEW_STEPS)
		return true;
	if (!compared_make(&comparison->step, &test, a->duration_ns, a->count, b->duration_ns,
			   b->count, DRAWS_OF_STEPS, error) ||
	    !parts_compare(comparison, a, b, error))
		return false;
	parts_correct(comparison);
	comparison->change_e12 = change_find(&comparison->step);
	/* u_twice counts 2 for each of a->count * b->count pairs. */
	comparison->superiority_e12 =
		ratio_e12(test.u_twice, (int64_t)(2 * a->count * b->count));
	if (comparison->reason != COMPARE_REASON_NONE)
		return true;
	comparison->verdict = COMPARE_NO_DIFFERENCE;
	if (!comparison->step.is_significant)
		return true;
	if (comparison->change_e12 >= options->threshold_e12 && comparison->step.shift.low > 0)
		comparison->verdict = COMPARE_SLOWER;
	if (comparison->change_e12 <= -options->threshold_e12 && comparison->step.shift.high < 0)
		comparison->verdict = COMPARE_FASTER;
	return true;
}

const char *compare_verdict_name(enum compare_verdict verdict)
{
	static const char *const names[] = {
		[COMPARE_NO_DIFFERENCE] = "no-difference", [COMPARE_FASTER] = "faster",
		[COMPARE_SLOWER] = "slower", [COMPARE_IMPOSSIBLE] = "not-comparable",
	};
	return names[verdict];
}

const char *compare_reason_name(enum compare_reason reason)
{
	static const char *const names[] = {
		[COMPARE_REASON_NONE] = NULL, [COMPARE_REASON_FEW_STEPS] = "few-steps",
		[COMPARE_REASON_RANKS] = "ranks", [COMPARE_REASON_KERNELS] = "kernels",
		[COMPARE_REASON_ANCHOR] = "anchor",
	};
	return names[reason];
}

/* "comm" where there is "comm-wait", "idle" where there is "idle/sync" */
static bool has_parts(const struct comparison *comparison, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < comparison->part_count; i++) {
		const char *other = comparison->parts[i].name;
		if (strncmp(other, name, length) == 0 &&
		    (other[length] == '-' || other[length] == '/'))
			return true;
	}
	return false;
}

const struct compared_part *comparison_main_part(const struct comparison *comparison)
{
	const struct compared_part *found = NULL;
	int64_t largest = 0;
	for (size_t i = 0; i < comparison->part_count; i++) {
		const struct compared_part *part = &comparison->parts[i];
		int64_t shift = part->numbers.shift.shift;
		if (comparison->step.shift.shift < 0)
			shift = -shift;
		if (!part->numbers.is_significant || shift <= largest ||
		    has_parts(comparison, part->name))
			continue;
		largest = shift;
		found = part;
	}
	return found;
}
