/* SPDX-License-Identifier: MIT */
/*
 * Our own declaration of the CUPTI activity records that we read, as CUDA 13.0 lays them out on
 * x86-64, and of the few other structs of its ABI. CUPTI only ever appends to these records, so one
 * declaration serves CUDA 11.8 to 13.x: a field is read only if it lies inside the stride that the
 * loaded library uses (CUPTI_HAS). tests/layout compares every size and offset with the real
 * headers where they are installed.
 *
 * Thread: declarations only.
 */
#ifndef LIBTRACE_CUPTI_RECORDS_H
#define LIBTRACE_CUPTI_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#define CUPTI_HAS(type, field, stride) \
	(offsetof(struct type, field) + sizeof(((const struct type *)0)->field) <= (stride))

/* CUpti_ActivityKind, the ones that we know by name. */
enum cupti_kind {
	CUPTI_KIND_INVALID = 0,
	CUPTI_KIND_MEMCPY = 1,
	CUPTI_KIND_MEMSET = 2,
	CUPTI_KIND_KERNEL = 3,
	CUPTI_KIND_DRIVER = 4,
	CUPTI_KIND_RUNTIME = 5,
	CUPTI_KIND_DEVICE = 8,
	CUPTI_KIND_CONTEXT = 9,
	CUPTI_KIND_CONCURRENT_KERNEL = 10,
	CUPTI_KIND_NAME = 11,
	CUPTI_KIND_OVERHEAD = 17,
	CUPTI_KIND_MEMCPY2 = 22,
	CUPTI_KIND_UNIFIED_MEMORY = 25,
	CUPTI_KIND_CUDA_EVENT = 36,
	CUPTI_KIND_STREAM = 37,
	CUPTI_KIND_SYNCHRONIZATION = 38,
	CUPTI_KIND_EXTERNAL_CORRELATION = 39,
	CUPTI_KIND_INTERNAL_LAUNCH_API = 48,
	CUPTI_KIND_MEMORY2 = 49,
	CUPTI_KIND_MEMORY_POOL = 50,
	CUPTI_KIND_GRAPH_TRACE = 51,
	CUPTI_KIND_JIT = 52,
	CUPTI_KIND_GRAPH_HOST_NODE = 56,	/* this and the next: from 13.1 on */
	CUPTI_KIND_HOST_LAUNCH = 58,
};

/* Kinds are small numbers; the stride table has room for those that later versions add. */
enum { CUPTI_KIND_LIMIT = 128 };

enum cupti_object { CUPTI_OBJECT_THREAD = 2, CUPTI_OBJECT_STREAM = 5 };
#define CUPTI_NOT_APPLICABLE UINT32_MAX /* stream or event of a synchronization without one */
enum { CUPTI_COPY_ASYNC = 1 };			/* flag of MEMCPY and MEMCPY2 */
enum { CUPTI_EXTERNAL_OURS = 5 };		/* "custom 2": frameworks use 0 and 1 */
enum { CUPTI_POOL_LOCAL = 1 };			/* type of a pool whose sizes are known */

enum cupti_unified_memory_counter {
	CUPTI_UNIFIED_HTOD = 1, CUPTI_UNIFIED_DTOH = 2, CUPTI_UNIFIED_CPU_FAULT = 3,
	CUPTI_UNIFIED_GPU_FAULTS = 4, CUPTI_UNIFIED_DTOD = 8,
};

struct cupti_memcpy {
	uint32_t kind;
	uint8_t copy_kind, source_kind, destination_kind, flags;
	uint64_t bytes, start, end;
	uint32_t device, context, stream, correlation, runtime_correlation, pad;
	uint64_t reserved0, graph_node;
	uint32_t graph, channel, channel_type;
	uint8_t is_device_launched, pad2[3];
	uint64_t copy_count;
};

struct cupti_memset {
	uint32_t kind, value;
	uint64_t bytes, start, end;
	uint32_t device, context, stream, correlation;
	uint16_t flags, memory_kind;
	uint32_t pad;
	uint64_t reserved0, graph_node;
	uint32_t graph, channel, channel_type;
	uint8_t is_device_launched, pad2[3];
};

