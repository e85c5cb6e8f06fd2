/* SPDX-License-Identifier: MIT */
#include "cupti_names.h"

#include <stddef.h>
#include <string.h>

#include "driver.h"

struct name {
	const char *name;
	const char *suffix;
	uint32_t cbid;
};

static const struct name runtime_names[] = {
	{ "cudaGetDeviceCount", "_v3020", 3 }, { "cudaGetDeviceProperties", "_v3020", 4 },
	{ "cudaGetLastError", "_v3020", 10 }, { "cudaPeekAtLastError", "_v3020", 11 },
	{ "cudaFuncGetAttributes", "_v3020", 15 }, { "cudaSetDevice", "_v3020", 16 },
	{ "cudaGetDevice", "_v3020", 17 }, { "cudaMalloc", "_v3020", 20 },
	{ "cudaFree", "_v3020", 22 }, { "cudaMallocHost", "_v3020", 25 },
	{ "cudaFreeHost", "_v3020", 26 }, { "cudaHostAlloc", "_v3020", 27 },
	{ "cudaMemcpy", "_v3020", 31 }, { "cudaMemcpyAsync", "_v3020", 41 },
	{ "cudaMemset", "_v3020", 49 }, { "cudaMemsetAsync", "_v3020", 51 },
	{ "cudaStreamSynchronize", "_v3020", 131 }, { "cudaStreamQuery", "_v3020", 132 },
	{ "cudaEventCreateWithFlags", "_v3020", 134 }, { "cudaEventRecord", "_v3020", 135 },
	{ "cudaEventSynchronize", "_v3020", 137 }, { "cudaEventQuery", "_v3020", 138 },
	{ "cudaStreamWaitEvent", "_v3020", 147 }, { "cudaPointerGetAttributes", "_v4000", 151 },
	{ "cudaHostRegister", "_v4000", 152 }, { "cudaMemcpyPeerAsync", "_v4000", 161 },
	{ "cudaDeviceSynchronize", "_v3020", 165 }, { "cudaProfilerStart", "_v4000", 171 },
	{ "cudaProfilerStop", "_v4000", 172 }, { "cudaStreamCreateWithFlags", "_v5000", 198 },
	{ "cudaDeviceGetAttribute", "_v5000", 200 },
	{ "cudaStreamCreateWithPriority", "_v5050", 202 }, { "cudaLaunchKernel", "_v7000", 211 },
	{ "cudaLaunchCooperativeKernel", "_v9000", 269 }, { "cudaLaunchHostFunc", "_v10000", 284 },
	{ "cudaGraphLaunch", "_v10000", 311 }, { "cudaStreamIsCapturing", "_v10000", 317 },
	{ "cudaThreadExchangeStreamCaptureMode", "_v10010", 327 },
	{ "cudaMallocAsync", "_v11020", 373 }, { "cudaFreeAsync", "_v11020", 375 },
	{ "cudaMemPoolTrimTo", "_v11020", 377 }, { "cudaMemPoolCreate", "_v11020", 383 },
	{ "cudaMemPoolDestroy", "_v11020", 384 },
	{ "cudaLaunchKernelExC", "_v11060", 430 }, { "cudaStreamGetCaptureInfo", "_v12030", 461 },
	{ "__cudaLaunchKernel", "_v13000", 505 },
};

