/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_source.h"
#include "libtrace/drain_source.h"
#include "libtrace/nccl_calls.h"
#include "libtrace/nccl_communicators.h"
#include "libtrace/nccl_context.h"
#include "libtrace/nccl_event.h"
#include "libtrace/open_table.h"
#include "libtrace/settings.h"
#include "tracedb/vocabulary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX = 65536, CALLS_MAX = 65536 };
#define CALL_AGE_NS INT64_C(2000000000)

/* An operation that NCCL enqueued: begin and end, in whichever order their logs are read. */
struct operation {
	struct nccl_event event;
	int64_t thread_id;
	int64_t stop_ns;
	bool has_start;
	bool has_stop;
};

/*
 * The call that asked for it. It has the program's own count and type, and is all there is of
 * operations that NCCL enqueues without a kernel of the usual kind; those are written when nothing
 * claimed the call for a while.
 */
struct call {
	struct operation operation;
	bool is_claimed;
	bool is_part;		/* NCCL made it of a larger one, which NVTX told of */
	bool is_told;
	uint64_t told_id;	/* of the call or of the larger one, in nccl_calls */
	struct nccl_told told;	/* if is_told: what NVTX knows of it */
};

/*
 * State of the drain thread alone: NCCL's callbacks, which fill the logs, know no object of ours.
 */
static struct {
	bool is_begun;
	uint64_t contexts_read;
	int64_t *communicators;		/* communicator_id by context - 1 */
	size_t communicator_room;
	struct open_table operations;
	struct open_table calls;
	uint64_t waiting[CALLS_MAX];	/* unclaimed calls in order, a ring */
	size_t waiting_first;
	size_t waiting_count;
} source;

static void source_begin(void)
{
	if (source.is_begun)
		return;
	source.is_begun = true;
	open_table_begin(&source.operations, sizeof(struct operation), OPEN_MAX);
	open_table_begin(&source.calls, sizeof(struct call), CALLS_MAX);
}

/* A place for the context's communicator_id; 0 as long as it is not known. */
static bool communicator_keep(int64_t communicator_id)
{
	if (source.contexts_read == source.communicator_room) {
		size_t room = source.communicator_room == 0 ? 16 : source.communicator_room * 2;
		int64_t *grown = realloc(source.communicators, room * sizeof *grown);
		if (grown == NULL)
			return false;
		source.communicators = grown;
		source.communicator_room = room;
	}
	source.communicators[source.contexts_read++] = communicator_id;
	return true;
}

static int64_t context_note(struct drain *drain, const struct nccl_context *context)
{
	if (!nccl_context_is_known(context))
		return 0;
	const struct nccl_member member = {
		.hash = context->owner.hash,
		.rank = context->owner.rank,
		.rank_count = context->rank_count,
		.node_count = context->node_count,
		.device_id = -1,
		.name = context->owner.name,
		.thread_id = -1,
	};
	return nccl_communicator_note(drain, &member);
}

static void contexts_read(struct drain *drain)
{
	const struct nccl_context *context;
	while ((context = nccl_context_at(source.contexts_read + 1)) != NULL) {
		/* What is told late is looked at with the operation that told it. */
		int64_t communicator_id =
			context->abi->has_late_ranks ? 0 : context_note(drain, context);
		if (!communicator_keep(communicator_id))
			return;
	}
}

static int64_t communicator_of(struct drain *drain, uint32_t context)
{
	if (context == 0 || context > source.contexts_read)
		return 0;
	int64_t *communicator_id = &source.communicators[context - 1];
	if (*communicator_id == 0)
		*communicator_id = context_note(drain, nccl_context_at(context));
	return *communicator_id;
}

static int64_t text_id(struct drain *drain, const char *text)
{
	return drain_string(drain, text, strlen(text));
}

/* The others have a root of 0 that means nothing. */
static bool has_peer(const struct nccl_event *event)
{
	static const char *const functions[] = {
		"Broadcast", "Reduce", "Gather", "Scatter", "Send", "Recv",
	};
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
		if (strcmp(functions[i], event->function) == 0)
			return true;
	return false;
}

static void told_add(struct collective_row *row, const struct nccl_told *told)
{
	row->reduction_id = told->reduction_id;
	if (row->peer < 0)
		row->peer = told->peer;
	if (row->bytes < 0)
		row->bytes = told->bytes;
}

