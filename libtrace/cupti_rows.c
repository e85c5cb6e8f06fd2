/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t stream_take(struct cupti_decoder *decoder, uint32_t device, uint32_t context,
			   uint32_t stream)
{
	return decoder->sink.stream(decoder->sink.context, device, context, stream);
}

static void decode_kernel(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_kernel *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	struct kernel_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	bool has_cluster = CUPTI_HAS(cupti_kernel, cluster, stride);
	struct kernel_symbol_row shape = {
		.grid_x = record->grid[0],
		.grid_y = record->grid[1],
		.grid_z = record->grid[2],
		.block_x = record->block[0],
		.block_y = record->block[1],
		.block_z = record->block[2],
		.cluster_x = has_cluster ? record->cluster[0] : 0,
		.cluster_y = has_cluster ? record->cluster[1] : 0,
		.cluster_z = has_cluster ? record->cluster[2] : 0,
		.registers = record->registers,
		.static_shared_bytes = record->static_shared,
		.dynamic_shared_bytes = record->dynamic_shared,
		.local_bytes_per_thread = record->local_per_thread,
		.launch_type = record->launch_type,
	};
	row.stream_id = stream_take(decoder, record->device, record->context, record->stream);
	row.kernel_id = sink->kernel_symbol(sink->context, &shape, record->name);
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	row.graph_id = record->graph;
	row.graph_node_id = (int64_t)record->graph_node;
	sink->put(sink->context, TABLE_kernel, &row);
}

static void decode_memcpy(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_memcpy *record = bytes;
	struct memcpy_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.stream_id = stream_take(decoder, record->device, record->context, record->stream);
	row.direction = record->copy_kind;
	row.source_memory = record->source_kind;
	row.destination_memory = record->destination_kind;
	row.bytes = (int64_t)record->bytes;
	row.source_device_id = -1;
	row.destination_device_id = -1;
	row.is_async = record->flags & CUPTI_COPY_ASYNC;
	row.copy_count =
		CUPTI_HAS(cupti_memcpy, copy_count, stride) ? (int64_t)record->copy_count : 0;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	row.graph_id = record->graph;
	row.graph_node_id = (int64_t)record->graph_node;
	decoder->sink.put(decoder->sink.context, TABLE_memcpy, &row);
}

static void decode_peer_copy(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_peer_copy *record = bytes;
	struct memcpy_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.stream_id = stream_take(decoder, record->device, record->context, record->stream);
	row.direction = record->copy_kind;
	row.source_memory = record->source_kind;
	row.destination_memory = record->destination_kind;
	row.bytes = (int64_t)record->bytes;
	row.source_device_id = record->source_device;
	row.destination_device_id = record->destination_device;
	row.is_async = record->flags & CUPTI_COPY_ASYNC;
	row.copy_count = 0;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	row.graph_id = record->graph;
	row.graph_node_id = (int64_t)record->graph_node;
	decoder->sink.put(decoder->sink.context, TABLE_memcpy, &row);
}

static void decode_memset(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_memset *record = bytes;
	struct memset_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.stream_id = stream_take(decoder, record->device, record->context, record->stream);
	row.memory = record->memory_kind;
	row.value = record->value;
	row.bytes = (int64_t)record->bytes;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	row.graph_id = record->graph;
	row.graph_node_id = (int64_t)record->graph_node;
	decoder->sink.put(decoder->sink.context, TABLE_memset, &row);
}

static void thread_note(struct cupti_decoder *decoder, int64_t thread_id)
{
	if (thread_id == decoder->thread_last)
		return;
	decoder->thread_last = thread_id;
	decoder->sink.thread(decoder->sink.context, thread_id, NULL);
}

