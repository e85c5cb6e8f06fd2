/* SPDX-License-Identifier: MIT */
/*
 * The libnvidia-ml.so.1 double: boards of the scenario named by RIG_SCENARIO, with fixed values;
 * calls of the `unsupported` bits answer 3, a `lost` board answers 15, a `stuck` one never says its
 * power. Clocks and power wobble a little from call to call.
 * Thread: any.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "machine.h"

enum { OK = 0, UNINITIALIZED = 1, BAD_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4,
	NOT_FOUND = 6, SHORT_BUFFER = 7, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };

static struct {
	pthread_once_t once;
	struct rig_machine machine;
	atomic_int references;
	atomic_uint calls;
} nvml = { .once = PTHREAD_ONCE_INIT };

static void machine_ready(void)
{
	rig_machine_load(&nvml.machine);
}

#define ENTRY(name, ...) \
	RIG_EXPORT int name(__VA_ARGS__); \
	RIG_EXPORT int name(__VA_ARGS__)

ENTRY(nvmlInitWithFlags, unsigned flags)
{
	(void)flags;
	if (getenv("RIG_NODEVICE"))
		return DRIVER_NOT_LOADED;
	pthread_once(&nvml.once, machine_ready);
	atomic_fetch_add(&nvml.references, 1);
	return OK;
}

ENTRY(nvmlInit_v2, void)
{
	return nvmlInitWithFlags(0);
}

ENTRY(nvmlShutdown, void)
{
	if (atomic_load(&nvml.references) < 1)
		return UNINITIALIZED;
	atomic_fetch_sub(&nvml.references, 1);
	return OK;
}

RIG_EXPORT const char *nvmlErrorString(int result);
RIG_EXPORT const char *nvmlErrorString(int result)
{
	return result == OK ? "Success" : result == NOT_SUPPORTED ? "Not Supported" :
		result == GPU_IS_LOST ? "GPU is lost" : "Error";
}

static int text_give(const char *text, char *out, unsigned size)
{
	if (!out)
		return BAD_ARGUMENT;
	if (strlen(text) + 1 > size)
		return SHORT_BUFFER;
	memcpy(out, text, strlen(text) + 1);
	return OK;
}

ENTRY(nvmlSystemGetDriverVersion, char *text, unsigned size)
{
	if (atomic_load(&nvml.references) < 1)
		return UNINITIALIZED;
	return text_give(nvml.machine.driver_version, text, size);
}

ENTRY(nvmlSystemGetNVMLVersion, char *text, unsigned size)
{
	return text_give("13.580.65.06", text, size);
}

ENTRY(nvmlSystemGetCudaDriverVersion_v2, int *version)
{
	*version = 13000;
	return OK;
}

ENTRY(nvmlDeviceGetCount_v2, unsigned *count)
{
	if (atomic_load(&nvml.references) < 1)
		return UNINITIALIZED;
	*count = (unsigned)nvml.machine.gpu_count;
	return OK;
}

ENTRY(nvmlDeviceGetHandleByIndex_v2, unsigned index, struct rig_gpu **device)
{
	if (atomic_load(&nvml.references) < 1)
		return UNINITIALIZED;
	if (index >= (unsigned)nvml.machine.gpu_count)
		return BAD_ARGUMENT;
	*device = &nvml.machine.gpus[index];
	return OK;
}

ENTRY(nvmlDeviceGetHandleByUUID, const char *uuid, struct rig_gpu **device)
{
	for (int i = 0; i < nvml.machine.gpu_count; i++) {
		*device = &nvml.machine.gpus[i];
		if (uuid && !strcasecmp(uuid, nvml.machine.gpus[i].uuid))
			return OK;
	}
	return NOT_FOUND;
}

ENTRY(nvmlDeviceGetHandleByPciBusId_v2, const char *id, struct rig_gpu **device)
{
	for (int i = 0; i < nvml.machine.gpu_count; i++) {
		const char *pci = nvml.machine.gpus[i].pci;

		*device = &nvml.machine.gpus[i];
		/* "00000000:01:00.0" and "0000:01:00.0" alike. */
		if (id && (!strcasecmp(id, pci) || !strcasecmp(id, pci + 4)))
			return OK;
	}
	return NOT_FOUND;
}

/* 0, or why this board says nothing; `unsupported` is a bit of enum rig_unsupported or 0. */
static int refusal(const struct rig_gpu *gpu, int64_t unsupported)
{
	if (atomic_load(&nvml.references) < 1)
		return UNINITIALIZED;
	if (!gpu)
		return BAD_ARGUMENT;
	if (gpu->lost)
		return GPU_IS_LOST;
	if (gpu->forbidden & unsupported)
		return NO_PERMISSION;
	return gpu->unsupported & unsupported ? NOT_SUPPORTED : OK;
}

static unsigned wobble(int64_t value, unsigned span)
{
	return (unsigned)value - span / 2 + atomic_fetch_add(&nvml.calls, 7) % (span + 1);
}

