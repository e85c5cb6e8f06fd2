/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of all seven profiler interfaces, made by hand: bytes where the interface has its
 * members, garbage everywhere else. The offsets are written down here once more, from the
 * interface and not from libtrace.
 */
#include "libtrace/nccl_profiler.h"
#include "libtrace/nccl_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <string.h>

enum { GROUP = 1, COLL = 2, P2P = 4, COLL_API = 512, P2P_API = 1024, CE_COLL = 4096, VERSIONS = 7 };

#define HASH UINT64_C(0xfeedfacecafebeef)

/* Offsets; 0: not in this version. */
struct layout {
	int version, descriptor_bytes, mask;
	int name, hash, sequence, function, count, root, datatype, channels, warps, algorithm,
		protocol;
	int p2p_function, p2p_datatype, p2p_count, peer, p2p_channels;
	const struct nccl_profiler *profiler;
};

#define COLL_4 24, 32, 56, 64, 72, 80, 81, 88, 96
#define P2P_4 24, 40, 48, 56, 60
#define P2P_1 40, 56, 64, 72, 0

static const struct layout layouts[VERSIONS] = {
	{ 1, 120, 7, 24, 32, 40, 48, 72, 80, 84, 104, 105, 106, 107, P2P_1, &ncclProfiler_v1 },
	{ 2, 128, 7, 24, 32, 40, 48, 72, 80, 88, 104, 105, 112, 120, P2P_1, &ncclProfiler_v2 },
	{ 3, 120, 7, 24, 32, 40, 48, 72, 80, 88, 96, 97, 104, 112, P2P_1, &ncclProfiler_v3 },
	{ 4, 104, 7, 0, 0, COLL_4, P2P_4, &ncclProfiler_v4 },
	{ 5, 112, 0xf07, 0, 0, COLL_4, P2P_4, &ncclProfiler_v5 },
	{ 6, 112, 0x1f07, 0, 0, COLL_4, P2P_4, &ncclProfiler_v6 },
	{ 7, 136, 0x1f07, 0, 0, COLL_4, P2P_4, &ncclProfiler_v7 },
};

struct descriptor {
	unsigned char bytes[160];
};

static void put(struct descriptor *descriptor, int offset, const void *value, size_t size)
{
	if (offset != 0)
		memcpy(descriptor->bytes + offset, value, size);
}

static void put_number(struct descriptor *descriptor, int offset, uint64_t value, size_t size)
{
	put(descriptor, offset, &value, size);
}

/* A text, or the number that v1 has for it. */
static void put_word(const struct layout *layout, struct descriptor *descriptor, int offset,
		     const char *text, uint8_t number)
{
	if (layout->version == 1)
		put_number(descriptor, offset, number, 1);
	else
		put(descriptor, offset, &text, sizeof text);
}

static struct descriptor descriptor_begin(const struct layout *layout, uint64_t type)
{
	struct descriptor descriptor;
	void *parent = NULL;
	memset(&descriptor, 0xcd, sizeof descriptor);
	memcpy(descriptor.bytes, &type, layout->version < 5 ? 1 : 8);
	memcpy(descriptor.bytes + 8, &parent, sizeof parent);
	put_number(&descriptor, 16, 3, 4);
	return descriptor;
}

/* NCCL's functions, by their form. */
static void *context_open(const struct layout *layout, int rank)
{
	union {
		nccl_function any;
		int (*late)(void **, int *);
		int (*v4)(void **, int *, const char *, uint64_t, int, int, int, nccl_function);
		int (*v5)(void **, uint64_t, int *, const char *, int, int, int, nccl_function);
	} init = { .any = layout->profiler->init };
	void *context = (void *)0xbad;
	char name[] = "data parallel";
	int mask = -1, result;
	if (layout->version < 4)
		result = init.late(&context, &mask);
	else if (layout->version == 4)
		result = init.v4(&context, &mask, name, HASH, 2, 8, rank, NULL);
	else
		result = init.v5(&context, HASH, &mask, name, 2, 8, rank, NULL);
	memset(name, 'x', sizeof name - 1);	/* the program's own: it may go */
	CHECK_INT(result, 0);
	CHECK_INT(mask, layout->mask);
	CHECK(context != NULL && context != (void *)0xbad);
	return context;
}

static void *start(const struct layout *layout, void *context, struct descriptor *descriptor)
{
	void *handle = (void *)0xbad;
	CHECK_INT(layout->profiler->start_event(context, &handle, descriptor->bytes), 0);
	memset(descriptor, 0xee, sizeof *descriptor);
	return handle;
}

static void play(const struct layout *layout, void *context, struct descriptor *descriptor)
{
	struct descriptor group = descriptor_begin(layout, GROUP);
	void *group_handle = start(layout, context, &group);
	CHECK(group_handle != NULL && group_handle != (void *)0xbad);
	memcpy(descriptor->bytes + 8, &group_handle, sizeof group_handle);
	void *handle = start(layout, context, descriptor);
	CHECK(handle != NULL && handle != (void *)0xbad);
	CHECK_INT(layout->profiler->record_event_state(handle, 19, NULL), 0);
	CHECK_INT(layout->profiler->stop_event(handle), 0);
	CHECK_INT(layout->profiler->stop_event(group_handle), 0);
}

