/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_calls.h"
#include "base/array.h"
#include "base/id_map.h"
#include "libtrace/nccl_communicators.h"
#include "libtrace/nccl_context.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum {
	CALLS_MAX = 65536,
	STRAYS_KEPT = 256,
	ROUNDS_ALONE = 1,	/* that a call waits for the plugin */
	ROUNDS_IN_GROUP = 60,	/* connecting can take that long */
};

struct waiting_call {
	uint32_t before;	/* slots of its neighbours, in the order in which they began */
	uint32_t after;		/* of a free slot: the next free one */
	uint32_t generation;	/* of the slot: old ids are not found */
	bool is_used;
	struct nccl_told told;
	bool has_returned;
	bool is_held;
	bool has_parts;
	uint8_t rounds;
	int64_t datatype_id;	/* of its parts, as the rest */
	int64_t count;
	int64_t external_id;
	uint8_t channels;
};

/* An operation of the plugin that NVTX had not told of when its log was read. */
struct stray {
	uint64_t hash;
	int64_t time_ns;
	int64_t bytes;
	char function[24];
};

/*
 * State of the drain thread alone: two sources meet here, and neither owns the other. Slot 0 is
 * before the first and after the last.
 */
static struct {
	struct waiting_call *slots;
	size_t room;
	size_t count;		/* slots that were ever used */
	uint32_t first_free;
	size_t open_count;	/* calls that have not returned */
	struct id_map depths;	/* thread -> groups it is in */
	struct stray strays[STRAYS_KEPT];
	size_t stray_count;
	size_t stray_next;
} calls;

static struct waiting_call *call_after(const struct waiting_call *call)
{
	return call->after == 0 ? NULL : &calls.slots[call->after];
}

static struct waiting_call *call_before(const struct waiting_call *call)
{
	return call->before == 0 ? NULL : &calls.slots[call->before];
}

static struct waiting_call *call_first(void)
{
	return calls.count == 0 ? NULL : call_after(&calls.slots[0]);
}

static struct waiting_call *call_last(void)
{
	return calls.count == 0 ? NULL : call_before(&calls.slots[0]);
}

static struct waiting_call *call_at(uint64_t id)
{
	uint64_t slot = id & UINT32_MAX;
	if (slot == 0 || slot >= calls.count)
		return NULL;
	struct waiting_call *call = &calls.slots[slot];
	return call->is_used && call->generation == id >> 32 ? call : NULL;
}

static bool slot_add(void)
{
	struct waiting_call *slots = array_grow(calls.slots, &calls.room, calls.count,
						sizeof *slots);
	if (slots == NULL)
		return false;
	calls.slots = slots;
	slots[calls.count] = (struct waiting_call){ .after = calls.first_free };
	if (calls.count > 0)
		calls.first_free = (uint32_t)calls.count;
	calls.count++;
	return true;
}

/* At the end of the list. NULL: memory is short. */
static struct waiting_call *call_take(uint64_t *id)
{
	if ((calls.count == 0 && !slot_add()) || (calls.first_free == 0 && !slot_add()))
		return NULL;
	uint32_t slot = calls.first_free;
	struct waiting_call *call = &calls.slots[slot], *edge = &calls.slots[0];
	calls.first_free = call->after;
	*call = (struct waiting_call){
		.before = edge->before, .generation = call->generation + 1, .is_used = true,
		.count = -1,
	};
	calls.slots[call->before].after = slot;
	edge->before = slot;
	calls.open_count++;
	*id = (uint64_t)call->generation << 32 | slot;
	return call;
}

static void call_end(struct waiting_call *call)
{
	calls.slots[call->before].after = call->after;
	calls.slots[call->after].before = call->before;
	call->is_used = false;
	calls.open_count -= call->has_returned ? 0 : 1;
	call->after = calls.first_free;
	calls.first_free = (uint32_t)(call - calls.slots);
}

static int64_t depth_of(int64_t thread_id)
{
	int64_t depth = 0;
	(void)id_map_get(&calls.depths, (uint64_t)thread_id, &depth);
	return depth;
}

/* Nothing of what the plugin is given: no data, or no other rank. */
static bool is_watched(const struct nccl_told *told)
{
	const struct nccl_context *context;
	if (told->bytes == 0)
		return false;
	for (uint64_t i = 1; (context = nccl_context_at(i)) != NULL; i++) {
		bool is_its = told->hash == 0 || !nccl_context_is_known(context) ||
			      context->owner.hash == 0 || context->owner.hash == told->hash;
		if (is_its && context->rank_count != 1)
			return true;
	}
	return false;
}

