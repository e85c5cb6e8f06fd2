/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GPUS_MAX = 1024, MAPPINGS_MAX = 65536, NAME_BYTES = 128 };

struct gpu {
	int64_t id;
	char name[NAME_BYTES], uuid[NAME_BYTES], bus[NAME_BYTES];
	struct device_row facts;	/* its texts stay empty */
};

/* Device `cuda_id` of process `pid` is GPU `gpu_id`. */
struct mapping {
	int64_t pid, cuda_id, gpu_id;
	bool has_gpu_id;
	int64_t sm_count;
	char uuid[NAME_BYTES];
};

struct nsys_devices {
	struct gpu *gpus;
	size_t gpu_count;
	struct mapping *mappings;
	size_t mapping_count;
};

static const char *const gpu_columns[] = {
	"id!",       "name",    "uuid",        "busLocation",  "totalMemory",  "memoryBandwidth",
	"clockRate", "smCount", "l2CacheSize", "asyncEngines", "computeMajor", "computeMinor",
	"smMajor",   "smMinor",
};
enum {
	GPU_ID,
	GPU_NAME,
	GPU_UUID,
	GPU_BUS,
	GPU_MEMORY,
	GPU_BANDWIDTH,
	GPU_CLOCK,
	GPU_SM_COUNT,
	GPU_L2,
	GPU_ENGINES,
	GPU_COMPUTE_MAJOR,
	GPU_COMPUTE_MINOR,
	GPU_SM_MAJOR,
	GPU_SM_MINOR,
};

static const char *const mapping_columns[] = { "pid!", "cudaId!", "gpuId", "uuid",
					       "numMultiprocessors" };
enum { MAPPING_PID, MAPPING_CUDA_ID, MAPPING_GPU_ID, MAPPING_UUID, MAPPING_SM_COUNT };

static void copy_text(char out[NAME_BYTES], const struct nsys_cursor *cursor, int column)
{
	size_t length = 0;
	const char *text = nsys_cursor_text(cursor, column, &length);
	(void)snprintf(out, NAME_BYTES, "%.*s",
		       (int)(length < NAME_BYTES ? length : NAME_BYTES - 1),
		       text == NULL ? "" : text);
}

/* "GPU-" stands before it in every other tool, and in ours. */
static void copy_uuid(char out[NAME_BYTES], const struct nsys_cursor *cursor, int column)
{
	char bare[NAME_BYTES];
	copy_text(bare, cursor, column);
	bool is_bare = strlen(bare) == 36 && bare[8] == '-' && bare[13] == '-';
	(void)snprintf(out, NAME_BYTES, "%s%.120s", is_bare ? "GPU-" : "", bare);
}

/* "0000:01:00.0" -> "00000000:01:00.0" */
static void copy_bus(char out[NAME_BYTES], const struct nsys_cursor *cursor)
{
	char bus[NAME_BYTES];
	copy_text(bus, cursor, GPU_BUS);
	bool is_short = strlen(bus) == 12 && bus[4] == ':';
	(void)snprintf(out, NAME_BYTES, "%s%.120s", is_short ? "0000" : "", bus);
}

/* The unit of clockRate differs: Hz, or kHz as the driver says it. */
static int64_t clock_mhz(int64_t rate)
{
	if (rate >= 100000000)
		return rate / 1000000;
	return rate >= 100000 ? rate / 1000 : 0;
}

static int64_t positive(const struct nsys_cursor *cursor, int column)
{
	int64_t value = nsys_cursor_integer_or(cursor, column, 0);
	return value > 0 ? value : 0;
}

static void gpu_take(struct gpu *gpu, const struct nsys_cursor *cursor)
{
	gpu->id = nsys_cursor_integer_or(cursor, GPU_ID, -1);
	copy_text(gpu->name, cursor, GPU_NAME);
	copy_uuid(gpu->uuid, cursor, GPU_UUID);
	copy_bus(gpu->bus, cursor);
	int64_t bandwidth = positive(cursor, GPU_BANDWIDTH);
	bool has_compute = positive(cursor, GPU_COMPUTE_MAJOR) > 0;
	gpu->facts = (struct device_row){
		.memory_bytes = positive(cursor, GPU_MEMORY),
		.sm_count = positive(cursor, GPU_SM_COUNT),
		/* Less than 1 GB/s is another unit, and which one is not known. */
		.memory_bandwidth_bytes_per_s = bandwidth >= 1000000000 ? bandwidth : 0,
		.l2_bytes = positive(cursor, GPU_L2),
		.copy_engines = positive(cursor, GPU_ENGINES),
		.clock_sm_max_mhz = clock_mhz(positive(cursor, GPU_CLOCK)),
		.compute_major = positive(cursor, has_compute ? GPU_COMPUTE_MAJOR : GPU_SM_MAJOR),
		.compute_minor = positive(cursor, has_compute ? GPU_COMPUTE_MINOR : GPU_SM_MINOR),
		.pcie_replays = -1,
	};
}