/* `call` and `told` are what its call and NVTX said of it, or NULL. */
static void operation_write(struct drain *drain, const struct operation *operation,
			    const struct nccl_event *call, const struct nccl_told *told)
{
	const struct nccl_event *event = &operation->event;
	const struct nccl_event *counted = call != NULL ? call : event;
	bool is_counted = !nccl_event_is_rewritten(counted);
	int64_t duration_ns = operation->has_stop ? operation->stop_ns - event->time_ns : 0;
	struct collective_row row = {
		.start_ns = drain_time(drain, event->time_ns),
		.duration_ns = duration_ns < 0 ? 0 : duration_ns,
		.thread_id = operation->thread_id, .witness = WITNESS_PLUGIN,
		.communicator_id = communicator_of(drain, event->context),
		.bytes = nccl_event_bytes(event),
		.count = is_counted ? (int64_t)counted->count : -1,
		.peer = has_peer(event) ? event->peer : -1,
		.sequence = event->has_sequence ? (int64_t)event->sequence : -1,
		.channels = event->channels, .warps = event->warps,
		.external_id = (int64_t)event->external_id,
	};
	if (duration_ns < 0)
		drain_loss(drain, "nccl", "clock set back within an operation", 1);
	row.operation_id = text_id(drain, event->function);
	row.datatype_id = is_counted ? text_id(drain, counted->datatype) : 0;
	row.algorithm_id = text_id(drain, event->algorithm);
	row.protocol_id = text_id(drain, event->protocol);
	if (told != NULL)
		told_add(&row, told);
	drain_put(drain, TABLE_collective, &row);
}

/*
 * The call behind an operation, or NULL. NCCL's parent handles may be stale, so the call has to be
 * of the same communicator and function, and to mean the same bytes.
 */
static struct call *call_claim(const struct operation *operation)
{
	const struct nccl_event *event = &operation->event;
	enum nccl_kind kind = nccl_handle_kind(event->parent);
	if (kind != (event->kind == NCCL_P2P ? NCCL_P2P_API : NCCL_COLL_API))
		return NULL;
	struct call *call = open_table_entry(&source.calls, event->parent);
	if (call == NULL)
		return NULL;
	const struct nccl_event *asked = &call->operation.event;
	call->is_claimed = true; /* also before its own record is read: it is not to be written */
	if (!call->operation.has_start || asked->context != event->context ||
	    strcmp(asked->function, event->function) != 0 ||
	    nccl_event_bytes(asked) != nccl_event_bytes(event))
		return NULL;
	return call;
}

static uint64_t hash_of(const struct nccl_event *event)
{
	const struct nccl_context *context = nccl_context_at(event->context);
	return context != NULL && nccl_context_is_known(context) ? context->owner.hash : 0;
}

static void operation_close(struct drain *drain, const struct operation *operation)
{
	const struct nccl_event *event = &operation->event;
	struct call *call = call_claim(operation);
	struct nccl_told told;
	if (call != NULL && call->is_part && nccl_calls_find(call->told_id) != NULL) {
		nccl_calls_add_part(drain, call->told_id, event);
	} else if (call != NULL && call->is_told) {
		operation_write(drain, operation, &call->operation.event, &call->told);
		nccl_calls_release(call->told_id);
	} else {
		bool is_told = nccl_calls_claim(event, hash_of(event), operation->thread_id,
						drain_time(drain, event->time_ns), &told);
		operation_write(drain, operation, call != NULL ? &call->operation.event : NULL,
				is_told ? &told : NULL);
	}
	/* A captured call is claimed again at each replay of its graph. */
	if (call != NULL && !call->operation.event.is_captured && call->operation.has_stop)
		open_table_remove(&source.calls, event->parent);
}

/*
 * A call that nothing claimed. Its own event is over before anything is launched: where NVTX told
 * of it, the row lasts as long as the call did.
 */
static void call_write(struct drain *drain, const struct call *call)
{
	const struct nccl_told *told = call->is_told ? nccl_calls_find(call->told_id) : NULL;
	struct operation operation = call->operation;
	if (call->is_part)
		return;
	if (told != NULL && told->duration_ns >= 0) {
		operation.event.time_ns +=
			told->start_ns - drain_time(drain, operation.event.time_ns);
		operation.stop_ns = operation.event.time_ns + told->duration_ns;
		operation.has_stop = true;
	}
	operation_write(drain, &operation, NULL, call->is_told ? &call->told : NULL);
	nccl_calls_release(call->told_id);
}

/* Writes calls that nothing claimed until `before_ns`; a captured one has not run. */
static void waiting_write(struct drain *drain, int64_t before_ns)
{
	while (source.waiting_count > 0) {
		uint64_t handle = source.waiting[source.waiting_first];
		struct call *call = open_table_find(&source.calls, handle);
		bool is_done =
			call == NULL || call->is_claimed || call->operation.event.is_captured;
		if (!is_done && call->operation.event.time_ns > before_ns)
			return;
		if (!is_done) {
			call_write(drain, call);
			open_table_remove(&source.calls, handle);
		}
		source.waiting_first = (source.waiting_first + 1) % CALLS_MAX;
		source.waiting_count--;
	}
}

static void call_note(struct drain *drain, uint64_t handle)
{
	if (source.waiting_count == CALLS_MAX) {
		drain_loss(drain, "nccl", "too many open operations", 1);
		return;
	}
	source.waiting[(source.waiting_first + source.waiting_count) % CALLS_MAX] = handle;
	source.waiting_count++;
}

