/* SPDX-License-Identifier: MIT */
/*
 * What we use of NVML (libnvidia-ml.so.1), in our own declarations; stable since driver 410.
 *
 * Thread: declarations only. NVML's functions may be called from any thread.
 */
#ifndef LIBTRACE_NVML_ABI_H
#define LIBTRACE_NVML_ABI_H

#include <stddef.h>
#include <stdint.h>

enum nvml_result {
	NVML_OK = 0, NVML_UNINITIALIZED = 1, NVML_NOT_SUPPORTED = 3, NVML_NO_PERMISSION = 4,
	NVML_NOT_FOUND = 6, NVML_DRIVER_NOT_LOADED = 9, NVML_LIBRARY_NOT_FOUND = 12,
	NVML_FUNCTION_NOT_FOUND = 13, NVML_GPU_IS_LOST = 15, NVML_VERSION_MISMATCH = 18,
};

enum { NVML_INIT_NO_GPUS_IS_FINE = 1, NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2 };

enum { NVML_FIELD_POWER_NOW = 186 };

/* Types of a field's value. */
enum {
	NVML_FIELD_DOUBLE = 0, NVML_FIELD_UNSIGNED = 1, NVML_FIELD_UNSIGNED_LONG = 2,
	NVML_FIELD_UNSIGNED_LONG_LONG = 3,
};

struct nvml_device;	/* opaque */

struct nvml_pci {
	char bus_id_legacy[16];
	uint32_t domain, bus, device, pci_device_id, pci_subsystem_id;
	char bus_id[32];
};

struct nvml_memory {
	uint64_t total, free, used;
};

struct nvml_utilization {
	unsigned gpu, memory;
};

struct nvml_field {
	uint32_t id, scope;
	int64_t time_us, latency_us;
	uint32_t type;		/* NVML_FIELD_DOUBLE, ... */
	uint32_t result;	/* enum nvml_result of this field */
	uint64_t value;		/* a union of all types */
};

_Static_assert(sizeof(struct nvml_field) == 40 && offsetof(struct nvml_field, value) == 32, "ABI");
_Static_assert(sizeof(struct nvml_pci) == 68 && offsetof(struct nvml_pci, bus_id) == 36, "ABI");
_Static_assert(sizeof(struct nvml_memory) == 24, "ABI");
_Static_assert(sizeof(struct nvml_utilization) == 8, "ABI");

typedef int (*nvml_init_with_flags)(unsigned flags);
typedef int (*nvml_init)(void);
typedef int (*nvml_system_number)(int *number);
typedef int (*nvml_system_count)(unsigned *count);
typedef int (*nvml_device_at)(unsigned index, struct nvml_device **device);
typedef int (*nvml_device_pair)(struct nvml_device *a, struct nvml_device *b, int *level);
typedef int (*nvml_device_peer)(struct nvml_device *a, struct nvml_device *b, int what,
				int *status);
typedef int (*nvml_system_text)(char *text, unsigned size);
typedef int (*nvml_device_find)(const char *name, struct nvml_device **device);
typedef int (*nvml_device_number)(struct nvml_device *device, unsigned *value);
typedef int (*nvml_device_clock)(struct nvml_device *device, int clock, unsigned *mhz);
typedef int (*nvml_device_text)(struct nvml_device *device, char *text, unsigned size);
typedef int (*nvml_device_pci)(struct nvml_device *device, struct nvml_pci *pci);
typedef int (*nvml_device_memory)(struct nvml_device *device, struct nvml_memory *memory);
typedef int (*nvml_device_wide)(struct nvml_device *device, unsigned long long *value);
typedef int (*nvml_device_fields)(struct nvml_device *device, int count, struct nvml_field *fields);
typedef int (*nvml_device_mode)(struct nvml_device *device, unsigned *now, unsigned *pending);
typedef int (*nvml_device_utilization)(struct nvml_device *device, struct nvml_utilization *rates);

#endif
