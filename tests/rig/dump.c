/* SPDX-License-Identifier: MIT */
/* One JSON line for each operation that a process plays, to be compared with truth.py --dump. */
#include <stdio.h>
#include <string.h>

#include "play.h"

static void text_print(const char *text)
{
	if (!text) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at == '"' || *at == '\\')
			printf("\\%c", *at);
		else if (*at < 32)
			printf("\\u%04x", *at);
		else
			putchar(*at);
	}
	putchar('"');
}

static void named_print(const char *key, const char *text)
{
	printf(",\"%s\":", key);
	text_print(text);
}

static void number_print(const char *key, int64_t number)
{
	printf(",\"%s\":%lld", key, (long long)number);
}

static void pool_numbers(const struct rig_activity *a)
{
	number_print("pool", (int64_t)a->pool_address);
	number_print("pool_bytes", a->pool_bytes);
	number_print("pool_used", a->pool_used);
	number_print("threshold", a->pool_threshold);
}

static void activity_numbers(const struct rig_activity *a)
{
	static const char *const names[] = { "kernel", "copy", "peer", "memset", "sync", "event",
		"memory", "overhead", "stream", "context", "graph", "pool",
		"jit", "host", "unified" };

	printf("{\"op\":\"%s\"", names[a->kind]);
	switch (a->kind) {
	case RIG_ACTIVITY_KERNEL:
		named_print("name", a->name);
		printf(",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u]", a->grid[0], a->grid[1],
		       a->grid[2], a->block[0], a->block[1], a->block[2]);
		number_print("graph", a->graph_id);
		break;
	case RIG_ACTIVITY_COPY:
		number_print("dir", a->copy_kind);
		number_print("src", a->source_kind);
		number_print("dst", a->destination_kind);
		number_print("bytes", a->bytes);
		number_print("async", a->is_async);
		break;
	case RIG_ACTIVITY_PEER_COPY:
		number_print("from", a->source_device);
		number_print("to", a->destination_device);
		number_print("bytes", a->bytes);
		break;
	case RIG_ACTIVITY_MEMSET:
		number_print("value", a->value);
		number_print("bytes", a->bytes);
		break;
	case RIG_ACTIVITY_SYNC:
	case RIG_ACTIVITY_EVENT:
		number_print("type", a->type);
		number_print("event", a->event_id);
		number_print("sync_id", (int64_t)a->event_sync_id);
		break;
	case RIG_ACTIVITY_MEMORY:
		number_print("type", a->type);
		number_print("address", (int64_t)a->address);
		number_print("bytes", a->bytes);
		if (a->pool_address)
			pool_numbers(a);
		break;
	case RIG_ACTIVITY_POOL:
		number_print("type", a->type);
		pool_numbers(a);
		break;
	case RIG_ACTIVITY_HOST: break;
	case RIG_ACTIVITY_UNIFIED:
		number_print("type", a->type);
		number_print("value", a->bytes);
		break;
	case RIG_ACTIVITY_JIT:
	case RIG_ACTIVITY_OVERHEAD: number_print("type", a->type); break;
	case RIG_ACTIVITY_STREAM:
		number_print("type", a->type);
		number_print("priority", a->priority);
		break;
	case RIG_ACTIVITY_CONTEXT: break;
	case RIG_ACTIVITY_GRAPH: number_print("graph", a->graph_id); break;
	}
}

static void activity_print(const struct rig_op *op)
{
	const struct rig_activity *a = &op->activity;

	activity_numbers(a);
	number_print("unit", op->unit);
	if (a->kind != RIG_ACTIVITY_OVERHEAD && a->kind != RIG_ACTIVITY_JIT &&
	    a->kind != RIG_ACTIVITY_UNIFIED) {
		number_print("stream", a->stream);
		number_print("corr", op->correlation);
	}
	number_print("start", a->start_ns);
	number_print("end", a->end_ns);
}

static void nvtx_print(const struct rig_op *op)
{
	const struct rig_item *item = op->item;

	printf("{\"op\":\"%s\"", rig_verb_name(item->verb));
	named_print("name", op->name);
	named_print("domain", item->domain);
	named_print("payload", op->payload);
	number_print("category", item->category);
	number_print("color", item->color);
	number_print("id", item->id);
	number_print("thread", op->thread);
	number_print("start", op->start_ns);
}

static void coll_print(const struct rig_op *op)
{
	const struct rig_item *item = op->item;

	printf("{\"op\":\"%s\"", rig_verb_name(item->verb));
	named_print("name", op->name);
	number_print("comm", item->id);
	number_print("unit", op->unit);
	number_print("rank", op->rank);
	number_print("ranks", op->ranks);
	if (op->kind == RIG_OP_COLL) {
		named_print("dtype", item->dtype ? item->dtype : "f32");
		number_print("bytes", item->bytes);
		number_print("fused", item->fused);
		number_print("seq", op->sequence);
		if (!strcmp(item->op, "Send"))
			number_print("peer", op->peer);
		number_print("launch_start", op->launch_start_ns);
		number_print("launch_end", op->launch_end_ns);
	}
	number_print("thread", op->thread);
	number_print("start", op->start_ns);
	number_print("end", op->end_ns);
}

void rig_dump(const struct rig_run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct rig_op *op = &run->ops[i];

		if (op->kind == RIG_OP_JOIN)
			continue;
		switch (op->kind) {
		case RIG_OP_JOIN: break;
		case RIG_OP_API:
			fputs("{\"op\":\"api\"", stdout);
			named_print("name", op->name);
			number_print("domain", op->domain);
			number_print("unit", op->unit);
			number_print("thread", op->thread);
			number_print("corr", op->correlation);
			number_print("start", op->start_ns);
			number_print("end", op->end_ns);
			break;
		case RIG_OP_ACTIVITY: activity_print(op); break;
		case RIG_OP_NVTX: nvtx_print(op); break;
		case RIG_OP_COMM:
		case RIG_OP_UNCOMM:
		case RIG_OP_COLL: coll_print(op); break;
		}
		puts("}");
	}
}
