/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_fix_sets.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/metric_partition.h"

__extension__ typedef __int128 wide;

struct arrival {
	int64_t ns;
	uint32_t rank;
};

/* The last one first, the lower rank of equals first. */
static int by_arrival(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static int64_t distance(int64_t later, int64_t earlier, int64_t most)
{
	wide ns = (wide)later - earlier;
	return ns < 0 ? 0 : ns > most ? most : (int64_t)ns;
}

static size_t members_sort(struct arrival *members, const int64_t *arrival_ns, size_t rank_count)
{
	size_t count = 0;
	for (size_t rank = 0; rank < rank_count; rank++)
		if (arrival_ns[rank] != ARRIVAL_NONE)
			members[count++] = (struct arrival){ arrival_ns[rank], (uint32_t)rank };
	qsort(members, count, sizeof *members, by_arrival);
	return count;
}

/* The steps of one instance; only the later half of the members can be above the lower median. */
static size_t ladder_build(struct ladder_step *steps, const struct arrival *members, size_t count,
			   int64_t cap_ns)
{
	size_t height = count / 2;
	int64_t before_ns = 0;
	if (count < 2 || cap_ns <= 0)
		return 0;
	int64_t median_ns = members[height].ns;
	for (size_t i = 0; i < height; i++) {
		int64_t gain_ns = distance(members[0].ns, members[i + 1].ns, cap_ns);
		steps[i] = (struct ladder_step){
			.rank = members[i].rank,
			.added_ns = gain_ns - before_ns,
			.excess_ns = distance(members[i].ns, median_ns, cap_ns),
		};
		before_ns = gain_ns;
	}
	return height;
}

bool ladders_build(struct ladders *ladders, const struct blame_input *input, struct error *error)
{
	size_t ranks = input->rank_count, instances = input->instance_count, half = ranks / 2;
	*ladders = (struct ladders){ .rank_count = ranks, .instance_count = instances };
	struct arrival *members = calloc(ranks == 0 ? 1 : ranks, sizeof *members);
	ladders->first = calloc(instances + 1, sizeof *ladders->first);
	if (half == 0 || instances <= SIZE_MAX / half)
		ladders->steps = calloc(half * instances + 1, sizeof *ladders->steps);
	bool is_ok = members != NULL && ladders->first != NULL && ladders->steps != NULL;
	for (size_t i = 0; is_ok && i < instances; i++) {
		size_t count = members_sort(members, &input->arrival_ns[i * ranks], ranks);
		int64_t cap_ns = input->exposed_cap_ns == NULL ? INT64_MAX :
								 input->exposed_cap_ns[i];
		size_t at = ladders->first[i];
		ladders->first[i + 1] =
			at + ladder_build(&ladders->steps[at], members, count, cap_ns);
	}
	free(members);
	if (is_ok)
		return true;
	ladders_end(ladders);
	return fail(error, ERROR_SYSTEM, "not enough memory for %zu collectives of %zu ranks",
		    instances, ranks);
}

void ladders_end(struct ladders *ladders)
{
	free(ladders->first);
	free(ladders->steps);
	*ladders = (struct ladders){ 0 };
}

int64_t ladders_gain(const struct ladders *ladders, const bool *is_fixed)
{
	int64_t gain_ns = 0;
	for (size_t i = 0; i < ladders->instance_count; i++)
		for (size_t at = ladders->first[i]; at < ladders->first[i + 1]; at++) {
			if (!is_fixed[ladders->steps[at].rank])
				break;
			gain_ns = add_saturated(gain_ns, ladders->steps[at].added_ns);
		}
	return gain_ns;
}

static bool is_enough(int64_t gain_ns, int64_t fix_all_ns)
{
	return (wide)gain_ns * 100 >= (wide)fix_all_ns * FIX_SET_PERCENT;
}

/* Of two sets as masks: the smaller, then the one that gains more, then that with lower ranks. */
static bool is_better(uint32_t set, uint32_t than, const int64_t *gain_ns)
{
	int sizes = __builtin_popcount(set) - __builtin_popcount(than);
	if (sizes != 0)
		return sizes < 0;
	if (gain_ns[set] != gain_ns[than])
		return gain_ns[set] > gain_ns[than];
	uint32_t different = set ^ than;
	return (set & different & (0 - different)) != 0;
}

/* Gains of all sets at once: what each ladder adds goes to its set, and from there to supersets. */
static bool search_all(struct blame *blame, const struct ladders *ladders, bool *is_fixed,
		       struct error *error)
{
	uint32_t sets = UINT32_C(1) << ladders->rank_count, best = sets - 1;
	int64_t *gain_ns = calloc(sets, sizeof *gain_ns);
	if (gain_ns == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for the sets of ranks");
	for (size_t i = 0; i < ladders->instance_count; i++) {
		uint32_t set = 0;
		for (size_t at = ladders->first[i]; at < ladders->first[i + 1]; at++) {
			set |= UINT32_C(1) << ladders->steps[at].rank;
			gain_ns[set] = add_saturated(gain_ns[set], ladders->steps[at].added_ns);
		}
	}
	for (uint32_t bit = 1; bit < sets; bit <<= 1)
		for (uint32_t set = 0; set < sets; set++)
			if ((set & bit) != 0)
				gain_ns[set] = add_saturated(gain_ns[set], gain_ns[set ^ bit]);
	for (uint32_t set = 0; set < sets; set++)
		if (is_enough(gain_ns[set], blame->fix_all_ns) && is_better(set, best, gain_ns))
			best = set;
	for (size_t rank = 0; rank < ladders->rank_count; rank++)
		is_fixed[rank] = (best >> rank & 1) != 0;
	free(gain_ns);
	return true;
}

/* What each further rank would add, and how late it was where it is the next one to repair. */
static void candidates_weigh(const struct ladders *ladders, const bool *is_fixed,
			     int64_t *added_ns, int64_t *excess_ns)
{
	memset(added_ns, 0, ladders->rank_count * sizeof *added_ns);
	memset(excess_ns, 0, ladders->rank_count * sizeof *excess_ns);
	for (size_t i = 0; i < ladders->instance_count; i++) {
		size_t at = ladders->first[i], end = ladders->first[i + 1];
		while (at < end && is_fixed[ladders->steps[at].rank])
			at++;
		if (at == end)
			continue;
		uint32_t next = ladders->steps[at].rank;
		size_t from = at;
		do
			added_ns[next] = add_saturated(added_ns[next], ladders->steps[at].added_ns);
		while (++at < end && is_fixed[ladders->steps[at].rank]);
		for (at = from; at < end; at++) {
			uint32_t rank = ladders->steps[at].rank;
			excess_ns[rank] =
				add_saturated(excess_ns[rank], ladders->steps[at].excess_ns);
		}
	}
}

/* Adds whoever gains most until it is enough, then leaves out whoever is not needed after all. */
static bool search_greedy(struct blame *blame, const struct ladders *ladders, bool *is_fixed,
			  struct error *error)
{
	size_t ranks = ladders->rank_count;
	int64_t *added_ns = calloc(ranks, sizeof *added_ns);
	int64_t *excess_ns = calloc(ranks, sizeof *excess_ns);
	bool is_ok = added_ns != NULL && excess_ns != NULL;
	int64_t gain_ns = 0;
	while (is_ok && !is_enough(gain_ns, blame->fix_all_ns)) {
		size_t best = ranks;
		candidates_weigh(ladders, is_fixed, added_ns, excess_ns);
		for (size_t rank = 0; rank < ranks; rank++)
			if (!is_fixed[rank] && (best == ranks || added_ns[rank] > added_ns[best] ||
						(added_ns[rank] == added_ns[best] &&
						 excess_ns[rank] > excess_ns[best])))
				best = rank;
		if (best == ranks)
			break;
		is_fixed[best] = true;
		gain_ns = add_saturated(gain_ns, added_ns[best]);
	}
	for (size_t rank = ranks; is_ok && rank-- > 0;) {
		if (!is_fixed[rank])
			continue;
		is_fixed[rank] = false;
		is_fixed[rank] = !is_enough(ladders_gain(ladders, is_fixed), blame->fix_all_ns);
	}
	free(added_ns);
	free(excess_ns);
	return is_ok || fail(error, ERROR_SYSTEM, "not enough memory for the sets of ranks");
}

static wide common_multiple(size_t of)
{
	wide multiple = 1;
	for (size_t i = 2; i <= of; i++) {
		wide a = multiple, b = (wide)i;
		while (b != 0) {
			wide rest = a % b;
			a = b;
			b = rest;
		}
		multiple *= (wide)i / a;
	}
	return multiple;
}

/*
 * What the i-th step of a ladder adds belongs to its first i ranks alike: their Shapley value.
 * Exact in units of 1 / common multiple of 1 .. half the ranks: at most 2^48 of them, times 2^63.
 */
static bool shapley_measure(struct blame *blame, const struct ladders *ladders,
			    struct error *error)
{
	size_t ranks = ladders->rank_count;
	wide *share = calloc(ranks, sizeof *share);
	wide unit = common_multiple(ranks / 2);
	if (share == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for the shares of the ranks");
	for (size_t i = 0; i < ladders->instance_count; i++) {
		size_t first = ladders->first[i];
		for (size_t at = first; at < ladders->first[i + 1]; at++) {
			wide part = unit / (wide)(at - first + 1) * ladders->steps[at].added_ns;
			for (size_t member = first; member <= at; member++)
				share[ladders->steps[member].rank] += part;
		}
	}
	/* Whole nanoseconds first; what is left of the sum goes to the largest remainders. */
	int64_t left = blame->fix_all_ns;
	for (size_t rank = 0; rank < ranks; rank++) {
		blame->ranks[rank].shapley_ns = (int64_t)(share[rank] / unit);
		left -= blame->ranks[rank].shapley_ns;
		share[rank] %= unit;
	}
	for (size_t turn = 0; left > 0 && turn < ranks; turn++, left--) {
		size_t most = 0;
		for (size_t rank = 1; rank < ranks; rank++)
			if (share[rank] > share[most])
				most = rank;
		blame->ranks[most].shapley_ns++;
		share[most] = -1;
	}
	free(share);
	return true;
}

bool fix_sets_measure(struct blame *blame, const struct ladders *ladders, struct error *error)
{
	size_t ranks = ladders->rank_count;
	bool is_ok = true;
	bool *is_fixed = calloc(ranks == 0 ? 1 : ranks, sizeof *is_fixed);
	if (is_fixed == NULL)
		return fail(error, ERROR_SYSTEM, "not enough memory for %zu ranks", ranks);
	for (size_t i = 0; i < ladders->instance_count; i++)
		for (size_t at = ladders->first[i]; at < ladders->first[i + 1]; at++) {
			int64_t added_ns = ladders->steps[at].added_ns;
			struct blame_rank *rank = &blame->ranks[ladders->steps[at].rank];
			blame->fix_all_ns = add_saturated(blame->fix_all_ns, added_ns);
			if (at == ladders->first[i])
				rank->fix_one_ns = add_saturated(rank->fix_one_ns, added_ns);
		}
	blame->is_exact = ranks <= EXACT_RANKS_MAX;
	if (ranks > 0 && blame->fix_all_ns > 0)
		is_ok = blame->is_exact ? search_all(blame, ladders, is_fixed, error) :
					  search_greedy(blame, ladders, is_fixed, error);
	blame->fix_set_ns = ladders_gain(ladders, is_fixed);
	for (size_t rank = 0; rank < ranks; rank++) {
		blame->ranks[rank].is_in_fix_set = is_fixed[rank];
		blame->ranks[rank].shapley_ns = -1;
		blame->fix_set_count += is_fixed[rank];
	}
	free(is_fixed);
	return is_ok &&
	       (ranks == 0 || ranks > SHAPLEY_RANKS_MAX || shapley_measure(blame, ladders, error));
}