static void mapping_take(struct mapping *mapping, const struct nsys_cursor *cursor)
{
	mapping->pid = nsys_cursor_integer_or(cursor, MAPPING_PID, -1);
	mapping->cuda_id = nsys_cursor_integer_or(cursor, MAPPING_CUDA_ID, -1);
	mapping->has_gpu_id = nsys_cursor_integer(cursor, MAPPING_GPU_ID, &mapping->gpu_id);
	mapping->sm_count = positive(cursor, MAPPING_SM_COUNT);
	copy_uuid(mapping->uuid, cursor, MAPPING_UUID);
}

static bool load_rows(struct nsys_devices *devices, struct nsys_file *file, bool is_mapping,
		      struct error *error)
{
	const struct nsys_select gpus = { .table = "TARGET_INFO_GPU", .columns = gpu_columns,
		.column_count = sizeof gpu_columns / sizeof gpu_columns[0] };
	const struct nsys_select mappings = { .table = "TARGET_INFO_CUDA_DEVICE",
					      .columns = mapping_columns,
					      .column_count = sizeof mapping_columns /
							      sizeof mapping_columns[0] };
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, file, is_mapping ? &mappings : &gpus, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		if (is_mapping && devices->mapping_count < MAPPINGS_MAX)
			mapping_take(&devices->mappings[devices->mapping_count++], cursor);
		else if (!is_mapping && devices->gpu_count < GPUS_MAX)
			gpu_take(&devices->gpus[devices->gpu_count++], cursor);
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

bool nsys_devices_load(struct nsys_devices **out, struct nsys_file *file, struct error *error)
{
	int64_t mapping_rows = 0;
	*out = NULL;
	if (!nsys_file_count(file, "TARGET_INFO_CUDA_DEVICE", &mapping_rows, error))
		return false;
	size_t room = mapping_rows < MAPPINGS_MAX ? (size_t)mapping_rows : MAPPINGS_MAX;
	struct nsys_devices *devices = calloc(1, sizeof *devices);
	if (devices != NULL) {
		devices->gpus = calloc(GPUS_MAX, sizeof *devices->gpus);
		/* Rows that the count did not see (a damaged file) must not overrun the array. */
		devices->mappings = calloc(room + 1, sizeof *devices->mappings);
	}
	if (devices == NULL || devices->gpus == NULL || devices->mappings == NULL) {
		nsys_devices_close(devices);
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory",
			    nsys_file_path(file));
	}
	if (!load_rows(devices, file, false, error) || !load_rows(devices, file, true, error)) {
		nsys_devices_close(devices);
		return false;
	}
	*out = devices;
	return true;
}

void nsys_devices_close(struct nsys_devices *devices)
{
	if (devices == NULL)
		return;
	free(devices->gpus);
	free(devices->mappings);
	free(devices);
}

static const struct mapping *mapping_of(const struct nsys_devices *devices, int64_t pid,
					int64_t device)
{
	for (size_t i = 0; i < devices->mapping_count; i++)
		if (devices->mappings[i].pid == pid && devices->mappings[i].cuda_id == device)
			return &devices->mappings[i];
	return NULL;
}

/* By uuid, which names one GPU in the world, else by the number. */
static const struct gpu *gpu_of(const struct nsys_devices *devices, const struct mapping *mapping)
{
	if (mapping == NULL)
		return NULL;
	for (size_t i = 0; i < devices->gpu_count && mapping->uuid[0] != 0; i++)
		if (strcmp(devices->gpus[i].uuid, mapping->uuid) == 0)
			return &devices->gpus[i];
	for (size_t i = 0; i < devices->gpu_count && mapping->has_gpu_id; i++)
		if (devices->gpus[i].id == mapping->gpu_id)
			return &devices->gpus[i];
	return NULL;
}

/* Where it is not told which GPU it is, but all are alike, it still is known what it is. */
static const struct gpu *gpu_of_any(const struct nsys_devices *devices)
{
	for (size_t i = 1; i < devices->gpu_count; i++)
		if (strcmp(devices->gpus[i].name, devices->gpus[0].name) != 0 ||
		    devices->gpus[i].facts.memory_bytes != devices->gpus[0].facts.memory_bytes)
			return NULL;
	return devices->gpu_count > 0 ? &devices->gpus[0] : NULL;
}

bool nsys_devices_put(const struct nsys_devices *devices, struct nsys_process *process,
		      struct error *error)
{
	const struct gpu *any = gpu_of_any(devices);
	for (size_t i = 0; i < process->devices.count; i++) {
		int64_t device_id = process->devices.entries[i].key;
		const struct mapping *mapping = mapping_of(devices, process->pid, device_id);
		const struct gpu *own = gpu_of(devices, mapping);
		const struct gpu *gpu = own != NULL ? own : any;
		struct device_row row = { .pcie_replays = -1 };
		if (gpu != NULL) {
			row = gpu->facts;
			row.name = gpu->name;
		}
		row.device_id = device_id;
		/* One GPU in the machine is this one; among several only a mapping says which. */
		bool is_certain = own != NULL || (gpu != NULL && devices->gpu_count == 1);
		row.uuid = is_certain ? gpu->uuid : mapping != NULL ? mapping->uuid : "";
		row.pci_bus_id = is_certain ? gpu->bus : "";
		if (row.sm_count == 0 && mapping != NULL)
			row.sm_count = mapping->sm_count;
		if (!trace_put_device(process->writer, &row, error))
			return false;
	}
	return true;
}