static void decode_api(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_api *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	struct api_call_row row;
	/* Advances also by calls that are not stored: the epoch must not miss a wrap. */
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, true);
	if (decoder->untimed_count > 0)
		cupti_untimed_call(decoder, record->correlation, record->start, record->end);
	if (record->thread == decoder->own_thread_id && decoder->own_thread_id != 0)
		return;
	row.api = record->kind == CUPTI_KIND_RUNTIME ? API_RUNTIME
		: record->kind == CUPTI_KIND_DRIVER ? API_DRIVER : API_OTHER;
	row.name_id = sink->api_name(sink->context, (enum api_kind)row.api, record->cbid);
	if (row.name_id < 0)
		return;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.thread_id = record->thread;
	thread_note(decoder, row.thread_id);
	row.return_value = (int32_t)record->return_value;
	sink->put(sink->context, TABLE_api_call, &row);
}

/* A UUID as NVML and nvidia-smi write it. */
static void uuid_format(char text[48], const uint8_t uuid[16])
{
	static const char digits[] = "0123456789abcdef";
	char *to = text;
	memcpy(to, "GPU-", 4);
	to += 4;
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[uuid[i] >> 4];
		*to++ = digits[uuid[i] & 15];
	}
	*to = 0;
}

static void decode_device(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_device *record = bytes;
	char uuid[48];
	uuid_format(uuid, record->uuid);
	struct device_row row = {
		.device_id = record->id, .name = record->name, .uuid = uuid,
		.compute_major = record->compute_major, .compute_minor = record->compute_minor,
		.sm_count = record->sm_count, .memory_bytes = (int64_t)record->memory_bytes,
		.memory_bandwidth_bytes_per_s = record->memory_bandwidth > INT64_MAX / 1000
			? 0 : (int64_t)record->memory_bandwidth * 1000,
		.l2_bytes = record->l2_bytes, .copy_engines = record->copy_engines,
		.clock_sm_max_mhz = record->core_clock / 1000, .pcie_replays = -1,
	};
	decoder->sink.put(decoder->sink.context, TABLE_device, &row);
}

static void decode_context(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_context *record = bytes;
	struct context_row row = {
		.context_id = record->context, .device_id = record->device,
		.null_stream_number = record->null_stream,
	};
	decoder->sink.put(decoder->sink.context, TABLE_context, &row);
}

static void decode_stream(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_stream *record = bytes;
	struct stream_row row = {
		.device_id = decoder->sink.device_of(decoder->sink.context, record->context),
		.context_id = record->context, .number = record->stream,
		.priority = (int32_t)record->priority, .flag = record->flag,
	};
	decoder->sink.put(decoder->sink.context, TABLE_stream, &row);
}

static void decode_name(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_name *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	if (record->name == NULL)
		return;
	if (record->object_kind == CUPTI_OBJECT_THREAD)
		sink->thread(sink->context, record->object.context_or_thread, record->name);
	else if (record->object_kind == CUPTI_OBJECT_STREAM)
		sink->stream_name(sink->context, record->object.context_or_thread,
				  record->object.stream, record->name);
}

static void decode_synchronization(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_synchronization *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	struct synchronization_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.kind = record->type;
	row.context_id = record->context == CUPTI_NOT_APPLICABLE ? 0 : record->context;
	row.device_id = sink->device_of(sink->context, row.context_id);
	row.stream_id = record->stream == CUPTI_NOT_APPLICABLE ? 0
		: sink->stream(sink->context, -1, row.context_id, record->stream);
	row.event_id = record->event == CUPTI_NOT_APPLICABLE ? -1 : (int64_t)record->event;
	row.event_sync_id = CUPTI_HAS(cupti_synchronization, event_sync, stride)
		? (int64_t)record->event_sync : 0;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	sink->put(sink->context, TABLE_synchronization, &row);
}

static void decode_event(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_event *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	struct untimed_row untimed = {
		.correlation = record->correlation, .table = TABLE_cuda_event,
	};
	struct cuda_event_row row = { .time_ns = -1 };
	uint64_t stamp =
		CUPTI_HAS(cupti_event, device_timestamp, stride) ? record->device_timestamp : 0;
	if (stamp != 0) {
		int64_t duration_ns;
		if (!cupti_span_take(decoder, record->kind, stamp, stamp, &row.time_ns,
				     &duration_ns))
			row.time_ns = -1;
	}
	row.event_id = record->event;
	row.event_sync_id =
		CUPTI_HAS(cupti_event, event_sync, stride) ? (int64_t)record->event_sync : 0;
	row.context_id = record->context;
	row.stream_id = sink->stream(sink->context, -1, record->context, record->stream);
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	untimed.row.event = row;
	cupti_untimed_put(decoder, &untimed);
}

