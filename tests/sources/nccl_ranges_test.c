/* SPDX-License-Identifier: MIT */
/* NCCL's NVTX ranges, with the payload layouts of several releases. */
#include "libtrace/nvtx_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/sources/fake_nvtx.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <string.h>

#define STATIC_ID UINT64_C(0x1000000)

static struct fake_nvtx nvtx;
static void *domain;

static struct drain *begin(size_t slot_count)
{
	struct drain *drain = fake_drain_create();
	CHECK(fake_nvtx_attach(&nvtx, false));
	domain = nvtx.domain_create_a("NCCL");
	CHECK(fake_nvtx_extend(&nvtx, slot_count));
	return drain;
}

static uint64_t schema(uint64_t id, const struct nvtx_schema_entry *entries, size_t count,
		       size_t size)
{
	struct nvtx_schema_attributes attributes = {
		.field_mask = NVTX_SCHEMA_HAS_TYPE | NVTX_SCHEMA_HAS_ENTRIES |
			      NVTX_SCHEMA_HAS_COUNT | NVTX_SCHEMA_HAS_SIZE | NVTX_SCHEMA_HAS_ID,
		.name = (const char *)0x1, /* garbage: its bit is not set */
		.type = NVTX_SCHEMA_STATIC,
		.entries = entries,
		.entry_count = count,
		.static_size = size,
		.schema_id = id,
	};
	return fake_schema_register(&nvtx, domain, &attributes);
}

static void push(const char *function, const struct nvtx_payload_data *data)
{
	struct nvtx_event_attributes attributes = fake_attributes(NULL);
	attributes.message_type = NVTX_MESSAGE_REGISTERED;
	attributes.message = (uintptr_t)nvtx.register_string_a(domain, function);
	if (data != NULL) {
		attributes.payload_type = (int32_t)NVTX_PAYLOAD_EXTENSION;
		attributes.payload_count = 1;
		attributes.payload = (uintptr_t)data;
	}
	nvtx.domain_push_ex(domain, &attributes);
}

static void operators_register(uint64_t id)
{
	static const struct nvtx_enum_entry entries[] = {
		{ "Sum", 0, 0 }, { "Product", 1, 0 }, { "Max", 2, 0 },
		{ "Min", 3, 0 }, { "Avg", 4, 0 },
	};
	const struct nvtx_enum_attributes attributes = {
		.field_mask = NVTX_ENUM_HAS_ENTRIES | NVTX_ENUM_HAS_COUNT | NVTX_ENUM_HAS_SIZE |
			      NVTX_ENUM_HAS_ID,
		.entries = entries, .entry_count = 5, .size = 4, .schema_id = id,
	};
	CHECK_INT(fake_enum_register(&nvtx, domain, &attributes), (int64_t)id);
}

static const struct nvtx_schema_entry init_entries[] = {
	{ .type = NVTX_TYPE_U64, .name = "NCCL communicator ID" },
	{ .type = NVTX_TYPE_INT, .name = "No. of ranks", .offset = 8 },
	{ .type = NVTX_TYPE_INT, .name = "Rank", .offset = 12 },
	{ .type = NVTX_TYPE_INT, .name = "CUDA device", .offset = 16 },
};

struct init {
	uint64_t communicator;
	int rank_count, rank, device, padding;
};

static void initialise(uint64_t hash, int rank_count, int rank, int device)
{
	struct init init = { hash, rank_count, rank, device, -1 };
	struct nvtx_payload_data data = { STATIC_ID, sizeof init, &init };
	push("ncclCommInitRank", NULL);
	CHECK_INT(fake_pop_payload(&nvtx, domain, &data, 1), 0);
}

struct reduce {
	uint64_t communicator;
	size_t bytes;
	int op, padding;
};

static void reduce_registered(uint64_t enum_id)
{
	const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U64, .name = "NCCL communicator ID" },
		{ .type = NVTX_TYPE_SIZE, .name = "Message size [bytes]", .offset = 8 },
		{ .type = enum_id, .name = "Reduction operation", .offset = 16 },
	};
	operators_register(enum_id);
	CHECK_INT(schema(STATIC_ID + 5, entries, 3, sizeof(struct reduce)), (int64_t)STATIC_ID + 5);
}

static void reduce_called(uint64_t hash, size_t bytes, int op)
{
	struct reduce reduce = { hash, bytes, op, -1 };
	struct nvtx_payload_data data = { STATIC_ID + 5, sizeof reduce, &reduce };
	push("ncclAllReduce", &data);
	memset(&reduce, 0xee, sizeof reduce);
	CHECK_INT(nvtx.domain_pop(domain), 0);
}

