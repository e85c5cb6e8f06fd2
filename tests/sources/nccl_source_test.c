/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_source.h"
#include "libtrace/nccl_abi.h"
#include "libtrace/nccl_profiler.h"
#include "libtrace/nccl_version.h"
#include "tests/sources/fake_drain.h"
#include "tests/sources/nccl_host.h"
#include "tests/unit/harness.h"
#include "tracedb/vocabulary.h"

#include <pthread.h>
#include <string.h>

enum {
	GROUP = 1, COLL = 2, P2P = 4, GROUP_API = 256, COLL_API = 512, P2P_API = 1024,
	KERNEL_LAUNCH = 2048, CE_COLL = 4096,
};

static struct host_profiler_v4 v4;
static struct host_profiler_v5 v5;
static struct host_profiler_v5 v6;

/* As dlsym gives them to NCCL: pointers to data. */
static struct drain *begin(void)
{
	_Static_assert(sizeof v4 == sizeof ncclProfiler_v4, "the plugin's struct");
	memcpy(&v4, &ncclProfiler_v4, sizeof v4);
	memcpy(&v5, &ncclProfiler_v5, sizeof v5);
	memcpy(&v6, &ncclProfiler_v6, sizeof v6);
	return fake_drain_create();
}

static void *open_v4(uint64_t hash, int rank_count, int rank, const char *name)
{
	void *context = (void *)0x1;
	int mask = -1;
	CHECK_INT(v4.init(&context, &mask, name, hash, 1, rank_count, rank, NULL), 0);
	CHECK_INT(mask, 7);
	CHECK(context != NULL);
	return context;
}

static void *open_v5(uint64_t hash, int rank_count, int rank)
{
	void *context = (void *)0x1;
	int mask = -1;
	CHECK_INT(v5.init(&context, hash, &mask, NULL, 2, rank_count, rank, NULL), 0);
	CHECK_INT(mask, 0xf07);
	return context;
}

/* NCCL's stack: everything that is not written is garbage. */
static struct host_descriptor_v4 scribbled_v4(uint8_t type, void *parent)
{
	struct host_descriptor_v4 descriptor;
	memset(&descriptor, 0xcd, sizeof descriptor);
	descriptor.type = type;
	descriptor.parent = parent;
	descriptor.rank = 0;
	return descriptor;
}

static struct host_descriptor_v5 fresh_v5(uint64_t type, void *parent)
{
	struct host_descriptor_v5 descriptor = { .type = type, .parent = parent };
	return descriptor;
}

static void *start_v5(void *context, struct host_descriptor_v5 *descriptor)
{
	void *handle = (void *)0xbad;
	CHECK_INT(v5.start(context, &handle, descriptor), 0);
	memset(descriptor, 0xee, sizeof *descriptor);
	return handle;
}

static struct host_coll_v4 all_reduce(uint64_t sequence, size_t count)
{
	return (struct host_coll_v4){
		.seq_number = sequence, .func = "AllReduce", .count = count, .root = 0,
		.datatype = "ncclBfloat16", .n_channels = 12, .n_warps = 17, .algo = "TREE",
		.proto = "LL128",
	};
}

TEST(a_v4_collective_with_garbage_around_its_type_is_read)
{
	struct drain *drain = begin();
	void *context = open_v4(0xfeedfacecafebeef, 8, 3, "data parallel");
	struct host_descriptor_v4 descriptor = scribbled_v4(GROUP, NULL);
	void *group = (void *)0xbad, *coll = (void *)0xbad;
	v4.start(context, &group, &descriptor);
	CHECK(group != NULL && group != (void *)0xbad);
	descriptor = scribbled_v4(COLL, group);
	descriptor.coll = all_reduce(5, 1000);
	v4.start(context, &coll, &descriptor);
	memset(&descriptor, 0xee, sizeof descriptor);
	v4.stop(coll);
	v4.stop(group);
	v4.finalize(context);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	const struct collective_row *row = fake_collective(drain, "AllReduce");
	CHECK(row != NULL);
	CHECK_INT(row->witness, WITNESS_PLUGIN);
	CHECK_INT(row->bytes, 2000);
	CHECK_INT(row->count, 1000);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclBfloat16");
	CHECK_TEXT(fake_text(drain, row->algorithm_id), "TREE");
	CHECK_TEXT(fake_text(drain, row->protocol_id), "LL128");
	CHECK_INT(row->sequence, 5);
	CHECK_INT(row->channels, 12);
	CHECK_INT(row->warps, 17);
	CHECK_INT(row->peer, -1);
	CHECK_INT(row->external_id, 0);
	const struct communicator_row *communicator = fake_row(drain, TABLE_communicator, 0);
	CHECK_INT(communicator->communicator_id, row->communicator_id);
	CHECK_INT(communicator->hash, (int64_t)0xfeedfacecafebeef);
	CHECK_INT(communicator->rank, 3);
	CHECK_INT(communicator->rank_count, 8);
	CHECK_TEXT(communicator->name, "data parallel");
	CHECK_INT(drain_trace_row(drain)->rank, 3);
	CHECK_INT(drain_trace_row(drain)->world_size, 8);
}

