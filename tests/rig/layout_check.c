/* SPDX-License-Identifier: MIT */
/* Compiled where CUPTI's headers of CUDA 13.0 are: the rig's own record layouts are the real
 * ones. */
#include <stddef.h>

#include <cuda.h>
#include <cupti.h>

#include "cupti_layout.h"

/* A field of the 13.0 record lies where ours does and is as long. */
#define SAME(ours, theirs, field) \
	_Static_assert(offsetof(struct rig_record_##ours, field) == offsetof(theirs, field) && \
		       sizeof(((struct rig_record_##ours *)0)->field) == \
			       sizeof(((theirs *)0)->field), #ours "." #field)
#define LIKE(ours, field, theirs, name) \
	_Static_assert(offsetof(struct rig_record_##ours, field) == offsetof(theirs, name), \
		       #ours "." #field)

#define M(field) SAME(memcpy, CUpti_ActivityMemcpy6, field)
M(kind); M(copyKind); M(srcKind); M(dstKind); M(flags); M(bytes); M(start); M(end); M(deviceId);
M(contextId); M(streamId); M(correlationId); M(runtimeCorrelationId); M(graphNodeId); M(graphId);
M(channelID); M(channelType); M(isDeviceLaunched); M(copyCount);
_Static_assert(sizeof(CUpti_ActivityMemcpy6) == 96, "memcpy");

#define S(field) SAME(memset, CUpti_ActivityMemset4, field)
S(kind); S(value); S(bytes); S(start); S(end); S(deviceId); S(contextId); S(streamId);
S(correlationId);
S(flags); S(memoryKind); S(graphNodeId); S(graphId); S(channelID); S(channelType);
S(isDeviceLaunched);
_Static_assert(sizeof(CUpti_ActivityMemset4) == 88, "memset");

#define K(field) SAME(kernel, CUpti_ActivityKernel10, field)
K(kind); K(sharedMemoryConfig); K(registersPerThread); K(start); K(end); K(completed); K(deviceId);
K(contextId); K(streamId); K(gridX); K(gridY); K(gridZ); K(blockX); K(blockY); K(blockZ);
K(staticSharedMemory); K(dynamicSharedMemory); K(localMemoryPerThread); K(localMemoryTotal);
K(correlationId); K(gridId); K(name); K(queued); K(submitted); K(launchType);
K(sharedMemoryExecuted);
K(graphNodeId); K(shmemLimitConfig); K(graphId); K(pAccessPolicyWindow); K(channelID);
K(channelType);
K(clusterX); K(clusterY); K(clusterZ); K(clusterSchedulingPolicy); K(localMemoryTotal_v2);
K(maxPotentialClusterSize); K(maxActiveClusters); K(isDeviceLaunched);
_Static_assert(sizeof(CUpti_ActivityKernel10) == 216, "kernel");

#define A(field) SAME(api, CUpti_ActivityAPI, field)
A(kind); A(cbid); A(start); A(end); A(processId); A(threadId); A(correlationId); A(returnValue);

#define D(field) SAME(device, CUpti_ActivityDevice5, field)
D(kind); D(globalMemoryBandwidth); D(globalMemorySize); D(l2CacheSize); D(coreClockRate);
D(numMemcpyEngines); D(numMultiprocessors); D(computeCapabilityMajor); D(computeCapabilityMinor);
D(id);
D(eccEnabled); D(uuid); D(name); D(isCudaVisible); D(isMigEnabled); D(migUuid); D(isNumaNode);
D(numaId);
_Static_assert(sizeof(CUpti_ActivityDevice5) == 184, "device");

#define C(field) SAME(context, CUpti_ActivityContext3, field)
C(kind); C(contextId); C(deviceId); C(computeApiKind); C(nullStreamId); C(parentContextId);
C(isGreenContext); C(numMultiprocessors);
_Static_assert(sizeof(CUpti_ActivityContext3) == 32, "context");

#define O(field) SAME(overhead, CUpti_ActivityOverhead3, field)
O(kind); O(overheadKind); O(objectKind); O(objectId); O(start); O(end); O(correlationId);
O(overheadData);

#define P(field) SAME(memcpy2, CUpti_ActivityMemcpyPtoP4, field)
P(kind); P(copyKind); P(srcKind); P(dstKind); P(flags); P(bytes); P(start); P(end); P(deviceId);
P(contextId); P(streamId); P(srcDeviceId); P(srcContextId); P(dstDeviceId); P(dstContextId);
P(correlationId); P(graphNodeId); P(graphId); P(channelID); P(channelType);
_Static_assert(sizeof(CUpti_ActivityMemcpyPtoP4) == 96, "memcpy2");

#define E(field) SAME(cuda_event, CUpti_ActivityCudaEvent2, field)
E(kind); E(correlationId); E(contextId); E(streamId); E(eventId); E(deviceId); E(deviceTimestamp);
E(cudaEventSyncId);

#define T(field) SAME(stream, CUpti_ActivityStream, field)
T(kind); T(contextId); T(streamId); T(priority); T(flag); T(correlationId);

#define Y(field) SAME(synchronization, CUpti_ActivitySynchronization2, field)
Y(kind); Y(type); Y(start); Y(end); Y(correlationId); Y(contextId); Y(streamId); Y(cudaEventId);
Y(cudaEventSyncId); Y(returnValue);

#define X(field) SAME(external_correlation, CUpti_ActivityExternalCorrelation, field)
X(kind); X(externalKind); X(externalId); X(correlationId);

#define R(field) SAME(memory2, CUpti_ActivityMemory4, field)
R(kind); R(memoryOperationType); R(memoryKind); R(correlationId); R(address); R(bytes);
R(timestamp); R(PC);
R(processId); R(deviceId); R(contextId); R(streamId); R(name); R(isAsync); R(source);
LIKE(memory2, poolType, CUpti_ActivityMemory4, memoryPoolConfig);
_Static_assert(sizeof(CUpti_ActivityMemory4) == 128, "memory2");

#define G(field) SAME(graph_trace, CUpti_ActivityGraphTrace2, field)
G(kind); G(correlationId); G(start); G(end); G(deviceId); G(graphId); G(contextId); G(streamId);
G(endDeviceId); G(endContextId);

#define U(field) SAME(unified_memory_counter, CUpti_ActivityUnifiedMemoryCounter3, field)
U(kind); U(counterKind); U(value); U(start); U(end); U(address); U(srcId); U(dstId); U(streamId);
U(processId); U(flags); U(processors);
_Static_assert(sizeof(CUpti_ActivityUnifiedMemoryCounter3) == 104, "unified_memory_counter");

#define MP(field) SAME(memory_pool, CUpti_ActivityMemoryPool3, field)
MP(kind); MP(memoryPoolOperationType); MP(memoryPoolType); MP(correlationId); MP(processId);
MP(deviceId); MP(minBytesToKeep); MP(address); MP(size); MP(releaseThreshold); MP(timestamp);
MP(utilizedSize); MP(isManagedPool);
_Static_assert(sizeof(CUpti_ActivityMemoryPool3) == 80, "memory_pool");

#define J(field) SAME(jit, CUpti_ActivityJit2, field)
J(kind); J(jitEntryType); J(jitOperationType); J(deviceId); J(start); J(end); J(correlationId);
J(jitOperationCorrelationId); J(cacheSize); J(cachePath); J(processId); J(threadId);
_Static_assert(sizeof(CUpti_ActivityJit2) == 72, "jit");

int main(void)
{
	return 0;
}
