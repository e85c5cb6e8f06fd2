/* SPDX-License-Identifier: MIT */
/*
 * What libtrace-capture.so shows to libtrace.so (preload/preload.h), and the constructor by which
 * it takes over what libtrace.so noted at the start of the process.
 */
#include "libtrace/capture.h"
#include "libtrace/cupti_entry.h"
#include "libtrace/nccl_profiler.h"
#include "libtrace/notice.h"
#include "libtrace/nvtx_source.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_bool is_taken_said;

/* A build of another version is not understood; libtrace.so says so. */
__attribute__((constructor)) static void library_loaded(void)
{
	int errno_before = errno;
	if (laggard_preload.bytes == sizeof laggard_preload)
		capture_load(&laggard_preload);
	errno = errno_before;
}

static void say_if_taken(void)
{
	if (laggard_preload.is_cuda_taken && !atomic_exchange(&is_taken_said, true))
		notice("CUDA_INJECTION64_PATH is set to another tool: the GPU is not recorded");
}

/* Without the GPU ranges are of no use, and nothing would ever write them. */
static bool is_nvtx_wanted(void)
{
	return !laggard_preload.is_cuda_taken && capture_settings()->nvtx &&
		capture_attach_host_source();
}

static int attach_nvtx(void *get_export_table)
{
	say_if_taken();
	return is_nvtx_wanted() ? nvtx_source_attach(get_export_table) : 1;
}

static int attach_nvtx_extension(void *module_info)
{
	return is_nvtx_wanted() ? nvtx_source_attach_extension(module_info) : 1;
}

const struct capture_entry laggard_capture_entry = {
	.preload_bytes = sizeof(struct preload),
	.attach_cuda = capture_attach_cuda,
	.attach_nvtx = attach_nvtx,
	.attach_nvtx_extension = attach_nvtx_extension,
	.close = capture_close,
	.nccl = {
		NULL, &ncclProfiler_v1, &ncclProfiler_v2, &ncclProfiler_v3, &ncclProfiler_v4,
		&ncclProfiler_v5, &ncclProfiler_v6, &ncclProfiler_v7,
	},
	.cupti = &cupti_entry,
};
