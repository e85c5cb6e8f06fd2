/* SPDX-License-Identifier: MIT */
#include "nccl_nvtx.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nccl_plugin.h"
#include "nvtx.h"

enum {
	SCHEMA_BASE = 1 << 24,
	ENUM_ID = SCHEMA_BASE + 20,
	TYPE_INT = 5,
	TYPE_U64 = 18,
	TYPE_SIZE = 22
};

struct call_payload {
	uint64_t comm;
	size_t bytes;
	int number, operator;	/* root, peer or operator; operator of Reduce */
};

struct init_payload {
	uint64_t comm;
	int ranks, rank, device;
};

/*
 * Up to 2.24 (RIG_NCCL v0 .. v2) nobody says the communicator, and the schemas say that their size
 * is 0. They are those of the real 2.22.
 */
struct old_payload {
	size_t bytes;
	int number, operator;
};

struct old_init_payload {
	int rank, ranks, device;
};

enum {
	OLD_ENUM_ID = SCHEMA_BASE + 14,		/* 2.23 .. 2.25 */
	OLDEST_ENUM_ID = SCHEMA_BASE + 11,	/* .. 2.22 */
	ENTRIES_MAX = 4
};
#define OLD_BYTES { .type = TYPE_SIZE, .name = "Message size [bytes]", .offset = 0 }

static const struct rig_nvtx_entry old_bytes[] = { OLD_BYTES };
static const struct rig_nvtx_entry old_reduction[] = {
	OLD_BYTES, { .type = OLD_ENUM_ID, .name = "Reduction operation", .offset = 8 },
};
static const struct rig_nvtx_entry old_broadcast[] = {
	{ .type = TYPE_SIZE, .name = "Bytes", .offset = 0 },
	{ .type = TYPE_INT, .name = "Root", .offset = 8 },
};
static const struct rig_nvtx_entry old_reduce[] = {
	OLD_BYTES, { .type = TYPE_INT, .name = "Root", .offset = 8 },
	{ .type = OLD_ENUM_ID, .name = "Reduction operation", .offset = 12 },
};
static const struct rig_nvtx_entry old_peer[] = {
	{ .type = TYPE_SIZE, .name = "Bytes", .offset = 0 },
	{ .type = TYPE_INT, .name = "Peer rank", .offset = 8 },
};
static const struct rig_nvtx_entry old_init[] = {
	{ .type = TYPE_INT, .name = "Rank", .offset = 0 },
	{ .type = TYPE_INT, .name = "No. of ranks", .offset = 4 },
	{ .type = TYPE_INT, .name = "CUDA device", .offset = 8 },
};

#define COMM { .type = TYPE_U64, .name = "NCCL communicator ID", .offset = 0 }
#define BYTES { .type = TYPE_SIZE, .name = "Message size [bytes]", .offset = 8 }

static const struct rig_nvtx_entry entries_bytes[] = { COMM, BYTES };
static const struct rig_nvtx_entry entries_reduction[] = {
	COMM, BYTES, { .type = ENUM_ID, .name = "Reduction operation", .offset = 16 },
};
static const struct rig_nvtx_entry entries_root[] = {
	COMM, BYTES, { .type = TYPE_INT, .name = "Root", .offset = 16 },
};
static const struct rig_nvtx_entry entries_reduce[] = {
	COMM, BYTES, { .type = TYPE_INT, .name = "Root", .offset = 16 },
	{ .type = ENUM_ID, .name = "Reduction operation", .offset = 20 },
};
static const struct rig_nvtx_entry entries_peer[] = {
	COMM, BYTES, { .type = TYPE_INT, .name = "Peer rank", .offset = 16 },
};
static const struct rig_nvtx_entry entries_init[] = {
	COMM, { .type = TYPE_INT, .name = "No. of ranks", .offset = 8 },
	{ .type = TYPE_INT, .name = "Rank", .offset = 12 },
	{ .type = TYPE_INT, .name = "CUDA device", .offset = 16 },
};

/* The registered functions: those of the collectives first, by enum rig_nccl_func. */
enum { CALL_INIT = RIG_NCCL_FUNCS, CALL_DESTROY, CALLS };

struct call {
	const char *name;
	uint64_t schema;	/* N of the id (1 << 24) + N */
	const struct rig_nvtx_entry *entries;
	size_t entry_count, size;
};