ENTRY(nvmlDeviceGetName, struct rig_gpu *gpu, char *text, unsigned size)
{
	int refused = refusal(gpu, 0);

	return refused ? refused : text_give(gpu->name, text, size);
}

ENTRY(nvmlDeviceGetUUID, struct rig_gpu *gpu, char *text, unsigned size)
{
	int refused = refusal(gpu, 0);

	return refused ? refused : text_give(gpu->uuid, text, size);
}

/* nvmlPciInfo_t, 68 bytes. */
struct pci {
	char legacy[16];
	unsigned domain, bus, device, device_id, subsystem_id;
	char id[32];
};
_Static_assert(sizeof(struct pci) == 68, "nvmlPciInfo_t");

ENTRY(nvmlDeviceGetPciInfo_v3, struct rig_gpu *gpu, struct pci *info)
{
	int refused = refusal(gpu, 0);

	if (refused)
		return refused;
	memset(info, 0, sizeof(*info));
	snprintf(info->legacy, sizeof(info->legacy), "%.15s", gpu->pci + 4);
	snprintf(info->id, sizeof(info->id), "%.31s", gpu->pci);
	sscanf(gpu->pci, "%x:%x:%x", &info->domain, &info->bus, &info->device);
	info->device_id = 0x268410de;
	return OK;
}

ENTRY(nvmlDeviceGetIndex, struct rig_gpu *gpu, unsigned *index)
{
	*index = (unsigned)(gpu - nvml.machine.gpus);
	return refusal(gpu, 0);
}

static int64_t power_measure(const struct rig_gpu *gpu)
{
	while (gpu->stuck)
		nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
	return wobble(gpu->power_mw, 2000);
}

/* A call that answers one unsigned number of the board. */
#define NUMBER(name, unsupported, value) \
	ENTRY(name, struct rig_gpu *gpu, unsigned *number) \
	{ \
		int refused = refusal(gpu, unsupported); \
	\
		if (!refused) \
			*number = (unsigned)(value); \
		return refused; \
	}

NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, 0, gpu->pcie_gen)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, 0, gpu->pcie_width)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, 0, gpu->pcie_gen_max)
NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, 0, gpu->pcie_gen_max)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, 0, gpu->pcie_width_max)
NUMBER(nvmlDeviceGetPcieReplayCounter, RIG_NO_REPLAY, gpu->replays)
NUMBER(nvmlDeviceGetPowerUsage, RIG_NO_POWER, power_measure(gpu))
NUMBER(nvmlDeviceGetEnforcedPowerLimit, RIG_NO_POWER, gpu->power_limit_mw)
NUMBER(nvmlDeviceGetPowerManagementLimit, RIG_NO_POWER, gpu->power_limit_mw)
NUMBER(nvmlDeviceGetPerformanceState, 0, gpu->performance_state)

ENTRY(nvmlDeviceGetTotalEnergyConsumption, struct rig_gpu *gpu, uint64_t *mj)
{
	int refused = refusal(gpu, RIG_NO_ENERGY);

	if (!refused)
		*mj = (uint64_t)gpu->energy_mj + atomic_fetch_add(&nvml.calls, 3);
	return refused;
}