static const struct name driver_names[] = {
	{ "cuInit", "", 1 }, { "cuCtxSynchronize", "", 17 }, { "cuModuleLoadData", "", 19 },
	{ "cuModuleGetFunction", "", 23 }, { "cuFuncGetAttribute", "", 85 },
	{ "cuEventSynchronize", "", 121 }, { "cuStreamSynchronize", "", 126 },
	{ "cuMemAlloc_v2", "", 243 }, { "cuMemFree_v2", "", 245 },
	{ "cuMemcpyHtoDAsync_v2", "", 277 }, { "cuMemcpyDtoHAsync_v2", "", 279 },
	{ "cuStreamWaitEvent", "", 295 }, { "cuCtxSetCurrent", "", 303 },
	{ "cuCtxGetCurrent", "", 304 }, { "cuLaunchKernel", "", 307 },
	{ "cuDevicePrimaryCtxGetState", "", 392 }, { "cuStreamBatchMemOp", "", 462 },
	{ "cuLaunchCooperativeKernel", "", 477 }, { "cuFuncSetAttribute", "", 481 },
	{ "cuGraphLaunch", "", 514 }, { "cuLaunchKernelEx", "", 652 },
	{ "cuLibraryLoadData", "", 678 }, { "cuKernelGetFunction", "", 683 },
	{ "cuKernelGetAttribute", "", 686 },
};

static char full_names[64][64];	/* filled at load, read-only after */

static __attribute__((constructor)) void names_join(void)
{
	for (size_t i = 0; i < sizeof(runtime_names) / sizeof(runtime_names[0]); i++) {
		const struct name *entry = &runtime_names[i];
		size_t length = strlen(entry->name);

		memcpy(full_names[i], entry->name, length);
		memcpy(full_names[i] + length, entry->suffix, strlen(entry->suffix) + 1);
	}
}

static const struct name *domain_names(uint32_t domain, size_t *count)
{
	*count = 0;
	if (domain == RIG_DOMAIN_RUNTIME) {
		*count = sizeof(runtime_names) / sizeof(runtime_names[0]);
		return runtime_names;
	}
	if (domain == RIG_DOMAIN_DRIVER)
		*count = sizeof(driver_names) / sizeof(driver_names[0]);
	return driver_names;
}

uint32_t rig_cbid_find(uint32_t domain, const char *name)
{
	size_t count;
	const struct name *names = domain_names(domain, &count);

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i].name, name))
			return names[i].cbid;
	}
	return 0;
}

const char *rig_cbid_name(uint32_t domain, uint32_t cbid)
{
	size_t count;
	const struct name *names = domain_names(domain, &count);

	for (size_t i = 0; i < count; i++) {
		if (names[i].cbid == cbid)
			return domain == RIG_DOMAIN_RUNTIME ? full_names[i] : names[i].name;
	}
	return NULL;
}

const char *rig_result_name(int result)
{
	static const struct {
		int result;
		const char *name;
	} results[] = {
		{ 0, "CUPTI_SUCCESS" }, { 1, "CUPTI_ERROR_INVALID_PARAMETER" },
		{ 7, "CUPTI_ERROR_INVALID_OPERATION" }, { 8, "CUPTI_ERROR_OUT_OF_MEMORY" },
		{ 12, "CUPTI_ERROR_MAX_LIMIT_REACHED" }, { 14, "CUPTI_ERROR_NOT_COMPATIBLE" },
		{ 15, "CUPTI_ERROR_NOT_INITIALIZED" }, { 18, "CUPTI_ERROR_QUEUE_EMPTY" },
		{ 21, "CUPTI_ERROR_INVALID_KIND" }, { 27, "CUPTI_ERROR_NOT_SUPPORTED" },
		{ 33, "CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED" },
		{ 28, "CUPTI_ERROR_UM_PROFILING_NOT_SUPPORTED" },
		{ 30, "CUPTI_ERROR_UM_PROFILING_NOT_SUPPORTED_ON_NON_P2P_DEVICES" },
		{ 35, "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES" },
		{ 38, "CUPTI_ERROR_LEGACY_PROFILER_NOT_SUPPORTED" },
		{ 39, "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED" },
		{ 40, "CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES" },
		{ 41, "CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED" },
		{ 45, "CUPTI_ERROR_WSL_DEVICE_NOT_SUPPORTED" }, { 999, "CUPTI_ERROR_UNKNOWN" },
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].result == result)
			return results[i].name;
	}
	return "<unknown>";
}