TEST(a_call_becomes_a_range_and_a_collective_of_its_communicator)
{
	struct drain *drain = begin(63);
	schema(STATIC_ID, init_entries, 4, 24);
	reduce_registered(STATIC_ID + 20);
	initialise(0xc0ffee00c0ffee11, 4, 2, 1);
	reduce_called(0xc0ffee00c0ffee11, 4194304, 4);
	fake_drain_finish(drain);
	const struct range_row *range = fake_range(drain, "ncclAllReduce");
	CHECK_TEXT(fake_text(drain, range->domain_id), "NCCL");
	CHECK_TEXT(fake_text(drain, range->payload_id),
		   "{\"NCCL communicator ID\":\"0xc0ffee00c0ffee11\","
		   "\"Message size [bytes]\":4194304,\"Reduction operation\":\"Avg\"}");
	const struct collective_row *row = fake_collective(drain, "AllReduce");
	CHECK_INT(row->witness, WITNESS_NVTX);
	CHECK_INT(row->bytes, 4194304);
	CHECK_TEXT(fake_text(drain, row->reduction_id), "Avg");
	CHECK_INT(row->start_ns, range->start_ns);
	CHECK_INT(row->duration_ns, range->duration_ns);
	const struct communicator_row *communicator = fake_row(drain, TABLE_communicator, 0);
	CHECK_INT(fake_count(drain, TABLE_communicator), 1);
	CHECK_INT(row->communicator_id, communicator->communicator_id);
	CHECK_INT(communicator->hash, (int64_t)0xc0ffee00c0ffee11);
	CHECK_INT(communicator->rank, 2);
	CHECK_INT(communicator->rank_count, 4);
	CHECK_INT(communicator->device_id, 1);
	CHECK_INT(drain_trace_row(drain)->rank, 2);
}

TEST(payloads_without_communicator_still_make_collectives)
{
	const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_SIZE, .name = "Bytes" },
		{ .type = NVTX_TYPE_INT, .name = "Root", .offset = 8 },
	};
	struct {
		size_t bytes;
		int root;
	} broadcast = { 1000, 3 };
	struct nvtx_payload_data data = { STATIC_ID + 6, sizeof broadcast, &broadcast };
	struct drain *drain = begin(2);		/* as NCCL 2.16 to 2.21 */
	schema(STATIC_ID + 6, entries, 2, 0);
	push("ncclBroadcast", &data);
	nvtx.domain_pop(domain);
	push("ncclAllGather", NULL);
	nvtx.domain_pop(domain);
	push("ncclGroupEnd", NULL);
	nvtx.domain_pop(domain);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 2);
	const struct collective_row *row = fake_collective(drain, "Broadcast");
	CHECK_INT(row->bytes, 1000);
	CHECK_INT(row->peer, 3);
	CHECK_INT(row->communicator_id, 0);
	CHECK_INT(fake_collective(drain, "AllGather")->bytes, -1);
	CHECK_INT(fake_count(drain, TABLE_communicator), 0);
}

TEST(a_user_operator_is_its_number)
{
	struct drain *drain = begin(63);
	reduce_registered(STATIC_ID + 11);
	reduce_called(1, 8, 6);
	fake_drain_finish(drain);
	CHECK_TEXT(fake_text(drain, fake_collective(drain, "AllReduce")->reduction_id), "6");
}

TEST(an_unknown_communicator_has_an_unknown_rank)
{
	struct drain *drain = begin(63);
	schema(STATIC_ID, init_entries, 4, 24);
	reduce_registered(STATIC_ID + 20);
	initialise(5, 2, 0, 0);
	initialise(5, 2, 1, 1);		/* the same thread holds both ranks */
	reduce_called(5, 8, 0);
	reduce_called(6, 16, 0);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_communicator), 4);
	CHECK_INT(fake_loss(drain, "nccl", "too many communicators"), -1);
	const struct communicator_row *row = fake_row(drain, TABLE_communicator, 2);
	CHECK_INT(row->rank, -1);
	CHECK_INT(row->hash, 5);
}

TEST(a_rank_learned_late_completes_the_communicator)
{
	struct drain *drain = begin(63);
	schema(STATIC_ID, init_entries, 4, 24);
	reduce_registered(STATIC_ID + 20);
	reduce_called(5, 8, 0);
	struct init init = { 5, 2, 1, 0, -1 };
	struct nvtx_payload_data data = { STATIC_ID, sizeof init, &init };
	push("ncclCommDestroy", &data);
	nvtx.domain_pop(domain);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_communicator), 1);
	const struct communicator_row *row = fake_row(drain, TABLE_communicator, 0);
	CHECK_INT(row->rank, 1);
	CHECK_INT(row->rank_count, 2);
	CHECK_INT(fake_collective(drain, "AllReduce")->communicator_id, 1);
}

TEST(a_split_names_its_parent_and_not_its_ranks)
{
	static const struct nvtx_schema_entry entries[] = {
		{ .type = NVTX_TYPE_U64, .name = "NCCL communicator ID" },
		{ .type = NVTX_TYPE_U64, .name = "Parent NCCL communicator ID" },
		{ .type = NVTX_TYPE_INT, .name = "No. of ranks" },
		{ .type = NVTX_TYPE_INT, .name = "Rank" },
		{ .type = NVTX_TYPE_INT, .name = "CUDA device" },
	};
	struct {
		uint64_t communicator, parent;
		int rank_count, rank, device;
	} split = { 21, 20, 8, 5, 3 };
	struct nvtx_payload_data data = { STATIC_ID + 13, sizeof split, &split };
	struct drain *drain = begin(63);
	schema(STATIC_ID + 13, entries, 5, 0);
	push("ncclCommSplit", NULL);
	fake_pop_payload(&nvtx, domain, &data, 1);
	fake_drain_finish(drain);
	const struct communicator_row *row = fake_row(drain, TABLE_communicator, 0);
	CHECK_INT(row->hash, 21);
	CHECK_INT(row->parent_hash, 20);
	CHECK_INT(row->rank, -1);
	CHECK_INT(row->device_id, 3);
	CHECK_INT(drain_trace_row(drain)->rank, -1);
}
