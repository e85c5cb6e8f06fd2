/* SPDX-License-Identifier: MIT */
/* One operation, two witnesses: NVTX's range of the call and the plugin's event are one row. */
#include "libtrace/nccl_profiler.h"
#include "libtrace/nccl_source.h"
#include "libtrace/nvtx_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/sources/fake_nvtx.h"
#include "tests/sources/nccl_host.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	GROUP = 1, COLL = 2, P2P = 4, GROUP_API = 256, COLL_API = 512, P2P_API = 1024,
	KERNEL_LAUNCH = 2048, HASH = 7, ALONE = 8,
};
#define STATIC_ID UINT64_C(0x1000000)

static struct fake_nvtx nvtx;
static void *domain;
static struct host_profiler_v4 v4;
static struct host_profiler_v5 v5;
static void *context;	/* of the communicator HASH, rank 1 of 4 */

struct payload {
	uint64_t hash;
	size_t bytes;
	int operator, peer;
};

static void schemas_register(void)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U64, .name = "NCCL communicator ID" },
		{ .type = NVTX_TYPE_SIZE, .name = "Message size [bytes]", .offset = 8 },
		{ .type = NVTX_TYPE_INT, .name = "Reduction operation", .offset = 16 },
		{ .type = NVTX_TYPE_INT, .name = "Peer rank", .offset = 20 },
	};
	const struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_TYPE | NVTX_SCHEMA_HAS_ENTRIES |
			      NVTX_SCHEMA_HAS_COUNT | NVTX_SCHEMA_HAS_SIZE | NVTX_SCHEMA_HAS_ID,
		.type = NVTX_SCHEMA_STATIC, .entries = entries, .entry_count = 4,
		.static_size = sizeof(struct payload), .schema_id = STATIC_ID,
	};
	fake_schema_register(&nvtx, domain, &attributes);
}

static struct drain *begin(int version)
{
	struct drain *drain = fake_drain_create();
	int mask;
	CHECK(fake_nvtx_attach(&nvtx, false));
	domain = nvtx.domain_create_a("NCCL");
	CHECK(fake_nvtx_extend(&nvtx, 63));
	schemas_register();
	memcpy(&v4, &ncclProfiler_v4, sizeof v4);
	memcpy(&v5, &ncclProfiler_v5, sizeof v5);
	if (version == 4)
		v4.init(&context, &mask, NULL, HASH, 1, 4, 1, NULL);
	else if (version == 5)
		v5.init(&context, HASH, &mask, NULL, 1, 4, 1, NULL);
	return drain;
}

/* A call without an operator or a peer has 77 there. */
static void push(const char *function, uint64_t hash, size_t bytes, int number)
{
	struct nvtx_event_attributes attributes = fake_attributes(NULL);
	struct payload payload = { hash, bytes, number, number };
	struct nvtx_payload_data data = { STATIC_ID, sizeof payload, &payload };
	attributes.message_type = NVTX_MESSAGE_REGISTERED;
	attributes.message = (uintptr_t)nvtx.register_string_a(domain, function);
	if (bytes != SIZE_MAX) {
		attributes.payload_type = (int32_t)NVTX_PAYLOAD_EXTENSION;
		attributes.payload_count = 1;
		attributes.payload = (uintptr_t)&data;
	}
	nvtx.domain_push_ex(domain, &attributes);
}

static void pop(void)
{
	CHECK(nvtx.domain_pop(domain) >= 0);
}

static void group_begin(void)
{
	push("ncclGroupStart", 0, SIZE_MAX, 0);
	pop();
}

static void *start_v5(struct host_descriptor_v5 descriptor)
{
	void *handle = NULL;
	v5.start(context, &handle, &descriptor);
	return handle;
}

static void *call_v5(const char *function, size_t count, bool is_captured)
{
	struct host_descriptor_v5 descriptor = { .type = COLL_API };
	descriptor.coll_api.func = function;
	descriptor.coll_api.count = count;
	descriptor.coll_api.datatype = "ncclFloat32";
	descriptor.coll_api.graph_captured = is_captured;
	void *handle = start_v5(descriptor);
	v5.stop(handle);
	return handle;
}

static void launch_v5(void)
{
	v5.stop(start_v5((struct host_descriptor_v5){ .type = KERNEL_LAUNCH }));
}

static void coll_v5(void *call, const char *function, size_t count, uint64_t sequence)
{
	struct host_descriptor_v5 descriptor = { .type = COLL, .parent = call };
	descriptor.coll.coll = (struct host_coll_v4){
		.seq_number = sequence, .func = function, .count = count,
		.datatype = "ncclFloat32", .algo = "RING", .proto = "LL", .n_channels = 2,
	};
	v5.stop(start_v5(descriptor));
}