struct coll {
	const char *function, *datatype, *algorithm, *protocol;
	uint8_t function_number, datatype_number, algorithm_number, protocol_number;
	uint64_t count;
	int root;
};

static struct descriptor coll_make(const struct layout *layout, const struct coll *coll)
{
	struct descriptor descriptor = descriptor_begin(layout, COLL);
	const char *name = "data parallel";
	put(&descriptor, layout->name, &name, sizeof name);
	put_number(&descriptor, layout->hash, HASH, 8);
	put_number(&descriptor, layout->sequence, 41, 8);
	put_word(layout, &descriptor, layout->function, coll->function, coll->function_number);
	put_number(&descriptor, layout->count, coll->count, 8);
	put_number(&descriptor, layout->root, (uint64_t)coll->root, 4);
	put_word(layout, &descriptor, layout->datatype, coll->datatype, coll->datatype_number);
	put_number(&descriptor, layout->channels, 12, 1);
	put_number(&descriptor, layout->warps, 17, 1);
	put_word(layout, &descriptor, layout->algorithm, coll->algorithm, coll->algorithm_number);
	put_word(layout, &descriptor, layout->protocol, coll->protocol, coll->protocol_number);
	return descriptor;
}

static void play_coll(const struct layout *layout, void *context, const struct coll *coll)
{
	struct descriptor descriptor = coll_make(layout, coll);
	if (layout->version == 7) {
		char *none = NULL;
		put(&descriptor, 112, &none, sizeof none);	/* kernelVariant */
	}
	play(layout, context, &descriptor);
}

static const struct coll reduce = {
	"Reduce", "ncclBfloat16", "TREE", "LL128", 1, 9, 0, 1, 1000, 6,
};
static const struct coll gather = {
	"AllGather", "ncclInt8", "RING", "SIMPLE", 2, 0, 1, 2, 4096, 0,
};
static const struct coll bytes = {
	"AllReduce", "Unknown", "COLLNET_CHAIN", "LL", 4, 1, 3, 0, 77, 0,
};

static void communicator_check(const struct drain *drain, const struct layout *layout)
{
	CHECK_INT(fake_count(drain, TABLE_communicator), 1);
	const struct communicator_row *row = fake_row(drain, TABLE_communicator, 0);
	CHECK_INT(row->hash, (int64_t)HASH);
	CHECK_INT(row->rank, 3);
	CHECK_TEXT(row->name, "data parallel");
	CHECK_INT(row->rank_count, layout->version < 4 ? -1 : 8);
	CHECK_INT(row->node_count, layout->version < 4 ? -1 : 2);
}

static void version_check(const struct layout *layout)
{
	struct drain *drain = fake_drain_create();
	void *context = context_open(layout, 3);
	CHECK_TEXT(layout->profiler->name, "laggard");
	play_coll(layout, context, &reduce);
	play_coll(layout, context, &gather);
	play_coll(layout, context, &bytes);
	struct descriptor descriptor = descriptor_begin(layout, P2P);
	put_number(&descriptor, layout->hash, HASH, 8);
	put_word(layout, &descriptor, layout->p2p_function, "Recv", 7);
	put_word(layout, &descriptor, layout->p2p_datatype, "ncclInt64", 4);
	put_number(&descriptor, layout->p2p_count, 8, 8);
	put_number(&descriptor, layout->peer, 5, 4);
	put_number(&descriptor, layout->p2p_channels, 4, 1);
	play(layout, context, &descriptor);
	layout->profiler->finalize(context);
	layout->profiler->finalize(NULL);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 4);
	communicator_check(drain, layout);
	const struct collective_row *row = fake_collective(drain, "Reduce");
	CHECK_INT(row->bytes, 2000);
	CHECK_INT(row->count, 1000);
	CHECK_INT(row->peer, 6);
	CHECK_INT(row->sequence, 41);
	CHECK_INT(row->channels, 12);
	CHECK_INT(row->warps, 17);
	CHECK_INT(row->communicator_id, 1);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclBfloat16");
	CHECK_TEXT(fake_text(drain, row->algorithm_id), "TREE");
	CHECK_TEXT(fake_text(drain, row->protocol_id), "LL128");
	row = fake_collective(drain, "AllGather");
	CHECK_INT(row->bytes, 4096);
	CHECK_INT(row->count, -1); /* NCCL counts bytes here: what the program gave is unknown */
	CHECK_INT(row->datatype_id, 0);
	CHECK_TEXT(fake_text(drain, row->protocol_id), "SIMPLE");
	row = fake_collective(drain, "AllReduce");
	CHECK_INT(row->bytes, 77);
	CHECK_INT(row->peer, -1);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclUint8");
	CHECK_TEXT(fake_text(drain, row->algorithm_id), "COLLNET_CHAIN");
	row = fake_collective(drain, "Recv");
	CHECK_INT(row->bytes, 64);
	CHECK_INT(row->peer, 5);
	CHECK_INT(row->channels, layout->p2p_channels != 0 ? 4 : 0);
	CHECK_INT(row->sequence, -1);
	CHECK_INT(row->communicator_id, 1);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclInt64");
}