struct cupti_kernel {
	uint32_t kind;
	uint8_t cache_config, shared_memory_config;
	uint16_t registers;
	uint32_t partitioned_cache_requested, partitioned_cache_executed;
	uint64_t start, end, completed;
	uint32_t device, context, stream;
	int32_t grid[3], block[3];
	int32_t static_shared, dynamic_shared;
	uint32_t local_per_thread, local_total, correlation;
	int64_t grid_id;
	const char *name;
	uint64_t reserved0, queued, submitted;
	uint8_t launch_type, is_shared_carveout_requested, shared_carveout_requested, padding;
	uint32_t shared_executed;
	uint64_t graph_node;
	uint32_t shared_limit_config, graph;
	uint64_t access_policy_window;
	uint32_t channel, channel_type, cluster[3], cluster_scheduling;
	uint64_t local_total_v2;
	uint32_t max_potential_cluster, max_active_clusters;
	uint8_t is_device_launched, padding2[7];
};

struct cupti_api {
	uint32_t kind, cbid;
	uint64_t start, end;
	uint32_t process, thread, correlation, return_value;
};

struct cupti_device {
	uint32_t kind, flags;
	uint64_t memory_bandwidth;	/* kB/s */
	uint64_t memory_bytes;
	uint32_t constant_bytes, l2_bytes, threads_per_warp;
	uint32_t core_clock;		/* kHz */
	uint32_t copy_engines, sm_count, max_ipc, max_warps_per_sm, max_blocks_per_sm;
	uint32_t max_shared_per_sm, max_registers_per_sm, max_registers_per_block;
	uint32_t max_shared_per_block, max_threads_per_block, max_block[3], max_grid[3];
	uint32_t compute_major, compute_minor, id, is_ecc_enabled;
	uint8_t uuid[16];
	const char *name;
	uint8_t is_cuda_visible, is_mig_enabled, reserved[6];
	uint32_t gpu_instance, compute_instance;
	uint8_t mig_uuid[16];
	uint32_t is_numa_node, numa_node;
};

struct cupti_context {
	uint32_t kind, context, device;
	uint16_t compute_api, null_stream;
	uint32_t parent;
	uint8_t is_green, padding;
	uint16_t sm_count;
	uint32_t cig_mode, padding2;
};

/* Three numbers whose meaning depends on the object's kind. */
struct cupti_object_id {
	uint32_t device_or_process, context_or_thread, stream;
};

struct cupti_name {
	uint32_t kind, object_kind;
	struct cupti_object_id object;
	uint32_t pad;
	const char *name;
};

struct cupti_overhead {
	uint32_t kind, overhead_kind, object_kind;
	struct cupti_object_id object;
	uint64_t start, end;
	uint32_t correlation, reserved0;
	uint64_t overhead_data;
};

struct cupti_peer_copy {
	uint32_t kind;
	uint8_t copy_kind, source_kind, destination_kind, flags;
	uint64_t bytes, start, end;
	uint32_t device, context, stream, source_device, source_context;
	uint32_t destination_device, destination_context, correlation;
	uint64_t reserved0, graph_node;
	uint32_t graph, channel, channel_type, pad;
};

/* `value` is a size, a number of faults or an address, as the counter says. */
struct cupti_unified_memory {
	uint32_t kind, counter;
	uint64_t value, start, end, address;
	uint32_t source, destination, stream, process, flags, pad;
	uint64_t processors[5];
};

struct cupti_event {
	uint32_t kind, correlation, context, stream, event, pad;
	uint32_t device, pad2;
	uint64_t reserved0, device_timestamp, event_sync;
};

struct cupti_stream {
	uint32_t kind, context, stream, priority, flag, correlation;
};

struct cupti_synchronization {
	uint32_t kind, type;
	uint64_t start, end;
	uint32_t correlation, context, stream, event;
	uint64_t event_sync;
	uint32_t return_value, pad;
};

struct cupti_external_correlation {
	uint32_t kind, external_kind;
	uint64_t external;
	uint32_t correlation, reserved;
};

struct cupti_memory {
	uint32_t kind, operation, memory_kind, correlation;
	uint64_t address, bytes, timestamp, pc;
	uint32_t process, device, context, stream;
	const char *name;
	uint32_t is_async, pad1, pool_type, pad2;
	uint64_t pool_address, pool_threshold, pool_size, pool_used;
	const char *source;
};

