/* SPDX-License-Identifier: MIT */
#include "libtrace/capture_window.h"
#include "libtrace/host_facts.h"

#include <errno.h>

enum { EDGES_KEPT = 8192 };	/* between two rounds of the drain; a power of two */

#define MET(condition) (UINT64_C(1) << (condition))
#define ALL_MET (MET(WINDOW_CONDITION_COUNT) - 1)
#define SWITCHING (UINT64_C(1) << 18)	/* somebody switches the kinds at this moment */
#define ENDED (UINT64_C(1) << 19)
#define NEEDS_RANGE (UINT64_C(1) << 20)	/* WINDOW_RANGE follows the count of open ranges */
#define RANGE_SHIFT 24
#define RANGE_ONE (UINT64_C(1) << RANGE_SHIFT)
#define RANGE_COUNT_MAX UINT64_C(0xffff)
#define EDGE_SHIFT 40
#define EDGE_ONE (UINT64_C(1) << EDGE_SHIFT)
#define EDGE_MASK UINT64_C(0xffffff)

_Atomic uint64_t capture_window_word = ALL_MET | WINDOW_OPEN;

/* An edge on its way to the drain; `number` is stored last and checked by the reader twice. */
struct edge_slot {
	_Atomic uint64_t number;	/* counts from 1, modulo 2^24; 0: never written */
	_Atomic int64_t time_ns;
	_Atomic uint64_t word;
};

static struct {
	struct edge_slot edges[EDGES_KEPT];
	window_switch_kinds switch_kinds;
	uint32_t unmet_at_first;
	uint64_t taken;			/* edges read by the drain */
	int64_t lost;
} window;

static const char *const condition_words[WINDOW_CONDITION_COUNT] = {
#define CONDITION(enumerator, words) [enumerator] = (words),
	WINDOW_CONDITIONS(CONDITION)
#undef CONDITION
};

const char *window_condition_words(enum window_condition condition)
{
	return condition_words[condition];
}

static bool word_is_wanted(uint64_t word)
{
	return (word & (ALL_MET & ~MET(WINDOW_KINDS))) == (ALL_MET & ~MET(WINDOW_KINDS));
}

static uint64_t word_count_ranges(uint64_t word, int change)
{
	uint64_t count = word >> RANGE_SHIFT & RANGE_COUNT_MAX;
	if (change > 0 && count < RANGE_COUNT_MAX)
		word += RANGE_ONE;
	else if (change < 0 && count > 0)
		word -= RANGE_ONE;
	if ((word & NEEDS_RANGE) == 0)
		return word;
	return (word >> RANGE_SHIFT & RANGE_COUNT_MAX) > 0 ? word | MET(WINDOW_RANGE)
							   : word & ~MET(WINDOW_RANGE);
}

/* Opens or closes the window as its conditions say; each time is an edge. */
static uint64_t word_settle(uint64_t word)
{
	bool is_to_open = (word & ALL_MET) == ALL_MET;
	if (is_to_open != ((word & WINDOW_OPEN) != 0))
		word = (word ^ WINDOW_OPEN) + EDGE_ONE;
	return word;
}

static void edge_publish(uint64_t word, int64_t time_ns)
{
	uint64_t number = word >> EDGE_SHIFT & EDGE_MASK;
	struct edge_slot *slot = &window.edges[number % EDGES_KEPT];
	/* Who sees what is written next sees that the slot is being written. */
	atomic_store_explicit(&slot->number, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&slot->time_ns, time_ns, memory_order_release);
	atomic_store_explicit(&slot->word, word, memory_order_release);
	/* Release pairs with the drain's acquire: it sees the edge whole. */
	atomic_store_explicit(&slot->number, number, memory_order_release);
}

struct word_change {
	uint64_t set, clear;
	int ranges;
};

/* True: the caller is now the one who has to switch the kinds on. */
static bool word_change(const struct word_change *change)
{
	uint64_t before = atomic_load_explicit(&capture_window_word, memory_order_acquire), after;
	bool is_to_switch;
	int64_t time_ns;
	do {
		if ((before & ENDED) != 0)
			return false;
		after = (before | change->set) & ~change->clear;
		if (change->ranges != 0)
			after = word_count_ranges(after, change->ranges);
		is_to_switch = word_is_wanted(after) &&
			(after & (MET(WINDOW_KINDS) | SWITCHING)) == 0;
		if (is_to_switch)
			after |= SWITCHING;
		after = word_settle(after);
		if (after == before)	/* or it is the caller's turn still */
			return is_to_switch;
		/* Before the change: nothing that the open window lets in is older than its edge.
		 */
		time_ns = realtime_ns();
	} while (!atomic_compare_exchange_weak_explicit(&capture_window_word, &before, after,
							memory_order_acq_rel,
							memory_order_acquire));
	if (((before ^ after) & WINDOW_OPEN) != 0)
		edge_publish(after, time_ns);
	return is_to_switch;
}

