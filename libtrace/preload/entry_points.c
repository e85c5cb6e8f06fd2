/* SPDX-License-Identifier: MIT */
/*
 * What the driver, NVTX and the C library's callers reach by name (exports.map): the constructor's
 * work, the injection entry points, and the exits that run no exit handlers. NCCL's tables stand in
 * nccl_tables.c, CUPTI's functions in cupti_names.c.
 */
#include "libtrace/preload/capture_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

LIBTRACE_SHARED int InitializeInjection(void);
LIBTRACE_SHARED int InitializeInjectionNvtx2(void *get_export_table);
LIBTRACE_SHARED int InitializeInjectionNvtxExtension(void *module_info);
LIBTRACE_SHARED _Noreturn void _exit(int status);
LIBTRACE_SHARED _Noreturn void _Exit(int status);

struct preload laggard_preload;

static char own_path[PATH_MAX];
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
 * CUPTI, and no second library. The driver, NVTX and NCCL read these variables later and call us
 * then.
 */
__attribute__((constructor)) static void library_loaded(void)
{
	struct preload *preload = &laggard_preload;
	int errno_before = errno;
	Dl_info info;
	struct timespec now;
	preload->bytes = sizeof *preload;
	if (clock_gettime(CLOCK_REALTIME, &now) == 0)
		preload->epoch_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	settings_read(&preload->settings, NULL);
	void *symbol = dlsym(RTLD_NEXT, "_exit");
	memcpy(&next_exit, &symbol, sizeof next_exit);
	if (preload->settings.enabled && dladdr(&next_exit, &info) != 0 &&
	    info.dli_fname != NULL && realpath(info.dli_fname, own_path) != NULL &&
	    capture_library_place(own_path)) {
		preload->is_cuda_taken = !variable_take("CUDA_INJECTION64_PATH");
		preload->is_nvtx_taken =
			preload->settings.nvtx && !variable_take("NVTX_INJECTION64_PATH");
		preload->is_nccl_taken =
			preload->settings.nccl && !variable_take("NCCL_PROFILER_PLUGIN");
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
	const struct capture_entry *entry = capture_library_load();
	if (entry != NULL)
		entry->attach_cuda();
	errno = errno_before;
	return 1;
}

int InitializeInjectionNvtx2(void *get_export_table)
{
	int errno_before = errno;
	const struct capture_entry *entry = capture_library_load();
	int result = entry == NULL ? 1 : entry->attach_nvtx(get_export_table);
	errno = errno_before;
	return result;
}

int InitializeInjectionNvtxExtension(void *module_info)
{
	int errno_before = errno;
	const struct capture_entry *entry = capture_library_load();
	int result = entry == NULL ? 1 : entry->attach_nvtx_extension(module_info);
	errno = errno_before;
	return result;
}

/* os._exit, multiprocessing's fork children and many launchers end here, without exit handlers. */
void _exit(int status)
{
	const struct capture_entry *entry = capture_library_loaded();
	if (entry != NULL)
		entry->close();
	if (next_exit != NULL)
		next_exit(status);
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}