static void call_write(struct drain *drain, struct waiting_call *call)
{
	const struct nccl_told *told = &call->told;
	struct collective_row row = {
		.start_ns = told->start_ns, .duration_ns = told->duration_ns,
		.thread_id = told->thread_id,
		.witness = call->has_parts ? WITNESS_PLUGIN : WITNESS_NVTX,
		.bytes = told->bytes, .count = call->has_parts ? call->count : -1,
		.datatype_id = call->datatype_id, .reduction_id = told->reduction_id,
		.peer = told->peer, .sequence = -1, .channels = call->channels,
		.external_id = call->external_id,
	};
	if (told->hash != 0)
		row.communicator_id = nccl_communicator_of_hash(drain, told->hash, told->thread_id);
	row.operation_id = drain_string(drain, told->operation, strlen(told->operation));
	drain_put(drain, TABLE_collective, &row);
	call_end(call);
}

/*
 * Equal as far as both know. Without a hash only the thread tells communicators apart. `bytes` are
 * the event's: many calls may wait, and what they cost to know must not be paid for each.
 */
static bool is_same(const struct nccl_told *told, const struct nccl_event *event, int64_t bytes,
		    uint64_t hash, int64_t thread_id)
{
	return (told->bytes == bytes || told->bytes < 0 || bytes < 0) &&
	       (told->hash == hash ||
		((told->hash == 0 || hash == 0) && told->thread_id == thread_id)) &&
	       strcmp(told->operation, event->function) == 0;
}

static bool stray_take(const struct nccl_told *told)
{
	for (size_t i = 0; i < calls.stray_count; i++) {
		struct stray *stray = &calls.strays[i];
		if (stray->hash == 0 || stray->hash != told->hash ||
		    stray->bytes != told->bytes || stray->time_ns < told->start_ns ||
		    strcmp(stray->function, told->operation) != 0)
			continue;
		stray->hash = 0;
		return true;
	}
	return false;
}

/* The oldest one goes, whatever it waits for; what the plugin told of is the plugin's to write. */
static void room_make(struct drain *drain)
{
	struct waiting_call *oldest = call_first();
	if (oldest == NULL)
		return;
	if (oldest->has_returned && !oldest->is_held) {
		call_write(drain, oldest);
		return;
	}
	if (!oldest->has_returned)
		drain_loss(drain, "nccl", "too many open operations", 1);
	call_end(oldest);
}

uint64_t nccl_calls_begin(struct drain *drain, const struct nccl_told *told)
{
	uint64_t id;
	if (stray_take(told))
		return 0;
	if (calls.first_free == 0 && calls.count >= CALLS_MAX)
		room_make(drain);
	struct waiting_call *call = call_take(&id);
	if (call == NULL) {
		drain_loss(drain, "nccl", "no memory", 1);
		return 0;
	}
	call->told = *told;
	return id;
}

void nccl_calls_end(struct drain *drain, uint64_t id, int64_t duration_ns)
{
	struct waiting_call *call = call_at(id);
	if (call == NULL)
		return;
	call->told.duration_ns = duration_ns;
	calls.open_count -= call->has_returned ? 0 : 1;
	call->has_returned = true;
	bool is_complete = call->has_parts && depth_of(call->told.thread_id) == 0;
	if (is_complete || (!call->is_held && !call->has_parts && !is_watched(&call->told)))
		call_write(drain, call);
}

void nccl_calls_drop(uint64_t id)
{
	struct waiting_call *call = call_at(id);
	if (call != NULL)
		call_end(call);
}

void nccl_calls_group(struct drain *drain, int64_t thread_id, int change)
{
	int64_t depth = depth_of(thread_id) + change;
	(void)id_map_put(&calls.depths, (uint64_t)thread_id, depth < 0 ? 0 : depth);
	struct waiting_call *next;
	for (struct waiting_call *call = depth > 0 ? NULL : call_first(); call != NULL;
	     call = next) {
		next = call_after(call);
		if (call->has_returned && call->has_parts && call->told.thread_id == thread_id)
			call_write(drain, call);
	}
}

