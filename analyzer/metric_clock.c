/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_clock.h"

#include <stdlib.h>

#define SAMPLE_PAIRS_MAX (UINT64_C(1) << 26)

struct estimation {
	const struct clock_track *tracks;
	struct clock_estimate *estimates;
	size_t count;
	struct clock_track *corrected;
	size_t pair_step;	/* of the samples, when all pairs are looked at */
	uint32_t *common;	/* [a * count + b]: barriers that both saw */
	int64_t *high;		/* [a * count + b]: residual of b - residual of a is at most this */
	bool *is_placed;
};

/* A walk over the samples of two clocks of the same barrier. */
struct pair_walk {
	const struct clock_track *a, *b;
	size_t at_a, at_b;
};

static bool pair_next(struct pair_walk *walk, const struct clock_sample **a,
		      const struct clock_sample **b)
{
	while (walk->at_a < walk->a->count && walk->at_b < walk->b->count) {
		*a = &walk->a->samples[walk->at_a];
		*b = &walk->b->samples[walk->at_b];
		walk->at_a += (*a)->instance <= (*b)->instance;
		walk->at_b += (*b)->instance <= (*a)->instance;
		if ((*a)->instance == (*b)->instance)
			return true;
	}
	return false;
}

size_t clock_differences(const struct clock_track *a, const struct clock_track *b, size_t step,
			 struct clock_point *points)
{
	struct pair_walk walk = { .a = a, .b = b };
	const struct clock_sample *sa, *sb;
	size_t seen = 0, kept = 0;
	while (pair_next(&walk, &sa, &sb)) {
		if (seen++ % step != 0)
			continue;
		if (points != NULL)
			points[kept] = (struct clock_point){ sb->end_ns, sa->end_ns - sb->end_ns };
		kept++;
	}
	return kept;
}

size_t clock_bounds(const struct clock_track *a, const struct clock_track *b, int64_t *low_ns,
		    int64_t *high_ns)
{
	struct pair_walk walk = { .a = a, .b = b };
	const struct clock_sample *sa, *sb;
	size_t seen = 0;
	*low_ns = -CLOCK_BOUND_NONE;
	*high_ns = CLOCK_BOUND_NONE;
	for (; pair_next(&walk, &sa, &sb); seen++) {
		if (sa->start_ns - sb->end_ns > *low_ns)
			*low_ns = sa->start_ns - sb->end_ns;
		if (sa->end_ns - sb->start_ns < *high_ns)
			*high_ns = sa->end_ns - sb->start_ns;
	}
	return seen;
}

static bool is_pair_wanted(const struct estimation *estimation, size_t a, size_t b)
{
	return estimation->count <= CLOCK_PAIRS_MAX || a == 0 || b == 0;
}

static void pairs_count(struct estimation *estimation)
{
	for (size_t a = 0; a < estimation->count; a++)
		for (size_t b = a + 1; b < estimation->count; b++) {
			size_t common = 0;
			if (is_pair_wanted(estimation, a, b))
				common = clock_differences(&estimation->tracks[a],
							   &estimation->tracks[b], 1, NULL);
			uint32_t kept = common > UINT32_MAX ? UINT32_MAX : (uint32_t)common;
			estimation->common[a * estimation->count + b] = kept;
			estimation->common[b * estimation->count + a] = kept;
		}
}

static int point_compare(const void *left, const void *right)
{
	const struct clock_point *a = left, *b = right;
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return (a->offset_ns > b->offset_ns) - (a->offset_ns < b->offset_ns);
}

/* Fits clock b to the times of clock a, which are corrected already. */
static bool clock_place(struct estimation *estimation, size_t a, size_t b)
{
	struct clock_estimate *estimate = &estimation->estimates[b];
	const struct clock_estimate *parent = &estimation->estimates[a];
	size_t common = estimation->common[a * estimation->count + b];
	size_t step = common / CLOCK_POINTS_MAX + 1;
	struct clock_point *points = malloc((common / step + 2) * sizeof points[0]);
	if (points == NULL)
		return false;
	size_t count = clock_differences(&estimation->tracks[a], &estimation->tracks[b], step,
					 points);
	for (size_t i = 0; i < count; i++) {
		int64_t time_ns = points[i].time_ns + points[i].offset_ns;
		int64_t offset_ns = points[i].offset_ns + clock_offset_at(parent, time_ns);
		points[i].offset_ns = offset_ns > CLOCK_TIME_LIMIT_NS * 4 ? CLOCK_TIME_LIMIT_NS * 4
				      : offset_ns < -CLOCK_TIME_LIMIT_NS * 4
					      ? -CLOCK_TIME_LIMIT_NS * 4
					      : offset_ns;
	}
	/* Barriers that overlap end in another order than they begin. */
	qsort(points, count, sizeof points[0], point_compare);
	bool ok = clock_fit_points(&estimate->fit, points, count);
	free(points);
	estimate->reference = parent->reference;
	estimate->sample_count = common;
	estimate->error_ns = estimate->fit.spread_ns;
	if (estimate->error_ns < CLOCK_ERROR_MIN_NS)
		estimate->error_ns = CLOCK_ERROR_MIN_NS;
	estimate->error_ns += parent->error_ns;
	estimation->is_placed[b] = true;
	return ok;
}

