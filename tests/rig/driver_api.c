/* SPDX-License-Identifier: MIT */
/*
 * The libcuda.so.1 double: cu* functions. cuInit plays the driver's injection protocol as it was
 * observed: the variable is read at that moment, the entry point called once per process unless
 * it returns 0, a missing file ignored, and two exit handlers registered after it returned.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

enum {
	RESULT_NOT_INITIALIZED = 3,
	RESULT_DEINITIALIZED = 4,
	RESULT_NO_DEVICE = 100,
	RESULT_OPERATING_SYSTEM = 304
};

void rig_driver_teardown(void);

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static int is_injected;
static pid_t owner;		/* the process of the first cuInit; 0 before it */
static atomic_int is_over;	/* the driver's exit handlers ran */

static void injection_play(void)
{
	const char *path = getenv("CUDA_INJECTION64_PATH");
	void *library;
	int (*initialize)(void) = NULL;

	if (is_injected || !path || !*path)
		return;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	*(void **)(&initialize) = dlsym(library, "InitializeInjection");
	if (!initialize) {
		dlclose(library);
		return;
	}
	is_injected = initialize() != 0;
	if (!is_injected)
		dlclose(library);	/* and again at the next cuInit, as the driver does */
}

/* The last of the driver's exit handlers. */
static void driver_end(void)
{
	rig_driver_teardown();
	atomic_store(&is_over, 1);
}

RIG_EXPORT int cuInit(unsigned flags);
RIG_EXPORT int cuInit(unsigned flags)
{
	int has_device;

	if (flags)
		return 1;
	if (atomic_load(&is_over))
		return RESULT_DEINITIALIZED;
	has_device = rig_driver_gpu_count() > 0;
	pthread_mutex_lock(&init_lock);
	if (!has_device && owner && owner != getpid()) {
		/* A child of a process that has tried, as driver 550 answers; 535 tries again. */
		pthread_mutex_unlock(&init_lock);
		return RESULT_OPERATING_SYSTEM;
	}
	injection_play();
	if (!owner) {
		owner = getpid();
		atexit(driver_end);
		atexit(rig_driver_teardown);
	}
	pthread_mutex_unlock(&init_lock);
	return has_device ? 0 : RESULT_NO_DEVICE;
}

RIG_EXPORT int cuDriverGetVersion(int *version);
RIG_EXPORT int cuDriverGetVersion(int *version)
{
	if (atomic_load(&is_over))
		return RESULT_DEINITIALIZED;
	*version = 13000;
	return 0;
}

RIG_EXPORT int cuDeviceGetCount(int *count);
RIG_EXPORT int cuDeviceGetCount(int *count)
{
	if (atomic_load(&is_over))
		return RESULT_DEINITIALIZED;
	if (!rig_driver_gpu_count())
		return RESULT_NOT_INITIALIZED;
	*count = rig_driver_gpu_count();
	return 0;
}

RIG_EXPORT int cuDeviceGet(int *handle, int ordinal);
RIG_EXPORT int cuDeviceGet(int *handle, int ordinal)
{
	if (!rig_driver_gpu(ordinal))
		return 101;
	*handle = ordinal;
	return 0;
}

RIG_EXPORT int cuDeviceGetName(char *name, int size, int handle);
RIG_EXPORT int cuDeviceGetName(char *name, int size, int handle)
{
	const struct rig_gpu *gpu = rig_driver_gpu(handle);

	if (!gpu || size < 1)
		return 101;
	snprintf(name, (size_t)size, "%s", gpu->name);
	return 0;
}

RIG_EXPORT int cuDeviceGetUuid_v2(uint8_t uuid[16], int handle);
RIG_EXPORT int cuDeviceGetUuid_v2(uint8_t uuid[16], int handle)
{
	const struct rig_gpu *gpu = rig_driver_gpu(handle);

	if (!gpu)
		return 101;
	memcpy(uuid, gpu->uuid_bytes, 16);
	return 0;
}

RIG_EXPORT int cuDeviceGetUuid(uint8_t uuid[16], int handle);
RIG_EXPORT int cuDeviceGetUuid(uint8_t uuid[16], int handle)
{
	return cuDeviceGetUuid_v2(uuid, handle);
}

RIG_EXPORT int cuDeviceGetPCIBusId(char *text, int size, int handle);
RIG_EXPORT int cuDeviceGetPCIBusId(char *text, int size, int handle)
{
	const struct rig_gpu *gpu = rig_driver_gpu(handle);

	if (!gpu || size < 13)
		return 101;
	snprintf(text, (size_t)size, "%.12s", gpu->pci + 4); /* the driver's form: 0000:01:00.0 */
	return 0;
}

RIG_EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int handle);
RIG_EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int handle)
{
	const struct rig_gpu *gpu = rig_driver_gpu(handle);

	if (!gpu)
		return 101;
	*bytes = (size_t)gpu->memory_bytes;
	return 0;
}

RIG_EXPORT int cuDeviceGetAttribute(int *value, int attribute, int handle);
RIG_EXPORT int cuDeviceGetAttribute(int *value, int attribute, int handle)
{
	const struct rig_gpu *gpu = rig_driver_gpu(handle);

	if (!gpu)
		return 101;
	switch (attribute) {
	case 16: *value = (int)gpu->sm_count; break;
	case 40: *value = (int)gpu->copy_engines; break;
	case 75: *value = (int)gpu->major; break;
	case 76: *value = (int)gpu->minor; break;
	default: *value = 0; break;
	}
	return 0;
}

RIG_EXPORT int cuDeviceCanAccessPeer(int *can, int device, int peer);
RIG_EXPORT int cuDeviceCanAccessPeer(int *can, int device, int peer)
{
	*can = 0;	/* stock drivers on these boards */
	return rig_driver_gpu(device) && rig_driver_gpu(peer) ? 0 : 101;
}

RIG_EXPORT int cuDevicePrimaryCtxRetain(void **context, int handle);
RIG_EXPORT int cuDevicePrimaryCtxRetain(void **context, int handle)
{
	if (!rig_driver_gpu(handle))
		return 101;
	*context = rig_driver_context(handle);
	return 0;
}

RIG_EXPORT int cuCtxGetCurrent(void **context);
RIG_EXPORT int cuCtxGetCurrent(void **context)
{
	*context = rig_driver_gpu_count() ? rig_driver_context(0) : NULL;
	return 0;
}

RIG_EXPORT int cuGetErrorString(int error, const char **text);
RIG_EXPORT int cuGetErrorString(int error, const char **text)
{
	*text = error == 100 ? "no CUDA-capable device is detected" : error ? "error" : "no error";
	return 0;
}