TEST(version_1_is_read_with_garbage_around_its_members) { version_check(&layouts[0]); }
TEST(version_2_is_read_with_garbage_around_its_members) { version_check(&layouts[1]); }
TEST(version_3_is_read_with_garbage_around_its_members) { version_check(&layouts[2]); }
TEST(version_4_is_read_with_garbage_around_its_members) { version_check(&layouts[3]); }
TEST(version_5_is_read_with_garbage_around_its_members) { version_check(&layouts[4]); }
TEST(version_6_is_read_with_garbage_around_its_members) { version_check(&layouts[5]); }
TEST(version_7_is_read_with_garbage_around_its_members) { version_check(&layouts[6]); }

TEST(numbers_of_version_1_without_a_meaning_become_empty_texts)
{
	struct drain *drain = fake_drain_create();
	const struct coll odd = {
		.function_number = 4, .datatype_number = 200, .algorithm_number = 7,
		.protocol_number = 255, .count = 5,
	};
	play_coll(&layouts[0], context_open(&layouts[0], 3), &odd);
	fake_drain_finish(drain);
	const struct collective_row *row = fake_collective(drain, "AllReduce");
	CHECK_INT(row->bytes, -1);
	CHECK_INT(row->count, 5);
	CHECK_INT(row->datatype_id, 0);
	CHECK_INT(row->algorithm_id, 0);
	CHECK_INT(row->protocol_id, 0);
}

TEST(what_nccl_has_no_name_for_is_unknown)
{
	struct drain *drain = fake_drain_create();
	const struct coll odd = {
		.function = "AllReduce", .datatype = "ncclFloat4e2m1", .algorithm = "Unknown",
		.protocol = "Unknown", .count = 5,
	};
	play_coll(&layouts[2], context_open(&layouts[2], 3), &odd);
	fake_drain_finish(drain);
	const struct collective_row *row = fake_collective(drain, "AllReduce");
	CHECK_INT(row->bytes, -1);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclFloat4e2m1");
	CHECK_INT(row->algorithm_id, 0);
	CHECK_INT(row->protocol_id, 0);
}

TEST(a_symmetric_collective_of_version_7_has_its_kernel_as_algorithm)
{
	struct drain *drain = fake_drain_create();
	const struct coll symmetric = {
		.function = "AllReduce", .datatype = "ncclFloat32", .algorithm = "", .protocol = "",
		.count = 5,
	};
	struct descriptor descriptor = coll_make(&layouts[6], &symmetric);
	const char *variant = "AGxLL_R";
	put(&descriptor, 112, &variant, sizeof variant);
	put_number(&descriptor, 120, 1, 1);
	play(&layouts[6], context_open(&layouts[6], 3), &descriptor);
	fake_drain_finish(drain);
	const struct collective_row *row = fake_collective(drain, "AllReduce");
	CHECK_TEXT(fake_text(drain, row->algorithm_id), "AGxLL_R");
	CHECK_INT(row->protocol_id, 0);
}

/* Types that nobody asked for come all the same: a leaf brings its parents. */
TEST(no_version_takes_events_that_it_did_not_ask_for)
{
	fake_drain_create();
	for (size_t i = 0; i < VERSIONS; i++) {
		void *context = context_open(&layouts[i], 3);
		for (int bit = 0; bit < (layouts[i].version < 5 ? 8 : 16); bit++) {
			struct descriptor descriptor;
			memset(&descriptor, 0, sizeof descriptor);
			descriptor.bytes[bit / 8] = (unsigned char)(1 << bit % 8);
			bool is_wanted = (layouts[i].mask >> bit & 1) != 0;
			CHECK((start(&layouts[i], context, &descriptor) != NULL) == is_wanted);
		}
	}
}

TEST(an_owner_told_late_is_one_of_a_communicator_that_is_known)
{
	struct drain *drain = fake_drain_create();
	void *first = context_open(&layouts[2], 3), *second = context_open(&layouts[2], 3);
	fake_drain_consume(drain);
	CHECK_INT(fake_count(drain, TABLE_communicator), 0);
	play_coll(&layouts[2], second, &reduce);
	fake_drain_consume(drain);
	play_coll(&layouts[2], first, &bytes);
	play_coll(&layouts[2], second, &gather);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_communicator), 1);
	for (size_t i = 0; i < 3; i++) {
		const struct collective_row *row = fake_row(drain, TABLE_collective, i);
		CHECK_INT(row->communicator_id, 1);
	}
}
