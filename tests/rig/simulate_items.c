/* SPDX-License-Identifier: MIT */
/* The items that every unit plays: launches, copies, synchronization, memory, graphs. */
#include <stdio.h>
#include <string.h>

#include "simulate.h"

static void fail(struct rig_simulation *simulation, const struct rig_item *item, const char *why)
{
	if (!simulation->has_failed)
		fprintf(stderr, "rig: line %d: %s\n", item->line, why);
	simulation->has_failed = true;
}

void rig_kernel_fill(const struct rig_scenario *scenario, const char *key,
		     struct rig_activity *activity)
{
	const struct rig_kernel *kernel = rig_kernel_find(scenario, key);

	activity->kind = RIG_ACTIVITY_KERNEL;
	activity->name = kernel ? kernel->symbol : key;
	if (!kernel)
		return;
	memcpy(activity->grid, kernel->grid, sizeof(kernel->grid));
	memcpy(activity->block, kernel->block, sizeof(kernel->block));
	activity->registers = kernel->registers;
	activity->static_shared = kernel->static_shared;
	activity->dynamic_shared = kernel->dynamic_shared;
}

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Puts a GPU operation on its stream. */
static void stream_place(struct rig_simulation *simulation, struct rig_unit *unit,
			 const struct rig_item *item, int64_t ready, int64_t duration,
			 struct rig_activity *activity)
{
	int64_t *tail = rig_stream_tail(simulation, unit, item->stream);

	activity->stream = (uint32_t)item->stream;
	activity->start_ns = item->at >= 0 ? item->at : max(*tail, ready);
	activity->end_ns = activity->start_ns + duration;
	*tail = max(*tail, activity->end_ns);
}

static void launch_play(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
	struct rig_activity activity = { .priority = (int32_t)item->priority };

	for (int i = 0; i < simulation->scenario->slow_count; i++) {
		const struct rig_slow *slow = &simulation->scenario->slows[i];

		if ((slow->units >> unit->index & 1) && simulation->step >= slow->from &&
		    simulation->step <= slow->to)
			duration = duration * slow->permille / 1000;
	}
	rig_kernel_fill(simulation->scenario, item->kernel, &activity);
	stream_place(simulation, unit, item, *cursor + latency, duration, &activity);
	if (item->has_no_launch) {
		simulation->correlations[unit->process]++;
	} else {
		rig_api_add(simulation, unit, item, "cudaLaunchKernel", *cursor, *cursor + api);
		*cursor += api;
	}
	rig_activity_add(simulation, unit, item, &activity);
}

static uint8_t memory_kind(const char *name, uint8_t otherwise)
{
	static const char *const names[] = { "unknown", "pageable", "pinned", "device", "array",
		"managed" };

	for (uint8_t i = 0; name && i < 6; i++) {
		if (!strcmp(name, names[i]))
			return i;
	}
	return otherwise;
}

static void copy_play(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, int64_t *cursor)
{
	static const struct {
		const char *name;
		uint8_t kind, source, destination;
	} directions[] = { { "h2d", 1, 2, 3 }, { "d2h", 2, 3, 2 }, { "d2d", 8, 3, 3 },
		{ "h2h", 9, 2, 2 } };
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
	struct rig_activity activity = { .kind = RIG_ACTIVITY_COPY, .bytes = item->bytes };
	bool is_peer = item->verb == RIG_VERB_peer;
	int64_t end;

	if (is_peer) {
		activity.kind = RIG_ACTIVITY_PEER_COPY;
		activity.copy_kind = 10;
		activity.source_kind = activity.destination_kind = 3;
		activity.source_device = (uint32_t)item->source_device;
		activity.destination_device = (uint32_t)item->destination_device;
	}
	for (size_t i = 0; !is_peer && i < 4; i++) {
		if (item->direction && !strcmp(item->direction, directions[i].name)) {
			activity.copy_kind = directions[i].kind;
			activity.source_kind = memory_kind(item->source, directions[i].source);
			activity.destination_kind =
				memory_kind(item->destination, directions[i].destination);
		}
	}
	if (!activity.copy_kind)
		fail(simulation, item, "copy needs dir=h2d, d2h, d2d or h2h");
	activity.is_async = !item->is_blocking;
	stream_place(simulation, unit, item, *cursor + latency, duration, &activity);
	end = *cursor + api;
	if (item->is_blocking)
		end = max(end, activity.end_ns + 1000);
	rig_api_add(simulation, unit, item, is_peer ? "cudaMemcpyPeerAsync" :
		    item->is_blocking ? "cudaMemcpy" : "cudaMemcpyAsync", *cursor, end);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor = end;
}

static void memset_play(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_MEMSET, .bytes = item->bytes, .value = (uint32_t)item->value,
		.destination_kind = memory_kind(item->destination, 3), .is_async = 1,
	};

	stream_place(simulation, unit, item, *cursor + latency, duration, &activity);
	rig_api_add(simulation, unit, item, "cudaMemsetAsync", *cursor, *cursor + api);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