/* The event of a call comes within NVTX's range of it. */
static void call_hold(const struct nccl_event *event, int64_t thread_id)
{
	struct call *call = open_table_find(&source.calls, event->handle);
	call->told_id = nccl_calls_hold(thread_id, hash_of(event), event, &call->is_part);
	const struct nccl_told *told = nccl_calls_find(call->told_id);
	call->is_told = told != NULL && !call->is_part;
	if (call->is_told)
		call->told = *told;
	if (call->is_told && event->is_captured)
		nccl_calls_release(call->told_id);	/* it may never run, or often */
}

static bool is_call(uint64_t handle)
{
	enum nccl_kind kind = nccl_handle_kind(handle);
	return kind == NCCL_COLL_API || kind == NCCL_P2P_API;
}

static struct operation *operation_of(struct drain *drain, uint64_t handle)
{
	struct operation *operation;
	if (is_call(handle)) {
		struct call *call = open_table_entry(&source.calls, handle);
		operation = call == NULL ? NULL : &call->operation;
	} else {
		operation = open_table_entry(&source.operations, handle);
	}
	if (operation == NULL)
		drain_loss(drain, "nccl", "too many open operations", 1);
	return operation;
}

static void start_read(struct drain *drain, const struct log_record *record)
{
	struct nccl_event event;
	memcpy(&event, record->payload, sizeof event);
	drain_thread(drain, record->thread_id, NULL);
	struct operation *operation = operation_of(drain, event.handle);
	if (operation == NULL)
		return;
	operation->event = event;
	operation->thread_id = record->thread_id;
	operation->has_start = true;
	if (is_call(event.handle)) {
		call_note(drain, event.handle);
		call_hold(&event, record->thread_id);
	}
	waiting_write(drain, event.time_ns - CALL_AGE_NS);
}

static void stop_read(struct drain *drain, const struct log_record *record)
{
	struct nccl_stop stop;
	memcpy(&stop, record->payload, sizeof stop);
	struct operation *operation = operation_of(drain, stop.handle);
	if (operation == NULL)
		return;
	operation->stop_ns = stop.time_ns;
	operation->has_stop = true;
}

/* Both halves of an operation are there, or of a call that was claimed. */
static void halves_join(struct drain *drain, uint64_t handle)
{
	if (is_call(handle)) {
		const struct call *call = open_table_find(&source.calls, handle);
		if (call != NULL && call->is_claimed && call->operation.has_start &&
		    call->operation.has_stop && !call->operation.event.is_captured)
			open_table_remove(&source.calls, handle);
		return;
	}
	struct operation *operation = open_table_find(&source.operations, handle);
	if (operation == NULL || !operation->has_start || !operation->has_stop)
		return;
	operation_close(drain, operation);
	open_table_remove(&source.operations, handle);
}

void nccl_source_consume(struct drain *drain, const struct log_record *record)
{
	struct nccl_stop head;
	source_begin();
	contexts_read(drain);
	if (record->type == NCCL_RECORD_CONTEXT)
		return;
	if (record->type == NCCL_RECORD_START && record->size >= sizeof(struct nccl_event)) {
		start_read(drain, record);
	} else if (record->type == NCCL_RECORD_STOP && record->size >= sizeof(struct nccl_stop)) {
		stop_read(drain, record);
	} else {
		drain_loss(drain, "nccl", "malformed record", 1);
		return;
	}
	memcpy(&head, record->payload, sizeof head); /* both records begin with time and handle */
	halves_join(drain, head.handle);
}

void nccl_source_settle(struct drain *drain)
{
	nccl_calls_settle(drain);
}

void nccl_source_finish(struct drain *drain)
{
	struct operation *operation;
	uint64_t handle;
	source_begin();
	contexts_read(drain);
	for (size_t at = 0;
	     (operation = open_table_next(&source.operations, &at, &handle)) != NULL;) {
		if (!operation->has_start) {
			drain_loss(drain, "nccl", "stop without start", 1);
			continue;
		}
		drain_loss(drain, "nccl", "start without stop", 1);
		operation_close(drain, operation);
	}
	waiting_write(drain, INT64_MAX);
	open_table_end(&source.operations);
	open_table_end(&source.calls);
	nccl_calls_finish(drain);
	free(source.communicators);
	memset(&source, 0, sizeof source);
	nccl_communicators_finish();
}

static void nccl_begin(struct drain *drain, const struct drain_plan *plan)
{
	if (!plan->settings->nccl)
		drain_loss(drain, "nccl", "disabled: LAGGARD_NCCL=off", 0);
	else if (plan->is_nccl_taken)
		drain_loss(drain, "nccl", "disabled: NCCL_PROFILER_PLUGIN names another plugin", 0);
}

static void nccl_pass(struct drain *drain, const struct drain_pass *pass)
{
	if (pass->is_second)
		nccl_source_settle(drain);
}

static void nccl_finish(struct drain *drain, int64_t stop_ns)
{
	(void)stop_ns;
	nccl_source_finish(drain);
}

const struct drain_source drain_source_nccl = {
	.name = "nccl", .begin = nccl_begin, .pass = nccl_pass, .log = LOG_SOURCE_NCCL,
	.consume = nccl_source_consume, .finish = nccl_finish,
};