/* From the first clock on: always the one that shares most barriers with one placed already. */
static bool clocks_place(struct estimation *estimation)
{
	size_t n = estimation->count;
	for (size_t placed = 0; placed < n; placed++) {
		uint32_t most = 0;
		size_t best_a = 0, best_b = n, first = n;
		for (size_t b = n; b-- > 0;) {
			if (estimation->is_placed[b])
				continue;
			first = b;
			for (size_t a = n; a-- > 0;)
				if (estimation->is_placed[a] &&
				    estimation->common[a * n + b] >= most &&
				    estimation->common[a * n + b] > 0) {
					most = estimation->common[a * n + b];
					best_a = a;
					best_b = b;
				}
		}
		if (best_b < n) {
			if (!clock_place(estimation, best_a, best_b))
				return false;
			continue;
		}
		estimation->is_placed[first] = true;
		estimation->estimates[first].reference = first;
	}
	return true;
}

/* The samples on the reference's clock, by the end's offset. */
static bool tracks_correct(struct estimation *estimation)
{
	for (size_t c = 0; c < estimation->count; c++) {
		const struct clock_track *track = &estimation->tracks[c];
		struct clock_sample *samples = malloc((track->count + 1) * sizeof samples[0]);
		if (samples == NULL)
			return false;
		estimation->corrected[c] = (struct clock_track){ samples, track->count };
		for (size_t i = 0; i < track->count; i++) {
			int64_t offset_ns = clock_offset_at(&estimation->estimates[c],
							    track->samples[i].end_ns);
			samples[i] = track->samples[i];
			samples[i].start_ns += offset_ns;
			samples[i].end_ns += offset_ns;
		}
	}
	return true;
}

static void bound_pair(struct estimation *estimation, size_t a, size_t b)
{
	struct pair_walk walk = { .a = &estimation->corrected[a], .b = &estimation->corrected[b] };
	const struct clock_sample *sa, *sb;
	int64_t high_ab = CLOCK_BOUND_NONE, high_ba = CLOCK_BOUND_NONE;
	while (pair_next(&walk, &sa, &sb)) {
		if (sa->instance % estimation->pair_step != 0)
			continue;
		int64_t ab = sa->end_ns - sb->start_ns, ba = sb->end_ns - sa->start_ns;
		high_ab = ab < high_ab ? ab : high_ab;
		high_ba = ba < high_ba ? ba : high_ba;
	}
	estimation->high[a * estimation->count + b] = high_ab;
	estimation->high[b * estimation->count + a] = high_ba;
}

static int64_t bound_sum(int64_t a, int64_t b)
{
	int64_t sum;
	if (a == CLOCK_BOUND_NONE || b == CLOCK_BOUND_NONE || __builtin_add_overflow(a, b, &sum))
		return CLOCK_BOUND_NONE;
	return sum;
}

static void bounds_tighten(struct estimation *estimation)
{
	size_t n = estimation->count;
	int64_t *high = estimation->high;
	if (n > CLOCK_PAIRS_MAX)
		return;
	for (size_t k = 0; k < n; k++)
		for (size_t a = 0; a < n; a++) {
			for (size_t b = 0; b < n; b++) {
				int64_t through = bound_sum(high[a * n + k], high[k * n + b]);
				if (a != b && through < high[a * n + b])
					high[a * n + b] = through;
			}
		}
}

static void bounds_find(struct estimation *estimation)
{
	size_t n = estimation->count;
	for (size_t i = 0; i < n * n; i++)
		estimation->high[i] = i % (n + 1) == 0 ? 0 : CLOCK_BOUND_NONE;
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++)
			if (estimation->common[a * n + b] > 0)
				bound_pair(estimation, a, b);
}

/* Negative where the pair's bounds leave no room, however loose. */
static int64_t pair_room(const struct estimation *estimation, size_t a, size_t b)
{
	return bound_sum(estimation->high[a * estimation->count + b],
			 estimation->high[b * estimation->count + a]);
}

/* Before tightening: contradictions would be multiplied by it. */
static bool conflicts_find(struct estimation *estimation)
{
	bool is_feasible = true;
	for (size_t b = 0; b < estimation->count; b++) {
		struct clock_estimate *estimate = &estimation->estimates[b];
		estimate->is_feasible = true;
		for (size_t a = 0; a < estimation->count; a++) {
			int64_t room_ns = pair_room(estimation, a, b);
			if (a == b || room_ns >= 0)
				continue;
			estimate->is_feasible = is_feasible = false;
			if (-room_ns > estimate->conflict_ns)
				estimate->conflict_ns = -room_ns;
		}
	}
	return is_feasible;
}

