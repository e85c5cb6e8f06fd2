/* SPDX-License-Identifier: MIT */
/* What the simulated device reports becomes records of the enabled kinds. */
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cupti.h"

static atomic_llong grid;

static void kernel_put(const struct rig_activity *activity)
{
	bool is_serial = rig_kind_is_enabled(RIG_KIND_KERNEL);
	struct rig_record_kernel record;

	rig_callback_resource(8, activity->device, NULL);
	if (!is_serial && !rig_kind_is_enabled(RIG_KIND_CONCURRENT_KERNEL))
		return;
	if (activity->graph_id && rig_kind_is_enabled(RIG_KIND_GRAPH_TRACE))
		return;		/* the graph record replaces its nodes */
	memset(&record, 0, sizeof(record));
	record.kind = is_serial ? RIG_KIND_KERNEL : RIG_KIND_CONCURRENT_KERNEL;
	record.registersPerThread = (uint16_t)activity->registers;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.deviceId = activity->device;
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.gridX = (int32_t)activity->grid[0];
	record.gridY = (int32_t)activity->grid[1];
	record.gridZ = (int32_t)activity->grid[2];
	record.blockX = (int32_t)activity->block[0];
	record.blockY = (int32_t)activity->block[1];
	record.blockZ = (int32_t)activity->block[2];
	record.staticSharedMemory = (int32_t)activity->static_shared;
	record.dynamicSharedMemory = (int32_t)activity->dynamic_shared;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.gridId = atomic_fetch_add(&grid, 1) + 1;
	record.name = activity->name;
	record.graphNodeId = activity->graph_node_id;
	record.graphId = activity->graph_id;
	record.channelID = 9 + activity->device;
	record.channelType = 1;
	record.isDeviceLaunched = 0;
	record.priority = activity->priority;
	rig_record_put_late(&record, record.kind);
}

static void copy_put(const struct rig_activity *activity)
{
	struct rig_record_memcpy record;

	if (!rig_kind_is_enabled(RIG_KIND_MEMCPY))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_MEMCPY;
	record.copyKind = activity->copy_kind;
	record.srcKind = activity->source_kind;
	record.dstKind = activity->destination_kind;
	record.flags = activity->is_async;
	record.bytes = (uint64_t)activity->bytes;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.deviceId = activity->device;
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.channelID = 30 + activity->copy_kind;
	record.channelType = 2;
	record.copyCount = 1;
	rig_record_put_late(&record, record.kind);
}

static void peer_copy_put(const struct rig_activity *activity)
{
	struct rig_record_memcpy2 record;

	if (!rig_kind_is_enabled(RIG_KIND_MEMCPY2))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_MEMCPY2;
	record.copyKind = activity->copy_kind;
	record.srcKind = activity->source_kind;
	record.dstKind = activity->destination_kind;
	record.flags = activity->is_async;
	record.bytes = (uint64_t)activity->bytes;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.deviceId = activity->device;
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.srcDeviceId = activity->source_device;
	record.srcContextId = activity->source_device + 1;
	record.dstDeviceId = activity->destination_device;
	record.dstContextId = activity->destination_device + 1;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.channelType = 2;
	rig_record_put_late(&record, record.kind);
}

static void memset_put(const struct rig_activity *activity)
{
	struct rig_record_memset record;

	if (!rig_kind_is_enabled(RIG_KIND_MEMSET))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_MEMSET;
	record.value = activity->value;
	record.bytes = (uint64_t)activity->bytes;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.deviceId = activity->device;
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.flags = activity->is_async;
	record.memoryKind = activity->destination_kind;
	rig_record_put_late(&record, record.kind);
}

static void sync_put(const struct rig_activity *activity)
{
	struct rig_record_synchronization record;

	if (!rig_kind_is_enabled(RIG_KIND_SYNCHRONIZATION))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_SYNCHRONIZATION;
	record.type = activity->type;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.cudaEventId = activity->event_id;
	record.cudaEventSyncId = activity->event_sync_id;
	rig_record_put(&record, record.kind);
}

static void event_put(const struct rig_activity *activity)
{
	struct rig_record_cuda_event record;

	if (!rig_kind_is_enabled(RIG_KIND_CUDA_EVENT))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_CUDA_EVENT;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	record.eventId = activity->event_id;
	record.deviceId = activity->device;
	if (rig_event_stamps())
		record.deviceTimestamp = (uint64_t)activity->start_ns;
	record.cudaEventSyncId = activity->event_sync_id;
	rig_record_put(&record, record.kind);
}

static void memory_put(const struct rig_activity *activity)
{
	struct rig_record_memory2 record;

	if (!rig_kind_is_enabled(RIG_KIND_MEMORY2))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_MEMORY2;
	record.memoryOperationType = activity->type;
	record.memoryKind = activity->destination_kind;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.address = activity->address;
	record.bytes = (uint64_t)activity->bytes;
	record.timestamp = (uint64_t)activity->start_ns;
	record.processId = (uint32_t)getpid();
	record.deviceId = activity->device;
	record.contextId = activity->device + 1;
	record.streamId = activity->stream;
	if (activity->pool_address) {
		record.isAsync = 1;
		record.poolType = 1;
		record.poolAddress = activity->pool_address;
		record.poolReleaseThreshold = (uint64_t)activity->pool_threshold;
		record.poolSize = (uint64_t)activity->pool_bytes;
		record.poolUtilizedSize = (uint64_t)activity->pool_used;
	}
	rig_record_put(&record, record.kind);
}

