/* SPDX-License-Identifier: MIT */
/* The events of one NCCL call, in the order of the real library: NVTX, profiler events, the
 * launch between them. */
#include <string.h>

#include "nccl_nvtx.h"
#include "nccl_plugin.h"

static const struct {
	const char *name, *dtype;
	int size;
} dtypes[] = {
	{ "i8", "ncclInt8", 1 }, { "u8", "Unknown", 1 }, { "i32", "ncclInt32", 4 },
	{ "u32", "ncclUint32", 4 }, { "i64", "ncclInt64", 8 }, { "u64", "ncclUint64", 8 },
	{ "f16", "ncclFloat16", 2 }, { "f32", "ncclFloat32", 4 }, { "f64", "ncclFloat64", 8 },
	{ "bf16", "ncclBfloat16", 2 },
};

/* v1's numbers: of dtypes, i.e. the API's ncclDataType_t, and of functions by enum rig_nccl_func.
 */
static const uint8_t enum_dtype[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const uint8_t func_numbers[RIG_NCCL_FUNCS] = { 4, 2, 3, 0, 1, 5, 6, 7 };
static const char *const func_names[RIG_NCCL_FUNCS] = {
	"AllReduce", "AllGather", "ReduceScatter", "Broadcast",
	"Reduce",    "SendRecv",  "Send",	   "Recv",
};

static int dtype_find(const char *name)
{
	for (int i = 0; name && i < (int)(sizeof(dtypes) / sizeof(dtypes[0])); i++) {
		if (!strcmp(name, dtypes[i].name))
			return i;
	}
	return 7;
}

/* An event descriptor, as on NCCL's stack: everything not written is garbage before v5's zeroing.
 */
struct descriptor {
	uint8_t bytes[136];
};

static void put(struct descriptor *d, unsigned offset, const void *value, size_t size)
{
	if (offset)
		memcpy(d->bytes + offset, value, size);
}

static void put_number(struct descriptor *d, unsigned offset, uint64_t value, size_t size)
{
	put(d, offset, &value, size);	/* little endian, as the boards' hosts are */
}

static void put_text(struct descriptor *d, unsigned offset, const char *text)
{
	put(d, offset, &text, sizeof(text));
}

static void descriptor_begin(struct descriptor *d, uint64_t type, const void *parent, int rank)
{
	memset(d->bytes, rig_nccl_plugin.abi->has_wide_type ? 0 : 0xcd, sizeof(d->bytes));
	memcpy(d->bytes, &type, rig_nccl_plugin.abi->has_wide_type ? 8 : 1);
	memcpy(d->bytes + 8, &parent, sizeof(parent));
	memcpy(d->bytes + 16, &rank, sizeof(rank));
}

static void event_start(struct rig_nccl_comm *comm, void **handle, struct descriptor *d)
{
	rig_nccl_plugin.profiler->start(comm->context, handle, d->bytes);
	memset(d->bytes, 0xee, sizeof(d->bytes));	/* the frame is gone */
}

static void event_stop(void *handle)
{
	if (handle)
		rig_nccl_plugin.profiler->stop(handle);
}

/* One call's walk through its events; `now` advances 100 ns an event whether or not anybody
 * listens. */
struct walk {
	struct rig_nccl_comm *comm;
	const struct rig_nccl_call *call;
	int64_t now;
	int operations, depth;
	bool is_p2p, has_events;
	int mask;
};

static void tick(struct walk *walk)
{
	rig_nccl_clock_at(walk->now);
	walk->now += 100;
}

static bool wants(const struct walk *walk, int bits)
{
	return walk->has_events && (walk->mask & bits) != 0;
}

enum {
	NEEDS_COLL = RIG_EVENT_COLL | RIG_EVENT_PROXY_OP | RIG_EVENT_PROXY_STEP |
		     RIG_EVENT_KERNEL_CH | RIG_EVENT_NET,
	NEEDS_GROUP = NEEDS_COLL | RIG_EVENT_P2P | RIG_EVENT_GROUP,
	NEEDS_GROUP_API = NEEDS_GROUP | RIG_EVENT_GROUP_API | RIG_EVENT_COLL_API |
			  RIG_EVENT_P2P_API | RIG_EVENT_KERNEL_LAUNCH,
};

static bool has_api_events(const struct walk *walk)
{
	return walk->has_events && rig_nccl_plugin.abi->has_api_events &&
	       wants(walk, NEEDS_GROUP_API);
}

static enum rig_nccl_func operation_func(const struct walk *walk, int operation)
{
	if (walk->call->func != RIG_NCCL_SEND_RECV)
		return walk->call->func;
	return operation ? RIG_NCCL_RECV : RIG_NCCL_SEND;
}

static int operation_peer(const struct walk *walk, int operation)
{
	int ranks = walk->comm->ranks;

	if (walk->call->func != RIG_NCCL_SEND_RECV)
		return walk->call->root;
	return (walk->comm->rank + (operation ? ranks - 1 : 1)) % ranks;
}

static void group_api_start(struct walk *walk)
{
	struct descriptor d;

	tick(walk);
	if (!has_api_events(walk))
		return;
	descriptor_begin(&d, RIG_EVENT_GROUP_API, NULL, 0);
	put_number(&d, 28, (uint64_t)walk->depth, 4);
	event_start(walk->comm, &walk->comm->group_api, &d);
}

static void group_api_state(struct walk *walk, int state)
{
	tick(walk);
	if (has_api_events(walk) && walk->comm->group_api)
		rig_nccl_plugin.profiler->record(walk->comm->group_api, state, NULL);
}

static void operation_api(struct walk *walk, int operation)
{
	const struct rig_nccl_call *call = walk->call;
	int dtype = dtype_find(call->dtype);
	uint64_t count = (uint64_t)(call->bytes / dtypes[dtype].size);
	int bits = walk->is_p2p ? RIG_EVENT_P2P_API | RIG_EVENT_P2P
				: RIG_EVENT_COLL_API | NEEDS_COLL;
	void **handle = &walk->comm->api[operation % 64];
	bool wanted = has_api_events(walk) && wants(walk, bits);
	struct descriptor d;

	tick(walk);
	if (wanted) {
		descriptor_begin(&d, walk->is_p2p ? RIG_EVENT_P2P_API : RIG_EVENT_COLL_API,
				 walk->comm->group_api, 0);
		put_text(&d, 24, func_names[operation_func(walk, operation)]);
		put_number(&d, 32, count, 8);
		put_text(&d, 40, dtypes[dtype].dtype);
		if (!walk->is_p2p)
			put_number(&d, 48, (uint64_t)call->root, 4);
		put(&d, walk->is_p2p ? 48 : 56, &call->stream, sizeof(call->stream));
		put_number(&d,
			   walk->is_p2p ? rig_nccl_plugin.abi->api_tag_p2p
					: rig_nccl_plugin.abi->api_tag_coll,
			   0, 8);
		event_start(walk->comm, handle, &d);
	}
	tick(walk);
	if (wanted)
		event_stop(*handle);
}

static void kernel_launch(struct walk *walk)
{
	bool wanted = has_api_events(walk) && wants(walk, RIG_EVENT_KERNEL_LAUNCH);
	struct descriptor d;

	tick(walk);
	if (wanted) {
		descriptor_begin(&d, RIG_EVENT_KERNEL_LAUNCH, walk->comm->group_api, 0);
		put(&d, 24, &walk->call->stream, sizeof(walk->call->stream));
		event_start(walk->comm, &walk->comm->launch, &d);
	}
	walk->call->launch(walk->call->user);
	walk->now = walk->call->launch_end_ns + 100;
	tick(walk);
	if (wanted)
		event_stop(walk->comm->launch);
}

static void coll_fill(const struct walk *walk, struct descriptor *d, int operation)
{
	const struct rig_nccl_offsets *at = &rig_nccl_plugin.abi->coll;
	const struct rig_nccl_call *call = walk->call;
	bool is_bytes = call->func == RIG_NCCL_ALL_GATHER || call->func == RIG_NCCL_BROADCAST;
	int dtype = is_bytes ? 0 : dtype_find(call->dtype);
	uint64_t count = (uint64_t)(call->bytes / dtypes[dtype].size);
	const void *buffer = (const void *)(uintptr_t)0x7f1000000000u;

	put_text(d, at->name, NULL);
	put_number(d, at->hash, walk->comm->hash, 8);
	put_number(d, at->sequence, call->sequence + (uint64_t)operation, 8);
	put(d, at->send, &buffer, sizeof(buffer));
	put(d, at->receive, &buffer, sizeof(buffer));
	put_number(d, at->count, count, 8);
	put_number(d, at->root, (uint64_t)call->root, 4);
	put_number(d, at->op, 0, 4);
	put_number(d, at->traffic, (uint64_t)call->bytes * 2, 8);
	put_number(d, at->channels, (uint64_t)call->channels, 1);
	put_number(d, at->warps, (uint64_t)call->warps, 1);
	if (rig_nccl_plugin.abi->has_enums) {
		put_number(d, at->func, func_numbers[call->func], 1);
		put_number(d, at->dtype, (uint64_t)enum_dtype[dtype], 1);
		put_number(d, at->algo, 1, 1);
		put_number(d, at->proto, 2, 1);
		put_number(d, 108, 0, 8);	/* isCollnet, isNvls */
	} else {
		put_text(d, at->func, func_names[call->func]);
		put_text(d, at->dtype, dtypes[dtype].dtype);
		put_text(d, at->algo, "RING");
		put_text(d, at->proto, "SIMPLE");
	}
	put(d, at->group, &walk->comm->group, sizeof(void *));
	put_text(d, at->variant, NULL);
	put_number(d, at->is_symmetric, 0, 1);
	put_number(d, at->tag, 0, 8);
}

static void p2p_fill(const struct walk *walk, struct descriptor *d, int operation)
{
	const struct rig_nccl_offsets *at = &rig_nccl_plugin.abi->p2p;
	int dtype = dtype_find(walk->call->dtype);
	enum rig_nccl_func func = operation_func(walk, operation);
	const void *buffer = (const void *)(uintptr_t)0x7f1000000000u;

	put_text(d, at->name, NULL);
	put_number(d, at->hash, walk->comm->hash, 8);
	put(d, at->send, &buffer, sizeof(buffer));
	put_number(d, at->count, (uint64_t)(walk->call->bytes / dtypes[dtype].size), 8);
	put_number(d, at->peer, (uint64_t)operation_peer(walk, operation), 4);
	put_number(d, at->channels, (uint64_t)walk->call->channels, 1);
	if (rig_nccl_plugin.abi->has_enums) {
		put_number(d, at->func, func_numbers[func], 1);
		put_number(d, at->dtype, (uint64_t)enum_dtype[dtype], 1);
	} else {
		put_text(d, at->func, func_names[func]);
		put_text(d, at->dtype, dtypes[dtype].dtype);
	}
	put(d, at->group, &walk->comm->group, sizeof(void *));
	put_number(d, at->tag, 0, 8);
}

static void tasks_walk(struct walk *walk)
{
	int bits = walk->is_p2p ? RIG_EVENT_P2P | (NEEDS_COLL & ~RIG_EVENT_COLL) : NEEDS_COLL;
	struct rig_nccl_comm *comm = walk->comm;
	/* Before v5 a NULL group prunes its children. */
	bool has_parent =
		rig_nccl_plugin.abi && (rig_nccl_plugin.abi->has_api_events || comm->group);
	bool wanted = wants(walk, bits) && has_parent;
	struct descriptor d;

	for (int i = 0; i < walk->operations; i++) {
		tick(walk);
		if (!wanted)
			continue;
		descriptor_begin(&d, walk->is_p2p ? RIG_EVENT_P2P : RIG_EVENT_COLL,
				 rig_nccl_plugin.abi->has_api_events ? comm->api[i % 64]
								     : comm->group,
				 comm->rank);
		if (walk->is_p2p)
			p2p_fill(walk, &d, i);
		else
			coll_fill(walk, &d, i);
		event_start(comm, &comm->task[i % 64], &d);
	}
	for (int i = 0; i < walk->operations; i++) {
		tick(walk);
		if (wanted)
			event_stop(comm->task[i % 64]);
	}
}

static void group_walk(struct walk *walk)
{
	struct descriptor d;
	bool wanted = wants(walk, NEEDS_GROUP);

	tick(walk);
	if (wanted) {
		descriptor_begin(&d, RIG_EVENT_GROUP, NULL, walk->comm->rank);
		event_start(walk->comm, &walk->comm->group, &d);
	}
	tasks_walk(walk);
	tick(walk);
	if (wanted)
		event_stop(walk->comm->group);
	tick(walk);
	if (has_api_events(walk))
		event_stop(walk->comm->group_api);
}

static void operation_push(struct walk *walk, int operation)
{
	tick(walk);
	rig_nccl_nvtx_push_call(operation_func(walk, operation), walk->comm->hash,
				(uint64_t)walk->call->bytes, operation_peer(walk, operation));
}

static void walk_pop(struct walk *walk)
{
	tick(walk);
	rig_nccl_nvtx_pop();
}

static void grouped_walk(struct walk *walk)
{
	tick(walk);
	rig_nccl_nvtx_push_plain("ncclGroupStart");
	group_api_start(walk);
	group_api_state(walk, 23);
	walk_pop(walk);
	for (int i = 0; i < walk->operations; i++) {
		operation_push(walk, i);
		operation_api(walk, i);
		walk_pop(walk);
	}
	tick(walk);
	rig_nccl_nvtx_push_plain("ncclGroupEnd");
	group_api_state(walk, 24);
	kernel_launch(walk);
	group_walk(walk);
	walk_pop(walk);
}

static void single_walk(struct walk *walk)
{
	operation_push(walk, 0);
	group_api_start(walk);
	group_api_state(walk, 23);
	operation_api(walk, 0);
	group_api_state(walk, 24);
	kernel_launch(walk);
	group_walk(walk);
	walk_pop(walk);
}

void rig_nccl_collective(struct rig_nccl_comm *comm, const struct rig_nccl_call *call)
{
	struct walk walk = {
		.comm = comm, .call = call, .now = call->start_ns, .operations = call->fused,
		.is_p2p = call->func >= RIG_NCCL_SEND_RECV,
		/* 1-rank communicators give no events. */
		.has_events = comm->has_profiler && comm->ranks > 1,
		.mask = __atomic_load_n(&rig_nccl_plugin.mask, __ATOMIC_RELAXED),
	};

	if (call->func == RIG_NCCL_SEND_RECV)
		walk.operations = 2;
	walk.depth = walk.operations > 1 ? 2 : 1;
	if (walk.operations > 1)
		grouped_walk(&walk);
	else
		single_walk(&walk);
}
