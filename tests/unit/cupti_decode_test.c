/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_decode.h"
#include "libtrace/recorder.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

/*
 * Strides as the libraries of four CUDA versions use them (facts: measured, or from generated
 * bindings).
 */
struct version {
	const char *name;
	uint16_t memcpy, memset, kernel, device, context, overhead, event, synchronization, memory,
		graph, pool, jit, unified, host_launch, host_node;
};

static const struct version versions[] = {
	{ "11.8", 88, 88, 200, 176, 16, 40, 24, 40, 120, 48, 72, 64, 64, 0, 0 },
	{ "12.4", 88, 88, 208, 184, 24, 56, 24, 40, 120, 56, 72, 72, 64, 0, 0 },
	{ "13.0", 96, 88, 216, 184, 32, 56, 56, 56, 128, 56, 80, 72, 104, 0, 0 },
	{ "13.4", 112, 104, 248, 192, 40, 56, 56, 56, 128, 56, 80, 72, 104, 48, 56 },
};
enum { VERSION_COUNT = sizeof versions / sizeof versions[0] };

static void strides_fill(uint16_t strides[CUPTI_KIND_LIMIT], const struct version *version)
{
	memcpy(strides, cupti_strides_13_0, CUPTI_KIND_LIMIT * sizeof strides[0]);
	strides[CUPTI_KIND_MEMCPY] = version->memcpy;
	strides[CUPTI_KIND_MEMSET] = version->memset;
	strides[CUPTI_KIND_KERNEL] = strides[CUPTI_KIND_CONCURRENT_KERNEL] = version->kernel;
	strides[CUPTI_KIND_DEVICE] = version->device;
	strides[CUPTI_KIND_CONTEXT] = version->context;
	strides[CUPTI_KIND_OVERHEAD] = version->overhead;
	strides[CUPTI_KIND_CUDA_EVENT] = version->event;
	strides[CUPTI_KIND_SYNCHRONIZATION] = version->synchronization;
	strides[CUPTI_KIND_MEMORY2] = version->memory;
	strides[CUPTI_KIND_GRAPH_TRACE] = version->graph;
	strides[CUPTI_KIND_MEMORY_POOL] = version->pool;
	strides[CUPTI_KIND_JIT] = version->jit;
	strides[CUPTI_KIND_UNIFIED_MEMORY] = version->unified;
	strides[CUPTI_KIND_HOST_LAUNCH] = version->host_launch;
	strides[CUPTI_KIND_GRAPH_HOST_NODE] = version->host_node;
}

/*
 * A buffer as CUPTI would fill it: records cut to the version's stride, newer bytes full of
 * rubbish.
 */
struct buffer {
	uint16_t strides[CUPTI_KIND_LIMIT];
	size_t used;
	_Alignas(8) uint8_t bytes[64 * 1024];
};

static void add_record(struct buffer *buffer, const void *record, size_t size)
{
	uint32_t kind;
	memcpy(&kind, record, sizeof kind);
	size_t stride = buffer->strides[kind];
	CHECK(stride != 0 && buffer->used + stride <= sizeof buffer->bytes);
	memset(buffer->bytes + buffer->used, 0xee, stride);
	memcpy(buffer->bytes + buffer->used, record, size < stride ? size : stride);
	buffer->used += stride;
}

#define ADD(buffer, record) add_record((buffer), &(record), sizeof(record))

/* The sink of these tests: the last row of each table, and how many. */
static struct seen {
	struct kernel_row kernel;
	struct memcpy_row memcpy;
	struct memset_row memset;
	struct api_call_row api_call;
	struct synchronization_row synchronization;
	struct cuda_event_row cuda_event;
	struct graph_launch_row graph_launch;
	struct allocation_row allocation;
	struct overhead_row overhead;
	struct memory_pool_row memory_pool;
	struct gpu_range_row gpu_range;
	struct sample_row sample;
	struct external_correlation_row external_correlation;
	struct device_row device;
	struct context_row context;
	struct stream_row stream;
	struct kernel_symbol_row shape;
	int64_t count[TABLE_COUNT];
	int64_t correlations[64];
	char name[64], thread_name[64], stream_name[64], device_name[64], device_uuid[64];
	int64_t thread_id;
	int64_t loss_count;
	char loss[256];
} seen;