static void sync_play(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t until = 0;
	const char *name = "cudaStreamSynchronize";
	struct rig_activity activity = { .kind = RIG_ACTIVITY_SYNC,
					 .stream = (uint32_t)item->stream };

	if (!item->name || !strcmp(item->name, "stream")) {
		activity.type = 3;
		until = *rig_stream_tail(simulation, unit, item->stream);
	} else if (!strcmp(item->name, "device")) {
		activity.type = 4;
		activity.stream = UINT32_MAX;
		name = "cudaDeviceSynchronize";
		for (int i = 0; i < unit->stream_count; i++)
			until = max(until, unit->streams[i].tail);
	} else {
		activity.type = 1;
		activity.event_id = (uint32_t)item->id;
		activity.event_sync_id = unit->events[item->id % RIG_EVENTS_MAX].sync_id;
		name = "cudaEventSynchronize";
		until = unit->events[item->id % RIG_EVENTS_MAX].time;
	}
	int64_t end = max(*cursor + api, until + 1000);

	activity.start_ns = *cursor + 200;
	activity.end_ns = end - 200;
	rig_api_add(simulation, unit, item, name, *cursor, end);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor = end;
}

static void event_play(struct rig_simulation *simulation, struct rig_unit *unit,
		       const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t *tail = rig_stream_tail(simulation, unit, item->stream);
	int event = (int)(item->id % RIG_EVENTS_MAX);
	struct rig_activity activity = {
		.stream = (uint32_t)item->stream, .event_id = (uint32_t)item->id,
	};

	if (item->verb == RIG_VERB_record) {
		unit->events[event].time = max(*tail, *cursor);
		unit->events[event].sync_id = ++unit->sync_count;
		activity.kind = RIG_ACTIVITY_EVENT;
		activity.start_ns = unit->events[event].time;
		rig_api_add(simulation, unit, item, "cudaEventRecord", *cursor, *cursor + api);
	} else {
		*tail = max(*tail, unit->events[event].time);
		activity.kind = RIG_ACTIVITY_SYNC;
		activity.type = 2;
		activity.start_ns = *cursor + 200;
		activity.end_ns = *cursor + api - 200;
		rig_api_add(simulation, unit, item, "cudaStreamWaitEvent", *cursor, *cursor + api);
	}
	activity.event_sync_id = unit->events[event].sync_id;
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

static void pool_fill(const struct rig_unit *unit, int64_t id, struct rig_activity *activity)
{
	const struct rig_pool *pool = &unit->pools[id % RIG_POOLS_MAX];

	activity->pool_address = 0x7e0000000000u + ((uint64_t)unit->index << 36) +
		((uint64_t)id << 24);
	activity->pool_bytes = pool->bytes;
	activity->pool_used = pool->used;
	activity->pool_threshold = pool->threshold;
}

static void memory_play(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	bool is_malloc = item->verb == RIG_VERB_malloc;
	int slot = (int)(item->id % RIG_EVENTS_MAX);
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_MEMORY, .destination_kind = 3, .type = is_malloc ? 1 : 2,
		.start_ns = *cursor + api / 2, .stream = UINT32_MAX,
	};
	static const char *const names[2][2] = {
		{ "cudaFree", "cudaMalloc" }, { "cudaFreeAsync", "cudaMallocAsync" },
	};

	if (is_malloc) {
		unit->allocations[slot].address = 0x7f0000000000u +
			((uint64_t)unit->index << 36) + unit->address;
		unit->allocations[slot].bytes = item->bytes;
		unit->address += ((uint64_t)item->bytes + 0x1fffff) & ~(uint64_t)0x1fffff;
	}
	activity.address = unit->allocations[slot].address;
	activity.bytes = unit->allocations[slot].bytes;
	if (item->pool > 0) {
		struct rig_pool *pool = &unit->pools[item->pool % RIG_POOLS_MAX];

		/* It grows by whole 32 MiB, and gives nothing back by itself. */
		pool->used += is_malloc ? activity.bytes : -activity.bytes;
		if (pool->used > pool->bytes)
			pool->bytes = (pool->used + 0x1ffffff) & ~(int64_t)0x1ffffff;
		pool_fill(unit, item->pool, &activity);
	}
	rig_api_add(simulation, unit, item, names[item->pool > 0][is_malloc], *cursor,
		    *cursor + api);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

/* op=create|trim|destroy: bytes= is the release threshold, and what a trim leaves at least. */
static void pool_play(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	struct rig_pool *pool = &unit->pools[item->id % RIG_POOLS_MAX];
	const char *op = item->op ? item->op : "create";
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_POOL, .type = 1, .start_ns = *cursor + api / 2,
	};
	const char *name = "cudaMemPoolCreate";

	if (!strcmp(op, "create")) {
		*pool = (struct rig_pool){ .threshold = item->bytes };
	} else if (!strcmp(op, "trim")) {
		activity.type = 3;
		name = "cudaMemPoolTrimTo";
		if (pool->bytes > max(item->bytes, pool->used))
			pool->bytes = max(item->bytes, pool->used);
	} else {
		activity.type = 2;
		name = "cudaMemPoolDestroy";
	}
	pool_fill(unit, item->id, &activity);
	rig_api_add(simulation, unit, item, name, *cursor, *cursor + api);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

/* A function of the host that the stream waits for. */
static void host_function_play(struct rig_simulation *simulation, struct rig_unit *unit,
			       const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
	struct rig_activity activity = { .kind = RIG_ACTIVITY_HOST };

	stream_place(simulation, unit, item, *cursor + latency, duration, &activity);
	rig_api_add(simulation, unit, item, "cudaLaunchHostFunc", *cursor, *cursor + api);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

/* Pages of managed memory move, or are missed; nobody calls for it. */
static void unified_play(struct rig_simulation *simulation, struct rig_unit *unit,
			 const struct rig_item *item, const int64_t *cursor)
{
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
	bool is_fault = item->verb == RIG_VERB_fault;
	bool is_first = !item->direction || !strcmp(item->direction, "h2d");
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_UNIFIED, .start_ns = *cursor + latency,
		.end_ns = *cursor + latency + duration,
		.bytes = is_fault ? item->value : item->bytes,
		.type = is_fault ? (item->name && !strcmp(item->name, "cpu") ? 3 : 4)
				 : is_first ? 1 : 2,
	};

	rig_activity_add(simulation, unit, item, &activity);
}

/* nodes=key:ns,key:ns: kernels one after the other, with one correlation id. */
static void graph_play(struct rig_simulation *simulation, struct rig_unit *unit,
		       const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	struct rig_activity whole = {
		.kind = RIG_ACTIVITY_GRAPH, .graph_id = (uint32_t)item->id,
		.stream = (uint32_t)item->stream,
	};
	const char *at = item->nodes;
	int64_t ready = *cursor + latency;

	rig_api_add(simulation, unit, item, "cudaGraphLaunch", *cursor, *cursor + api);
	for (uint64_t node = 1; at && *at; node++) {
		struct rig_activity activity = { .graph_id = (uint32_t)item->id };
		char key[64];
		long long duration = 0;
		int used = 0;

		if (sscanf(at, "%63[^:]:%lld%n", key, &duration, &used) != 2) {
			fail(simulation, item, "nodes=key:ns,key:ns");
			return;
		}
		at += used;
		at += *at == ',';
		const struct rig_kernel *kernel = rig_kernel_find(simulation->scenario, key);

		if (!kernel) {
			fail(simulation, item, "a node's kernel is not known");
			return;
		}
		rig_kernel_fill(simulation->scenario, key, &activity);
		activity.graph_node_id = (uint64_t)item->id << 32 | node;
		stream_place(simulation, unit, item, ready, duration, &activity);
		if (node == 1)
			whole.start_ns = activity.start_ns;
		whole.end_ns = activity.end_ns;
		rig_activity_add(simulation, unit, item, &activity);
	}
	rig_activity_add(simulation, unit, item, &whole);
	*cursor += api;
}

static void open_play(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, int64_t *cursor)
{
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	bool is_default = item->flag && !strcmp(item->flag, "default");
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_STREAM, .stream = (uint32_t)item->stream,
		.type = is_default ? 1 : 2, .priority = (int32_t)item->priority,
	};

	rig_stream_tail(simulation, unit, item->stream);
	rig_api_add(simulation, unit, item, "cudaStreamCreateWithPriority", *cursor, *cursor + api);
	rig_activity_add(simulation, unit, item, &activity);
	*cursor += api;
}

void rig_unit_item_play(struct rig_simulation *simulation, struct rig_unit *unit,
			   const struct rig_item *item, int64_t *cursor)
{
	switch ((int)item->verb) {
	case RIG_VERB_launch: launch_play(simulation, unit, item, cursor); break;
	case RIG_VERB_copy:
	case RIG_VERB_peer: copy_play(simulation, unit, item, cursor); break;
	case RIG_VERB_memset: memset_play(simulation, unit, item, cursor); break;
	case RIG_VERB_sync: sync_play(simulation, unit, item, cursor); break;
	case RIG_VERB_record:
	case RIG_VERB_wait: event_play(simulation, unit, item, cursor); break;
	case RIG_VERB_malloc:
	case RIG_VERB_free: memory_play(simulation, unit, item, cursor); break;
	case RIG_VERB_pool: pool_play(simulation, unit, item, cursor); break;
	case RIG_VERB_hostfunc: host_function_play(simulation, unit, item, cursor); break;
	case RIG_VERB_migrate:
	case RIG_VERB_fault: unified_play(simulation, unit, item, cursor); break;
	case RIG_VERB_graph: graph_play(simulation, unit, item, cursor); break;
	case RIG_VERB_open: open_play(simulation, unit, item, cursor); break;
	}
}