/* The walk of an ordinary operation from 2.28 on. */
static void call_v5(void *context, const char *function, size_t count, const char *datatype,
		    struct host_coll_v4 enqueued)
{
	struct host_descriptor_v5 descriptor = fresh_v5(GROUP_API, NULL);
	void *group_api = start_v5(context, &descriptor);
	v5.record(group_api, 23, NULL);
	descriptor = fresh_v5(COLL_API, group_api);
	descriptor.coll_api.func = function;
	descriptor.coll_api.count = count;
	descriptor.coll_api.datatype = datatype;
	void *api = start_v5(context, &descriptor);
	v5.stop(api);
	v5.record(group_api, 24, NULL);
	descriptor = fresh_v5(KERNEL_LAUNCH, group_api);
	void *launch = start_v5(context, &descriptor);
	CHECK_INT(fake_external_depth(), 1);
	v5.stop(launch);
	CHECK_INT(fake_external_depth(), 0);
	descriptor = fresh_v5(GROUP, NULL);
	void *group = start_v5(context, &descriptor);
	descriptor = fresh_v5(COLL, api);
	descriptor.coll.coll = enqueued;
	descriptor.coll.parent_group = group;
	void *coll = start_v5(context, &descriptor);
	v5.stop(coll);
	v5.stop(group);
	v5.stop(group_api);
}

TEST(a_v5_collective_has_the_count_of_its_call_and_the_bracket_of_its_launch)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	struct host_coll_v4 enqueued = {
		.func = "AllGather", .count = 4096, .datatype = "ncclInt8", .algo = "RING",
		.proto = "SIMPLE",
	};
	call_v5(context, "AllGather", 1024, "ncclFloat32", enqueued);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	const struct collective_row *row = fake_collective(drain, "AllGather");
	CHECK_INT(row->bytes, 4096);
	CHECK_INT(row->count, 1024);
	CHECK_TEXT(fake_text(drain, row->datatype_id), "ncclFloat32");
	CHECK_INT(row->external_id, (int64_t)fake_external_last());
	CHECK(row->external_id != 0);
}

TEST(a_stale_call_handle_is_not_believed)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	call_v5(context, "AllReduce", 10, "ncclFloat32",
		(struct host_coll_v4){
			.func = "AllReduce", .count = 77, .datatype = "ncclFloat64" });
	struct host_descriptor_v5 descriptor = fresh_v5(COLL, (void *)0x123459);
	descriptor.coll.coll = all_reduce(1, 50);
	v5.stop(start_v5(context, &descriptor));
	descriptor = fresh_v5(COLL, (void *)UINTPTR_MAX);
	descriptor.coll.coll = all_reduce(2, 60);
	v5.stop(start_v5(context, &descriptor));
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 3);
	const struct collective_row *row = fake_row(drain, TABLE_collective, 0);
	CHECK_INT(row->bytes, 77 * 8);
	CHECK_INT(row->count, 77);
}

TEST(a_call_without_a_kernel_is_written_on_its_own)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	struct host_descriptor_v5 descriptor = fresh_v5(COLL_API, NULL);
	descriptor.coll_api.func = "ReduceScatter";
	descriptor.coll_api.count = 100;
	descriptor.coll_api.datatype = "ncclFloat16";
	v5.stop(start_v5(context, &descriptor));
	descriptor = fresh_v5(COLL_API, NULL);
	descriptor.coll_api.func = "Broadcast";
	descriptor.coll_api.graph_captured = true;
	v5.stop(start_v5(context, &descriptor));
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	const struct collective_row *row = fake_collective(drain, "ReduceScatter");
	CHECK_INT(row->bytes, 200);
	CHECK_INT(row->sequence, -1);
}