static void see_row(void *context, enum trace_table table, const void *row)
{
	(void)context;
	static const struct { enum trace_table table; void *place; } places[] = {
		{ TABLE_kernel, &seen.kernel }, { TABLE_memcpy, &seen.memcpy },
		{ TABLE_memset, &seen.memset }, { TABLE_api_call, &seen.api_call },
		{ TABLE_synchronization, &seen.synchronization },
		{ TABLE_cuda_event, &seen.cuda_event }, { TABLE_graph_launch, &seen.graph_launch },
		{ TABLE_allocation, &seen.allocation }, { TABLE_overhead, &seen.overhead },
		{ TABLE_external_correlation, &seen.external_correlation },
		{ TABLE_memory_pool, &seen.memory_pool }, { TABLE_gpu_range, &seen.gpu_range },
		{ TABLE_sample, &seen.sample },
		{ TABLE_device, &seen.device }, { TABLE_context, &seen.context },
		{ TABLE_stream, &seen.stream },
	};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (places[i].table == table)
			memcpy(places[i].place, row, trace_tables[table].row_size);
	if (table == TABLE_kernel && seen.count[table] < 64)
		seen.correlations[seen.count[table]] = seen.kernel.correlation_id;
	if (table == TABLE_device) {
		(void)strncpy(seen.device_name, seen.device.name, sizeof seen.device_name - 1);
		(void)strncpy(seen.device_uuid, seen.device.uuid, sizeof seen.device_uuid - 1);
	}
	seen.count[table]++;
}

static int64_t see_string(void *context, const char *text)
{
	(void)context;
	(void)strncpy(seen.name, text, sizeof seen.name - 1);
	return 1;
}

static int64_t see_stream(void *context, int64_t device_id, int64_t context_id, int64_t number)
{
	(void)context;
	return device_id * 10000 + context_id * 100 + number;
}

static int64_t see_device_of(void *context, int64_t context_id)
{
	(void)context;
	return context_id == 1 ? 0 : -1;
}

static int64_t see_symbol(void *context, struct kernel_symbol_row *shape, const char *name)
{
	(void)see_string(context, name);
	seen.shape = *shape;
	return 5;
}

static int64_t see_api_name(void *context, enum api_kind api, uint32_t cbid)
{
	(void)context;
	return cbid == 999 ? -1 : (int64_t)api * 1000 + cbid;
}

static void see_stream_name(void *context, int64_t context_id, int64_t number, const char *name)
{
	(void)context;
	CHECK_INT(context_id, 1);
	CHECK_INT(number, 13);
	(void)strncpy(seen.stream_name, name, sizeof seen.stream_name - 1);
}

static void see_thread(void *context, int64_t thread_id, const char *name)
{
	(void)context;
	seen.thread_id = thread_id;
	if (name != NULL)
		(void)strncpy(seen.thread_name, name, sizeof seen.thread_name - 1);
}

static void see_loss(void *context, const char *reason, int64_t count)
{
	(void)context;
	seen.loss_count += count;
	(void)strncat(seen.loss, reason, sizeof seen.loss - strlen(seen.loss) - 3);
	(void)strncat(seen.loss, "; ", 3);
}

static const struct cupti_sink sink = {
	.put = see_row, .string = see_string, .stream = see_stream, .device_of = see_device_of,
	.kernel_symbol = see_symbol, .api_name = see_api_name, .stream_name = see_stream_name,
	.thread = see_thread,
};

enum { EPOCH = 1000000, OWN_THREAD = 77 };

static struct cupti_decoder *decoder_make(const struct buffer *buffer)
{
	const struct cupti_decode_options options = {
		.strides = buffer->strides, .epoch_ns = EPOCH, .has_api_records = true,
		.own_thread_id = OWN_THREAD,
	};
	struct cupti_decoder *decoder = cupti_decoder_create(&options, &sink);
	CHECK(decoder != NULL);
	return decoder;
}

static void decode(struct buffer *buffer, size_t records)
{
	struct cupti_decoder *decoder = decoder_make(buffer);
	CHECK_INT(cupti_count_records(buffer->strides, buffer->bytes, buffer->used), records);
	CHECK_INT(cupti_decode(decoder, buffer->bytes, buffer->used), records);
	cupti_decoder_take_losses(decoder, see_loss, NULL);
	cupti_decoder_close(decoder);
}

