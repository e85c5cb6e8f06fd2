/* SPDX-License-Identifier: MIT */
/*
 * Makes room for another CUPTI client that would get CUPTI_ERROR_MULTIPLE_SUBSCRIBERS only because
 * of us: we leave, the client subscribes, we come back the way that CUPTI then allows
 * (cupti_session.h). Between leaving and coming back nothing is recorded: a gap.
 *
 * Thread: any but a CUPTI callback's, one at a time: the second that wants to move does not.
 * cupti_move_take_gaps and cupti_move_finish: drain thread.
 */
#ifndef LIBTRACE_CUPTI_MOVE_H
#define LIBTRACE_CUPTI_MOVE_H

#include "libtrace/cupti_session.h"
#include "libtrace/cupti_source.h"

#include <stdbool.h>

/* What the source does when its session begins anew and ends. */
struct cupti_move_plan {
	const struct cupti_library *library;
	bool (*resume)(enum cupti_way way);	/* subscribes and orders its records */
	void (*pause)(void);			/* fetches what is there, orders nothing more */
};
void cupti_move_begin(const struct cupti_move_plan *plan);

/*
 * We leave, if that may help a client that wants to subscribe `wanted` way: false if not, because
 * we stand that way already or others stand the other way. True: cupti_move_return must follow.
 */
bool cupti_move_leave(enum cupti_way wanted);

/* We come back, this way if CUPTI lets us, else the other; if neither, the drain tries again. */
void cupti_move_return(enum cupti_way preferred);

/* Clients that subscribed by name as one of several: while they are here that way is right. */
void cupti_move_count_client(int change);

/* We are away because a client wants CUPTI for itself: tries to come back. Any thread. */
void cupti_move_retry(void);

void cupti_move_take_gaps(cupti_source_hear_gap hear, void *context);
void cupti_move_finish(cupti_source_hear_gap hear, void *context);

#endif
