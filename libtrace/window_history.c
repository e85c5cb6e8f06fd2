/* SPDX-License-Identifier: MIT */
#include "libtrace/window_history.h"

#include <stdlib.h>

void window_history_begin(struct window_history *history, bool is_open, int64_t start_ns)
{
	*history = (struct window_history){ .is_open = is_open, .since_ns = start_ns };
}

void window_history_end(struct window_history *history)
{
	free(history->closed);
	history->closed = NULL;
}

static void closed_keep(struct window_history *history, const struct window_stretch *stretch)
{
	if (history->closed == NULL)
		history->closed = malloc(WINDOW_STRETCHES_KEPT * sizeof *history->closed);
	if (history->closed == NULL)
		return;	/* then what lies in it is kept */
	if (history->count == WINDOW_STRETCHES_KEPT) {
		history->first = (history->first + 1) % WINDOW_STRETCHES_KEPT;
		history->count--;
	}
	history->closed[(history->first + history->count) % WINDOW_STRETCHES_KEPT] = *stretch;
	history->count++;
}

struct window_stretch window_history_turn(struct window_history *history, bool is_open,
					  int64_t time_ns)
{
	struct window_stretch ended = {
		.start_ns = history->since_ns,
		.end_ns = time_ns < history->since_ns ? history->since_ns : time_ns,
	};
	if (is_open == history->is_open)
		return (struct window_stretch){ ended.end_ns, ended.end_ns };
	if (is_open && ended.end_ns > ended.start_ns) {
		closed_keep(history, &ended);
		history->gap_count++;
		history->gap_ns += ended.end_ns - ended.start_ns;
	}
	history->is_open = is_open;
	history->since_ns = ended.end_ns;
	return ended;
}

static const struct window_stretch *closed_at(const struct window_history *history, size_t i)
{
	return &history->closed[(history->first + i) % WINDOW_STRETCHES_KEPT];
}

/* Is all of it in this closed stretch? Its end is open again; a point there is in. */
static bool is_within(const struct window_stretch *closed, int64_t start_ns, int64_t end_ns)
{
	return start_ns >= closed->start_ns &&
	       (end_ns < closed->end_ns || (end_ns == closed->end_ns && start_ns < end_ns));
}

bool window_history_has(const struct window_history *history, int64_t start_ns, int64_t end_ns)
{
	if (!history->is_open && start_ns >= history->since_ns)
		return false;
	if (history->count == 0 || start_ns >= closed_at(history, history->count - 1)->end_ns)
		return true;
	/* The last closed stretch that begins by start_ns is the only one it can be within. */
	size_t low = 0, high = history->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (closed_at(history, middle)->start_ns <= start_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 || !is_within(closed_at(history, low - 1), start_ns, end_ns);
}