static struct buffer *buffer_make(const struct version *version)
{
	static struct buffer buffer;
	memset(&buffer, 0, sizeof buffer);
	strides_fill(buffer.strides, version);
	memset(&seen, 0, sizeof seen);
	return &buffer;
}

static struct cupti_kernel kernel_make(uint64_t start, uint64_t end, uint32_t correlation)
{
	return (struct cupti_kernel){
		.kind = CUPTI_KIND_CONCURRENT_KERNEL, .registers = 40, .start = EPOCH + start,
		.end = EPOCH + end, .device = 1, .context = 2, .stream = 7, .grid = { 2, 3, 4 },
		.block = { 32, 2, 1 }, .static_shared = 100, .dynamic_shared = 200,
		.local_per_thread = 8, .correlation = correlation, .name = "_Z4gemmv",
		.launch_type = 1, .graph_node = 11, .graph = 12, .cluster = { 2, 1, 1 },
	};
}

TEST(kernels_of_all_versions_are_decoded)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_kernel kernel = kernel_make(50, 70, 9);
		ADD(buffer, kernel);
		ADD(buffer, kernel);
		decode(buffer, 2);
		CHECK_INT(seen.count[TABLE_kernel], 2);
		CHECK_INT(seen.kernel.start_ns, 50);
		CHECK_INT(seen.kernel.duration_ns, 20);
		CHECK_INT(seen.kernel.stream_id, 10207);
		CHECK_INT(seen.kernel.kernel_id, 5);
		CHECK_INT(seen.kernel.correlation_id, 9);
		CHECK_INT(seen.kernel.graph_id, 12);
		CHECK_INT(seen.kernel.graph_node_id, 11);
		CHECK_TEXT(seen.name, "_Z4gemmv");
		CHECK_INT(seen.shape.grid_z, 4);
		CHECK_INT(seen.shape.block_y, 2);
		CHECK_INT(seen.shape.cluster_x, 2);
		CHECK_INT(seen.shape.registers, 40);
		CHECK_INT(seen.shape.static_shared_bytes, 100);
		CHECK_INT(seen.shape.dynamic_shared_bytes, 200);
		CHECK_INT(seen.shape.local_bytes_per_thread, 8);
		CHECK_INT(seen.shape.launch_type, 1);
		CHECK_INT(seen.loss_count, 0);
	}
}

TEST(copies_and_memsets_of_all_versions_are_decoded)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_memcpy copy = {
			.kind = CUPTI_KIND_MEMCPY,
			.copy_kind = COPY_HTOD,
			.source_kind = MEMORY_PINNED,
			.destination_kind = MEMORY_DEVICE,
			.flags = 1,
			.bytes = 1u << 20,
			.start = EPOCH + 5,
			.end = EPOCH + 5,
			.context = 1,
			.stream = 13,
			.correlation = 4,
			.copy_count = 3,
		};
		struct cupti_memset set = {
			.kind = CUPTI_KIND_MEMSET, .value = 0xff, .bytes = 64, .start = EPOCH + 1,
			.end = EPOCH + 2, .context = 1, .stream = 7, .memory_kind = MEMORY_MANAGED,
		};
		ADD(buffer, copy);
		ADD(buffer, set);
		decode(buffer, 2);
		CHECK_INT(seen.memcpy.direction, COPY_HTOD);
		CHECK_INT(seen.memcpy.source_memory, MEMORY_PINNED);
		CHECK_INT(seen.memcpy.destination_memory, MEMORY_DEVICE);
		CHECK_INT(seen.memcpy.is_async, 1);
		CHECK_INT(seen.memcpy.bytes, 1 << 20);
		CHECK_INT(seen.memcpy.duration_ns, 0);
		CHECK_INT(seen.memcpy.source_device_id, -1);
		/*
		 * Older records end before the field: nothing of the next one may be read into it.
		 */
		CHECK_INT(seen.memcpy.copy_count, versions[i].memcpy >= 96 ? 3 : 0);
		CHECK_INT(seen.memset.value, 255);
		CHECK_INT(seen.memset.memory, MEMORY_MANAGED);
		CHECK_INT(seen.memset.correlation_id, 0);
	}
}

