/* SPDX-License-Identifier: MIT */
/* Communicators and collectives of a simulated run: the kernels start when each rank arrives and
 * end together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulate.h"

static const char *const funcs[RIG_FUNC_COUNT] = {
	[RIG_FUNC_ALL_REDUCE] = "AllReduce", [RIG_FUNC_ALL_GATHER] = "AllGather",
	[RIG_FUNC_REDUCE_SCATTER] = "ReduceScatter", [RIG_FUNC_BROADCAST] = "Broadcast",
	[RIG_FUNC_REDUCE] = "Reduce", [RIG_FUNC_SEND_RECV] = "SendRecv",
	[RIG_FUNC_SEND] = "Send", [RIG_FUNC_RECV] = "Recv",
};

int rig_func_find(const char *name)
{
	for (int i = 0; name && i < RIG_FUNC_COUNT; i++) {
		if (!strcmp(name, funcs[i]))
			return i;
	}
	return -1;
}

/* The mangled name of the kernel that NCCL 2.22 and later would launch. */
static const char *kernel_symbol(int func, const char *dtype)
{
	static char *kept[RIG_FUNC_COUNT][16];
	static const char *const dtypes[] = { "u8", "u32", "u64", "f16", "f32", "f64", "bf16" };
	char name[80], symbol[160];
	int type = 4;

	for (int i = 0; dtype && i < 7; i++) {
		if (!strcmp(dtype, dtypes[i]))
			type = i;
	}
	if (kept[func][type])
		return kept[func][type];
	if (func >= RIG_FUNC_SEND_RECV)
		snprintf(name, sizeof(name), "ncclDevKernel_SendRecv");
	else if (func == RIG_FUNC_ALL_GATHER || func == RIG_FUNC_BROADCAST)
		snprintf(name, sizeof(name), "ncclDevKernel_%s_RING_LL", funcs[func]);
	else
		snprintf(name, sizeof(name), "ncclDevKernel_%s_Sum_%s_RING_LL", funcs[func],
			 dtypes[type]);
	snprintf(symbol, sizeof(symbol), "_Z%zu%s24ncclDevKernelArgsStorageILm4096EE", strlen(name),
		 name);
	kept[func][type] = strdup(symbol);
	return kept[func][type];
}

/* Units that take part, in order; returns their number. */
static int members_find(const struct rig_simulation *simulation, const struct rig_item *item,
			int members[RIG_GPUS_MAX])
{
	int count = 0;

	for (int i = 0; i < simulation->unit_count; i++) {
		if (rig_item_matches(simulation, item, i))
			members[count++] = i;
	}
	return count;
}

void rig_comm_play(struct rig_simulation *simulation, const struct rig_item *item)
{
	int members[RIG_GPUS_MAX];
	int count = members_find(simulation, item, members);

	for (int i = 0; i < count && item->verb == RIG_VERB_comm; i++) {
		uint64_t *units = &simulation->comm_units[item->id % RIG_COMMS_MAX];

		*units = (i ? *units : 0) | UINT64_C(1) << members[i];
	}
	for (int i = 0; i < count; i++) {
		struct rig_unit *unit = &simulation->units[members[i]];
		int64_t *cursor = &simulation->cursors[unit->process][item->thread];
		int64_t api = rig_amount_draw(simulation, unit, &item->api);
		struct rig_op *op = rig_op_add(simulation, unit, item,
			item->verb == RIG_VERB_comm ? RIG_OP_COMM : RIG_OP_UNCOMM);

		if (op) {
			op->rank = i;
			op->ranks = count;
			op->start_ns = *cursor;
			op->end_ns = *cursor + api;
			op->name = item->name;
		}
		*cursor += api;
	}
}

struct member {
	int64_t start, launch_start, launch_end, arrival, end;
};

/* Host times of one rank's call: README.md, "A collective on the host". */
static void member_enqueue(struct rig_simulation *simulation, const struct rig_item *item,
			   struct rig_unit *unit, int operations, struct member *member)
{
	int64_t *cursor = &simulation->cursors[unit->process][item->thread];
	int64_t api = rig_amount_draw(simulation, unit, &item->api);
	int64_t latency = rig_amount_draw(simulation, unit, &item->latency);
	int64_t tail = *rig_stream_tail(simulation, unit, item->stream);
	bool is_grouped = operations > 1;

	member->start = *cursor;
	member->launch_start = *cursor + 100 * (is_grouped ? 7 + 4 * operations : 7);
	member->launch_end = member->launch_start + api;
	member->arrival = member->launch_start + latency;
	if (tail > member->arrival)
		member->arrival = tail;
	*cursor = member->launch_end + 100 * (is_grouped ? 6 + 2 * operations : 8);
	member->end = *cursor;
}

