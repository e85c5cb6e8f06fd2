/* SPDX-License-Identifier: MIT */
/*
 * The period of a sequence of tokens (kernels, collectives): what one training iteration looks
 * like.
 *
 * A period is the stretch between two occurrences of a token that it contains once, the anchor. The
 * rarest token whose stretches all look alike wins, because it makes the largest period: the first
 * peak of an autocorrelation would be the micro-batch. Stretches are compared by alignment, so that
 * a token more or less (a loss that is logged, a barrier) does not shift all that follows it. Where
 * no single token will do, a gram of 4 neighbours is the anchor, then of 16 and 64.
 *
 * What a sequence cannot tell: work that recurs every k-th iteration, evenly and at least
 * PERIOD_COUNT_MIN times, looks just like an optimiser after k micro-batches. The larger one is
 * taken, the smaller one is in `levels`.
 *
 * Time O(n log n) for each of four lengths of anchors and O(n) for each of the anchors tried;
 * memory 40 bytes a token, for a moment 100 where most tokens differ.
 *
 * Thread: pure functions over the caller's memory.
 */
#ifndef ANALYZER_METRIC_PERIOD_H
#define ANALYZER_METRIC_PERIOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PERIOD_TOKENS_MAX = 1 << 20,	/* the tokens behind these are not looked at */
	PERIOD_COUNT_MIN = 3,		/* periods that must be there */
	PERIOD_MATCH_MIN_PERCENT = 98,	/* tokens that must agree with the usual period */
	PERIOD_COVER_MIN_PERCENT = 50,	/* tokens that must be in periods */
	PERIOD_GRAM_MAX = 64,
	PERIOD_TRIES_MAX = 32,		/* anchors compared token by token, of each length */
	PERIOD_LEVELS_MAX = 4
};

/* Repetition inside of a period: micro-batches first, then what repeats inside of those. */
struct period_level {
	size_t length;		/* tokens of one copy */
	size_t copies;		/* in one copy of the level above */
};

struct period {
	size_t length;		/* tokens of the usual period; 0: there is none */
	size_t count;		/* whole periods */
	size_t *starts;		/* count + 1 places: where each period starts, and the last ends;
				   the first is the usual period, token by token */
	size_t head;		/* tokens before the periods, and after them */
	size_t tail;
	size_t matched;		/* tokens between head and tail equal to those `length` later ... */
	size_t compared;	/* ... of this many */
	int64_t aligned_e12;	/* share that agrees with the usual period, however shifted */
	uint64_t anchor;	/* the first token of the anchor */
	struct period_level levels[PERIOD_LEVELS_MAX];
	size_t level_count;
};

/* False: memory is short. */
bool period_find(struct period *period, const uint64_t *tokens, size_t count);
void period_end(struct period *period);

/* How many of tokens[i] are equal to tokens[i + lag], and how many there are to compare. */
size_t period_matches(const uint64_t *tokens, size_t count, size_t lag, size_t *compared);

/*
 * Tokens of `a` that have their partner in `b`, in order; gives up on a place behind a few tokens
 * more or less. Stops early where more than `lost_max` have none.
 */
size_t period_align(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count,
		    size_t lost_max);

/* The levels inside of one period. False: memory is short. */
bool period_levels_find(struct period *period, const uint64_t *usual);

#endif