static const struct call new_calls[CALLS] = {
#define CALL(name, schema, entries, size) \
	{ name, schema, entries, sizeof(entries) / sizeof((entries)[0]), size }
	[RIG_NCCL_ALL_REDUCE] = CALL("ncclAllReduce", 5, entries_reduction, 24),
	[RIG_NCCL_ALL_GATHER] = CALL("ncclAllGather", 4, entries_bytes, 16),
	[RIG_NCCL_REDUCE_SCATTER] = CALL("ncclReduceScatter", 7, entries_reduction, 24),
	[RIG_NCCL_BROADCAST] = CALL("ncclBroadcast", 6, entries_root, 24),
	[RIG_NCCL_REDUCE] = CALL("ncclReduce", 8, entries_reduce, 24),
	[RIG_NCCL_SEND] = CALL("ncclSend", 9, entries_peer, 24),
	[RIG_NCCL_RECV] = CALL("ncclRecv", 10, entries_peer, 24),
	[CALL_INIT] = CALL("ncclCommInitRank", 0, entries_init, 24),
	[CALL_DESTROY] = CALL("ncclCommDestroy", 2, entries_init, 24),
};

static const struct call old_calls[CALLS] = {
	[RIG_NCCL_ALL_REDUCE] = CALL("ncclAllReduce", 5, old_reduction, 16),
	[RIG_NCCL_ALL_GATHER] = CALL("ncclAllGather", 4, old_bytes, 8),
	[RIG_NCCL_REDUCE_SCATTER] = CALL("ncclReduceScatter", 7, old_reduction, 16),
	[RIG_NCCL_BROADCAST] = CALL("ncclBroadcast", 6, old_broadcast, 16),
	[RIG_NCCL_REDUCE] = CALL("ncclReduce", 8, old_reduce, 16),
	[RIG_NCCL_SEND] = CALL("ncclSend", 9, old_peer, 16),
	[RIG_NCCL_RECV] = CALL("ncclRecv", 10, old_peer, 16),
	[CALL_INIT] = CALL("ncclCommInitRank", 0, old_init, 12),
	[CALL_DESTROY] = CALL("ncclCommDestroy", 2, old_init, 12),
#undef CALL
};