/* Who a member of a call is. */
struct place {
	int func, unit, rank, ranks, peer;
};

static void member_add(struct rig_simulation *simulation, const struct rig_item *item,
		       const struct place *place, const struct member *member, int64_t kernel_end)
{
	int func = place->func;
	int unit_index = place->unit;
	struct rig_unit *unit = &simulation->units[unit_index];
	int *sequence = &unit->sequences[item->id % RIG_COMMS_MAX][func];
	struct rig_op *op = rig_op_add(simulation, unit, item, RIG_OP_COLL);
	struct rig_activity activity = {
		.kind = RIG_ACTIVITY_KERNEL, .stream = (uint32_t)item->stream,
		.start_ns = member->arrival, .end_ns = kernel_end, .is_communication = 1,
		.grid = { (uint32_t)item->channels, 1, 1 },
		.block = { (uint32_t)item->warps * 32, 1, 1 }, .registers = 96,
		.name = item->kernel ? item->kernel : kernel_symbol(func, item->dtype),
	};
	const struct rig_kernel *kernel = rig_kernel_find(simulation->scenario, item->kernel);

	if (kernel)
		activity.name = kernel->symbol;
	if (op) {
		op->rank = place->rank;
		op->ranks = place->ranks;
		op->peer = place->peer;
		op->sequence = *sequence;
		op->start_ns = member->start;
		op->end_ns = member->end;
		op->launch_start_ns = member->launch_start;
		op->launch_end_ns = member->launch_end;
		op->name = funcs[func];
	}
	*sequence += (int)item->fused;
	rig_api_add(simulation, unit, item, "cuLaunchKernelEx", member->launch_start,
		    member->launch_end);
	rig_activity_add(simulation, unit, item, &activity);
	*rig_stream_tail(simulation, unit, item->stream) = kernel_end;
}

/* All start when they arrive and end together, `skew` apart at most. */
static void members_play(struct rig_simulation *simulation, const struct rig_item *item,
			 const struct place *places, int count)
{
	struct member of[RIG_GPUS_MAX];
	int64_t last = 0;

	for (int i = 0; i < count; i++) {
		int operations = places[i].func == RIG_FUNC_SEND_RECV ? 2 : (int)item->fused;

		member_enqueue(simulation, item, &simulation->units[places[i].unit], operations,
			       &of[i]);
		if (of[i].arrival > last)
			last = of[i].arrival;
	}
	last += rig_amount_draw(simulation, &simulation->units[places[0].unit], &item->duration);
	for (int i = 0; i < count; i++) {
		int64_t end = last;

		if (item->skew > 0)
			end += rig_draw_below(simulation, &simulation->units[places[i].unit],
					      item->skew + 1);
		member_add(simulation, item, &places[i], &of[i], end);
	}
}

static int rank_of(uint64_t units, int unit)
{
	return __builtin_popcountll(units & ((UINT64_C(1) << unit) - 1));
}

/* ncclSend on the unit `from`, ncclRecv on the unit `to`, both of the communicator. */
static bool send_play(struct rig_simulation *simulation, const struct rig_item *item)
{
	uint64_t units = simulation->comm_units[item->id % RIG_COMMS_MAX];
	int from = (int)item->source_device, to = (int)item->destination_device;
	int ranks = __builtin_popcountll(units);

	if (from < 0 || to < 0 || from >= RIG_GPUS_MAX || to >= RIG_GPUS_MAX || from == to ||
	    !(units >> from & 1) || !(units >> to & 1))
		return false;
	const struct place places[] = {
		{ RIG_FUNC_SEND, from, rank_of(units, from), ranks, rank_of(units, to) },
		{ RIG_FUNC_RECV, to, rank_of(units, to), ranks, rank_of(units, from) },
	};
	if (simulation->step >= item->step_from && simulation->step <= item->step_to)
		members_play(simulation, item, places, 2);
	return true;
}

void rig_coll_play(struct rig_simulation *simulation, const struct rig_item *item)
{
	struct place places[RIG_GPUS_MAX];
	int members[RIG_GPUS_MAX];
	int count = members_find(simulation, item, members);
	int func = rig_func_find(item->op);

	if (func < 0 || func == RIG_FUNC_RECV ||
	    (func == RIG_FUNC_SEND && !send_play(simulation, item))) {
		fprintf(stderr, "rig: line %d: coll needs op=, Send from= and to= of the comm\n",
			item->line);
		simulation->has_failed = true;
		return;
	}
	if (func == RIG_FUNC_SEND || !count)
		return;
	for (int i = 0; i < count; i++)
		places[i] = (struct place){ func, members[i], i, count, 0 };
	members_play(simulation, item, places, count);
}
