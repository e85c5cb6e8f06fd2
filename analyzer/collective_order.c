/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_order.h"

#include "analyzer/metric_clock.h"

#include <stdlib.h>

enum {
	PROBES = 64,		/* places at which a shift is tried */
	SHIFTS_MAX = 4096,	/* either way */
	SHIFTED_MIN = 3,	/* instances that a shift on agreeing clocks needs */
	OFFSET_MIN = 8,		/* instances that an unknown offset of clocks needs */
	OFFSET_SHARED_MIN = 20, /* and between clocks that should be one */
	PERCENT_MIN = 95,	/* of the ends must agree */
};

#define OFFSET_SHARED_TOLERANCE_NS INT64_C(25000)
/* A difference of differences beyond this says no more than this. */
#define PROBE_LIMIT_NS INT64_C(1000000)
/* Faster clocks are none. */
#define DRIFT_LIMIT_PPB INT64_C(500000)

/* Where both sequences have elements under a shift: [from, to) of b. */
struct overlap {
	size_t from;
	size_t to;
};

static struct overlap overlap_of(const struct order_side *a, const struct order_side *b,
				 int64_t shift)
{
	int64_t from = shift < 0 ? -shift : 0, to = (int64_t)a->count - shift;
	if (to > (int64_t)b->count)
		to = (int64_t)b->count;
	return to <= from ? (struct overlap){ 0, 0 } :
			    (struct overlap){ (size_t)from, (size_t)to };
}

int64_t order_tolerance_ns(int64_t shorter_ns, int64_t error_ns)
{
	return COLLECTIVE_ENDS_TOLERANCE_NS + error_ns + shorter_ns / 50;
}

static int64_t tolerance_at(const struct order_side *a, size_t i, const struct order_side *b,
			    size_t j, int64_t error_ns)
{
	int64_t mine = a->end_ns[i] - a->start_ns[i], other = b->end_ns[j] - b->start_ns[j];
	return order_tolerance_ns(mine < other ? mine : other, error_ns);
}

static bool is_enough(size_t agreeing, size_t count)
{
	return count > 0 && agreeing * 100 >= count * PERCENT_MIN;
}

/* Do ends agree as the clocks are? */
static bool agrees(const struct order_side *a, const struct order_side *b, int64_t shift,
		   int64_t error_ns, int64_t *worst_ns)
{
	struct overlap overlap = overlap_of(a, b, shift);
	size_t agreeing = 0;
	int64_t worst = 0;
	for (size_t j = overlap.from; j < overlap.to; j++) {
		size_t i = (size_t)((int64_t)j + shift);
		int64_t differ_ns = llabs(a->end_ns[i] - b->end_ns[j]);
		worst = differ_ns > worst ? differ_ns : worst;
		agreeing += differ_ns <= tolerance_at(a, i, b, j, error_ns);
	}
	*worst_ns = worst;
	return is_enough(agreeing, overlap.to - overlap.from);
}

static int value_compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static size_t nearest_end(const struct order_side *side, int64_t end_ns)
{
	size_t low = 0, high = side->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (side->end_ns[middle] < end_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == side->count ||
	    (low > 0 && end_ns - side->end_ns[low - 1] < side->end_ns[low] - end_ns))
		low--;
	return low;
}

/* The shift that most of b's ends have to the nearest of a's, on clocks that agree. */
static int64_t shift_of_nearest(const struct order_side *a, const struct order_side *b)
{
	int64_t shifts[PROBES], best = 0;
	size_t count = b->count < PROBES ? b->count : PROBES, most = 0, kept = 0;
	for (size_t i = 0; i < count; i++) {
		size_t j = count == 1 ? 0 : i * (b->count - 1) / (count - 1);
		size_t near = nearest_end(a, b->end_ns[j]);
		if (llabs(a->end_ns[near] - b->end_ns[j]) <= COLLECTIVE_ENDS_TOLERANCE_NS)
			shifts[kept++] = (int64_t)near - (int64_t)j;
	}
	qsort(shifts, kept, sizeof shifts[0], value_compare);
	for (size_t i = 0, run = 0; i < kept; i++) {
		run = i > 0 && shifts[i] == shifts[i - 1] ? run + 1 : 1;
		if (run > most) {
			most = run;
			best = shifts[i];
		}
	}
	return best;
}

/*
 * How unsteady the difference of ends is from one instance to the next: neither an offset nor drift
 * of the clocks counts. -1: too few.
 */
static int64_t unsteadiness(const struct order_side *a, const struct order_side *b, int64_t shift)
{
	struct overlap overlap = overlap_of(a, b, shift);
	size_t steps = overlap.to - overlap.from, count = steps < PROBES ? steps : PROBES;
	int64_t sum_ns = 0;
	if (steps < OFFSET_MIN)
		return -1;
	steps--;
	count--;
	for (size_t n = 0; n < count; n++) {
		size_t j = overlap.from + n * (steps - 1) / (count - 1);
		size_t i = (size_t)((int64_t)j + shift);
		int64_t change_ns = llabs((a->end_ns[i + 1] - b->end_ns[j + 1]) -
					  (a->end_ns[i] - b->end_ns[j]));
		sum_ns += change_ns < PROBE_LIMIT_NS ? change_ns : PROBE_LIMIT_NS;
	}
	return sum_ns / (int64_t)count;
}