static void coll_v4(const char *function, size_t count, uint64_t sequence)
{
	struct host_descriptor_v4 descriptor = { .type = GROUP };
	void *group = NULL, *handle = NULL;
	v4.start(context, &group, &descriptor);
	descriptor = (struct host_descriptor_v4){ .type = COLL, .parent = group };
	descriptor.coll = (struct host_coll_v4){
		.seq_number = sequence, .func = function, .count = count,
		.datatype = "ncclFloat32", .algo = "TREE", .proto = "LL",
	};
	v4.start(context, &handle, &descriptor);
	v4.stop(handle);
	v4.stop(group);
}

static const struct collective_row *row_at(struct drain *drain, size_t index)
{
	return fake_row(drain, TABLE_collective, index);
}

static const char *reduction(struct drain *drain, size_t index)
{
	return fake_text(drain, row_at(drain, index)->reduction_id);
}

TEST(a_call_and_its_operation_are_one_row_with_the_fields_of_both)
{
	struct drain *drain = begin(5);
	push("ncclAllReduce", HASH, 40, 3);
	void *call = call_v5("AllReduce", 10, false);
	launch_v5();
	coll_v5(call, "AllReduce", 10, 9);
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(row_at(drain, 0)->witness, WITNESS_PLUGIN);
	CHECK_INT(row_at(drain, 0)->count, 10);
	CHECK_INT(row_at(drain, 0)->sequence, 9);
	CHECK(row_at(drain, 0)->external_id != 0);
	CHECK_TEXT(reduction(drain, 0), "3");
	CHECK_INT(fake_count(drain, TABLE_communicator), 1);
	CHECK(fake_range(drain, "ncclAllReduce") != NULL);
}

TEST(operations_of_a_group_find_their_calls)
{
	struct drain *drain = begin(4);
	group_begin();
	for (int i = 0; i < 3; i++) {
		push("ncclAllReduce", HASH, i == 1 ? 80 : 40, i);
		pop();
	}
	fake_drain_consume(drain);
	for (int i = 0; i < 4; i++)
		nccl_source_settle(drain);	/* connecting takes long */
	CHECK_INT(fake_count(drain, TABLE_collective), 0);
	push("ncclGroupEnd", 0, SIZE_MAX, 0);
	coll_v4("AllReduce", 20, 0);	/* the largest goes first */
	coll_v4("AllReduce", 10, 1);
	coll_v4("AllReduce", 10, 2);
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 3);
	CHECK_TEXT(reduction(drain, 0), "1");
	CHECK_TEXT(reduction(drain, 1), "0");
	CHECK_TEXT(reduction(drain, 2), "2");
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(row_at(drain, i)->witness, WITNESS_PLUGIN);
}

TEST(without_the_plugin_a_call_is_written_when_it_returns)
{
	struct drain *drain = begin(0);
	push("ncclAllReduce", HASH, 40, 3);
	pop();
	fake_drain_consume(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(row_at(drain, 0)->witness, WITNESS_NVTX);
	CHECK_TEXT(reduction(drain, 0), "3");
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
}

TEST(calls_that_the_plugin_is_not_told_of_do_not_wait)
{
	struct drain *drain = begin(5);
	void *other;
	int mask;
	v5.init(&other, ALONE, &mask, NULL, 1, 1, 0, NULL);
	push("ncclAllReduce", ALONE, 40, 0);	/* one rank: a copy */
	pop();
	push("ncclAllReduce", HASH, 0, 0);	/* nothing to do */
	pop();
	push("ncclAllReduce", 99, 40, 0);	/* made before the plugin was there */
	pop();
	fake_drain_consume(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 3);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 3);
}

TEST(a_call_that_nothing_claims_is_written_after_a_while)
{
	struct drain *drain = begin(5);
	push("ncclAllGather", HASH, 40, 77);	/* by copy engines in 2.28: no event at all */
	pop();
	fake_drain_consume(drain);
	nccl_source_settle(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 0);
	nccl_source_settle(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(row_at(drain, 0)->witness, WITNESS_NVTX);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
}

TEST(an_operation_does_not_claim_what_is_not_its_call)
{
	struct drain *drain = begin(4);
	push("ncclAllReduce", 99, 40, 0);	/* another communicator */
	coll_v4("AllReduce", 10, 0);
	pop();
	push("ncclAllReduce", HASH, 44, 1);	/* other bytes */
	coll_v4("AllReduce", 10, 1);
	pop();
	push("ncclReduceScatter", HASH, 40, 2);	/* another operation */
	coll_v4("AllReduce", 10, 2);
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 6);
}

