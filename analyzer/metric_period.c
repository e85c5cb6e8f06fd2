/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_period.h"

#include "analyzer/period_grams.h"
#include "analyzer/ratio.h"
#include "base/array.h"
#include "base/column.h"

#include <stdlib.h>
#include <string.h>

enum {
	RESYNC_TOKENS = 16,	/* how many tokens more or less one edit may have */
	SETTLE_TOKENS = 8,	/* how far a period's start may be moved by tokens in between */
	TIES_MAX = 4
};

/* An anchor: occurrences from .. to of a gram are the corners of stretches that look alike. */
struct anchor {
	const uint32_t *places;
	size_t count;
	size_t from, to;	/* the first and the last exact stretch lie between these */
	size_t usual;		/* which stretch */
	size_t length;		/* of the usual stretch */
	size_t lo, hi;		/* tokens that the periods reach over */
};

struct finder {
	const uint64_t *tokens;
	size_t count;
	struct stretch_hash hash;
	uint64_t *scratch;	/* hashes of one anchor's stretches */
	struct anchor *anchors;
	size_t anchor_count;
	size_t anchor_room;
};

size_t period_matches(const uint64_t *tokens, size_t count, size_t lag, size_t *compared)
{
	size_t matched = 0;
	*compared = count > lag ? count - lag : 0;
	for (size_t i = 0; i < *compared; i++)
		matched += tokens[i] == tokens[i + lag];
	return matched;
}

/*
 * The nearest pair of equal tokens behind a difference: tokens that were changed before tokens that
 * are too many. A pair counts when the next tokens agree, too.
 */
static bool resync(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count,
		   size_t *skip_a, size_t *skip_b)
{
	for (size_t sum = 1; sum <= RESYNC_TOKENS; sum++) {
		for (size_t step = 0; step <= sum; step++) {
			/* Skips of (sum/2, sum/2) first, then ever more uneven ones. */
			size_t x = sum / 2;
			x = step % 2 == 0 ? x - step / 2 : x + (step + 1) / 2;
			if (x > sum)
				continue;
			size_t y = sum - x;
			if (x >= a_count || y >= b_count || a[x] != b[y])
				continue;
			if (x + 1 < a_count && y + 1 < b_count && a[x + 1] != b[y + 1])
				continue;
			*skip_a = x;
			*skip_b = y;
			return true;
		}
	}
	return false;
}

size_t period_align(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count,
		    size_t lost_max)
{
	size_t matched = 0, lost = 0;
	size_t i = 0, j = 0;
	while (i < a_count && j < b_count && lost <= lost_max) {
		if (a[i] == b[j]) {
			matched++;
			i++;
			j++;
			continue;
		}
		size_t skip_a = 1, skip_b = 1;
		(void)resync(a + i, a_count - i, b + j, b_count - j, &skip_a, &skip_b);
		i += skip_a;
		j += skip_b;
		lost += skip_a > skip_b ? skip_a : skip_b;
	}
	return matched;
}