/* The steadiest shift; false: none is, or several are about as steady. */
static bool shift_of_steadiest(const struct order_side *a, const struct order_side *b,
			       struct order_match *match)
{
	size_t fewer = a->count < b->count ? a->count : b->count;
	int64_t half = (int64_t)(fewer / 2);
	int64_t least = half - (int64_t)b->count, most = (int64_t)a->count - half;
	int64_t best_ns = -1, second_ns = -1;
	least = least < -SHIFTS_MAX ? -SHIFTS_MAX : least;
	most = most > SHIFTS_MAX ? SHIFTS_MAX : most;
	for (int64_t shift = least; shift <= most; shift++) {
		int64_t here_ns = unsteadiness(a, b, shift);
		if (here_ns < 0)
			continue;
		if (best_ns < 0 || here_ns < best_ns) {
			second_ns = best_ns;
			best_ns = here_ns;
			match->shift = shift;
		} else if (second_ns < 0 || here_ns < second_ns) {
			second_ns = here_ns;
		}
	}
	if (best_ns < 0) {
		match->reason = MATCH_TOO_FEW;
		return false;
	}
	int64_t plain_ns = a->count == b->count ? unsteadiness(a, b, 0) : -1;
	if (plain_ns >= 0 && plain_ns <= 2 * best_ns + CLOCK_ERROR_MIN_NS) {
		match->shift = 0;
		return true;
	}
	match->reason = MATCH_AMBIGUOUS;
	return second_ns < 0 || second_ns > 2 * best_ns;
}

/* Do ends agree once a fitted offset is added? */
static bool agrees_fitted(const struct order_side *a, const struct order_side *b, int64_t shift,
			  const struct clock_fit *fit, const struct order_rule *rule)
{
	struct overlap overlap = overlap_of(a, b, shift);
	size_t agreeing = 0, count = overlap.to - overlap.from;
	for (size_t j = overlap.from; j < overlap.to; j++) {
		size_t i = (size_t)((int64_t)j + shift);
		int64_t end_ns = b->end_ns[j] + clock_fit_at(fit, b->end_ns[j]);
		int64_t limit_ns = rule->is_clock_shared ? OFFSET_SHARED_TOLERANCE_NS :
							   tolerance_at(a, i, b, j, 0);
		agreeing += llabs(a->end_ns[i] - end_ns) <= limit_ns;
	}
	return is_enough(agreeing, count) && llabs(fit->drift_ppb) <= DRIFT_LIMIT_PPB &&
	       count >= (rule->is_clock_shared ? OFFSET_SHARED_MIN : OFFSET_MIN);
}

static bool match_with_offset(struct order_match *match, const struct order_side *a,
			      const struct order_side *b, const struct order_rule *rule)
{
	struct order_match found = *match;
	if (!shift_of_steadiest(a, b, &found)) {
		match->reason = found.reason;
		return true;
	}
	struct overlap overlap = overlap_of(a, b, found.shift);
	size_t step = (overlap.to - overlap.from) / CLOCK_POINTS_MAX + 1, kept = 0;
	struct clock_point *points = malloc(((overlap.to - overlap.from) / step + 2) *
					    sizeof points[0]);
	if (points == NULL)
		return false;
	for (size_t j = overlap.from; j < overlap.to; j += step)
		points[kept++] = (struct clock_point){ b->end_ns[j],
			a->end_ns[(size_t)((int64_t)j + found.shift)] - b->end_ns[j] };
	struct clock_fit fit;
	bool ok = clock_fit_points(&fit, points, kept);
	free(points);
	if (!ok)
		return false;
	if (agrees_fitted(a, b, found.shift, &fit, rule)) {
		match->reason = MATCH_DONE;
		match->shift = found.shift;
		match->is_offset = true;
	}
	clock_fit_end(&fit);
	return true;
}

bool order_match(struct order_match *match, const struct order_side *a, const struct order_side *b,
		 const struct order_rule *rule)
{
	*match = (struct order_match){ .reason = MATCH_ENDS_DIFFER };
	if (a->count == 0 || b->count == 0) {
		match->reason = MATCH_ALONE;
		return true;
	}
	if (agrees(a, b, 0, rule->error_ns, &match->worst_ns) && a->count == b->count) {
		match->reason = MATCH_DONE;
		return true;
	}
	int64_t shift = shift_of_nearest(a, b), worst_ns;
	struct overlap overlap = overlap_of(a, b, shift);
	size_t fewer = a->count < b->count ? a->count : b->count,
	       common = overlap.to - overlap.from;
	if ((common >= SHIFTED_MIN || common == fewer) &&
	    agrees(a, b, shift, rule->error_ns, &worst_ns)) {
		match->reason = MATCH_DONE;
		match->shift = shift;
		return true;
	}
	return !rule->is_clock_open || match_with_offset(match, a, b, rule);
}