TEST(sends_and_receives_have_their_peer)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	struct host_descriptor_v5 descriptor = fresh_v5(P2P_API, NULL);
	descriptor.p2p_api.func = "Send";
	descriptor.p2p_api.count = 8;
	descriptor.p2p_api.datatype = "ncclInt64";
	void *api = start_v5(context, &descriptor);
	v5.stop(api);
	descriptor = fresh_v5(P2P, api);
	descriptor.p2p.p2p = (struct host_p2p_v4){
		.func = "Send", .count = 8, .datatype = "ncclInt64", .peer = 2, .n_channels = 4,
	};
	v5.stop(start_v5(context, &descriptor));
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	const struct collective_row *row = fake_collective(drain, "Send");
	CHECK_INT(row->peer, 2);
	CHECK_INT(row->bytes, 64);
	CHECK_INT(row->sequence, -1);
	CHECK_INT(row->channels, 4);
}

TEST(null_contexts_unknown_types_and_late_stops_are_tolerated)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	struct host_descriptor_v5 descriptor = fresh_v5(COLL, NULL);
	descriptor.coll.coll = all_reduce(0, 1);
	void *handle = (void *)0xbad;
	CHECK_INT(v5.start(NULL, &handle, &descriptor), 0);
	CHECK(handle == NULL);
	handle = (void *)0xbad;
	CHECK_INT(v5.start((void *)0x7fff12345678, &handle, &descriptor), 0);
	CHECK(handle == NULL);
	struct host_descriptor_v5 proxy = fresh_v5(8, NULL);
	CHECK(start_v5(context, &proxy) == NULL);
	handle = start_v5(context, &descriptor);
	v5.finalize(context);
	v5.finalize(NULL);
	v5.record(handle, 99, NULL);
	v5.stop(handle);
	v5.stop(NULL);
	v5.stop((void *)0x7fffdeadbee2);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(fake_loss(drain, "nccl", "stop without start"), 1);
}

TEST(an_operation_that_never_stopped_is_written_and_counted)
{
	struct drain *drain = begin();
	void *context = open_v5(7, 4, 1);
	struct host_descriptor_v5 descriptor = fresh_v5(COLL, NULL);
	descriptor.coll.coll = all_reduce(0, 1);
	start_v5(context, &descriptor);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), 1);
	CHECK_INT(fake_loss(drain, "nccl", "start without stop"), 1);
}

TEST(a_launch_bracket_that_was_not_closed_ends_with_the_next)
{
	begin();
	void *context = open_v5(7, 4, 1);
	struct host_descriptor_v5 descriptor = fresh_v5(KERNEL_LAUNCH, NULL);
	void *first = start_v5(context, &descriptor);
	descriptor = fresh_v5(KERNEL_LAUNCH, NULL);
	void *second = start_v5(context, &descriptor);
	CHECK_INT(fake_external_depth(), 1);
	v5.stop(first);
	CHECK_INT(fake_external_depth(), 1);
	v5.stop(second);
	v5.stop(second);
	CHECK_INT(fake_external_depth(), 0);
}

TEST(a_copy_engine_collective_of_v6_is_read)
{
	struct drain *drain = begin();
	void *context, *handle;
	int mask;
	v6.init(&context, 9, &mask, NULL, 1, 2, 0, NULL);
	CHECK_INT(mask, 0x1f07);
	struct host_descriptor_v5 descriptor = fresh_v5(CE_COLL, NULL);
	descriptor.ce_coll.func = "AllGather";
	descriptor.ce_coll.count = 512;
	descriptor.ce_coll.datatype = "ncclInt8";
	descriptor.ce_coll.seq_number = 3;
	v6.start(context, &handle, &descriptor);
	v6.stop(handle);
	fake_drain_finish(drain);
	CHECK_INT(fake_collective(drain, "AllGather")->bytes, 512);
	CHECK_INT(fake_collective(drain, "AllGather")->sequence, 3);
}