ENTRY(nvmlDeviceGetPcieThroughput, struct rig_gpu *gpu, unsigned counter, unsigned *kb)
{
	int refused = refusal(gpu, RIG_NO_THROUGHPUT);

	if (refused || counter > 1)
		return refused ? refused : BAD_ARGUMENT;
	/* The real one measures for 20 ms. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	*kb = (unsigned)(counter ? gpu->pcie_rx_kb : gpu->pcie_tx_kb);
	return OK;
}

static int clock_give(const struct rig_gpu *gpu, unsigned type, unsigned *mhz, int64_t sm,
		      int64_t memory)
{
	int refused = refusal(gpu, 0);

	if (refused || type > 3)
		return refused ? refused : BAD_ARGUMENT;
	*mhz = (unsigned)(type == 2 ? memory : sm);
	return OK;
}

ENTRY(nvmlDeviceGetClockInfo, struct rig_gpu *gpu, unsigned type, unsigned *mhz)
{
	return clock_give(gpu, type, mhz, gpu ? gpu->sm_mhz : 0, gpu ? gpu->memory_mhz : 0);
}

ENTRY(nvmlDeviceGetMaxClockInfo, struct rig_gpu *gpu, unsigned type, unsigned *mhz)
{
	return clock_give(gpu, type, mhz, gpu ? gpu->sm_mhz_max : 0, gpu ? gpu->memory_mhz_max : 0);
}

ENTRY(nvmlDeviceGetCurrentClocksThrottleReasons, struct rig_gpu *gpu, uint64_t *reasons)
{
	int refused = refusal(gpu, RIG_NO_REASONS);

	if (!refused)
		*reasons = (uint64_t)gpu->reasons;
	return refused;
}

ENTRY(nvmlDeviceGetCurrentClocksEventReasons, struct rig_gpu *gpu, uint64_t *reasons)
{
	return nvmlDeviceGetCurrentClocksThrottleReasons(gpu, reasons);
}

ENTRY(nvmlDeviceGetTemperature, struct rig_gpu *gpu, unsigned sensor, unsigned *celsius)
{
	int refused = refusal(gpu, 0);

	if (!refused)
		*celsius = (unsigned)gpu->temperature;
	return sensor ? BAD_ARGUMENT : refused;
}

struct memory {
	uint64_t total, free, used;
};

ENTRY(nvmlDeviceGetMemoryInfo, struct rig_gpu *gpu, struct memory *memory)
{
	int refused = refusal(gpu, 0);

	if (!refused)
		*memory = (struct memory){ (uint64_t)gpu->memory_bytes,
					   (uint64_t)(gpu->memory_bytes - gpu->memory_used),
					   (uint64_t)gpu->memory_used };
	return refused;
}

struct memory_v2 {
	unsigned version;
	uint64_t total, reserved, free, used;
};
_Static_assert(sizeof(struct memory_v2) == 40, "nvmlMemory_v2_t");

ENTRY(nvmlDeviceGetMemoryInfo_v2, struct rig_gpu *gpu, struct memory_v2 *memory)
{
	int refused = refusal(gpu, 0);

	if (refused)
		return refused;
	if (memory->version != 0x02000028)
		return 25;	/* argument version mismatch */
	memory->total = (uint64_t)gpu->memory_bytes;
	memory->reserved = 367001600;
	memory->used = (uint64_t)gpu->memory_used;
	memory->free = memory->total - memory->used - memory->reserved;
	return OK;
}

struct utilization {
	unsigned gpu, memory;
};

ENTRY(nvmlDeviceGetUtilizationRates, struct rig_gpu *gpu, struct utilization *rates)
{
	int refused = refusal(gpu, 0);

	if (!refused && gpu->slow_ms)
		nanosleep(&(struct timespec){ .tv_nsec = gpu->slow_ms * 1000000 }, NULL);
	if (!refused)
		*rates = (struct utilization){ (unsigned)gpu->utilization_gpu,
			(unsigned)gpu->utilization_memory };
	return refused;
}

ENTRY(nvmlDeviceGetP2PStatus, struct rig_gpu *gpu, struct rig_gpu *peer, unsigned index,
      int *status)
{
	(void)peer;
	(void)index;
	*status = 1;	/* chipset not supported: no peer access on these boards */
	return refusal(gpu, 0);
}

ENTRY(nvmlDeviceGetTopologyCommonAncestor, struct rig_gpu *gpu, struct rig_gpu *peer, int *level)
{
	*level = gpu == peer ? 0 : (gpu - nvml.machine.gpus) / 2 == (peer - nvml.machine.gpus) / 2 ?
		30 : 50;
	return refusal(gpu, 0);
}

/* GeForce has none of these. */
ENTRY(nvmlDeviceGetTotalEccErrors, struct rig_gpu *gpu, int type, int counter, uint64_t *count)
{
	(void)gpu;
	(void)type;
	(void)counter;
	(void)count;
	return NOT_SUPPORTED;
}

ENTRY(nvmlDeviceGetMigMode, struct rig_gpu *gpu, unsigned *current, unsigned *pending)
{
	int refused = refusal(gpu, 0);

	if (refused || !gpu->mig)
		return refused ? refused : NOT_SUPPORTED;
	*current = *pending = 1;
	return OK;
}

ENTRY(nvmlDeviceGetNvLinkState, struct rig_gpu *gpu, unsigned link, unsigned *active)
{
	(void)gpu;
	(void)link;
	(void)active;
	return NOT_SUPPORTED;
}

/* nvmlFieldValue_t, 40 bytes. */
struct field {
	unsigned id, scope;
	int64_t timestamp, latency;
	unsigned type, result;
	uint64_t value;
};

ENTRY(nvmlDeviceGetFieldValues, struct rig_gpu *gpu, int count, struct field *fields)
{
	int refused = refusal(gpu, 0);

	for (int i = 0; !refused && i < count; i++) {
		fields[i].type = 1;	/* unsigned int */
		fields[i].result = OK;
		if (fields[i].id == 185 || fields[i].id == 186) {
			int64_t bits = RIG_NO_POWER | (fields[i].id == 186 ? RIG_NO_POWER_NOW : 0);
			int power = refusal(gpu, bits);

			fields[i].result = (unsigned)power;
			fields[i].value = power ? 0 : (uint64_t)power_measure(gpu);
		} else if (fields[i].id == 94) {
			fields[i].value = (uint64_t)gpu->replays;
		} else {
			fields[i].result = NOT_SUPPORTED;
		}
	}
	return refused;
}