static int compare_hashes(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

/* The hash that occurs most often; 0 times where all differ. */
static size_t most_frequent(uint64_t *hashes, size_t count, uint64_t *hash)
{
	size_t most = 1;
	qsort(hashes, count, sizeof *hashes, compare_hashes);
	for (size_t i = 0, run = 1; i + 1 < count; i++) {
		run = hashes[i] == hashes[i + 1] ? run + 1 : 1;
		if (run > most) {
			most = run;
			*hash = hashes[i];
		}
	}
	return most < 2 ? 0 : most;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Is what lies between the occurrences likely to look alike? Quick: hashes and lengths only. Sets
 * the usual stretch and the reach of the exact ones.
 */
static bool anchor_screen(struct finder *finder, struct anchor *anchor)
{
	size_t stretches = anchor->count - 1;
	uint64_t usual = 0;
	for (size_t i = 0; i < stretches; i++)
		finder->scratch[i] = stretch_hash_of(&finder->hash, anchor->places[i],
						     anchor->places[i + 1]);
	if (most_frequent(finder->scratch, stretches, &usual) == 0)
		return false;
	anchor->usual = SIZE_MAX;
	for (size_t i = 0; i < stretches; i++) {
		if (stretch_hash_of(&finder->hash, anchor->places[i], anchor->places[i + 1]) !=
		    usual)
			continue;
		if (anchor->usual == SIZE_MAX)
			anchor->usual = anchor->from = i;
		anchor->to = i + 1;
	}
	anchor->length = anchor->places[anchor->from + 1] - anchor->places[anchor->from];
	size_t whole = 0, off = 0;
	for (size_t i = anchor->from; i < anchor->to; i++) {
		size_t length = anchor->places[i + 1] - anchor->places[i];
		whole += larger(length, anchor->length);
		off += larger(length, anchor->length) - (length + anchor->length -
							 larger(length, anchor->length));
	}
	size_t reach = anchor->places[anchor->to] - anchor->places[anchor->from] +
		       2 * anchor->length;
	return off * 100 <= whole * (100 - PERIOD_MATCH_MIN_PERCENT) &&
	       reach * 100 >= finder->count * PERIOD_COVER_MIN_PERCENT;
}

/* Share of the tokens that agree with the usual stretch; -1 where it is too little. */
static int64_t anchor_aligned(const struct finder *finder, const struct anchor *anchor)
{
	const uint64_t *usual = finder->tokens + anchor->places[anchor->usual];
	size_t whole = 0, lost = 0;
	size_t reach = anchor->places[anchor->to] - anchor->places[anchor->from];
	size_t lost_max = reach / 100 * (100 - PERIOD_MATCH_MIN_PERCENT) + anchor->length;
	for (size_t i = anchor->from; i < anchor->to; i++) {
		const uint64_t *stretch = finder->tokens + anchor->places[i];
		size_t length = anchor->places[i + 1] - anchor->places[i];
		size_t most = larger(length, anchor->length);
		whole += most;
		if (length == anchor->length &&
		    memcmp(stretch, usual, length * sizeof *usual) == 0)
			continue;
		lost += most - period_align(stretch, length, usual, anchor->length, most);
		if (lost > lost_max)
			return -1;
	}
	if (lost * 100 > whole * (100 - PERIOD_MATCH_MIN_PERCENT))
		return -1;
	return ratio_e12((int64_t)(whole - lost), (int64_t)whole);
}

/* How far the periods go on before the first anchor and behind the last. */
static void anchor_extend(const struct finder *finder, struct anchor *anchor)
{
	const uint64_t *tokens = finder->tokens;
	size_t first = anchor->places[anchor->from], last = anchor->places[anchor->to];
	const uint64_t *usual = tokens + anchor->places[anchor->usual];
	size_t before = 0, behind = 0;
	while (before < anchor->length - 1 && before < first &&
	       tokens[first - before - 1] == usual[anchor->length - before - 1])
		before++;
	while (behind < anchor->length && last + behind < finder->count &&
	       tokens[last + behind] == usual[behind])
		behind++;
	anchor->lo = first - before;
	anchor->hi = last + behind;
}

/* Periods begin at `lo`; a place that tokens in between have moved is looked for nearby. */
static size_t start_settle(const struct finder *finder, const struct anchor *anchor, size_t start,
			   size_t from)
{
	const uint64_t *tokens = finder->tokens;
	uint64_t first = tokens[anchor->lo], before = tokens[anchor->lo + anchor->length - 1];
	for (size_t away = 0; away <= SETTLE_TOKENS; away++) {
		for (int side = 0; side < 2; side++) {
			size_t at = side == 0 ? start - away : start + away;
			if (at > from && at < finder->count && at <= start + SETTLE_TOKENS &&
			    tokens[at] == first && tokens[at - 1] == before)
				return at;
		}
	}
	return start > from ? start : from + 1;
}

static bool starts_put(struct period *period, const struct finder *finder,
		       const struct anchor *anchor)
{
	size_t offset = anchor->places[anchor->from] - anchor->lo;
	size_t corners = anchor->to - anchor->from + 1, count = 0;
	size_t *starts = malloc((corners + 1) * sizeof *starts);
	if (starts == NULL)
		return false;
	starts[count++] = anchor->lo;
	for (size_t i = anchor->from + 1; i <= anchor->to; i++) {
		size_t start = anchor->places[i] - offset;
		size_t last = starts[count - 1];
		if (start > last + anchor->length / 2)
			starts[count++] = start_settle(finder, anchor, start, last);
	}
	/* A whole period behind the last one's start, seen up to where its anchor would be. */
	if (anchor->hi - starts[count - 1] >= anchor->length) {
		starts[count] = starts[count - 1] + anchor->length;
		count++;
	}
	period->starts = starts;
	period->count = count - 1;
	period->head = starts[0];
	period->tail = finder->count - anchor->hi;
	return true;
}

/* True and `period` filled, with length 0 where the anchor makes no period. False: memory. */
static bool anchor_try(struct period *period, const struct finder *finder, struct anchor *anchor)
{
	int64_t aligned_e12 = anchor_aligned(finder, anchor);
	period->length = 0;
	if (aligned_e12 < 0)
		return true;
	anchor_extend(finder, anchor);
	if ((anchor->hi - anchor->lo) * 100 < finder->count * PERIOD_COVER_MIN_PERCENT)
		return true;
	if (!starts_put(period, finder, anchor))
		return false;
	if (period->count < PERIOD_COUNT_MIN) {
		period_end(period);
		return true;
	}
	period->length = anchor->length;
	period->aligned_e12 = aligned_e12;
	period->anchor = finder->tokens[anchor->places[0]];
	period->matched = period_matches(finder->tokens + anchor->lo, anchor->hi - anchor->lo,
					 anchor->length, &period->compared);
	return true;
}

static int compare_anchors(const void *a, const void *b)
{
	const struct anchor *left = a, *right = b;
	if (left->length != right->length)
		return left->length < right->length ? 1 : -1;
	return (left->places > right->places) - (left->places < right->places);
}

/*
 * Of anchors that make the same period the one that ends it: nothing of the next period can then be
 * between the anchor and the next period's start.
 */
static bool anchor_settle(struct period *period, struct finder *finder, size_t found)
{
	struct anchor *anchors = finder->anchors;
	const struct anchor *best = &anchors[found];
	size_t lo = best->lo, length = best->length, best_offset = best->places[best->from] - lo;
	size_t tries = 0;
	for (size_t i = found + 1; i < finder->anchor_count && anchors[i].length == length; i++) {
		size_t first = anchors[i].places[anchors[i].from];
		size_t offset = first < lo ? 0 : (first - lo) % length;
		if (offset <= best_offset || ++tries > TIES_MAX)
			continue;
		struct period other = { 0 };
		if (!anchor_try(&other, finder, &anchors[i]))
			return false;
		if (other.length == 0 || other.count < period->count ||
		    other.aligned_e12 < period->aligned_e12) {
			period_end(&other);
			continue;
		}
		period_end(period);
		*period = other;
		best_offset = offset;
	}
	return true;
}

static bool anchors_collect(struct finder *finder, const struct grams *grams)
{
	finder->anchor_count = 0;
	for (size_t kind = 0; kind < grams->kinds; kind++) {
		struct anchor anchor = { .places = grams->places + grams->first[kind],
					 .count = grams->first[kind + 1] - grams->first[kind] };
		if (anchor.count < PERIOD_COUNT_MIN || !anchor_screen(finder, &anchor))
			continue;
		void *grown = array_grow(finder->anchors, &finder->anchor_room,
					 finder->anchor_count, sizeof *finder->anchors);
		if (grown == NULL)
			return false;
		finder->anchors = grown;
		finder->anchors[finder->anchor_count++] = anchor;
	}
	if (finder->anchor_count > 1)
		qsort(finder->anchors, finder->anchor_count, sizeof *finder->anchors,
		      compare_anchors);
	return true;
}

static bool width_try(struct period *period, struct finder *finder, size_t width)
{
	struct grams grams;
	if (!grams_begin(&grams, &finder->hash, finder->count, width))
		return false;
	bool is_ok = anchors_collect(finder, &grams);
	size_t tries = 0;
	for (size_t i = 0; is_ok && i < finder->anchor_count && tries < PERIOD_TRIES_MAX; i++) {
		tries++;
		is_ok = anchor_try(period, finder, &finder->anchors[i]);
		if (is_ok && period->length != 0) {
			is_ok = anchor_settle(period, finder, i);
			break;
		}
	}
	grams_end(&grams);
	return is_ok;
}

bool period_find(struct period *period, const uint64_t *tokens, size_t count)
{
	struct finder finder = { .tokens = tokens, .count = count };
	*period = (struct period){ 0 };
	if (count > PERIOD_TOKENS_MAX)
		finder.count = PERIOD_TOKENS_MAX;
	if (count < PERIOD_COUNT_MIN)
		return true;
	finder.scratch = column_new(finder.count, sizeof *finder.scratch);
	bool is_ok = stretch_hash_begin(&finder.hash, tokens, finder.count) &&
		     finder.scratch != NULL;
	for (size_t width = 1; is_ok && period->length == 0 && width <= PERIOD_GRAM_MAX; width *= 4)
		is_ok = width_try(period, &finder, width);
	if (is_ok && period->length != 0)
		is_ok = period_levels_find(period, tokens + period->starts[0]);
	stretch_hash_end(&finder.hash);
	free(finder.scratch);
	free(finder.anchors);
	if (!is_ok)
		period_end(period);
	return is_ok;
}

void period_end(struct period *period)
{
	free(period->starts);
	*period = (struct period){ 0 };
}