struct cupti_memory_pool {
	uint32_t kind, operation, pool_type, correlation, process, device;
	uint64_t bytes_to_keep, address, bytes, threshold, timestamp, used;
	uint8_t is_managed, pad2[7];
};

struct cupti_jit {
	uint32_t kind, entry_type, operation, device;
	uint64_t start, end;
	uint32_t correlation, padding;
	uint64_t unit_correlation, cache_bytes;
	const char *cache_path;
	uint32_t process, thread;
};

struct cupti_graph_host_node {
	uint32_t kind, stream, context, device, correlation, graph;
	uint64_t graph_node;
	uint32_t process, thread;
	uint64_t start, end;
};

struct cupti_host_launch {
	uint32_t kind, stream, context, device, correlation, process, thread, pad;
	uint64_t start, end;
};

struct cupti_graph_trace {
	uint32_t kind, correlation;
	uint64_t start, end;
	uint32_t device, graph, context, stream;
	uint64_t reserved;
	uint32_t end_device, end_context;
};

_Static_assert(sizeof(struct cupti_memcpy) == 96, "MEMCPY of 13.0");
_Static_assert(sizeof(struct cupti_memset) == 88, "MEMSET of 13.0");
_Static_assert(sizeof(struct cupti_kernel) == 216, "KERNEL of 13.0");
_Static_assert(sizeof(struct cupti_api) == 40, "RUNTIME of 13.0");
_Static_assert(sizeof(struct cupti_device) == 184, "DEVICE of 13.0");
_Static_assert(sizeof(struct cupti_context) == 32, "CONTEXT of 13.0");
_Static_assert(sizeof(struct cupti_name) == 32, "NAME of 13.0");
_Static_assert(sizeof(struct cupti_overhead) == 56, "OVERHEAD of 13.0");
_Static_assert(sizeof(struct cupti_peer_copy) == 96, "MEMCPY2 of 13.0");
_Static_assert(sizeof(struct cupti_event) == 56, "CUDA_EVENT of 13.0");
_Static_assert(sizeof(struct cupti_stream) == 24, "STREAM of 13.0");
_Static_assert(sizeof(struct cupti_synchronization) == 56, "SYNCHRONIZATION of 13.0");
_Static_assert(sizeof(struct cupti_external_correlation) == 24, "EXTERNAL_CORRELATION of 13.0");
_Static_assert(sizeof(struct cupti_memory) == 128, "MEMORY2 of 13.0");
_Static_assert(sizeof(struct cupti_graph_trace) == 56, "GRAPH_TRACE of 13.0");
_Static_assert(sizeof(struct cupti_unified_memory) == 104, "UNIFIED_MEMORY_COUNTER of 13.0");
_Static_assert(sizeof(struct cupti_memory_pool) == 80, "MEMORY_POOL of 13.0");
_Static_assert(sizeof(struct cupti_jit) == 72, "JIT of 13.0");
_Static_assert(sizeof(struct cupti_graph_host_node) == 56, "GRAPH_HOST_NODE of 13.1");
_Static_assert(sizeof(struct cupti_host_launch) == 48, "HOST_LAUNCH of 13.1");

/* Argument of cuptiSubscribe_v2 as of 13.0 (13.2 appends a flag; the size says which one it is). */
struct cupti_subscriber_params {
	size_t size;
	const char *name;
	char *old_name;
	size_t old_name_size;
	uint8_t allows_others, padding[7];	/* from CUDA 13.2 on; the size says whether */
};

#define CUPTI_SUBSCRIBER_PARAMS_FIRST_BYTES offsetof(struct cupti_subscriber_params, allows_others)

/* What cuptiActivityConfigureUnifiedMemoryCounter takes; scope and device are ignored today. */
struct cupti_unified_memory_config {
	uint32_t scope, counter, device, enable;
};

/* What callbacks of the domains STATE and RESOURCE point to (their first members). */
struct cupti_state_data {
	uint32_t result;
	const char *message;
};

struct cupti_resource_data {
	void *context;
};

#endif
