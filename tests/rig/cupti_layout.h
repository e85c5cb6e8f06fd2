/* SPDX-License-Identifier: MIT */
/*
 * The CUPTI double's own declarations of the activity records, newest layout (CUDA 13.4). Records
 * only grow at the end, so an older version's record is the first `stride` bytes. Declared
 * independently of libtrace on purpose: an error on one side is caught by the other;
 * layout_check.c compares with the real headers.
 * Thread: none, types only.
 */
#ifndef RIG_CUPTI_LAYOUT_H
#define RIG_CUPTI_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum rig_kind {
	RIG_KIND_MEMCPY = 1, RIG_KIND_MEMSET = 2, RIG_KIND_KERNEL = 3, RIG_KIND_DRIVER = 4,
	RIG_KIND_RUNTIME = 5, RIG_KIND_DEVICE = 8, RIG_KIND_CONTEXT = 9,
	RIG_KIND_CONCURRENT_KERNEL = 10, RIG_KIND_NAME = 11, RIG_KIND_OVERHEAD = 17,
	RIG_KIND_MEMCPY2 = 22, RIG_KIND_UNIFIED_MEMORY_COUNTER = 25,
	RIG_KIND_CUDA_EVENT = 36, RIG_KIND_STREAM = 37,
	RIG_KIND_SYNCHRONIZATION = 38, RIG_KIND_EXTERNAL_CORRELATION = 39, RIG_KIND_MEMORY2 = 49,
	RIG_KIND_MEMORY_POOL = 50, RIG_KIND_GRAPH_TRACE = 51, RIG_KIND_JIT = 52,
	RIG_KIND_GRAPH_HOST_NODE = 56, RIG_KIND_HOST_LAUNCH = 58, RIG_KINDS = 64,
};

struct rig_record_memcpy {
	uint32_t kind;
	uint8_t copyKind, srcKind, dstKind, flags;
	uint64_t bytes, start, end;
	uint32_t deviceId, contextId, streamId, correlationId, runtimeCorrelationId, pad;
	void *reserved0;
	uint64_t graphNodeId;
	uint32_t graphId, channelID, channelType;
	uint8_t isDeviceLaunched, pad2[3];
	uint64_t copyCount, sourceGraphId, sourceGraphNodeId;
};

struct rig_record_memset {
	uint32_t kind, value;
	uint64_t bytes, start, end;
	uint32_t deviceId, contextId, streamId, correlationId;
	uint16_t flags, memoryKind;
	uint32_t pad;
	void *reserved0;
	uint64_t graphNodeId;
	uint32_t graphId, channelID, channelType;
	uint8_t isDeviceLaunched, pad2[3];
	uint64_t sourceGraphId, sourceGraphNodeId;
};

struct rig_record_kernel {
	uint32_t kind;
	uint8_t cacheConfig, sharedMemoryConfig;
	uint16_t registersPerThread;
	uint32_t partitionedGlobalCacheRequested, partitionedGlobalCacheExecuted;
	uint64_t start, end, completed;
	uint32_t deviceId, contextId, streamId;
	int32_t gridX, gridY, gridZ, blockX, blockY, blockZ, staticSharedMemory,
		dynamicSharedMemory;
	uint32_t localMemoryPerThread, localMemoryTotal, correlationId;
	int64_t gridId;
	const char *name;
	void *reserved0;
	uint64_t queued, submitted;
	uint8_t launchType, isSharedMemoryCarveoutRequested, sharedMemoryCarveoutRequested, padding;
	uint32_t sharedMemoryExecuted;
	uint64_t graphNodeId;
	uint32_t shmemLimitConfig, graphId;
	void *pAccessPolicyWindow;
	uint32_t channelID, channelType;
	uint32_t clusterX, clusterY, clusterZ, clusterSchedulingPolicy;
	uint64_t localMemoryTotal_v2;
	uint32_t maxPotentialClusterSize, maxActiveClusters;
	uint8_t isDeviceLaunched, padding3[7];
	int32_t priority;
	uint32_t padding4;
	uint64_t executionModel, sourceGraphId, sourceGraphNodeId;
};

struct rig_record_api {
	uint32_t kind, cbid;
	uint64_t start, end;
	uint32_t processId, threadId, correlationId, returnValue;
};