TEST(several_ranks_in_one_process_have_no_one_rank)
{
	struct drain *drain = begin();
	open_v5(5, 2, 0);
	open_v5(6, 4, 0);
	open_v5(6, 4, 1);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_communicator), 3);
	CHECK_INT(drain_trace_row(drain)->world_size, 4);
	CHECK_INT(drain_trace_row(drain)->rank, -1);
}

TEST(the_tables_of_offsets_are_those_of_the_structs)
{
	const struct nccl_offsets *coll = &nccl_abis[4].kinds[NCCL_COLL];
	const struct nccl_offsets *p2p = &nccl_abis[5].kinds[NCCL_P2P];
	const struct nccl_offsets *api = &nccl_abis[5].kinds[NCCL_COLL_API];
	const struct nccl_offsets *ce = &nccl_abis[6].kinds[NCCL_CE_COLL];
#define AT_V4(member) offsetof(struct host_descriptor_v4, member)
#define AT_V5(member) offsetof(struct host_descriptor_v5, member)
	CHECK_INT(coll->sequence, AT_V4(coll.seq_number));
	CHECK_INT(coll->function, AT_V4(coll.func));
	CHECK_INT(coll->count, AT_V4(coll.count));
	CHECK_INT(coll->peer, AT_V4(coll.root));
	CHECK_INT(coll->datatype, AT_V4(coll.datatype));
	CHECK_INT(coll->channels, AT_V4(coll.n_channels));
	CHECK_INT(coll->warps, AT_V4(coll.n_warps));
	CHECK_INT(coll->algorithm, AT_V4(coll.algo));
	CHECK_INT(coll->protocol, AT_V4(coll.proto));
	CHECK_INT(p2p->function, AT_V5(p2p.p2p.func));
	CHECK_INT(p2p->datatype, AT_V5(p2p.p2p.datatype));
	CHECK_INT(p2p->count, AT_V5(p2p.p2p.count));
	CHECK_INT(p2p->peer, AT_V5(p2p.p2p.peer));
	CHECK_INT(p2p->channels, AT_V5(p2p.p2p.n_channels));
	CHECK_INT(api->function, AT_V5(coll_api.func));
	CHECK_INT(api->count, AT_V5(coll_api.count));
	CHECK_INT(api->datatype, AT_V5(coll_api.datatype));
	CHECK_INT(api->is_captured, AT_V5(coll_api.graph_captured));
	CHECK_INT(nccl_abis[5].kinds[NCCL_P2P_API].is_captured, AT_V5(p2p_api.graph_captured));
	CHECK_INT(ce->count, AT_V5(ce_coll.count));
	CHECK_INT(ce->datatype, AT_V5(ce_coll.datatype));
}

TEST(versions_are_written_as_people_know_them)
{
	char text[32];
	nccl_version_format(text, sizeof text, 22809);
	CHECK_TEXT(text, "2.28.9");
	nccl_version_format(text, sizeof text, 2804);
	CHECK_TEXT(text, "2.8.4");
}

enum { RANKS = 8, CALLS = 1000 };

static void *play_rank(void *argument)
{
	int rank = *(int *)argument;
	void *context = open_v5(42, RANKS, rank);
	for (int i = 0; i < CALLS; i++)
		call_v5(context, "AllReduce", 10, "ncclBfloat16", all_reduce((uint64_t)i, 10));
	v5.finalize(context);
	return NULL;
}

TEST(many_ranks_play_while_the_drain_reads)
{
	struct drain *drain = begin();
	pthread_t threads[RANKS];
	int ranks[RANKS];
	for (int i = 0; i < RANKS; i++) {
		ranks[i] = i;
		pthread_create(&threads[i], NULL, play_rank, &ranks[i]);
	}
	for (int i = 0; i < 50; i++)
		fake_drain_consume(drain);
	for (int i = 0; i < RANKS; i++)
		pthread_join(threads[i], NULL);
	fake_drain_finish(drain);
	CHECK_INT(fake_count(drain, TABLE_collective), RANKS * CALLS);
	CHECK_INT(fake_count(drain, TABLE_communicator), RANKS);
	for (size_t i = 0; i < RANKS * CALLS; i++) {
		const struct collective_row *row = fake_row(drain, TABLE_collective, i);
		CHECK_INT(row->bytes, 20);
		CHECK(row->external_id != 0);
	}
}