static struct {
	pthread_mutex_t lock;
	const struct rig_nvtx *nvtx;
	void *domain;
	void *strings[CALLS];
	const struct call *calls;
	bool is_old;
	bool is_off;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t operators_id(void)
{
	if (rig_nccl_newest() > 2)
		return ENUM_ID;
	return rig_nccl_newest() == 0 ? OLDEST_ENUM_ID : OLD_ENUM_ID;
}

static void domain_open(void)
{
	static const struct rig_nvtx_enum_entry operators[] = {
		{ "Sum", 0, 0 }, { "Product", 1, 0 }, { "Max", 2, 0 },
		{ "Min", 3, 0 }, { "Avg", 4, 0 },
	};
	const struct rig_nvtx_enum values = {
		.mask = RIG_ENUM_ENTRIES | RIG_ENUM_COUNT | RIG_ENUM_SIZE | RIG_ENUM_ID,
		.entries = operators, .entry_count = 5, .size = 4,
		.id = operators_id(),
	};
	const char *disable = getenv("NCCL_NVTX_DISABLE");

	if (state.nvtx)
		return;
	state.is_old = rig_nccl_newest() <= 2;
	state.calls = state.is_old ? old_calls : new_calls;
	state.is_off = disable && strtol(disable, NULL, 10) != 0;
	state.nvtx = rig_nvtx_select(false);
	if (state.is_off)
		return;
	state.domain = state.nvtx->domain_create("NCCL");
	state.nvtx->enum_register(state.domain, &values);
}

/* What the real macros do at a function's first use. */
static bool call_ready(int call)
{
	pthread_mutex_lock(&state.lock);
	domain_open();
	const struct call *info = &state.calls[call];

	if (!state.is_off && !state.strings[call]) {
		struct rig_nvtx_entry entries[ENTRIES_MAX];

		memcpy(entries, info->entries, info->entry_count * sizeof(*entries));
		for (size_t i = 0; i < info->entry_count; i++)
			if (entries[i].type == OLD_ENUM_ID)
				entries[i].type = operators_id();
		const struct rig_nvtx_schema schema = {
			.mask = RIG_SCHEMA_TYPE | RIG_SCHEMA_ENTRIES | RIG_SCHEMA_COUNT |
				RIG_SCHEMA_SIZE | RIG_SCHEMA_ID,
			.name = info->name + 4, .type = 1, .entries = entries,
			.entry_count = info->entry_count,
			.static_size = state.is_old ? 0 : info->size,
			.id = SCHEMA_BASE + info->schema,
		};

		state.nvtx->schema_register(state.domain, &schema);
		state.strings[call] = state.nvtx->string_register(state.domain, info->name);
	}
	pthread_mutex_unlock(&state.lock);
	return !state.is_off;
}

static void push_payload(int call, const void *payload)
{
	struct rig_nvtx_payload data = {
		.schema = SCHEMA_BASE + state.calls[call].schema, .size = state.calls[call].size,
		.payload = payload,
	};
	struct rig_nvtx_attributes attributes = {
		.version = 3, .size = sizeof(attributes), .message_type = RIG_MESSAGE_REGISTERED,
		.message = state.strings[call],
	};

	if (payload) {
		attributes.payload_type = RIG_PAYLOAD_EXTENSION;
		attributes.reserved = 1;
		attributes.payload.u64 = (uint64_t)(uintptr_t)&data;
	}
	state.nvtx->push(state.domain, &attributes);
	memset(&data, 0xa5, sizeof(data));	/* NCCL's stack is reused; nobody may keep it */
}

void rig_nccl_nvtx_push_plain(const char *name)
{
	static void *group_start, *group_end;
	bool is_start = !strcmp(name, "ncclGroupStart");
	void **string = is_start ? &group_start : &group_end;

	pthread_mutex_lock(&state.lock);
	domain_open();
	if (!state.is_off && !*string)
		*string = state.nvtx->string_register(state.domain, name);
	pthread_mutex_unlock(&state.lock);
	if (state.is_off)
		return;
	struct rig_nvtx_attributes attributes = {
		.version = 3, .size = sizeof(attributes), .message_type = RIG_MESSAGE_REGISTERED,
		.message = *string,
	};

	state.nvtx->push(state.domain, &attributes);
}

void rig_nccl_nvtx_push_call(enum rig_nccl_func func, uint64_t comm, uint64_t bytes,
			     int root_or_peer)
{
	struct call_payload payload;

	if (!call_ready((int)func))
		return;
	memset(&payload, 0x5a, sizeof(payload));	/* padding holds garbage */
	payload.comm = comm;
	payload.bytes = bytes;
	payload.number = 0;	/* Sum */
	if (func != RIG_NCCL_ALL_REDUCE && func != RIG_NCCL_REDUCE_SCATTER)
		payload.number = root_or_peer;
	if (func == RIG_NCCL_REDUCE)
		payload.operator = 0;
	if (state.is_old)
		push_payload((int)func, &payload.bytes); /* lacks the first member */
	else
		push_payload((int)func, &payload);
}

void rig_nccl_nvtx_push_destroy(uint64_t comm, int ranks, int rank, int device)
{
	const struct init_payload payload = {
		.comm = comm, .ranks = ranks, .rank = rank, .device = device,
	};
	const struct old_init_payload old = { .ranks = ranks, .rank = rank, .device = device };

	if (call_ready(CALL_DESTROY))
		push_payload(CALL_DESTROY,
			     state.is_old ? (const void *)&old : (const void *)&payload);
}

void rig_nccl_nvtx_pop(void)
{
	if (!state.is_off)
		state.nvtx->pop(state.domain);
}

void rig_nccl_nvtx_push_init(int ranks, int rank, int device)
{
	const struct old_init_payload old = { .ranks = ranks, .rank = rank, .device = device };

	if (call_ready(CALL_INIT))
		push_payload(CALL_INIT, state.is_old ? &old : NULL);
}

void rig_nccl_nvtx_pop_init(uint64_t comm, int ranks, int rank, int device)
{
	const struct init_payload payload = {
		.comm = comm, .ranks = ranks, .rank = rank, .device = device,
	};
	const struct rig_nvtx_payload data = {
		.schema = SCHEMA_BASE, .size = sizeof(payload), .payload = &payload,
	};

	if (state.is_old)
		rig_nccl_nvtx_pop();
	else if (!state.is_off)
		state.nvtx->pop_payload(state.domain, &data, 1);
}