TEST(peer_copies_keep_both_devices)
{
	struct buffer *buffer = buffer_make(&versions[2]);
	struct cupti_peer_copy copy = {
		.kind = CUPTI_KIND_MEMCPY2,
		.copy_kind = COPY_PTOP,
		.source_kind = MEMORY_DEVICE,
		.destination_kind = MEMORY_DEVICE,
		.bytes = 99,
		.start = EPOCH + 1,
		.end = EPOCH + 4,
		.device = 2,
		.context = 3,
		.stream = 7,
		.source_device = 2,
		.destination_device = 5,
		.correlation = 8,
		.graph = 6,
		.graph_node = 61,
	};
	ADD(buffer, copy);
	decode(buffer, 1);
	CHECK_INT(seen.memcpy.direction, COPY_PTOP);
	CHECK_INT(seen.memcpy.source_device_id, 2);
	CHECK_INT(seen.memcpy.destination_device_id, 5);
	CHECK_INT(seen.memcpy.bytes, 99);
	CHECK_INT(seen.memcpy.stream_id, 20307);
	CHECK_INT(seen.memcpy.graph_id, 6);
	CHECK_INT(seen.memcpy.graph_node_id, 61);
	CHECK_INT(seen.memcpy.is_async, 0);
}

TEST(calls_are_decoded_and_our_own_are_left_out)
{
	struct buffer *buffer = buffer_make(&versions[0]);
	struct cupti_api call = {
		.kind = CUPTI_KIND_RUNTIME, .cbid = 211, .start = EPOCH + 3, .end = EPOCH + 9,
		.process = 1, .thread = 41, .correlation = 17, .return_value = 700,
	};
	ADD(buffer, call);
	struct cupti_api own = call, skipped = call;
	own.thread = OWN_THREAD;
	skipped.cbid = 999;
	ADD(buffer, own);
	ADD(buffer, skipped);
	decode(buffer, 3);
	CHECK_INT(seen.count[TABLE_api_call], 1);
	CHECK_INT(seen.api_call.api, API_RUNTIME);
	CHECK_INT(seen.api_call.name_id, 2211);
	CHECK_INT(seen.api_call.thread_id, 41);
	CHECK_INT(seen.api_call.return_value, 700);
	CHECK_INT(seen.api_call.correlation_id, 17);
	CHECK_INT(seen.thread_id, 41);
	CHECK_INT(seen.loss_count, 0);
}

TEST(waits_and_events_of_all_versions_are_decoded)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		bool is_new = versions[i].event >= 56;
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_synchronization wait = {
			.kind = CUPTI_KIND_SYNCHRONIZATION,
			.type = SYNCHRONIZATION_CONTEXT,
			.start = EPOCH + 1,
			.end = EPOCH + 8,
			.correlation = 5,
			.context = 1,
			.stream = CUPTI_NOT_APPLICABLE,
			.event = CUPTI_NOT_APPLICABLE,
			.event_sync = 6,
		};
		struct cupti_event event = {
			.kind = CUPTI_KIND_CUDA_EVENT, .correlation = 6, .context = 1, .stream = 13,
			.event = 3, .device_timestamp = EPOCH + 44, .event_sync = 21,
		};
		ADD(buffer, wait);
		ADD(buffer, event);
		decode(buffer, 2);
		CHECK_INT(seen.synchronization.stream_id, 0);
		CHECK_INT(seen.synchronization.event_id, -1);
		CHECK_INT(seen.synchronization.device_id, 0);
		CHECK_INT(seen.synchronization.event_sync_id, is_new ? 6 : 0);
		CHECK_INT(seen.cuda_event.time_ns, is_new ? 44 : -1);
		CHECK_INT(seen.cuda_event.event_sync_id, is_new ? 21 : 0);
		CHECK_INT(seen.cuda_event.event_id, 3);
		CHECK_INT(seen.cuda_event.stream_id, -10000 + 113);
	}
}

