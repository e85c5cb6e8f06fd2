/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_clocks.h"

#include "analyzer/metric_clock.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum { ESTIMATE_SAMPLES_MIN = 8 };	/* fewer do not move a clock that agrees as it is */

static bool is_text(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool is_same_host(const struct comm_lane *a, const struct comm_lane *b)
{
	if (a->trace == b->trace)
		return true;
	if (epoch_is_unix(a->epoch_ns) != epoch_is_unix(b->epoch_ns))
		return false;
	if (is_text(a->boot_id) && is_text(b->boot_id))
		return strcmp(a->boot_id, b->boot_id) == 0;
	return is_text(a->host) && is_text(b->host) && strcmp(a->host, b->host) == 0;
}

void lane_hosts_find(const struct comm_lane *lanes, size_t count, size_t *host_of)
{
	for (size_t i = 0; i < count; i++) {
		host_of[i] = i;
		for (size_t j = 0; j < i && host_of[i] == i; j++)
			if (is_same_host(&lanes[j], &lanes[i]))
				host_of[i] = host_of[j];
	}
}

/* Could they be one host, for all we know? */
static bool is_host_unknown(const struct comm_lane *a, const struct comm_lane *b)
{
	if (is_text(a->boot_id) && is_text(b->boot_id))
		return false;
	return !is_text(a->host) || !is_text(b->host);
}

/* Times since an epoch that is none count from the smallest of their kind. */
void lane_shifts_find(struct collective_match *match, const struct comm_lane *lanes)
{
	int64_t base_ns[2] = { INT64_MAX, INT64_MAX };
	for (size_t i = 0; i < match->lane_count; i++) {
		bool is_unix = epoch_is_unix(lanes[i].epoch_ns);
		if (lanes[i].epoch_ns < base_ns[is_unix])
			base_ns[is_unix] = lanes[i].epoch_ns;
	}
	match->base_ns = base_ns[1] != INT64_MAX ? base_ns[1] : base_ns[0];
	for (size_t i = 0; i < match->lane_count; i++)
		match->clocks[i].shift_ns = lanes[i].epoch_ns -
					    base_ns[epoch_is_unix(lanes[i].epoch_ns)];
	if (match->lane_count == 0)
		match->base_ns = 0;
}

bool clock_fit_copy(struct clock_fit *to, const struct clock_fit *from)
{
	*to = *from;
	if (from->knot_count == 0)
		return true;
	to->knots = malloc(from->knot_count * sizeof to->knots[0]);
	if (to->knots == NULL) {
		*to = (struct clock_fit){ .offset_ns = 0 };
		return false;
	}
	memcpy(to->knots, from->knots, from->knot_count * sizeof to->knots[0]);
	return true;
}

/* Samples of lanes or clocks, one after another. */
struct tracks {
	struct clock_sample *samples;
	struct clock_track *list;
	size_t count;
};

static void tracks_end(struct tracks *tracks)
{
	free(tracks->samples);
	free(tracks->list);
	*tracks = (struct tracks){ .count = 0 };
}

/* One sample a clock: the latest start and the earliest end of its lanes. */
static void sample_add(struct clock_track *track, struct clock_sample *sample, uint32_t instance,
		       int64_t start_ns, int64_t end_ns)
{
	if (track->count > 0 && track->samples[track->count - 1].instance == instance) {
		sample--;
		sample->start_ns = start_ns > sample->start_ns ? start_ns : sample->start_ns;
		sample->end_ns = end_ns < sample->end_ns ? end_ns : sample->end_ns;
		return;
	}
	*sample = (struct clock_sample){ instance, start_ns, end_ns };
	track->count++;
}

static bool tracks_build(struct tracks *tracks, const struct collective_match *match,
			 const struct comm_lane *lanes, const size_t *track_of, size_t count)
{
	size_t *first = calloc(count + 1, sizeof first[0]);
	*tracks = (struct tracks){ .count = count };
	tracks->samples = malloc((match->member_count + 1) * sizeof tracks->samples[0]);
	tracks->list = calloc(count + 1, sizeof tracks->list[0]);
	bool ok = first != NULL && tracks->samples != NULL && tracks->list != NULL;
	for (size_t m = 0; ok && m < match->member_count; m++)
		first[track_of[match->members[m].lane] + 1]++;
	for (size_t t = 0; ok && t < count; t++) {
		first[t + 1] += first[t];
		tracks->list[t].samples = tracks->samples + first[t];
	}
	for (size_t i = 0; ok && i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		if (!match->groups[instance->group].is_barrier)
			continue;
		for (size_t m = 0; m < instance->member_count; m++) {
			const struct collective_member *member =
				&match->members[instance->first_member + m];
			const struct comm_kernel *kernel =
				&lanes[member->lane].kernels[member->kernel];
			struct clock_track *track = &tracks->list[track_of[member->lane]];
			int64_t shift_ns = match->clocks[member->lane].shift_ns;
			sample_add(track, tracks->samples + first[track_of[member->lane]] +
				   track->count, (uint32_t)i, kernel->start_ns + shift_ns,
				   kernel->end_ns + shift_ns);
		}
	}
	free(first);
	if (!ok)
		tracks_end(tracks);
	return ok;
}

struct deciding {
	struct collective_match *match;
	const struct comm_lane *lanes;
	const size_t *host_of;
	struct tracks tracks;		/* by lane */
	struct clock_estimate *estimates;	/* by lane */
	size_t *leader;			/* by lane: the first with the same clock */
	struct lane_clock *clocks;	/* by lane, new */
};

static int64_t excluded_ns(int64_t low_ns, int64_t high_ns)
{
	return low_ns > 0 ? low_ns : high_ns < 0 ? -high_ns : 0;
}

/* Are the barriers content with the other host's clock as it is? */
static bool is_fine_as_it_is(const struct deciding *deciding, size_t lane)
{
	const struct clock_estimate *estimate = &deciding->estimates[lane];
	size_t reference = estimate->reference;
	return reference != lane && estimate->fit.drift_ppb == 0 && estimate->fit.jump_count == 0 &&
	       llabs(estimate->fit.offset_ns) <= COLLECTIVE_ENDS_TOLERANCE_NS &&
	       excluded_ns(estimate->low_ns, estimate->high_ns) <= COLLECTIVE_CLOCK_TOLERANCE_NS &&
	       (estimate->sample_count < ESTIMATE_SAMPLES_MIN ||
		is_host_unknown(&deciding->lanes[reference], &deciding->lanes[lane]));
}

/* Whose clock a lane's is: that of its host unless barriers exclude it. */
static void leaders_find(struct deciding *deciding)
{
	for (size_t i = 0; i < deciding->match->lane_count; i++) {
		size_t host = deciding->host_of[i];
		int64_t low_ns, high_ns;
		deciding->leader[i] = i;
		deciding->clocks[i].state = CLOCK_ESTIMATED;
		if (host != i) {
			(void)clock_bounds(&deciding->tracks.list[host], &deciding->tracks.list[i],
					   &low_ns, &high_ns);
			int64_t excluded = excluded_ns(low_ns, high_ns);
			if (excluded <= COLLECTIVE_CLOCK_TOLERANCE_NS) {
				deciding->leader[i] = deciding->leader[host];
				deciding->clocks[i].state = CLOCK_SAME;
			} else {
				deciding->clocks[i].contradiction_ns = excluded;
			}
		} else if (is_fine_as_it_is(deciding, i)) {
			deciding->leader[i] = deciding->leader[deciding->estimates[i].reference];
			deciding->clocks[i].state = CLOCK_VERIFIED;
		}
	}
}

/* Error of a lane that takes its leader's clock as its own. */
static bool shared_error(struct deciding *deciding, size_t lane)
{
	struct lane_clock *clock = &deciding->clocks[lane];
	const struct clock_track *mine = &deciding->tracks.list[lane];
	const struct clock_track *leader = &deciding->tracks.list[deciding->leader[lane]];
	int64_t low_ns, high_ns;
	clock->barrier_count = clock_bounds(leader, mine, &low_ns, &high_ns);
	clock->error_ns = COLLECTIVE_CLOCK_TOLERANCE_NS;
	clock->low_ns = low_ns;
	clock->high_ns = high_ns;
	if (clock->barrier_count == 0)
		return true;
	size_t step = clock->barrier_count / CLOCK_POINTS_MAX + 1;
	size_t room = clock->barrier_count / step + 2;
	struct clock_point *points = malloc(room * sizeof points[0]);
	int64_t *values = malloc(room * sizeof values[0]);
	bool ok = points != NULL && values != NULL;
	if (ok) {
		size_t count = clock_differences(leader, mine, step, points);
		for (size_t i = 0; i < count; i++)
			values[i] = points[i].offset_ns;
		int64_t median_ns = clock_median(values, count);
		for (size_t i = 0; i < count; i++)
			values[i] = llabs(points[i].offset_ns - median_ns);
		int64_t error_ns = llabs(median_ns) + clock_median(values, count) * 148 / 100;
		int64_t hard_ns = high_ns > -low_ns ? high_ns : -low_ns;
		error_ns = hard_ns < error_ns ? hard_ns : error_ns;
		clock->error_ns = error_ns < CLOCK_ERROR_MIN_NS ? CLOCK_ERROR_MIN_NS : error_ns;
	}
	free(points);
	free(values);
	return ok;
}

/* Lanes number their clocks by leader; `lane_of` is the way back. */
static size_t clocks_number(const struct deciding *deciding, size_t *clock_of, size_t *lane_of)
{
	size_t count = 0;
	for (size_t i = 0; i < deciding->match->lane_count; i++) {
		if (deciding->leader[i] == i) {
			lane_of[count] = i;
			clock_of[i] = count++;
		} else {
			clock_of[i] = clock_of[deciding->leader[i]];
		}
	}
	return count;
}

static int64_t sum_bounded(int64_t a, int64_t b)
{
	return llabs(a) == INT64_MAX ? a : a + b;
}

/* Takes over the estimate of the lane's clock. */
static bool lane_finish(struct deciding *deciding, size_t lane,
			const struct clock_estimate *estimate, size_t reference)
{
	struct lane_clock *clock = &deciding->clocks[lane];
	bool is_leader = deciding->leader[lane] == lane;
	clock->shift_ns = deciding->match->clocks[lane].shift_ns;
	clock->reference = reference;
	clock->is_feasible = estimate->is_feasible;
	clock->drift_ppb = estimate->fit.drift_ppb;
	clock->jump_count = estimate->fit.jump_count;
	if (is_leader) {
		clock->barrier_count = estimate->sample_count;
		clock->error_ns = estimate->error_ns;
		clock->low_ns = estimate->low_ns;
		clock->high_ns = estimate->high_ns;
	} else {
		if (!shared_error(deciding, lane))
			return false;
		clock->error_ns += estimate->error_ns;
		clock->low_ns = sum_bounded(clock->low_ns, estimate->fit.offset_ns);
		clock->high_ns = sum_bounded(clock->high_ns, estimate->fit.offset_ns);
	}
	/* From the trace's Unix time to ours: also the way from an epoch that is none. */
	int64_t base_ns = deciding->match->base_ns;
	int64_t own_ns = deciding->lanes[lane].epoch_ns - clock->shift_ns;
	clock->offset_ns = estimate->fit.offset_ns + (base_ns - own_ns);
	if (reference == lane) {
		clock->state = CLOCK_SAME;
		clock->low_ns = clock->high_ns = clock->error_ns = 0;
	}
	return clock_fit_copy(&clock->fit, &estimate->fit);
}

/* A lane that nothing is compared with, among others, has a clock that nobody knows. */
static void loners_mark(struct deciding *deciding)
{
	size_t count = deciding->match->lane_count;
	for (size_t i = 0; i < count; i++) {
		bool is_alone = deciding->clocks[i].reference == i && count > 1;
		for (size_t j = 0; j < count && is_alone; j++)
			is_alone = j == i || deciding->clocks[j].reference != i;
		if (is_alone) {
			deciding->clocks[i].state = CLOCK_UNKNOWN;
			deciding->clocks[i].error_ns = -1;
		}
	}
}

static bool decide(struct deciding *deciding, size_t *clock_of, size_t *lane_of,
		   struct clock_estimate *estimates)
{
	struct collective_match *match = deciding->match;
	struct tracks tracks;
	leaders_find(deciding);
	size_t count = clocks_number(deciding, clock_of, lane_of);
	if (!tracks_build(&tracks, match, deciding->lanes, clock_of, count))
		return false;
	bool ok = clocks_estimate(estimates, tracks.list, count);
	for (size_t i = 0; ok && i < match->lane_count; i++) {
		const struct clock_estimate *estimate = &estimates[clock_of[i]];
		ok = lane_finish(deciding, i, estimate, lane_of[estimate->reference]);
	}
	tracks_end(&tracks);
	clock_estimates_end(estimates, count);
	if (ok)
		loners_mark(deciding);
	return ok;
}

static void deciding_end(struct deciding *deciding, bool ok)
{
	size_t count = deciding->match->lane_count;
	struct lane_clock *old = deciding->match->clocks;
	for (size_t i = 0; i < count && deciding->clocks != NULL; i++) {
		clock_fit_end(ok ? &old[i].fit : &deciding->clocks[i].fit);
		if (ok)
			old[i] = deciding->clocks[i];
	}
	tracks_end(&deciding->tracks);
	free(deciding->estimates);
	free(deciding->leader);
	free(deciding->clocks);
}

bool lane_clocks_find(struct collective_match *match, const struct comm_lane *lanes,
		      const size_t *host_of)
{
	size_t n = match->lane_count;
	struct deciding deciding = { .match = match, .lanes = lanes, .host_of = host_of };
	size_t *identity = malloc((n + 1) * sizeof identity[0]);
	size_t *clock_of = malloc((n + 1) * sizeof clock_of[0]);
	size_t *lane_of = malloc((n + 1) * sizeof lane_of[0]);
	struct clock_estimate *estimates = calloc(n + 1, sizeof estimates[0]);
	deciding.estimates = calloc(n + 1, sizeof deciding.estimates[0]);
	deciding.leader = calloc(n + 1, sizeof deciding.leader[0]);
	deciding.clocks = calloc(n + 1, sizeof deciding.clocks[0]);
	bool ok = identity != NULL && clock_of != NULL && lane_of != NULL && estimates != NULL &&
		  deciding.estimates != NULL && deciding.leader != NULL && deciding.clocks != NULL;
	for (size_t i = 0; ok && i < n; i++)
		identity[i] = i;
	ok = ok && tracks_build(&deciding.tracks, match, lanes, identity, n) &&
	     clocks_estimate(deciding.estimates, deciding.tracks.list, n) &&
	     decide(&deciding, clock_of, lane_of, estimates);
	if (deciding.estimates != NULL)
		clock_estimates_end(deciding.estimates, n);
	deciding_end(&deciding, ok);
	free(identity);
	free(clock_of);
	free(lane_of);
	free(estimates);
	return ok;
}
