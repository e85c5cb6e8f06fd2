/* SPDX-License-Identifier: MIT */
#include "tracedb/nsys_schema.h"

#define WORK "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid "
#define HOST_EVENT "deviceId! contextId! greenContextId streamId! correlationId globalPid "

const struct nsys_schema_table nsys_schema[NSYS_TABLE_COUNT] = {
	[NSYS_STRINGS] = { "StringIds", "id# value:T!" },
	[NSYS_SYSTEM_ENV] = { "TARGET_INFO_SYSTEM_ENV",
			      "globalVid devStateName:T! name:T! nameEnum! value:T!" },
	[NSYS_SESSION_START] = { "TARGET_INFO_SESSION_START_TIME",
				 "utcEpochNs utcTime:T localTime:T systemClockNs" },
	[NSYS_ANALYSIS_DETAILS] = { "ANALYSIS_DETAILS",
				    "globalVid! duration! startTime! stopTime!" },
	[NSYS_GPU] = { "TARGET_INFO_GPU",
		       "vmId! id! name:T busLocation:T isDiscrete l2CacheSize totalMemory "
		       "memoryBandwidth clockRate smCount pwGpuId uuid:T luid chipName:T cuDevice "
		       "ctxswDevPath:T ctrlDevPath:T revision nodeMask constantMemory maxIPC "
		       "maxRegistersPerBlock maxShmemPerBlock maxShmemPerBlockOptin maxShmemPerSm "
		       "maxRegistersPerSm threadsPerWarp asyncEngines maxWarpsPerSm maxBlocksPerSm "
		       "maxThreadsPerBlock maxBlockDimX maxBlockDimY maxBlockDimZ maxGridDimX "
		       "maxGridDimY maxGridDimZ computeMajor computeMinor smMajor smMinor" },
	[NSYS_CUDA_DEVICE] = { "TARGET_INFO_CUDA_DEVICE",
			       "gpuId cudaId! pid! uuid:T numMultiprocessors" },
	[NSYS_CUDA_CONTEXT] = { "TARGET_INFO_CUDA_CONTEXT_INFO",
				"nullStreamId! hwId! vmId! processId! deviceId! contextId! "
				"parentContextId isGreenContext numMultiprocessors" },
	[NSYS_CUDA_STREAM] = { "TARGET_INFO_CUDA_STREAM",
			       "streamId! hwId! vmId! processId! contextId! priority! flag!" },
	[NSYS_PROCESSES] = { "PROCESSES", "globalPid pid name:T" },
	[NSYS_THREAD_NAMES] = { "ThreadNames", "nameId! priority globalTid" },
	[NSYS_KERNEL] = { "CUPTI_ACTIVITY_KIND_KERNEL",
			  WORK "demangledName! shortName! mangledName launchType cacheConfig "
			  "registersPerThread! gridX! gridY! gridZ! blockX! blockY! blockZ! "
			  "staticSharedMemory! dynamicSharedMemory! localMemoryPerThread! "
			  "localMemoryTotal! gridId! sharedMemoryExecuted graphNodeId "
			  "sharedMemoryLimitConfig qmdBulkReleaseDone qmdPreexitDone "
			  "qmdLastCtaDone graphId clusterX clusterY clusterZ "
			  "clusterSchedulingPolicy maxPotentialClusterSize maxActiveClusters "
			  "sharedMemoryRequestedPercentage tensorSizeMinusOneElements:T!" },
	[NSYS_MEMCPY] = { "CUPTI_ACTIVITY_KIND_MEMCPY",
			  WORK "bytes! copyKind! deprecatedSrcId srcKind dstKind srcDeviceId "
			  "srcContextId dstDeviceId dstContextId migrationCause graphNodeId "
			  "virtualAddress copyCount" },
	[NSYS_MEMSET] = { "CUPTI_ACTIVITY_KIND_MEMSET",
			  WORK "value! bytes! graphNodeId memKind" },
	[NSYS_GRAPH] = { "CUPTI_ACTIVITY_KIND_GRAPH_TRACE", WORK "graphId! graphExecId!" },
	[NSYS_RUNTIME] = { "CUPTI_ACTIVITY_KIND_RUNTIME",
			   "start! end! eventClass! globalTid correlationId nameId! returnValue! "
			   "callchainId" },
	[NSYS_SYNCHRONIZATION] = { "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
				   WORK "deprecatedSyncType syncType! eventId! eventSyncId" },
	[NSYS_CUDA_EVENT] = { "CUPTI_ACTIVITY_KIND_CUDA_EVENT",
			      "timestamp " HOST_EVENT "eventId! eventSyncId" },
	[NSYS_OVERHEAD] = { "CUPTI_ACTIVITY_KIND_OVERHEAD",
			    "start! end! eventClass! globalTid correlationId nameId "
			    "overheadType!" },
	[NSYS_MEMORY] = { "CUDA_GPU_MEMORY_USAGE_EVENTS",
			  "start! globalPid! deviceId! contextId! address! pc! bytes! memKind! "
			  "memoryOperationType! name:T correlationId streamId "
			  "localMemoryPoolAddress localMemoryPoolReleaseThreshold "
			  "localMemoryPoolSize localMemoryPoolUtilizedSize "
			  "importedMemoryPoolAddress importedMemoryPoolProcessId" },
	[NSYS_NVTX] = { "NVTX_EVENTS",
			"start! end eventType! rangeId category color text:T globalTid "
			"endGlobalTid textId domainId uint64Value int64Value doubleValue:R "
			"uint32Value int32Value floatValue:R jsonTextId jsonText:T binaryData:T" },
	[NSYS_DIAGNOSTIC] = { "DIAGNOSTIC_EVENT",
			      "timestamp! timestampType! source! severity! text:T! globalPid" },
	[NSYS_CAPTURE] = { "META_DATA_CAPTURE", "name:T! value:T" },
	[NSYS_EXPORT] = { "META_DATA_EXPORT", "name:T! value:T" },
};