TEST(facts_of_all_versions_are_decoded)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_device device = {
			.kind = CUPTI_KIND_DEVICE,
			.memory_bandwidth = 1008000000,
			.memory_bytes = UINT64_C(24) << 30,
			.l2_bytes = 72u << 20,
			.core_clock = 2520000,
			.copy_engines = 2,
			.sm_count = 128,
			.compute_major = 8,
			.compute_minor = 9,
			.id = 3,
			.uuid = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 2 },
			.name = "NVIDIA GeForce RTX 4090",
		};
		struct cupti_context context = {
			.kind = CUPTI_KIND_CONTEXT, .context = 1, .device = 3, .null_stream = 7,
		};
		struct cupti_stream stream = {
			.kind = CUPTI_KIND_STREAM, .context = 1, .stream = 13,
			.priority = (uint32_t)-5, .flag = 2,
		};
		struct cupti_name name = {
			.kind = CUPTI_KIND_NAME, .object_kind = CUPTI_OBJECT_STREAM,
			.object = { 3, 1, 13 }, .name = "copies",
		};
		struct cupti_name thread = {
			.kind = CUPTI_KIND_NAME, .object_kind = CUPTI_OBJECT_THREAD,
			.object = { 1000, 1001, 0 }, .name = "loader",
		};
		ADD(buffer, device);
		ADD(buffer, context);
		ADD(buffer, stream);
		ADD(buffer, name);
		ADD(buffer, thread);
		decode(buffer, 5);
		CHECK_INT(seen.device.device_id, 3);
		CHECK_INT(seen.device.copy_engines, 2);
		CHECK_INT(seen.device.clock_sm_max_mhz, 2520);
		CHECK_INT(seen.device.memory_bandwidth_bytes_per_s, INT64_C(1008000000000));
		CHECK_TEXT(seen.device_name, "NVIDIA GeForce RTX 4090");
		CHECK_TEXT(seen.device_uuid, "GPU-01234567-89ab-cdef-0102-000000000000");
		CHECK_INT(seen.context.null_stream_number, 7);
		CHECK_INT(seen.stream.priority, -5);
		CHECK_INT(seen.stream.flag, 2);
		CHECK_TEXT(seen.stream_name, "copies");
		CHECK_TEXT(seen.thread_name, "loader");
		CHECK_INT(seen.thread_id, 1001);
	}
}

TEST(allocations_overheads_graphs_and_brackets_are_decoded)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_memory memory = {
			.kind = CUPTI_KIND_MEMORY2, .operation = 2, .memory_kind = MEMORY_DEVICE,
			.correlation = 3, .address = UINT64_C(0x7f0000000000), .bytes = 512,
			.timestamp = EPOCH + 2, .device = 1,
		};
		struct cupti_overhead overhead = {
			.kind = CUPTI_KIND_OVERHEAD,
			.overhead_kind = 5u << 16,
			.object_kind = CUPTI_OBJECT_THREAD,
			.object = { 10, 20, 0 },
			.start = EPOCH + 1,
			.end = EPOCH + 3,
			.correlation = 9,
		};
		struct cupti_graph_trace graph = {
			.kind = CUPTI_KIND_GRAPH_TRACE,
			.correlation = 4,
			.start = EPOCH,
			.end = EPOCH + 10,
			.device = 1,
			.graph = 77,
			.context = 2,
			.stream = 7,
		};
		struct cupti_external_correlation ours = {
			.kind = CUPTI_KIND_EXTERNAL_CORRELATION,
			.external_kind = CUPTI_EXTERNAL_OURS,
			.external = 123,
			.correlation = 4,
		};
		struct cupti_external_correlation foreign = ours;
		foreign.external_kind = 3;
		foreign.external = 666;
		ADD(buffer, memory);
		ADD(buffer, overhead);
		ADD(buffer, graph);
		ADD(buffer, ours);
		ADD(buffer, foreign);
		decode(buffer, 5);
		CHECK_INT(seen.allocation.operation, 2);
		CHECK_INT(seen.allocation.bytes, 512);
		CHECK_INT(seen.allocation.time_ns, 2);
		CHECK_INT(seen.allocation.total_bytes, -1);
		CHECK_INT(seen.overhead.thread_id, 20);
		CHECK_TEXT(seen.name, "Lazy Function Loading");
		CHECK_INT(seen.overhead.correlation_id, versions[i].overhead >= 56 ? 9 : 0);
		CHECK_INT(seen.graph_launch.graph_id, 77);
		CHECK_INT(seen.graph_launch.stream_id, 10207);
		CHECK_INT(seen.external_correlation.external_id, 123);
		CHECK_INT(seen.count[TABLE_external_correlation], 1);
	}
}

