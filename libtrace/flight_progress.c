/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAUNCHES_MAX = 65536, CALLS_MAX = 65536 };
/* A bracket holds other calls than the launch, too; their ids match no kernel for ever. */
static const int64_t call_age_ns = INT64_C(120000000000);
/* Operations of one launch are told one after the other, perhaps after its kernel has ended. */
static const int64_t launch_age_ns = INT64_C(5000000000);

/* A launch: the operations that it ran. */
struct launch {
	size_t communicator;	/* index + 1; 0: no operation seen yet */
	int64_t operations;
	int64_t seen_ns;	/* its first operation */
	int64_t ended_ns;	/* 0: not yet */
};

/* A call inside a bracket, or a communication kernel: whichever came first. */
struct call {
	uint64_t external_id;	/* 0: the bracket was not told yet */
	int64_t seen_ns;
	bool is_ended;
};

bool flight_progress_begin(struct flight_progress *progress)
{
	*progress = (struct flight_progress){ 0 };
	progress->communicators =
		calloc(FLIGHT_COMMUNICATORS_MAX, sizeof *progress->communicators);
	open_table_begin(&progress->launches, sizeof(struct launch), LAUNCHES_MAX);
	open_table_begin(&progress->calls, sizeof(struct call), CALLS_MAX);
	return progress->communicators != NULL;
}

void flight_progress_finish(struct flight_progress *progress)
{
	free(progress->communicators);
	open_table_end(&progress->launches);
	open_table_end(&progress->calls);
	*progress = (struct flight_progress){ 0 };
}

static struct flight_communicator *communicator_of(struct flight_progress *progress,
						   uint32_t context)
{
	if (context == 0 || context > FLIGHT_COMMUNICATORS_MAX)
		return NULL;
	if (context > progress->count)
		progress->count = context;
	return &progress->communicators[context - 1];
}

static void operation_join(struct flight_progress *progress, struct flight_communicator *of,
			   const struct nccl_event *event, int64_t now_ns)
{
	struct launch *launch = event->external_id == 0 ? NULL :
		open_table_entry(&progress->launches, event->external_id);
	if (launch == NULL) {
		of->is_unjoined = true;
		return;
	}
	if (launch->ended_ns != 0) {
		of->completed++;
		return;
	}
	launch->communicator = (size_t)event->context;
	launch->operations++;
	if (launch->seen_ns == 0)
		launch->seen_ns = now_ns;
}

/*
 * Ranks enqueue the same collectives, but send and receive as often as they please: messages are
 * only counted on communicators that have nothing else.
 */
void flight_progress_operation(struct flight_progress *progress, const struct nccl_event *event,
			       int64_t now_ns)
{
	bool is_collective = event->kind == NCCL_COLL || event->kind == NCCL_CE_COLL;
	if ((!is_collective && event->kind != NCCL_P2P) || event->is_captured)
		return;
	struct flight_communicator *communicator = communicator_of(progress, event->context);
	if (communicator == NULL) {
		progress->refused++;
		return;
	}
	if (!is_collective && communicator->has_collectives)
		return;
	if (is_collective && !communicator->has_collectives)
		*communicator = (struct flight_communicator){ .has_collectives = true };
	communicator->enqueued++;
	communicator->sequence = event->has_sequence ? (int64_t)event->sequence : -1;
	communicator->enqueued_ns = event->time_ns;
	communicator->seen_ns = now_ns;
	(void)snprintf(communicator->operation, sizeof communicator->operation, "%s",
		       event->function);
	operation_join(progress, communicator, event, now_ns);
}

/* The kernel of a launch has ended. */
static void launch_end(struct flight_progress *progress, uint64_t external_id, int64_t now_ns)
{
	struct launch *launch = open_table_entry(&progress->launches, external_id);
	if (launch == NULL) {
		progress->refused++;
		return;
	}
	if (launch->communicator != 0 && launch->ended_ns == 0)
		progress->communicators[launch->communicator - 1].completed += launch->operations;
	launch->ended_ns = now_ns;
}

static struct call *call_of(struct flight_progress *progress, uint32_t correlation, int64_t now_ns)
{
	struct call *call = open_table_entry(&progress->calls, correlation);
	if (call == NULL)
		progress->refused++;
	else if (call->seen_ns == 0)
		call->seen_ns = now_ns;
	return call;
}

static void call_join(struct flight_progress *progress, const struct call *call,
		      uint32_t correlation, int64_t now_ns)
{
	if (call->external_id == 0 || !call->is_ended)
		return;
	launch_end(progress, call->external_id, now_ns);
	open_table_remove(&progress->calls, correlation);
}

void flight_progress_bracket(struct flight_progress *progress, uint64_t external_id,
			     uint32_t correlation, int64_t now_ns)
{
	progress->has_brackets = true;
	struct call *call = call_of(progress, correlation, now_ns);
	if (call == NULL)
		return;
	call->external_id = external_id;
	call_join(progress, call, correlation, now_ns);
}