/*
 * Kinds are switched with no lock held, by one thread at a time. Others that change their mind
 * meanwhile only change the word; whoever is done with switching looks again.
 */
static void window_change(uint64_t set, uint64_t clear, int ranges)
{
	int errno_before = errno;
	struct word_change change = { .set = set, .clear = clear, .ranges = ranges };
	while (word_change(&change)) {
		window.switch_kinds(true);
		change = (struct word_change){ .set = MET(WINDOW_KINDS), .clear = SWITCHING };
	}
	errno = errno_before;
}

void capture_window_begin(const struct settings *settings, window_switch_kinds switch_kinds)
{
	uint64_t word = ALL_MET;
	window.switch_kinds = switch_kinds;
	if (!settings->start)
		word &= ~MET(WINDOW_START);
	if (settings->delay_ms > 0)
		word &= ~MET(WINDOW_DELAY);
	if (settings->cuda_profiler)
		word &= ~MET(WINDOW_PROFILER);
	if (settings->steps.is_given)
		word = (word & ~MET(WINDOW_STEPS)) | WINDOW_WATCHES;
	if (settings->range[0] != 0)
		word = (word & ~MET(WINDOW_RANGE)) | NEEDS_RANGE | WINDOW_WATCHES;
	window.unmet_at_first = (uint32_t)(~word & ALL_MET);
	if (window.unmet_at_first == 0)
		word |= WINDOW_OPEN;
	atomic_store_explicit(&capture_window_word, word, memory_order_release);
}

void capture_window_end(void)
{
	/* An open window stays open: the logs behind it are closed, or count what is lost. */
	(void)atomic_fetch_or_explicit(&capture_window_word, ENDED, memory_order_acq_rel);
	(void)atomic_fetch_and_explicit(&capture_window_word, ~WINDOW_WATCHES,
					memory_order_acq_rel);
}

void capture_window_meet(enum window_condition condition, bool is_met)
{
	if (is_met)
		window_change(MET(condition), 0, 0);
	else
		window_change(0, MET(condition), 0);
}

void capture_window_count_range(int change)
{
	window_change(0, 0, change);
}

uint32_t capture_window_unmet(void)
{
	uint64_t word = atomic_load_explicit(&capture_window_word, memory_order_acquire);
	return (uint32_t)(~word & ALL_MET);
}

void capture_window_rest(void)
{
	uint64_t before = atomic_load_explicit(&capture_window_word, memory_order_acquire);
	do {
		if ((before & (SWITCHING | ENDED)) != 0 || (before & MET(WINDOW_KINDS)) == 0 ||
		    word_is_wanted(before))
			return;
	} while (!atomic_compare_exchange_weak_explicit(
		&capture_window_word, &before, (before & ~MET(WINDOW_KINDS)) | SWITCHING,
		memory_order_acq_rel, memory_order_acquire));
	window.switch_kinds(false);
	window_change(0, SWITCHING, 0);
}

/* False: not there yet, or being overwritten. */
static bool edge_read(uint64_t number, struct window_edge *edge)
{
	struct edge_slot *slot = &window.edges[number % EDGES_KEPT];
	if (atomic_load_explicit(&slot->number, memory_order_acquire) != number)
		return false;
	edge->time_ns = atomic_load_explicit(&slot->time_ns, memory_order_acquire);
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
	edge->is_open = (word & WINDOW_OPEN) != 0;
	edge->unmet = (uint32_t)(~word & ALL_MET);
	return atomic_load_explicit(&slot->number, memory_order_relaxed) == number;
}

bool capture_window_take_edge(struct window_edge *edge)
{
	uint64_t word = atomic_load_explicit(&capture_window_word, memory_order_acquire);
	uint64_t made = word >> EDGE_SHIFT & EDGE_MASK;
	uint64_t behind = (made - window.taken) & EDGE_MASK;
	if (behind >= EDGES_KEPT) {
		/* An even number, so that open and closed still alternate; some room to spare. */
		uint64_t skipped = (behind - EDGES_KEPT / 2) & ~UINT64_C(1);
		window.taken = (window.taken + skipped) & EDGE_MASK;
		window.lost += (int64_t)skipped;
		behind -= skipped;
	}
	if (behind == 0 || !edge_read((window.taken + 1) & EDGE_MASK, edge))
		return false;
	window.taken = (window.taken + 1) & EDGE_MASK;
	return true;
}

int64_t capture_window_take_lost(void)
{
	int64_t lost = window.lost;
	window.lost = 0;
	return lost;
}

uint32_t capture_window_unmet_at_first(void)
{
	return window.unmet_at_first;
}