TEST(stamps_that_are_no_times_are_counted_and_never_stored)
{
	struct buffer *buffer = buffer_make(&versions[2]);
	struct cupti_kernel good = kernel_make(10, 20, 1), zero = good, open = good,
			    backwards = good;
	struct cupti_kernel stale = good, future = good, huge = good;
	zero.start = zero.end = 0;
	open.end = 0;
	backwards.end = backwards.start - 1;
	stale.start = 5;
	future.end = INT64_C(900000000000);
	huge.start = huge.end = UINT64_MAX - 1;
	ADD(buffer, good);
	ADD(buffer, zero);
	ADD(buffer, open);
	ADD(buffer, backwards);
	ADD(buffer, stale);
	ADD(buffer, future);
	ADD(buffer, huge);
	struct cupti_decoder *decoder = decoder_make(buffer);
	cupti_decoder_set_window(decoder, EPOCH / 2, INT64_C(800000000000));
	CHECK_INT(cupti_decode(decoder, buffer->bytes, buffer->used), 7);
	cupti_decoder_take_losses(decoder, see_loss, NULL);
	CHECK_INT(seen.count[TABLE_kernel], 1);
	CHECK_INT(seen.loss_count, 6);
	CHECK_CONTAINS(seen.loss, "zero timestamp: kernel");
	CHECK_CONTAINS(seen.loss, "incomplete at the end: kernel");
	CHECK_CONTAINS(seen.loss, "end before start: kernel");
	CHECK_CONTAINS(seen.loss, "implausible timestamp: kernel");
	seen.loss_count = 0;
	cupti_decoder_take_losses(decoder, see_loss, NULL);
	CHECK_INT(seen.loss_count, 0);
	cupti_decoder_close(decoder);
}

TEST(unknown_kinds_are_stepped_over_when_the_library_knows_them_and_end_the_walk_when_not)
{
	struct buffer *buffer = buffer_make(&versions[2]);
	struct cupti_kernel kernel = kernel_make(1, 2, 3);
	const uint32_t known = 100, unknown = 101;
	buffer->strides[known] = 40;
	ADD(buffer, known);
	ADD(buffer, kernel);
	memcpy(buffer->bytes + buffer->used, &unknown, sizeof unknown);
	buffer->used += 64;
	decode(buffer, 2);
	CHECK_INT(seen.count[TABLE_kernel], 1);
	CHECK_INT(seen.loss_count, 1);
	CHECK_TEXT(seen.loss, "unknown kind; rest of the buffer skipped: kind 101; ");
}

TEST(buffers_that_end_within_a_record_are_counted)
{
	for (size_t cut = 1; cut < 216; cut += 5) {
		struct buffer *buffer = buffer_make(&versions[2]);
		struct cupti_kernel kernel = kernel_make(1, 2, 3);
		ADD(buffer, kernel);
		ADD(buffer, kernel);
		buffer->used -= cut;
		decode(buffer, 1);
		CHECK_INT(seen.count[TABLE_kernel], 1);
		CHECK_INT(seen.loss_count, 1);
	}
}

TEST(a_stride_too_small_to_read_is_counted)
{
	struct buffer *buffer = buffer_make(&versions[2]);
	struct cupti_kernel kernel = kernel_make(1, 2, 3);
	buffer->strides[CUPTI_KIND_CONCURRENT_KERNEL] = 112;
	ADD(buffer, kernel);
	decode(buffer, 1);
	CHECK_INT(seen.count[TABLE_kernel], 0);
	CHECK_TEXT(seen.loss, "record too short: kernel; ");
}

static void add_call(struct buffer *buffer, uint32_t correlation)
{
	struct cupti_api call = {
		.kind = CUPTI_KIND_RUNTIME, .cbid = 1, .start = EPOCH + 1, .end = EPOCH + 2,
		.thread = 1, .correlation = correlation,
	};
	ADD(buffer, call);
}

static void add_kernel(struct buffer *buffer, uint32_t correlation)
{
	struct cupti_kernel kernel = kernel_make(1, 2, correlation);
	ADD(buffer, kernel);
}

