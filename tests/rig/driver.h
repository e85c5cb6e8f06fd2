/* SPDX-License-Identifier: MIT */
/*
 * The simulated device behind the libcuda.so.1 double: the training program hands every API call
 * and every GPU activity to it, and the CUPTI double, once it is in use, listens. A test double:
 * nothing is computed, the stamps are the scenario's.
 * Thread: any thread may call; configure and listen happen before the first activity.
 */
#ifndef RIG_DRIVER_H
#define RIG_DRIVER_H

#include <stdint.h>

#include "machine.h"

enum rig_domain { RIG_DOMAIN_DRIVER = 1, RIG_DOMAIN_RUNTIME = 2 };

/* A host call. Names are those of the API without a version, e.g. "cudaLaunchKernel". */
struct rig_api {
	const char *name;
	int64_t start_ns, end_ns;
	uint32_t domain;	/* enum rig_domain */
	uint32_t device;	/* ordinal */
	uint32_t result;
	uint32_t unused;
};

enum rig_activity_kind {
	RIG_ACTIVITY_KERNEL, RIG_ACTIVITY_COPY, RIG_ACTIVITY_PEER_COPY, RIG_ACTIVITY_MEMSET,
	RIG_ACTIVITY_SYNC, RIG_ACTIVITY_EVENT, RIG_ACTIVITY_MEMORY, RIG_ACTIVITY_OVERHEAD,
	RIG_ACTIVITY_STREAM, RIG_ACTIVITY_CONTEXT, RIG_ACTIVITY_GRAPH, RIG_ACTIVITY_POOL,
	RIG_ACTIVITY_JIT, RIG_ACTIVITY_HOST, RIG_ACTIVITY_UNIFIED,
};

/* One thing that the simulated GPU or driver did; which fields count depends on the kind. */
struct rig_activity {
	enum rig_activity_kind kind;
	uint32_t correlation;
	uint32_t device, stream;
	int64_t start_ns, end_ns;
	int64_t bytes;
	const char *name;		/* kernel symbol; stays valid for the process */
	uint32_t grid[3], block[3];
	uint32_t registers, static_shared, dynamic_shared;
	uint8_t copy_kind, source_kind, destination_kind, is_async;
	uint32_t source_device, destination_device;
	uint32_t value;			/* memset */
	/* of synchronization, memory and pool operation, overhead, JIT, counter, stream flag */
	uint32_t type;
	uint32_t event_id;
	uint64_t event_sync_id;
	uint32_t graph_id;		/* 0: not in a graph */
	uint64_t graph_node_id;
	uint64_t address;
	uint64_t pool_address;		/* 0: not from a pool */
	int64_t pool_bytes, pool_used, pool_threshold;
	int32_t priority;
	uint32_t is_communication;
};

struct rig_listener {
	void (*api_enter)(const struct rig_api *api, uint32_t correlation);
	void (*api_exit)(const struct rig_api *api, uint32_t correlation);
	void (*activity)(const struct rig_activity *activity);
	void (*teardown)(void);		/* an exit handler of the driver runs */
};

/* The gpus (indices into the machine) that this process sees; NULL: CUDA_VISIBLE_DEVICES, else
 * all. */
RIG_EXPORT void rig_driver_configure(const int *gpus, int count);
RIG_EXPORT int rig_driver_gpu_count(void);
RIG_EXPORT const struct rig_gpu *rig_driver_gpu(int ordinal);
/* What stands for a CUcontext; ids are ordinal + 1. */
RIG_EXPORT void *rig_driver_context(int ordinal);
RIG_EXPORT int rig_driver_context_ordinal(const void *context);	/* -1: none of ours */

RIG_EXPORT uint32_t rig_driver_api_enter(const struct rig_api *api);
RIG_EXPORT void rig_driver_api_exit(const struct rig_api *api, uint32_t correlation);
RIG_EXPORT uint32_t rig_driver_correlation_take(void);	/* of a launch that no API record shows */
RIG_EXPORT void rig_driver_activity(const struct rig_activity *activity);
RIG_EXPORT void rig_driver_listen(const struct rig_listener *listener);
/* A tool's callback runs on this thread: CUDA calls are forbidden in it, and reported. */
RIG_EXPORT void rig_driver_callback_set(int is_inside);
/* One line on stderr ("rig: violation: ..."); with RIG_STRICT=1 also abort(). */
RIG_EXPORT void rig_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Value of `name=` in RIG_FAULTS: -1 absent, 1 without a value. */
RIG_EXPORT int64_t rig_fault(const char *name);

#endif