static const char *overhead_name(uint32_t kind, char other[32])
{
	switch (kind) {
	case 1: return "Driver Compiler";
	case 1u << 16: return "Buffer Flush";
	case 2u << 16: return "Instrumentation";
	case 3u << 16: return "Resource";
	case 4u << 16: return "Runtime Triggered Module Loading";
	case 5u << 16: return "Lazy Function Loading";
	case 6u << 16: return "Command Buffer Full";
	case 7u << 16: return "Activity Buffer Request";
	case 8u << 16: return "UVM Activity Init";
	default: break;
	}
	(void)snprintf(other, 32, "Overhead %" PRIu32, kind);
	return other;
}

static void decode_overhead(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_overhead *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	struct overhead_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	char other[32];
	row.thread_id =
		record->object_kind == CUPTI_OBJECT_THREAD ? record->object.context_or_thread : 0;
	row.name_id = sink->string(sink->context, overhead_name(record->overhead_kind, other));
	row.correlation_id = CUPTI_HAS(cupti_overhead, correlation, stride)
		? cupti_correlation_take(decoder, record->correlation, false) : 0;
	sink->put(sink->context, TABLE_overhead, &row);
}

static void decode_external(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_external_correlation *record = bytes;
	if (record->external_kind != CUPTI_EXTERNAL_OURS)
		return;	/* another library's bracket: nothing of ours is missing */
	struct untimed_row untimed = {
		.correlation = record->correlation, .table = TABLE_external_correlation,
		.row.external = {
			.external_id = (int64_t)record->external,
			.correlation_id =
				cupti_correlation_take(decoder, record->correlation, false),
		},
	};
	cupti_untimed_put(decoder, &untimed);
}

/* Code that the driver compiles, or fetches from its cache: the program's time, not ours. */
static void decode_jit(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	const struct cupti_jit *record = bytes;
	const struct cupti_sink *sink = &decoder->sink;
	static const char *const operations[] = {
		[1] = "JIT Cache Load", [2] = "JIT Cache Store", [3] = "JIT Compilation",
	};
	struct overhead_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
			     &row.duration_ns))
		return;
	bool is_known = record->operation >= 1 && record->operation <= 3;
	row.name_id = sink->string(sink->context,
				   is_known ? operations[record->operation] : "JIT");
	row.thread_id = CUPTI_HAS(cupti_jit, thread, stride) ? record->thread : 0;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	sink->put(sink->context, TABLE_overhead, &row);
}

/* A host function that a stream waits for lies on that stream, like what a source projects. */
struct host_function {
	uint32_t kind, device, context, stream;
	uint64_t start, end;
};

static void host_function_put(struct cupti_decoder *decoder, const struct host_function *function,
			      const char *name)
{
	const struct cupti_sink *sink = &decoder->sink;
	struct gpu_range_row row;
	if (!cupti_span_take(decoder, function->kind, function->start, function->end, &row.start_ns,
			     &row.duration_ns))
		return;
	row.stream_id =
		stream_take(decoder, function->device, function->context, function->stream);
	row.name_id = sink->string(sink->context, name);
	sink->put(sink->context, TABLE_gpu_range, &row);
}

#define HOST_FUNCTION(record) \
	&(const struct host_function){ \
		(record)->kind, (record)->device, (record)->context, (record)->stream, \
		(record)->start, (record)->end, \
	}

static void decode_host_launch(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_host_launch *record = bytes;
	host_function_put(decoder, HOST_FUNCTION(record), "host function");
}

static void decode_graph_host_node(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_graph_host_node *record = bytes;
	host_function_put(decoder, HOST_FUNCTION(record), "host function of a graph");
}
#undef HOST_FUNCTION