TEST(correlation_ids_go_on_counting_when_the_32_bits_wrap)
{
	const int64_t round = INT64_C(1) << 32;
	struct buffer *buffer = buffer_make(&versions[2]);
	add_call(buffer, UINT32_MAX - 1);
	add_kernel(buffer, UINT32_MAX - 1);
	add_kernel(buffer, 2);		/* its call comes later: already of the next round */
	add_call(buffer, 1);
	add_call(buffer, UINT32_MAX);	/* late, of the round before */
	add_kernel(buffer, UINT32_MAX);
	add_kernel(buffer, 1);
	add_kernel(buffer, 0);
	decode(buffer, 8);
	CHECK_INT(seen.correlations[0], round - 2);
	CHECK_INT(seen.correlations[1], round + 2);
	CHECK_INT(seen.correlations[2], round - 1);
	CHECK_INT(seen.correlations[3], round + 1);
	CHECK_INT(seen.correlations[4], 0);
	CHECK_INT(seen.api_call.correlation_id, round - 1);
}

TEST(an_allocation_from_a_pool_tells_the_pools_size)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_memory memory = {
			.kind = CUPTI_KIND_MEMORY2, .operation = 1, .memory_kind = 3,
			.correlation = 6, .address = 0x7000, .bytes = 512, .timestamp = EPOCH + 2,
			.device = 1, .context = 2, .stream = 7, .pool_type = 2,
			.pool_address = 0x900, .pool_threshold = UINT64_MAX, .pool_size = 4096,
			.pool_used = 512,
		};
		ADD(buffer, memory);	/* another process's: its sizes mean nothing */
		memory.pool_type = 1;
		memory.operation = 2;
		ADD(buffer, memory);
		decode(buffer, 2);
		CHECK_INT(seen.count[TABLE_allocation], 2);
		CHECK_INT(seen.count[TABLE_memory_pool], 1);
		CHECK_INT(seen.memory_pool.operation, POOL_RELEASED);
		CHECK_INT(seen.memory_pool.address, 0x900);
		CHECK_INT(seen.memory_pool.bytes, 4096);
		CHECK_INT(seen.memory_pool.used_bytes, 512);
		CHECK_INT(seen.memory_pool.release_threshold_bytes, INT64_MAX);
		CHECK_INT(seen.memory_pool.device_id, 1);
		CHECK_INT(seen.memory_pool.correlation_id, 6);
		CHECK_INT(seen.memory_pool.time_ns, 2);
	}
}

TEST(pools_and_compiled_code_have_rows_in_every_version)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_memory_pool pool = {
			.kind = CUPTI_KIND_MEMORY_POOL, .operation = 3, .pool_type = 1,
			.correlation = 8, .device = 1, .address = 0x900, .bytes = 4096,
			.threshold = 77, .timestamp = EPOCH + 5, .used = 100,
		};
		struct cupti_jit jit = {
			.kind = CUPTI_KIND_JIT, .entry_type = 1, .operation = 3,
			.start = EPOCH + 10, .end = EPOCH + 30, .correlation = 9, .thread = 20,
		};
		ADD(buffer, pool);
		ADD(buffer, jit);
		decode(buffer, 2);
		CHECK_INT(seen.memory_pool.operation, POOL_TRIMMED);
		CHECK_INT(seen.memory_pool.bytes, 4096);
		CHECK_INT(seen.memory_pool.used_bytes, 100);
		CHECK_INT(seen.memory_pool.release_threshold_bytes, 77);
		CHECK_INT(seen.overhead.start_ns, 10);
		CHECK_INT(seen.overhead.duration_ns, 20);
		CHECK_INT(seen.overhead.thread_id, versions[i].jit >= 72 ? 20 : 0);
		CHECK_TEXT(seen.name, "JIT Compilation");
	}
}

TEST(host_functions_lie_on_their_stream)
{
	struct buffer *buffer = buffer_make(&versions[3]);
	struct cupti_host_launch launch = {
		.kind = CUPTI_KIND_HOST_LAUNCH, .device = 1, .context = 2, .stream = 7,
		.start = EPOCH + 3, .end = EPOCH + 9,
	};
	struct cupti_graph_host_node node = {
		.kind = CUPTI_KIND_GRAPH_HOST_NODE, .device = 1, .context = 2, .stream = 8,
		.start = EPOCH + 4, .end = EPOCH + 6,
	};
	ADD(buffer, launch);
	decode(buffer, 1);
	CHECK_INT(seen.gpu_range.stream_id, 10207);
	CHECK_INT(seen.gpu_range.start_ns, 3);
	CHECK_INT(seen.gpu_range.duration_ns, 6);
	CHECK_TEXT(seen.name, "host function");
	buffer = buffer_make(&versions[3]);
	ADD(buffer, node);
	decode(buffer, 1);
	CHECK_INT(seen.gpu_range.stream_id, 10208);
	CHECK_INT(seen.gpu_range.duration_ns, 2);
}