struct rig_record_device {
	uint32_t kind, flags;
	uint64_t globalMemoryBandwidth, globalMemorySize;
	uint32_t constantMemorySize, l2CacheSize, numThreadsPerWarp, coreClockRate,
		numMemcpyEngines, numMultiprocessors, maxIPC, maxWarpsPerMultiprocessor,
		maxBlocksPerMultiprocessor, maxSharedMemoryPerMultiprocessor,
		maxRegistersPerMultiprocessor, maxRegistersPerBlock, maxSharedMemoryPerBlock,
		maxThreadsPerBlock, maxBlockDimX, maxBlockDimY, maxBlockDimZ, maxGridDimX,
		maxGridDimY, maxGridDimZ, computeCapabilityMajor, computeCapabilityMinor, id,
		eccEnabled;
	uint8_t uuid[16];
	const char *name;
	uint8_t isCudaVisible, isMigEnabled, reserved[6];
	uint32_t gpuInstanceId, computeInstanceId;
	uint8_t migUuid[16];
	uint32_t isNumaNode, numaId, numTpcs, padding;
};

struct rig_record_context {
	uint32_t kind, contextId, deviceId;
	uint16_t computeApiKind, nullStreamId;
	uint32_t parentContextId;
	uint8_t isGreenContext, padding;
	uint16_t numMultiprocessors;
	uint32_t cigMode, padding2;
	uint64_t processId;
};

struct rig_record_overhead {
	uint32_t kind, overheadKind, objectKind;
	uint32_t objectId[3];	/* process and thread, or device, context, stream */
	uint64_t start, end;
	uint32_t correlationId, reserved0;
	void *overheadData;
};

struct rig_record_memcpy2 {
	uint32_t kind;
	uint8_t copyKind, srcKind, dstKind, flags;
	uint64_t bytes, start, end;
	uint32_t deviceId, contextId, streamId, srcDeviceId, srcContextId, dstDeviceId,
		dstContextId, correlationId;
	void *reserved0;
	uint64_t graphNodeId;
	uint32_t graphId, channelID, channelType, pad;
};

struct rig_record_cuda_event {
	uint32_t kind, correlationId, contextId, streamId, eventId, pad, deviceId, pad2;
	void *reserved0;
	uint64_t deviceTimestamp, cudaEventSyncId;
};

struct rig_record_stream {
	uint32_t kind, contextId, streamId;
	int32_t priority;
	uint32_t flag, correlationId;
};

struct rig_record_synchronization {
	uint32_t kind, type;
	uint64_t start, end;
	uint32_t correlationId, contextId, streamId, cudaEventId;
	uint64_t cudaEventSyncId;
	uint32_t returnValue, pad;
};

struct rig_record_external_correlation {
	uint32_t kind, externalKind;
	uint64_t externalId;
	uint32_t correlationId, reserved;
};

struct rig_record_memory2 {
	uint32_t kind, memoryOperationType, memoryKind, correlationId;
	uint64_t address, bytes, timestamp, PC;
	uint32_t processId, deviceId, contextId, streamId;
	const char *name;
	uint32_t isAsync, pad1;
	uint32_t poolType, pad2;
	uint64_t poolAddress, poolReleaseThreshold, poolSize, poolUtilizedSize;
	const char *source;
};

struct rig_record_unified_memory_counter {
	uint32_t kind, counterKind;
	uint64_t value, start, end, address;
	uint32_t srcId, dstId, streamId, processId, flags, pad;
	uint64_t processors[5];
};

struct rig_record_memory_pool {
	uint32_t kind, memoryPoolOperationType, memoryPoolType, correlationId, processId, deviceId;
	size_t minBytesToKeep;
	uint64_t address, size, releaseThreshold, timestamp, utilizedSize;
	uint8_t isManagedPool, pad2[7];
};

struct rig_record_jit {
	uint32_t kind, jitEntryType, jitOperationType, deviceId;
	uint64_t start, end;
	uint32_t correlationId, padding;
	uint64_t jitOperationCorrelationId, cacheSize;
	const char *cachePath;
	uint32_t processId, threadId;
};

/* Of 13.1 and later, as documented; no header of them was at hand. */
struct rig_record_host_launch {
	uint32_t kind, streamId, contextId, deviceId, correlationId, processId, threadId;
	uint64_t start, end;
};

struct rig_record_graph_trace {
	uint32_t kind, correlationId;
	uint64_t start, end;
	uint32_t deviceId, graphId, contextId, streamId;
	void *reserved;
	uint32_t endDeviceId, endContextId;
};

/* The version that this libcupti double plays, in cupti_version.c. */
struct rig_cupti_version {
	int column;			/* of the stride table */
	uint32_t api_version;		/* cuptiGetVersion */
	int error_unavailable;		/* without a driver or a GPU */
	int error_trailing;		/* of GetNextRecord on trailing garbage */
	int error_removed_kind;		/* of enabling a removed kind */
	int has_thread_buffers;		/* attribute 9 exists */
	int default_thread_buffers;
	int null_buffer_crashes;	/* before API 27 */
};
extern const struct rig_cupti_version rig_version;

/* Bytes of a record of this kind, 0: the version has no such kind. */
size_t rig_stride(uint32_t kind);

#endif
