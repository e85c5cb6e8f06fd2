/* SPDX-License-Identifier: MIT */
/*
 * Everything that others call by name (exports.map): the constructor's work, the entry points of
 * the CUDA driver and of NVTX, and the exits that run no exit handlers. NCCL's tables stand in
 * nccl_source.c.
 */
#include "libtrace/capture.h"
#include "libtrace/notice.h"
#include "libtrace/nvtx_source.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int InitializeInjection(void);
EXPORTED int InitializeInjectionNvtx2(void *get_export_table);
EXPORTED int InitializeInjectionNvtxExtension(void *module_info);
EXPORTED _Noreturn void _exit(int status);
EXPORTED _Noreturn void _Exit(int status);

static char own_path[PATH_MAX];
static bool is_cuda_taken;	/* CUDA_INJECTION64_PATH names another tool */
static atomic_bool is_taken_said;
static void (*next_exit)(int status);

/* Names this library in the variable unless another tool stands there; false if so. */
static bool variable_take(const char *name)
{
	const char *value = getenv(name);
	if (value != NULL && *value != 0)
		return strcmp(value, own_path) == 0;
	return setenv(name, own_path, 1) == 0;
}

/*
 * Runs in every process below a preload, most of which never see a GPU: no file, no thread, no
 * CUPTI. The driver, NVTX and NCCL read these variables later and call us then.
 */
__attribute__((constructor)) static void library_loaded(void)
{
	int errno_before = errno;
	Dl_info info;
	capture_load();
	const struct settings *settings = capture_settings();
	void *symbol = dlsym(RTLD_NEXT, "_exit");
	memcpy(&next_exit, &symbol, sizeof next_exit);
	if (settings->enabled && dladdr(&next_exit, &info) != 0 && info.dli_fname != NULL &&
	    realpath(info.dli_fname, own_path) != NULL) {
		is_cuda_taken = !variable_take("CUDA_INJECTION64_PATH");
		bool has_nvtx = !settings->nvtx || variable_take("NVTX_INJECTION64_PATH");
		bool has_nccl = !settings->nccl || variable_take("NCCL_PROFILER_PLUGIN");
		capture_note_taken(!has_nvtx, !has_nccl);
	}
	errno = errno_before;
}

/*
 * The driver calls it inside cuInit. Always 1: on 0 the driver unloads the library and calls again,
 * constructor and all, at every cuInit.
 */
int InitializeInjection(void)
{
	int errno_before = errno;
	capture_attach_cuda();
	errno = errno_before;
	return 1;
}

static void say_if_taken(void)
{
	if (is_cuda_taken && !atomic_exchange(&is_taken_said, true))
		notice("CUDA_INJECTION64_PATH is set to another tool: the GPU is not recorded");
}

int InitializeInjectionNvtx2(void *get_export_table)
{
	int errno_before = errno;
	int result = 1;
	say_if_taken();
	if (!is_cuda_taken && capture_settings()->nvtx && capture_attach_host_source())
		result = nvtx_source_attach(get_export_table);
	errno = errno_before;
	return result;
}

int InitializeInjectionNvtxExtension(void *module_info)
{
	int errno_before = errno;
	int result = 1;
	if (!is_cuda_taken && capture_settings()->nvtx && capture_attach_host_source())
		result = nvtx_source_attach_extension(module_info);
	errno = errno_before;
	return result;
}

/* os._exit, multiprocessing's fork children and many launchers end here, without exit handlers. */
void _exit(int status)
{
	capture_close();
	if (next_exit != NULL)
		next_exit(status);
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}