TEST(pages_that_move_are_copies_and_faults_are_counters)
{
	for (size_t i = 0; i < VERSION_COUNT; i++) {
		struct buffer *buffer = buffer_make(&versions[i]);
		struct cupti_unified_memory record = {
			.kind = CUPTI_KIND_UNIFIED_MEMORY, .counter = CUPTI_UNIFIED_HTOD,
			.value = 65536, .start = EPOCH + 10, .end = EPOCH + 14,
			.source = UINT32_MAX, .destination = 1, .stream = 0xabab,
		};
		ADD(buffer, record);
		record.counter = CUPTI_UNIFIED_DTOH;
		record.source = 2;
		record.destination = UINT32_MAX;
		ADD(buffer, record);
		record.counter = CUPTI_UNIFIED_CPU_FAULT;
		record.end = 0;		/* has no meaning */
		ADD(buffer, record);
		record.counter = 99;	/* of a later version */
		ADD(buffer, record);
		record.counter = CUPTI_UNIFIED_GPU_FAULTS;
		record.value = 5;
		ADD(buffer, record);
		decode(buffer, 5);
		CHECK_INT(seen.count[TABLE_memcpy], 2);
		CHECK_INT(seen.count[TABLE_stream], 2);
		CHECK_INT(seen.memcpy.direction, COPY_DTOH);
		CHECK_INT(seen.memcpy.bytes, 65536);
		CHECK_INT(seen.memcpy.source_memory, MEMORY_MANAGED);
		CHECK_INT(seen.memcpy.destination_memory, MEMORY_MANAGED);
		CHECK_INT(seen.memcpy.stream_id, 20000);
		CHECK_INT(seen.memcpy.is_async, -1);
		CHECK_INT(seen.count[TABLE_sample], 2);
		CHECK_INT(seen.sample.device_id, 2);
		CHECK_INT(seen.sample.value, 5);
		CHECK_TEXT(seen.name, "gpu_page_faults");
		CHECK_INT(seen.loss_count, 0);
	}
}

TEST(only_calls_move_the_correlation_epoch)
{
	struct buffer *buffer = buffer_make(&versions[2]);
	add_call(buffer, 5);
	add_kernel(buffer, 0x70000000);	/* rubbish, or far ahead */
	add_kernel(buffer, 0xf0000000);
	add_kernel(buffer, 6);
	decode(buffer, 4);
	CHECK_INT(seen.correlations[0], 0x70000000);
	CHECK_INT(seen.correlations[2], 6);
}

TEST(any_bytes_are_decoded_without_reading_past_them)
{
	unsigned seed = 1;
	for (int round = 0; round < 2000; round++) {
		struct buffer *buffer = buffer_make(&versions[round % VERSION_COUNT]);
		size_t size = (size_t)(round % 61) * 8;
		uint8_t *bytes = aligned_alloc(8, size == 0 ? 8 : size);
		CHECK(bytes != NULL);
		for (size_t i = 0; i < size; i++) {
			seed = seed * 1103515245u + 12345u;
			bytes[i] = (uint8_t)(seed >> 16);
		}
		/*
		 * Kinds without pointers: a name in a hostile buffer cannot be survived, nor need
		 * it be.
		 */
		static const uint32_t kinds[] = { 1,  2,  4,  5,  9,  17, 22, 36,
						  37, 38, 39, 49, 51, 0,  77, 25, 50, 52, 56, 58 };
		for (size_t i = 0; i + 8 <= size; i += 8) {
			seed = seed * 1103515245u + 12345u;
			uint32_t kind = kinds[(seed >> 16) % (sizeof kinds / sizeof kinds[0])];
			memcpy(bytes + i, &kind, sizeof kind);
		}
		struct cupti_decoder *decoder = decoder_make(buffer);
		(void)cupti_decode(decoder, bytes, size);
		cupti_decoder_close(decoder);
		free(bytes);
	}
}
