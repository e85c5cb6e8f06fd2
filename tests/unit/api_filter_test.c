/* SPDX-License-Identifier: MIT */
#include "libtrace/api_filter.h"
#include "tests/unit/harness.h"

#include <stddef.h>

TEST(the_api_filter_knows_names_with_and_without_their_endings)
{
	const struct api_filter filter = { .skip = "cudaGetDevice, cuCtxGetCurrent,cudaEventQ*" };
	CHECK(!api_filter_keeps(&filter, "cudaGetDevice_v3020"));
	CHECK(!api_filter_keeps(&filter, "cudaGetDevice"));
	CHECK(!api_filter_keeps(&filter, "cuCtxGetCurrent"));
	CHECK(!api_filter_keeps(&filter, "cudaEventQuery_v3020"));
	CHECK(api_filter_keeps(&filter, "cudaGetDeviceCount_v3020"));
	CHECK(api_filter_keeps(&filter, "cudaGetDeviceProperties_v2_v12000"));
	CHECK(api_filter_keeps(&filter, "cudaEventRecord_v3020"));
}

TEST(the_api_filter_knows_per_thread_variants)
{
	const struct api_filter filter = { .skip = "cudaStreamQuery,cuStreamGetCtx" };
	CHECK(!api_filter_keeps(&filter, "cudaStreamQuery_ptsz_v7000"));
	CHECK(!api_filter_keeps(&filter, "cuStreamGetCtx_ptsz"));
}

TEST(an_empty_api_filter_keeps_everything)
{
	const struct api_filter none = { 0 }, empty = { .skip = "" }, commas = { .skip = ", ,," };
	CHECK(api_filter_keeps(&none, "cudaGetDevice"));
	CHECK(api_filter_keeps(&empty, "cudaGetDevice"));
	CHECK(api_filter_keeps(&commas, "cudaGetDevice"));
}

TEST(launches_only_keeps_what_starts_or_waits_for_work)
{
	const struct api_filter filter = { .is_launches_only = true };
	static const char *const kept[] = {
		"cudaLaunchKernel_v7000", "cuLaunchKernelEx", "cudaGraphLaunch_v10000",
		"cudaMemcpyAsync_v3020", "cuMemsetD8Async", "cudaDeviceSynchronize_v3020",
		"cudaStreamWaitEvent_v3020", "cudaMalloc_v3020", "cuMemAlloc_v2", "cudaFree_v3020",
	};
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		CHECK(api_filter_keeps(&filter, kept[i]));
	CHECK(!api_filter_keeps(&filter, "cudaEventQuery_v3020"));
	CHECK(!api_filter_keeps(&filter, "cudaGetDeviceCount_v3020"));
}