/* As a communicator that does not block: launched by a thread of NCCL's. */
static void *play_elsewhere(void *unused)
{
	(void)unused;
	coll_v4("AllReduce", 10, 5);
	return NULL;
}

TEST(an_operation_of_another_thread_is_one_row_whichever_log_is_read_first)
{
	struct drain *drain = begin(4);
	pthread_t thread;
	push("ncclAllReduce", HASH, 40, 2);
	pop();
	pthread_create(&thread, NULL, play_elsewhere, NULL);
	pthread_join(thread, NULL);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(row_at(drain, 0)->sequence, 5);
	CHECK_INT(row_at(drain, 0)->witness, WITNESS_PLUGIN);
}

static void part_v5(const char *function, int peer)
{
	struct host_descriptor_v5 descriptor = { .type = P2P_API };
	descriptor.p2p_api.func = function;
	descriptor.p2p_api.count = 10;
	descriptor.p2p_api.datatype = "ncclFloat32";
	void *call = start_v5(descriptor);
	v5.stop(call);
	launch_v5();
	descriptor = (struct host_descriptor_v5){ .type = P2P, .parent = call };
	descriptor.p2p.p2p = (struct host_p2p_v4){
		.func = function, .datatype = "ncclFloat32", .count = 10, .peer = peer,
		.n_channels = 4,
	};
	v5.stop(start_v5(descriptor));
}

TEST(an_all_to_all_is_one_operation_and_not_its_sends_and_receives)
{
	struct drain *drain = begin(5);
	push("ncclAlltoAll", HASH, 40, 77);
	for (int peer = 0; peer < 4; peer++) {
		part_v5("Send", peer);
		part_v5("Recv", peer);
	}
	pop();
	push("ncclSend", HASH, 40, 2);
	part_v5("Send", 2);
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 2);
	const struct collective_row *row = fake_collective(drain, "AlltoAll");
	CHECK_INT(row->witness, WITNESS_PLUGIN);
	CHECK_INT(row->bytes, 40);
	CHECK_INT(row->count, 10);
	CHECK_INT(row->channels, 4);
	CHECK(row->external_id != 0);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclFloat32");
	CHECK_INT(fake_collective(drain, "Send")->peer, 2);
}

TEST(a_captured_call_is_one_row_a_replay)
{
	struct drain *drain = begin(5);
	push("ncclAllReduce", HASH, 40, 4);
	void *call = call_v5("AllReduce", 10, true);
	pop();
	fake_drain_consume(drain);
	nccl_source_settle(drain);
	nccl_source_settle(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 0);
	for (uint64_t i = 0; i < 3; i++)
		coll_v5(call, "AllReduce", 10, i);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 3);
	for (size_t i = 0; i < 3; i++)
		CHECK_TEXT(reduction(drain, i), "4");
}

TEST(a_call_without_an_operation_lasts_as_long_as_nvtx_saw)
{
	struct drain *drain = begin(5);
	push("ncclAllReduce", HASH, 40, 1);
	call_v5("AllReduce", 10, false);	/* a symmetric kernel: no event of its own */
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	const struct range_row *range = fake_range(drain, "ncclAllReduce");
	CHECK_INT(row_at(drain, 0)->start_ns, range->start_ns);
	CHECK_INT(row_at(drain, 0)->duration_ns, range->duration_ns);
	CHECK_INT(row_at(drain, 0)->count, 10);
	CHECK_TEXT(reduction(drain, 0), "1");
}

TEST(a_call_that_never_returns_is_no_row_of_its_own)
{
	struct drain *drain = begin(4);
	push("ncclAllReduce", HASH, 40, 1);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 0);
	CHECK_INT(((const struct range_row *)fake_row(drain, TABLE_range, 0))->is_open, 1);
}

TEST(two_thousand_calls_in_a_group_stay_in_their_order)
{
	enum { CALLS = 2000 };
	struct drain *drain = begin(4);
	group_begin();
	for (int i = 0; i < CALLS; i++) {
		push("ncclAllReduce", HASH, 40, i);
		pop();
	}
	push("ncclGroupEnd", 0, SIZE_MAX, 0);
	for (uint64_t i = 0; i < CALLS; i++)
		coll_v4("AllReduce", 10, i);
	pop();
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), CALLS);
	for (size_t i = 0; i < CALLS; i++) {
		CHECK_INT(row_at(drain, i)->sequence, (int64_t)i);
		CHECK_INT(strtol(reduction(drain, i), NULL, 10), (int64_t)i);
	}
}
