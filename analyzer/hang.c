/* SPDX-License-Identifier: MIT */
#include "analyzer/hang.h"

#include "analyzer/report.h"

#include <stdlib.h>
#include <string.h>

/* A rank of a communicator as its youngest dump shows it. */
struct member {
	const struct communicator_state *state;
	bool says_hang;		/* the dump was made because of a hang */
};

static bool is_message(const char *operation)
{
	return strcmp(operation, "Send") == 0 || strcmp(operation, "Recv") == 0;
}

static int member_order(const void *a, const void *b)
{
	const struct communicator_state *left = ((const struct member *)a)->state;
	const struct communicator_state *right = ((const struct member *)b)->state;
	if (left->hash != right->hash)
		return (left->hash > right->hash) - (left->hash < right->hash);
	if (left->rank != right->rank)
		return (left->rank > right->rank) - (left->rank < right->rank);
	return (left->time_ns < right->time_ns) - (left->time_ns > right->time_ns);
}

/* All states, by communicator and rank; of several dumps of one rank only the youngest. */
static struct member *members_collect(const struct report *report, size_t *count)
{
	size_t room = 0, kept = 0;
	for (size_t t = 0; t < report->trace_count; t++)
		room += report->traces[t].state_count;
	struct member *members = calloc(room + 1, sizeof *members);
	if (members == NULL)
		return NULL;
	*count = 0;
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		bool says_hang = trace->trigger != NULL && strncmp(trace->trigger, "hang", 4) == 0;
		for (size_t i = 0; i < trace->state_count; i++)
			members[(*count)++] = (struct member){ &trace->states[i], says_hang };
	}
	qsort(members, *count, sizeof *members, member_order);
	for (size_t i = 0; i < *count; i++) {
		const struct communicator_state *state = members[i].state;
		struct member *last = kept == 0 ? NULL : &members[kept - 1];
		if (last == NULL || last->state->hash != state->hash ||
		    last->state->rank != state->rank)
			members[kept++] = members[i];
		else if (last->state->enqueued == state->enqueued)
			last->says_hang |= members[i].says_hang;	/* it still waits */
	}
	*count = kept;
	return members;
}

static bool is_outstanding(const struct member *member)
{
	const struct communicator_state *state = member->state;
	return state->enqueued > 0 && member->says_hang &&
		(state->completed < 0 || state->completed < state->enqueued);
}

/* The rank that waits in the operation that most have come to; NULL: none waits. */
static const struct member *leader_find(const struct member *members, size_t count)
{
	const struct member *leader = NULL;
	for (size_t i = 0; i < count; i++)
		if (is_outstanding(&members[i]) &&
		    (leader == NULL || members[i].state->enqueued > leader->state->enqueued))
			leader = &members[i];
	return leader;
}

static void rank_sort(struct report_hang *hang, const struct member *member,
		      const struct member *leader, int64_t rank)
{
	if (member == NULL) {
		hang->unknown[hang->unknown_count++] = rank;
		return;
	}
	const struct communicator_state *state = member->state, *first = leader->state;
	if (state->enqueued >= first->enqueued) {
		int64_t waited_ns = state->time_ns - first->enqueued_ns;
		hang->waiting[hang->waiting_count++] = rank;
		hang->is_mixed |= state->enqueued == first->enqueued &&
			strcmp(state->operation, first->operation) != 0;
		if (first->enqueued_ns >= 0 && waited_ns > hang->waiting_ns)
			hang->waiting_ns = waited_ns;
	} else if (state->time_ns >= first->enqueued_ns && first->enqueued_ns >= 0) {
		hang->missing[hang->missing_count++] = rank;
	} else {
		hang->unknown[hang->unknown_count++] = rank;	/* it may have come since */
	}
}

/* Members of one communicator. */
static bool hang_judge(struct report *report, const struct member *members, size_t count)
{
	const struct member *leader = leader_find(members, count);
	struct arena *arena = report->arenas[0];
	if (leader == NULL || is_message(leader->state->operation) ||
	    leader->state->rank_count > HANG_RANKS_MAX)
		return true;
	size_t room = (size_t)leader->state->rank_count;
	for (size_t i = 0; i < count; i++)
		if (members[i].state->rank_count != leader->state->rank_count)
			return true;	/* these are not one communicator */
	struct report_hang *hang = &report->hangs[report->hang_count];
	*hang = (struct report_hang){
		.hash = leader->state->hash, .rank_count = leader->state->rank_count,
		.operation = leader->state->operation, .sequence = leader->state->sequence,
		.place = leader->state->enqueued,
		.waiting = arena_take_array(arena, room, sizeof *hang->waiting),
		.missing = arena_take_array(arena, room, sizeof *hang->missing),
		.unknown = arena_take_array(arena, room, sizeof *hang->unknown),
	};
	if (hang->waiting == NULL || hang->missing == NULL || hang->unknown == NULL)
		return false;
	size_t next = 0;
	for (size_t rank = 0; rank < room; rank++) {
		bool is_here = next < count && members[next].state->rank == (int64_t)rank;
		rank_sort(hang, is_here ? &members[next] : NULL, leader, (int64_t)rank);
		next += is_here;
	}
	report->hang_count++;
	return true;
}

bool hangs_find(struct report *report)
{
	size_t count = 0, end;
	struct member *members = members_collect(report, &count);
	bool ok = members != NULL;
	report->hang_count = 0;
	report->hangs = arena_take_array(report->arenas[0], count + 1, sizeof *report->hangs);
	ok = ok && report->hangs != NULL;
	for (size_t begin = 0; ok && begin < count; begin = end) {
		end = begin + 1;
		while (end < count && members[end].state->hash == members[begin].state->hash)
			end++;
		ok = hang_judge(report, members + begin, end - begin);
	}
	free(members);
	return ok;
}