static void pool_put(const struct rig_activity *activity)
{
	struct rig_record_memory_pool record;

	if (!rig_kind_is_enabled(RIG_KIND_MEMORY_POOL))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_MEMORY_POOL;
	record.memoryPoolOperationType = activity->type;
	record.memoryPoolType = 1;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.processId = (uint32_t)getpid();
	record.deviceId = activity->device;
	record.address = activity->pool_address;
	record.size = (uint64_t)activity->pool_bytes;
	record.releaseThreshold = (uint64_t)activity->pool_threshold;
	record.timestamp = (uint64_t)activity->start_ns;
	record.utilizedSize = (uint64_t)activity->pool_used;
	rig_record_put(&record, record.kind);
}

static void jit_put(const struct rig_activity *activity)
{
	struct rig_record_jit record;

	if (!rig_kind_is_enabled(RIG_KIND_JIT))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_JIT;
	record.jitEntryType = 1;
	record.jitOperationType = activity->type;
	record.deviceId = activity->device;
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.cachePath = "/nowhere/cache";
	record.processId = (uint32_t)getpid();
	record.threadId = rig_thread_id();
	rig_record_put(&record, record.kind);
}

static void host_put(const struct rig_activity *activity)
{
	struct rig_record_host_launch record;

	if (!rig_kind_is_enabled(RIG_KIND_HOST_LAUNCH))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_HOST_LAUNCH;
	record.streamId = activity->stream;
	record.contextId = activity->device + 1;
	record.deviceId = activity->device;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.processId = (uint32_t)getpid();
	record.threadId = rig_thread_id();
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	rig_record_put_late(&record, record.kind);
}

static void unified_put(const struct rig_activity *activity)
{
	struct rig_record_unified_memory_counter record;
	const uint32_t cpu = UINT32_MAX;

	if (!rig_kind_is_enabled(RIG_KIND_UNIFIED_MEMORY_COUNTER) ||
	    !rig_counter_is_enabled(activity->type))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_UNIFIED_MEMORY_COUNTER;
	record.counterKind = activity->type;
	record.value = (uint64_t)activity->bytes;
	record.start = (uint64_t)activity->start_ns;
	/* The end of a fault of the CPU means nothing. */
	record.end = activity->type == 3 ? 0 : (uint64_t)activity->end_ns;
	record.address = 0x7d0000000000u;
	record.srcId = activity->type == 1 ? cpu : activity->device;
	record.dstId = activity->type == 2 ? cpu : activity->device;
	record.streamId = 0xabababab;	/* "invalid" */
	record.processId = (uint32_t)getpid();
	rig_record_put_late(&record, record.kind);
}

static void overhead_put(const struct rig_activity *activity)
{
	struct rig_record_overhead record;

	if (!rig_kind_is_enabled(RIG_KIND_OVERHEAD))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_OVERHEAD;
	record.overheadKind = activity->type;
	record.objectKind = 2;
	record.objectId[0] = (uint32_t)getpid();
	record.objectId[1] = rig_thread_id();
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	rig_record_put(&record, record.kind);
}

static void stream_put(const struct rig_activity *activity)
{
	struct rig_record_stream record = {
		.kind = RIG_KIND_STREAM,
		.contextId = activity->device + 1,
		.streamId = activity->stream,
		.priority = activity->priority,
		.flag = activity->type,
		.correlationId = rig_correlation_shown(activity->correlation),
	};

	if (rig_kind_is_enabled(RIG_KIND_STREAM))
		rig_record_put(&record, record.kind);
	rig_callback_resource(3, activity->device, &record);
}

static void graph_put(const struct rig_activity *activity)
{
	struct rig_record_graph_trace record;

	if (!rig_kind_is_enabled(RIG_KIND_GRAPH_TRACE))
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RIG_KIND_GRAPH_TRACE;
	record.correlationId = rig_correlation_shown(activity->correlation);
	record.start = (uint64_t)activity->start_ns;
	record.end = (uint64_t)activity->end_ns;
	record.deviceId = record.endDeviceId = activity->device;
	record.graphId = activity->graph_id;
	record.contextId = record.endContextId = activity->device + 1;
	record.streamId = activity->stream;
	rig_record_put_late(&record, record.kind);
}

void rig_activity_put(const struct rig_activity *activity)
{
	switch (activity->kind) {
	case RIG_ACTIVITY_KERNEL: kernel_put(activity); break;
	case RIG_ACTIVITY_COPY: copy_put(activity); break;
	case RIG_ACTIVITY_PEER_COPY: peer_copy_put(activity); break;
	case RIG_ACTIVITY_MEMSET: memset_put(activity); break;
	case RIG_ACTIVITY_SYNC: sync_put(activity); break;
	case RIG_ACTIVITY_EVENT: event_put(activity); break;
	case RIG_ACTIVITY_MEMORY: memory_put(activity); break;
	case RIG_ACTIVITY_OVERHEAD: overhead_put(activity); break;
	case RIG_ACTIVITY_STREAM: stream_put(activity); break;
	case RIG_ACTIVITY_CONTEXT: rig_context_created(activity); break;
	case RIG_ACTIVITY_GRAPH: graph_put(activity); break;
	case RIG_ACTIVITY_POOL: pool_put(activity); break;
	case RIG_ACTIVITY_JIT: jit_put(activity); break;
	case RIG_ACTIVITY_HOST: host_put(activity); break;
	case RIG_ACTIVITY_UNIFIED: unified_put(activity); break;
	}
}