static bool is_divided(const char *operation)
{
	return strcmp(operation, "AlltoAll") == 0 || strcmp(operation, "Gather") == 0 ||
	       strcmp(operation, "Scatter") == 0;
}

/* The innermost call that its thread is in. */
uint64_t nccl_calls_hold(int64_t thread_id, uint64_t hash, const struct nccl_event *event,
			 bool *is_part)
{
	*is_part = false;
	for (struct waiting_call *call = call_last(); call != NULL; call = call_before(call)) {
		uint64_t id = (uint64_t)call->generation << 32 | (uint64_t)(call - calls.slots);
		if (call->has_returned || call->told.thread_id != thread_id)
			continue;
		*is_part = event->kind == NCCL_P2P_API && is_divided(call->told.operation) &&
			   (call->told.hash == 0 || call->told.hash == hash);
		if (*is_part)
			return id;
		if (call->is_held || !is_same(&call->told, event, nccl_event_bytes(event), hash,
					      thread_id))
			return 0;
		call->is_held = true;
		return id;
	}
	return 0;
}

/* Parts are alike: one stands for all. */
void nccl_calls_add_part(struct drain *drain, uint64_t id, const struct nccl_event *event)
{
	struct waiting_call *call = call_at(id);
	if (call == NULL || call->has_parts)
		return;
	call->has_parts = true;
	call->count = (int64_t)event->count;
	call->datatype_id = drain_string(drain, event->datatype, strlen(event->datatype));
	call->external_id = (int64_t)event->external_id;
	call->channels = event->channels;
}

void nccl_calls_release(uint64_t id)
{
	nccl_calls_drop(id);
}

const struct nccl_told *nccl_calls_find(uint64_t id)
{
	const struct waiting_call *call = call_at(id);
	return call == NULL ? NULL : &call->told;
}

static void stray_keep(const struct nccl_event *event, uint64_t hash, int64_t time_ns)
{
	struct stray *stray = &calls.strays[calls.stray_next];
	calls.stray_next = (calls.stray_next + 1) % STRAYS_KEPT;
	if (calls.stray_count < STRAYS_KEPT)
		calls.stray_count++;
	*stray = (struct stray){
		.hash = hash, .time_ns = time_ns, .bytes = nccl_event_bytes(event),
	};
	memcpy(stray->function, event->function, sizeof stray->function);
}

/* The call its thread is in; else the first that waits, if possible of the same thread. */
bool nccl_calls_claim(const struct nccl_event *event, uint64_t hash, int64_t thread_id,
		      int64_t time_ns, struct nccl_told *told)
{
	struct waiting_call *best = NULL;
	int best_points = -1;
	const int64_t bytes = nccl_event_bytes(event);
	/* Calls that have returned are many where nobody claims them: the first of them will do. */
	const int most_points = calls.open_count == 0 ? 1 : 3;
	for (struct waiting_call *call = call_first(); call != NULL && best_points < most_points;
	     call = call_after(call)) {
		bool is_own = call->told.thread_id == thread_id;
		int points = (is_own ? 1 : 0) + (call->has_returned ? 0 : 2);
		if (call->is_held || call->told.start_ns > time_ns ||
		    (!call->has_returned && !is_own) || points <= best_points ||
		    !is_same(&call->told, event, bytes, hash, thread_id))
			continue;
		best = call;
		best_points = points;
	}
	if (best == NULL) {
		stray_keep(event, hash, time_ns);
		return false;
	}
	*told = best->told;
	call_end(best);
	return true;
}

void nccl_calls_settle(struct drain *drain)
{
	struct waiting_call *next;
	for (struct waiting_call *call = call_first(); call != NULL; call = next) {
		bool is_grouped = depth_of(call->told.thread_id) > 0;
		next = call_after(call);
		if (!call->has_returned || call->is_held)
			continue;
		if (call->rounds >= (is_grouped ? ROUNDS_IN_GROUP : ROUNDS_ALONE))
			call_write(drain, call);
		else
			call->rounds++;
	}
}

void nccl_calls_finish(struct drain *drain)
{
	struct waiting_call *next;
	for (struct waiting_call *call = call_first(); call != NULL; call = next) {
		next = call_after(call);
		if (call->has_returned && !call->is_held)
			call_write(drain, call);
	}
	free(calls.slots);
	id_map_end(&calls.depths);
	memset(&calls, 0, sizeof calls);
}
