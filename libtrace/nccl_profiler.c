/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_profiler.h"
#include "libtrace/capture_window.h"
#include "libtrace/cupti_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/nccl_context.h"
#include "libtrace/nccl_event.h"
#include "libtrace/registry.h"
#include "libtrace/thread_log.h"
#include "libtrace/thread_state.h"

#include <stdatomic.h>
#include <string.h>

/* NCCL passes no pointer of ours to init. */
static struct registry contexts;
static atomic_ullong events_started;

uint32_t nccl_context_add(const struct nccl_context *context)
{
	uint32_t index;
	struct nccl_context *kept = registry_take(&contexts, sizeof *kept, &index);
	if (kept == NULL)
		return 0;
	kept->abi = context->abi;
	kept->node_count = context->node_count;
	kept->rank_count = context->rank_count;
	kept->owner = context->owner;
	atomic_store_explicit(&kept->owner_state,
			      context->abi->has_late_ranks ? NCCL_OWNER_UNKNOWN : NCCL_OWNER_KNOWN,
			      memory_order_relaxed);
	registry_publish(&contexts, index, kept);
	if (thread_log_begin(LOG_SOURCE_NCCL, NCCL_RECORD_CONTEXT, 0) != NULL)
		thread_log_end();
	return index;
}

struct nccl_context *nccl_context_at(uint64_t index)
{
	return registry_at(&contexts, index);
}

/* Never fails: before 2.28 a failing plugin crashes NCCL when the communicator goes. */
static int context_begin(void **context, int *mask, struct nccl_context *description,
			 const char *name)
{
	struct nccl_owner *owner = &description->owner;
	if (name != NULL)
		memcpy(owner->name, name, strnlen(name, sizeof owner->name - 1));
	uint32_t index = nccl_context_add(description);
	if (context != NULL)
		*context = (void *)(uintptr_t)index;
	if (mask != NULL)
		*mask = index == 0 ? 0 : description->abi->mask;
	return 0;
}

/* Up to v3 NCCL says nothing of the communicator until its first operation. */
static int init_late(const struct nccl_abi *abi, void **context, int *mask)
{
	struct nccl_context description = {
		.abi = abi, .node_count = -1, .rank_count = -1, .owner.rank = -1,
	};
	return context_begin(context, mask, &description, NULL);
}

static int init_told(const struct nccl_abi *abi, void **context, uint64_t hash, int *mask,
		     const char *name, const int numbers[3])
{
	struct nccl_context description = {
		.abi = abi, .node_count = numbers[0], .rank_count = numbers[1],
		.owner = { .hash = hash, .rank = numbers[2] },
	};
	return context_begin(context, mask, &description, name);
}

static int init_v1(void **context, int *mask)
{
	return init_late(&nccl_abis[1], context, mask);
}

static int init_v2(void **context, int *mask)
{
	return init_late(&nccl_abis[2], context, mask);
}

static int init_v3(void **context, int *mask)
{
	return init_late(&nccl_abis[3], context, mask);
}

static int init_v4(void **context, int *mask, const char *name, uint64_t hash, int node_count,
		   int rank_count, int rank, nccl_function logger)
{
	(void)logger;
	return init_told(&nccl_abis[4], context, hash, mask, name,
			 (const int[]){ node_count, rank_count, rank });
}

static int init_v5(void **context, uint64_t hash, int *mask, const char *name, int node_count,
		   int rank_count, int rank, nccl_function logger)
{
	(void)logger;
	return init_told(&nccl_abis[5], context, hash, mask, name,
			 (const int[]){ node_count, rank_count, rank });
}

static int init_v6(void **context, uint64_t hash, int *mask, const char *name, int node_count,
		   int rank_count, int rank, nccl_function logger)
{
	(void)logger;
	return init_told(&nccl_abis[6], context, hash, mask, name,
			 (const int[]){ node_count, rank_count, rank });
}

static int init_v7(void **context, uint64_t hash, int *mask, const char *name, int node_count,
		   int rank_count, int rank, nccl_function logger)
{
	(void)logger;
	return init_told(&nccl_abis[7], context, hash, mask, name,
			 (const int[]){ node_count, rank_count, rank });
}

static void launch_end(void)
{
	if (laggard_thread.nccl.open_handle == 0)
		return;
	laggard_thread.nccl.open_handle = 0;
	cupti_source_pop_external();
}

/* A bracket that was never ended would take in everything that follows: the next one ends it. */
static void launch_begin(uint32_t context, uint64_t handle)
{
	launch_end();
	struct nccl_launch *launch = NULL;
	for (size_t i = 0; i < NCCL_LAUNCHES_REMEMBERED && launch == NULL; i++)
		if (laggard_thread.nccl.launches[i].context == context)
			launch = &laggard_thread.nccl.launches[i];
	if (launch == NULL)
		launch = &laggard_thread.nccl
				  .launches[laggard_thread.nccl.next++ % NCCL_LAUNCHES_REMEMBERED];
	*launch = (struct nccl_launch){ context, handle };
	laggard_thread.nccl.open_handle = handle;
	cupti_source_push_external(handle);
}

/* A new call has launched nothing yet. */
static void launch_forget(uint32_t context)
{
	for (size_t i = 0; i < NCCL_LAUNCHES_REMEMBERED; i++)
		if (laggard_thread.nccl.launches[i].context == context)
			laggard_thread.nccl.launches[i] = (struct nccl_launch){ 0 };
}

