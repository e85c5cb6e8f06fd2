/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_period.h"
#include "analyzer/period_grams.h"

#include <string.h>

/*
 * Copies that a gram's occurrences make of the stretch behind the first: all but one must be equal
 * (the last micro-batch often does more), and the equal ones must be most of the block. Tokens
 * in equal copies; 0: none.
 */
static size_t copies_cover(const uint64_t *block, size_t length, const uint32_t *places,
			   size_t count, size_t *stretch)
{
	if (count < 2)
		return 0;
	/* The stretch behind the first or, where that is the odd one, behind the second. */
	for (size_t model = 0; model < 2 && model + 1 < count; model++) {
		size_t size = places[model + 1] - places[model], equal = 0;
		for (size_t i = 0; i < count; i++)
			equal += places[i] + size <= length &&
				 (i + 1 == count || places[i + 1] - places[i] == size) &&
				 memcmp(block + places[i], block + places[model],
					size * sizeof *block) == 0;
		if (equal >= 2 && equal + 1 >= count && equal * size * 2 > length) {
			*stretch = size;
			return equal * size;
		}
	}
	return 0;
}

struct best {
	struct period_level level;
	size_t at;		/* of the first copy in the block */
	size_t covered;
};

/* The level that covers most of the block; of equal ones that with the fewest copies. */
static void best_improve(struct best *best, const uint64_t *block, size_t length,
			 const struct grams *grams)
{
	for (size_t kind = 0; kind < grams->kinds; kind++) {
		const uint32_t *places = grams->places + grams->first[kind];
		size_t copies = grams->first[kind + 1] - grams->first[kind], stretch = 0;
		size_t covered = copies_cover(block, length, places, copies, &stretch);
		if (covered < best->covered || covered == 0 ||
		    (covered == best->covered && copies >= best->level.copies))
			continue;
		best->level = (struct period_level){ .length = stretch, .copies = copies };
		best->at = places[0];
		best->covered = covered;
	}
}

/* False: memory is short. */
static bool level_find(struct best *best, const uint64_t *block, size_t length)
{
	struct stretch_hash hash;
	bool is_ok = stretch_hash_begin(&hash, block, length);
	*best = (struct best){ 0 };
	for (size_t width = 1; is_ok && width <= PERIOD_GRAM_MAX; width *= 2) {
		struct grams grams;
		is_ok = grams_begin(&grams, &hash, length, width);
		if (!is_ok)
			break;
		best_improve(best, block, length, &grams);
		grams_end(&grams);
	}
	stretch_hash_end(&hash);
	return is_ok;
}

bool period_levels_find(struct period *period, const uint64_t *usual)
{
	size_t length = period->length;
	for (period->level_count = 0; period->level_count < PERIOD_LEVELS_MAX;) {
		struct best best;
		if (!level_find(&best, usual, length))
			return false;
		if (best.level.copies == 0)
			break;
		period->levels[period->level_count++] = best.level;
		usual += best.at;
		length = best.level.length;
	}
	return true;
}