void flight_progress_kernel(struct flight_progress *progress, uint32_t correlation,
			    int64_t now_ns)
{
	struct call *call = call_of(progress, correlation, now_ns);
	if (call == NULL)
		return;
	call->is_ended = true;
	call_join(progress, call, correlation, now_ns);
}

void flight_progress_forget(struct flight_progress *progress)
{
	open_table_end(&progress->launches);
	open_table_end(&progress->calls);
	open_table_begin(&progress->launches, sizeof(struct launch), LAUNCHES_MAX);
	open_table_begin(&progress->calls, sizeof(struct call), CALLS_MAX);
	for (size_t i = 0; i < progress->count; i++)
		progress->communicators[i] = (struct flight_communicator){
			.has_collectives = progress->communicators[i].has_collectives,
		};
}

enum { PRUNED_AT_ONCE = 1024 };

static void launches_prune(struct flight_progress *progress, int64_t now_ns)
{
	uint64_t keys[PRUNED_AT_ONCE], key;
	size_t count, at;
	do {
		const struct launch *launch;
		count = at = 0;
		while (count < PRUNED_AT_ONCE &&
		       (launch = open_table_next(&progress->launches, &at, &key)) != NULL)
			if (launch->ended_ns != 0 && now_ns - launch->ended_ns > launch_age_ns)
				keys[count++] = key;
		for (size_t i = 0; i < count; i++)
			open_table_remove(&progress->launches, keys[i]);
	} while (count == PRUNED_AT_ONCE);
}

static void calls_prune(struct flight_progress *progress, int64_t now_ns)
{
	uint64_t keys[PRUNED_AT_ONCE], key;
	size_t count, at;
	do {
		const struct call *call;
		count = at = 0;
		while (count < PRUNED_AT_ONCE &&
		       (call = open_table_next(&progress->calls, &at, &key)) != NULL) {
			/* As long as an operation is outstanding, its kernel may still end. */
			const struct launch *launch = call->external_id == 0 ? NULL :
				open_table_find(&progress->launches, call->external_id);
			bool is_waited_for = launch != NULL && launch->ended_ns == 0;
			if (!is_waited_for && now_ns - call->seen_ns > call_age_ns)
				keys[count++] = key;
		}
		for (size_t i = 0; i < count; i++)
			open_table_remove(&progress->calls, keys[i]);
	} while (count == PRUNED_AT_ONCE);
}

void flight_progress_prune(struct flight_progress *progress, int64_t now_ns)
{
	launches_prune(progress, now_ns);
	calls_prune(progress, now_ns);
}

struct flight_communicator flight_progress_state(const struct flight_progress *progress,
						 size_t index)
{
	struct flight_communicator state = progress->communicators[index];
	if (state.is_unjoined || !progress->has_brackets || progress->refused > 0)
		state.completed = -1;
	return state;
}

/* When the oldest outstanding operation of those whose kernels can be found was seen; 0: none. */
static int64_t oldest_launch(const struct flight_progress *progress, size_t *communicator)
{
	const struct launch *launch;
	int64_t oldest_ns = 0;
	uint64_t key;
	for (size_t at = 0; (launch = open_table_next(&progress->launches, &at, &key)) != NULL;) {
		if (launch->communicator == 0 || launch->ended_ns != 0 ||
		    (oldest_ns != 0 && launch->seen_ns >= oldest_ns))
			continue;
		oldest_ns = launch->seen_ns;
		*communicator = launch->communicator - 1;
	}
	return oldest_ns;
}

/* Of the others: nothing at all has ended on the GPU since the last one was enqueued. */
static int64_t oldest_unjoined(const struct flight_progress *progress, bool are_others_joined,
			       size_t *communicator)
{
	int64_t oldest_ns = 0;
	for (size_t i = 0; i < progress->count; i++) {
		const struct flight_communicator *state = &progress->communicators[i];
		if (are_others_joined && !state->is_unjoined)
			continue;
		if (state->enqueued == 0 || progress->latest_end_ns >= state->enqueued_ns ||
		    (oldest_ns != 0 && state->seen_ns >= oldest_ns))
			continue;
		oldest_ns = state->seen_ns;
		*communicator = i;
	}
	return oldest_ns;
}

bool flight_progress_hangs(const struct flight_progress *progress, int64_t now_ns,
			   int64_t limit_ns, struct flight_hang *hang)
{
	bool is_joined = progress->has_brackets && progress->refused == 0;
	int64_t since_ns = is_joined ? oldest_launch(progress, &hang->communicator) : 0;
	if (since_ns == 0)
		since_ns = oldest_unjoined(progress, is_joined, &hang->communicator);
	if (since_ns == 0)
		return false;
	hang->waiting_ns =
		now_ns - (progress->ended_ns > since_ns ? progress->ended_ns : since_ns);
	return hang->waiting_ns >= limit_ns;
}