/* What is enqueued now may have been launched unseen: none of the known brackets is its. */
static void launches_forget(void)
{
	memset(laggard_thread.nccl.launches, 0, sizeof laggard_thread.nccl.launches);
	laggard_thread.nccl.was_closed = false;
}

static uint64_t launch_of(uint32_t context)
{
	for (size_t i = 0; i < NCCL_LAUNCHES_REMEMBERED; i++)
		if (laggard_thread.nccl.launches[i].context == context)
			return laggard_thread.nccl.launches[i].external_id;
	return 0;
}

/* The first operation tells; whoever comes first, on whichever thread, notes it. */
static void owner_note(struct nccl_context *context, enum nccl_kind kind, const void *descriptor)
{
	int unknown = NCCL_OWNER_UNKNOWN;
	if (nccl_context_is_known(context) || (kind != NCCL_COLL && kind != NCCL_P2P) ||
	    !atomic_compare_exchange_strong_explicit(&context->owner_state, &unknown,
						     NCCL_OWNER_BEING_READ, memory_order_relaxed,
						     memory_order_relaxed))
		return;
	nccl_event_whose(&context->owner, context->abi, kind, descriptor);
	atomic_store_explicit(&context->owner_state, NCCL_OWNER_KNOWN, memory_order_release);
}

static void operation_begin(struct nccl_context *context, uint32_t context_index,
			    enum nccl_kind kind, uint64_t handle, const void *descriptor)
{
	struct nccl_event *event =
		thread_log_begin(LOG_SOURCE_NCCL, NCCL_RECORD_START, sizeof *event);
	owner_note(context, kind, descriptor);
	if (event == NULL)
		return;
	*event = (struct nccl_event){ .handle = handle, .context = context_index };
	nccl_event_decode(event, context->abi, kind, descriptor);
	if (kind == NCCL_COLL || kind == NCCL_P2P)
		event->external_id = launch_of(context_index);
	event->time_ns = realtime_ns();
	thread_log_end();
}

/* The handle is always written: NCCL would go on using what was there before. */
static int start_event(void *context_handle, void **handle_out, const void *descriptor)
{
	uint64_t index = (uintptr_t)context_handle;
	struct nccl_context *context = nccl_context_at(index);
	if (handle_out != NULL)
		*handle_out = NULL;
	/* Without a handle NCCL tells no end either; what it began in the window it does end. */
	if (!capture_window_is_open()) {
		laggard_thread.nccl.was_closed = true;
		return 0;
	}
	if (handle_out == NULL || context == NULL || descriptor == NULL)
		return 0;
	enum nccl_kind kind = nccl_event_kind(context->abi, descriptor);
	if (kind == NCCL_NO_EVENT)
		return 0;
	if (laggard_thread.nccl.was_closed)
		launches_forget();
	uint64_t number = atomic_fetch_add_explicit(&events_started, 1, memory_order_relaxed) + 1;
	uint64_t handle = number << 4 | (uint64_t)kind;
	if (kind == NCCL_KERNEL_LAUNCH)
		launch_begin((uint32_t)index, handle);
	else if (kind == NCCL_GROUP_API)
		launch_forget((uint32_t)index);
	else if (kind != NCCL_GROUP) /* a group needs a handle only, or its children do not come */
		operation_begin(context, (uint32_t)index, kind, handle, descriptor);
	*handle_out = (void *)(uintptr_t)handle;
	return 0;
}

static int stop_event(void *event_handle)
{
	uint64_t handle = (uintptr_t)event_handle;
	enum nccl_kind kind = nccl_handle_kind(handle);
	struct nccl_stop stop = { .handle = handle };
	if (kind == NCCL_KERNEL_LAUNCH && laggard_thread.nccl.open_handle == handle)
		launch_end();
	if (kind != NCCL_COLL && kind != NCCL_P2P && kind != NCCL_COLL_API &&
	    kind != NCCL_P2P_API && kind != NCCL_CE_COLL)
		return 0;
	stop.time_ns = realtime_ns();
	struct nccl_stop *room = thread_log_begin(LOG_SOURCE_NCCL, NCCL_RECORD_STOP, sizeof stop);
	if (room == NULL)
		return 0;
	*room = stop;
	thread_log_end();
	return 0;
}

static int record_event_state(void *handle, int state, const void *arguments)
{
	(void)handle;
	(void)state;
	(void)arguments;
	return 0;
}

/* The context stays: stops may still come, and up to 2.27 the argument may be NULL. */
static int finalize(void *context)
{
	(void)context;
	return 0;
}

#define PROFILER(version) { \
	.name = "laggard", .init = (nccl_function)init_v##version, .start_event = start_event, \
	.stop_event = stop_event, .record_event_state = record_event_state, .finalize = finalize }

const struct nccl_profiler ncclProfiler_v1 = PROFILER(1);
const struct nccl_profiler ncclProfiler_v2 = PROFILER(2);
const struct nccl_profiler ncclProfiler_v3 = PROFILER(3);
const struct nccl_profiler ncclProfiler_v4 = PROFILER(4);
const struct nccl_profiler ncclProfiler_v5 = PROFILER(5);
const struct nccl_profiler ncclProfiler_v6 = PROFILER(6);
const struct nccl_profiler ncclProfiler_v7 = PROFILER(7);
