/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_move.h"
#include "libtrace/host_facts.h"

#include <stdatomic.h>
#include <stddef.h>

enum { GAPS_MAX = 16 };

static const char reason[] = "another client subscribed to CUPTI";

/* Gaps are written by whoever moves, and read by the drain behind `gap_count`. */
static struct {
	const struct cupti_move_plan *plan;
	atomic_bool is_moving;
	atomic_bool is_away;
	atomic_int clients;
	int64_t left_ns;
	struct { _Atomic int64_t start_ns, end_ns; } gaps[GAPS_MAX];
	atomic_int gap_count;
	int told;
	bool is_open_told;
} move;

void cupti_move_begin(const struct cupti_move_plan *plan)
{
	move.plan = plan;
}

static bool move_lock(void)
{
	return move.plan != NULL &&
		!atomic_exchange_explicit(&move.is_moving, true, memory_order_acq_rel);
}

static void move_unlock(void)
{
	atomic_store_explicit(&move.is_moving, false, memory_order_release);
}

bool cupti_move_leave(enum cupti_way wanted)
{
	if (!move_lock())
		return false;
	if (atomic_load(&move.is_away) || cupti_session_way() == wanted ||
	    cupti_session_way() == CUPTI_WAY_NONE ||
	    !cupti_session_can_be_several(move.plan->library) ||
	    (wanted == CUPTI_WAY_ALONE && atomic_load(&move.clients) > 0)) {
		move_unlock();
		return false;
	}
	move.plan->pause();
	move.left_ns = realtime_ns();
	cupti_session_close(move.plan->library);
	atomic_store(&move.is_away, true);
	return true;
}

static void gap_add(int64_t end_ns)
{
	int count = atomic_load(&move.gap_count);
	/* The last one takes what has no place of its own: it claims too much, never too little. */
	if (count == GAPS_MAX) {
		atomic_store(&move.gaps[GAPS_MAX - 1].end_ns, end_ns);
		return;
	}
	atomic_store(&move.gaps[count].start_ns, move.left_ns);
	atomic_store(&move.gaps[count].end_ns, end_ns);
	atomic_store_explicit(&move.gap_count, count + 1, memory_order_release);
}

/* With is_moving held. */
static void return_try(enum cupti_way preferred)
{
	enum cupti_way other =
		preferred == CUPTI_WAY_ALONE ? CUPTI_WAY_SEVERAL : CUPTI_WAY_ALONE;
	if (!move.plan->resume(preferred) && !move.plan->resume(other))
		return;
	gap_add(realtime_ns());
	atomic_store(&move.is_away, false);
}

void cupti_move_return(enum cupti_way preferred)
{
	return_try(preferred);
	move_unlock();
}

void cupti_move_count_client(int change)
{
	if (atomic_fetch_add(&move.clients, change) + change < 0)
		atomic_store(&move.clients, 0);
}

void cupti_move_retry(void)
{
	if (!atomic_load(&move.is_away) || !move_lock())
		return;
	if (atomic_load(&move.is_away))
		return_try(CUPTI_WAY_SEVERAL);
	move_unlock();
}

void cupti_move_take_gaps(cupti_source_hear_gap hear, void *context)
{
	int count = atomic_load_explicit(&move.gap_count, memory_order_acquire);
	/* The last may still grow. */
	for (; move.told < count && move.told < GAPS_MAX - 1; move.told++)
		hear(context, atomic_load(&move.gaps[move.told].start_ns),
		     atomic_load(&move.gaps[move.told].end_ns), reason);
	/* One that lasts is told at once, and again with its end: the program may be killed. */
	bool is_away = atomic_load(&move.is_away);
	if (is_away && !move.is_open_told)
		hear(context, move.left_ns, -1, reason);
	move.is_open_told = is_away;
}

void cupti_move_finish(cupti_source_hear_gap hear, void *context)
{
	cupti_move_take_gaps(hear, context);
	if (atomic_load(&move.gap_count) == GAPS_MAX)
		hear(context, atomic_load(&move.gaps[GAPS_MAX - 1].start_ns),
		     atomic_load(&move.gaps[GAPS_MAX - 1].end_ns), reason);
}