/* Puts each clock's residual where the bounds to all clocks before it allow, if they do. */
static void residuals_clip(struct estimation *estimation, int64_t *residuals)
{
	size_t n = estimation->count;
	for (size_t b = 0; b < n; b++) {
		int64_t low = -CLOCK_BOUND_NONE, high = CLOCK_BOUND_NONE;
		residuals[b] = 0;
		for (size_t a = 0; a < b; a++) {
			int64_t ab = estimation->high[a * n + b], ba = estimation->high[b * n + a];
			if (ab != CLOCK_BOUND_NONE && residuals[a] + ab < high)
				high = residuals[a] + ab;
			if (ba != CLOCK_BOUND_NONE && residuals[a] - ba > low)
				low = residuals[a] - ba;
		}
		if (low > high)
			continue;
		residuals[b] = low > 0 ? low : high < 0 ? high : 0;
	}
}

static void estimate_finish(struct estimation *estimation, size_t at, int64_t residual_ns)
{
	struct clock_estimate *estimate = &estimation->estimates[at];
	size_t reference = estimate->reference, n = estimation->count;
	int64_t high = estimation->high[reference * n + at];
	int64_t low = estimation->high[at * n + reference];
	int64_t offset_ns = estimate->fit.offset_ns;
	if (reference == at) {
		estimate->hard_error_ns = 0;
		return;
	}
	estimate->high_ns = high == CLOCK_BOUND_NONE ? high : offset_ns + high;
	estimate->low_ns = low == CLOCK_BOUND_NONE ? -low : offset_ns - low;
	clock_fit_move(&estimate->fit, residual_ns);
	estimate->hard_error_ns = CLOCK_BOUND_NONE;
	if (high == CLOCK_BOUND_NONE || low == CLOCK_BOUND_NONE)
		return;
	int64_t above = high - residual_ns, below = low + residual_ns;
	estimate->hard_error_ns = above > below ? above : below;
	if (!estimate->is_feasible)
		estimate->error_ns += estimate->conflict_ns;
	else if (estimate->hard_error_ns < estimate->error_ns)
		estimate->error_ns = estimate->hard_error_ns > CLOCK_ERROR_MIN_NS ?
			estimate->hard_error_ns : CLOCK_ERROR_MIN_NS;
}

static bool estimation_solve(struct estimation *estimation)
{
	size_t n = estimation->count;
	uint64_t longest = 0;
	for (size_t i = 0; i < n; i++)
		if (estimation->tracks[i].count > longest)
			longest = estimation->tracks[i].count;
	estimation->pair_step = (size_t)(longest * n * n / SAMPLE_PAIRS_MAX) + 1;
	int64_t *residuals = calloc(n, sizeof residuals[0]);
	if (residuals == NULL)
		return false;
	pairs_count(estimation);
	bool ok = clocks_place(estimation) && tracks_correct(estimation);
	if (ok) {
		bounds_find(estimation);
		if (conflicts_find(estimation)) {
			bounds_tighten(estimation);
			if (conflicts_find(estimation))
				residuals_clip(estimation, residuals);
		}
		for (size_t i = 0; i < n; i++)
			estimate_finish(estimation, i, residuals[i]);
	}
	free(residuals);
	return ok;
}

bool clocks_estimate(struct clock_estimate *estimates, const struct clock_track *tracks,
		     size_t count)
{
	struct estimation estimation = { .tracks = tracks, .estimates = estimates, .count = count };
	for (size_t i = 0; i < count; i++)
		estimates[i] = (struct clock_estimate){ .low_ns = -CLOCK_BOUND_NONE,
			.high_ns = CLOCK_BOUND_NONE, .hard_error_ns = CLOCK_BOUND_NONE,
			.is_feasible = true };
	if (count == 0)
		return true;
	estimation.common = calloc(count * count, sizeof estimation.common[0]);
	estimation.high = malloc(count * count * sizeof estimation.high[0]);
	estimation.is_placed = calloc(count, sizeof estimation.is_placed[0]);
	estimation.corrected = calloc(count, sizeof estimation.corrected[0]);
	bool ok = estimation.common != NULL && estimation.high != NULL &&
		  estimation.is_placed != NULL && estimation.corrected != NULL &&
		  estimation_solve(&estimation);
	for (size_t i = 0; i < count && estimation.corrected != NULL; i++)
		free((void *)(uintptr_t)estimation.corrected[i].samples);
	free(estimation.corrected);
	free(estimation.common);
	free(estimation.high);
	free(estimation.is_placed);
	if (!ok)
		clock_estimates_end(estimates, count);
	return ok;
}

void clock_estimates_end(struct clock_estimate *estimates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		clock_fit_end(&estimates[i].fit);
}

int64_t clock_offset_at(const struct clock_estimate *estimate, int64_t time_ns)
{
	return clock_fit_at(&estimate->fit, time_ns);
}