static void decode_graph_trace(struct cupti_decoder *decoder, const void *bytes, size_t stride)
{
	(void)stride;
	const struct cupti_graph_trace *record = bytes;
	struct graph_launch_row row;
	if (!cupti_span_take(decoder, record->kind, record->start, record->end, &row.start_ns,
		       &row.duration_ns))
		return;
	row.stream_id = stream_take(decoder, record->device, record->context, record->stream);
	row.graph_id = record->graph;
	row.correlation_id = cupti_correlation_take(decoder, record->correlation, false);
	decoder->sink.put(decoder->sink.context, TABLE_graph_launch, &row);
}

#define UP_TO(type, field) (offsetof(struct type, field) + sizeof(((const struct type *)0)->field))
const struct cupti_row_maker cupti_row_makers[CUPTI_KIND_LIMIT] = {
	[CUPTI_KIND_MEMCPY] = { "memcpy", decode_memcpy, UP_TO(cupti_memcpy, graph) },
	[CUPTI_KIND_MEMSET] = { "memset", decode_memset, UP_TO(cupti_memset, graph) },
	[CUPTI_KIND_KERNEL] = { "kernel", decode_kernel, UP_TO(cupti_kernel, graph) },
	[CUPTI_KIND_DRIVER] = { "driver call", decode_api, sizeof(struct cupti_api) },
	[CUPTI_KIND_RUNTIME] = { "runtime call", decode_api, sizeof(struct cupti_api) },
	[CUPTI_KIND_INTERNAL_LAUNCH_API] = { "internal call", decode_api,
					     sizeof(struct cupti_api) },
	[CUPTI_KIND_DEVICE] = { "device", decode_device, UP_TO(cupti_device, name) },
	[CUPTI_KIND_CONTEXT] = { "context", decode_context, UP_TO(cupti_context, null_stream) },
	[CUPTI_KIND_CONCURRENT_KERNEL] = { "kernel", decode_kernel, UP_TO(cupti_kernel, graph) },
	[CUPTI_KIND_NAME] = { "name", decode_name, sizeof(struct cupti_name) },
	[CUPTI_KIND_OVERHEAD] = { "overhead", decode_overhead, UP_TO(cupti_overhead, end) },
	[CUPTI_KIND_MEMCPY2] = { "peer copy", decode_peer_copy, UP_TO(cupti_peer_copy, graph) },
	[CUPTI_KIND_CUDA_EVENT] = { "event", decode_event, UP_TO(cupti_event, event) },
	[CUPTI_KIND_STREAM] = { "stream", decode_stream, sizeof(struct cupti_stream) },
	[CUPTI_KIND_SYNCHRONIZATION] = { "synchronization", decode_synchronization,
					 UP_TO(cupti_synchronization, event) },
	[CUPTI_KIND_EXTERNAL_CORRELATION] = { "external correlation", decode_external,
					      UP_TO(cupti_external_correlation, correlation) },
	[CUPTI_KIND_UNIFIED_MEMORY] = { "unified memory", cupti_decode_unified_memory,
					UP_TO(cupti_unified_memory, destination) },
	[CUPTI_KIND_MEMORY2] = { "allocation", cupti_decode_memory, UP_TO(cupti_memory, stream) },
	[CUPTI_KIND_MEMORY_POOL] = { "memory pool", cupti_decode_memory_pool,
				     UP_TO(cupti_memory_pool, used) },
	[CUPTI_KIND_GRAPH_TRACE] = { "graph", decode_graph_trace,
				     UP_TO(cupti_graph_trace, stream) },
	[CUPTI_KIND_JIT] = { "JIT", decode_jit, UP_TO(cupti_jit, correlation) },
	[CUPTI_KIND_GRAPH_HOST_NODE] = { "host function of a graph", decode_graph_host_node,
					 sizeof(struct cupti_graph_host_node) },
	[CUPTI_KIND_HOST_LAUNCH] = { "host function", decode_host_launch,
				     sizeof(struct cupti_host_launch) },
};
