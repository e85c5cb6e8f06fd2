/* SPDX-License-Identifier: MIT */
/*
 * What the numbers in the database mean: enumerations shared by writers and readers, and the
 * classification of kernels by name. The values of copy_direction, memory_kind and
 * synchronization_kind are CUPTI's own.
 *
 * Thread: pure functions and constant data.
 */
#ifndef TRACEDB_VOCABULARY_H
#define TRACEDB_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum copy_direction {
	COPY_UNKNOWN = 0,
	COPY_HTOD = 1,
	COPY_DTOH = 2,
	COPY_HTOA = 3,
	COPY_ATOH = 4,
	COPY_ATOA = 5,
	COPY_ATOD = 6,
	COPY_DTOA = 7,
	COPY_DTOD = 8,
	COPY_HTOH = 9,
	COPY_PTOP = 10,
	COPY_DIRECTION_COUNT
};

enum memory_kind {
	MEMORY_UNKNOWN = 0,
	MEMORY_PAGEABLE = 1,
	MEMORY_PINNED = 2,
	MEMORY_DEVICE = 3,
	MEMORY_ARRAY = 4,
	MEMORY_MANAGED = 5,
	MEMORY_DEVICE_STATIC = 6,
	MEMORY_MANAGED_STATIC = 7,
	MEMORY_HOST = 8, /* ours: host memory, pinned or not is not said (ROCm traces) */
	MEMORY_KIND_COUNT
};

enum synchronization_kind {
	SYNCHRONIZATION_UNKNOWN = 0,
	SYNCHRONIZATION_EVENT = 1,
	SYNCHRONIZATION_STREAM_WAIT_EVENT = 2,
	SYNCHRONIZATION_STREAM = 3,
	SYNCHRONIZATION_CONTEXT = 4,
	SYNCHRONIZATION_KIND_COUNT
};

enum allocation_operation { ALLOCATION_ALLOCATE = 1, ALLOCATION_RELEASE = 2 };

/* The first three are CUPTI's; the last two tell a pool's sizes after something came from it. */
enum pool_operation {
	POOL_CREATED = 1, POOL_DESTROYED = 2, POOL_TRIMMED = 3, POOL_ALLOCATED = 4,
	POOL_RELEASED = 5,
};

enum range_kind { RANGE_PUSH_POP = 1, RANGE_START_END = 2, RANGE_FRAMEWORK = 3 };

enum collective_witness { WITNESS_NVTX = 1, WITNESS_PLUGIN = 2, WITNESS_FRAMEWORK = 3 };

enum api_kind { API_OTHER = 0, API_DRIVER = 1, API_RUNTIME = 2 };

/*
 * Names as reports and other tools show them: "HtoD", "Pageable", "Stream Sync". Any value is
 * accepted.
 */
const char *copy_direction_name(int64_t direction);
const char *memory_kind_name(int64_t kind);
const char *synchronization_kind_name(int64_t kind);

/*
 * From the names of other tools ("HtoD", "Pinned", "Host"), letter case ignored; UNKNOWN if not
 * known.
 */
enum copy_direction copy_direction_from_name(const char *name, size_t length);
enum memory_kind memory_kind_from_name(const char *name, size_t length);

/*
 * Is this the Unix time of a trace's epoch (trace.epoch_ns)? Traces whose source does not tell it
 * count from 0, or from a start of their own: small numbers.
 */
bool epoch_is_unix(int64_t epoch_ns);

enum kernel_class { KERNEL_COMPUTE = 0, KERNEL_COMMUNICATION = 1 };

/*
 * Communication kernels by name, mangled or demangled: NCCL and RCCL of all generations, one-rank
 * reductions, NVSHMEM, DeepEP, custom all-reduces of vLLM/SGLang, PyTorch's symmetric memory.
 * Everything else computes.
 */
enum kernel_class kernel_class_of(const char *name);

/*
 * Is this kind of overhead (overhead.name_id) the driver's loading or compiling of the program's
 * code, rather than time that profiling took?
 */
bool overhead_is_code_loading(const char *name);

/*
 * Operation of a NCCL call that moves data: "ncclAllReduce" -> "AllReduce"; later releases have
 * variants that end in Config. NULL for any other call. `name` need not be terminated.
 */
const char *nccl_operation_of_call(const char *name, size_t length);

/*
 * Bytes of one element of a NCCL datatype ("ncclFloat32") or framework dtype ("Float"); 0 if
 * unknown.
 */
int64_t datatype_bytes(const char *name);

#endif
