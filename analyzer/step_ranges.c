/* SPDX-License-Identifier: MIT */
#include "analyzer/step_ranges.h"

#include <stdlib.h>
#include <string.h>

/* A program that names its steps in more ways than this is not believed any further. */
enum { FAMILIES_MAX = 64, NO_FAMILY = UINT16_MAX };

struct range_name {
	uint16_t family;
	int64_t number;
};

/* Ranges of one family on one thread, those inside of one another left out. */
struct candidate {
	uint16_t family;
	uint32_t thread;
	size_t count;
	int64_t total_ns;
	int64_t last_end_ns;
	int64_t last_number;
	bool is_numbered;	/* every name has a number, and they rise */
};

struct finder {
	const struct timeline *timeline;
	char families[FAMILIES_MAX][STEP_FAMILY_MAX];
	size_t family_count;
	struct range_name *names;
	struct candidate candidates[FAMILIES_MAX];
	size_t candidate_count;
};

static uint16_t family_place(struct finder *finder, const char *family)
{
	for (size_t i = 0; i < finder->family_count; i++)
		if (strcmp(finder->families[i], family) == 0)
			return (uint16_t)i;
	if (finder->family_count == FAMILIES_MAX)
		return NO_FAMILY;
	memcpy(finder->families[finder->family_count], family, strlen(family) + 1);
	return (uint16_t)finder->family_count++;
}

static bool names_parse(struct finder *finder)
{
	const struct host_ranges *ranges = &finder->timeline->ranges;
	finder->names = calloc(ranges->name_count + 1, sizeof *finder->names);
	if (finder->names == NULL)
		return false;
	for (size_t i = 0; i < ranges->name_count; i++) {
		char family[STEP_FAMILY_MAX];
		finder->names[i].family = NO_FAMILY;
		if (step_name_parse(ranges->names[i].name, family, &finder->names[i].number))
			finder->names[i].family = family_place(finder, family);
	}
	return true;
}

static struct candidate *candidate_of(struct finder *finder, uint16_t family, uint32_t thread)
{
	for (size_t i = 0; i < finder->candidate_count; i++)
		if (finder->candidates[i].family == family &&
		    finder->candidates[i].thread == thread)
			return &finder->candidates[i];
	if (finder->candidate_count == FAMILIES_MAX)
		return NULL;
	struct candidate *candidate = &finder->candidates[finder->candidate_count++];
	*candidate = (struct candidate){ .family = family, .thread = thread, .last_number = -1,
					 .last_end_ns = INT64_MIN, .is_numbered = true };
	return candidate;
}

/* The candidate that a range counts for; NULL where it is inside of one before. */
static struct candidate *range_admit(struct finder *finder, size_t range)
{
	const struct host_ranges *ranges = &finder->timeline->ranges;
	const struct range_name *name = &finder->names[ranges->name[range]];
	if (name->family == NO_FAMILY)
		return NULL;
	struct candidate *candidate = candidate_of(finder, name->family, ranges->thread[range]);
	if (candidate == NULL || ranges->start_ns[range] < candidate->last_end_ns)
		return NULL;
	candidate->last_end_ns = ranges->end_ns[range];
	return candidate;
}

static void candidates_count(struct finder *finder)
{
	const struct host_ranges *ranges = &finder->timeline->ranges;
	for (size_t i = 0; i < ranges->count; i++) {
		struct candidate *candidate = range_admit(finder, i);
		if (candidate == NULL)
			continue;
		int64_t number = finder->names[ranges->name[i]].number;
		int64_t length_ns = ranges->end_ns[i] - ranges->start_ns[i];
		candidate->count++;
		candidate->total_ns = candidate->total_ns > INT64_MAX - length_ns ?
				      INT64_MAX : candidate->total_ns + length_ns;
		candidate->is_numbered =
			candidate->is_numbered && number > candidate->last_number;
		candidate->last_number = number;
	}
}

/* The outermost family is the one that takes most time, on a thread that talks to the GPU. */
static const struct candidate *candidate_best(const struct finder *finder)
{
	const struct candidate *best = NULL;
	int best_rank = 0;
	for (size_t i = 0; i < finder->candidate_count; i++) {
		const struct candidate *candidate = &finder->candidates[i];
		const struct host_calls *calls = &finder->timeline->calls;
		const struct host_thread *thread = &calls->threads[candidate->thread];
		bool is_profiler = step_family_is_profiler(finder->families[candidate->family]);
		if (candidate->count < (size_t)(is_profiler ? 1 : STEPS_MIN))
			continue;
		int rank = (is_profiler ? 2 : 0) + (thread->end > thread->first ? 1 : 0);
		if (best == NULL || rank > best_rank ||
		    (rank == best_rank && candidate->total_ns > best->total_ns)) {
			best = candidate;
			best_rank = rank;
		}
	}
	return best;
}

static bool steps_fill(struct step_list *list, struct finder *finder, struct candidate chosen)
{
	const struct host_ranges *ranges = &finder->timeline->ranges;
	list->steps = calloc(chosen.count, sizeof *list->steps);
	if (list->steps == NULL)
		return false;
	finder->candidate_count = 0;
	for (size_t i = 0; i < ranges->count && list->count < chosen.count; i++) {
		const struct range_name *name = &finder->names[ranges->name[i]];
		if (ranges->thread[i] != chosen.thread || name->family != chosen.family ||
		    range_admit(finder, i) == NULL)
			continue;
		list->steps[list->count] = (struct step){
			.number = chosen.is_numbered ? name->number : (int64_t)list->count,
			.host_start_ns = ranges->start_ns[i],
			.host_end_ns = ranges->end_ns[i],
		};
		list->count++;
	}
	list->anchor = STEP_RANGE;
	memcpy(list->name, finder->families[chosen.family], STEP_FAMILY_MAX);
	return true;
}

bool step_ranges_find(struct step_list *list, const struct timeline *timeline)
{
	bool is_ok = true;
	if (timeline->ranges.count == 0)
		return true;
	struct finder *finder = calloc(1, sizeof *finder);
	if (finder == NULL)
		return false;
	finder->timeline = timeline;
	is_ok = names_parse(finder);
	if (is_ok) {
		candidates_count(finder);
		const struct candidate *best = candidate_best(finder);
		is_ok = best == NULL || steps_fill(list, finder, *best);
	}
	free(finder->names);
	free(finder);
	return is_ok;
}
