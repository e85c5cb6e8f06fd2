/* SPDX-License-Identifier: MIT */
/*
 * The libnccl.so.2 double: drives the profiler plugin ABI of a chosen NCCL (RIG_NCCL=v1..v7,
 * default v5) and pushes NCCL's NVTX ranges, in the order of the real library. A test double:
 * nothing is sent; times are the scenario's.
 * Thread: any; one communicator is used by one thread at a time.
 */
#ifndef RIG_NCCL_H
#define RIG_NCCL_H

#include <stdint.h>

#include "machine.h"
#include "nccl_layout.h"

struct rig_nccl_comm;

/* The program's clock: the double sets it before each event. */
typedef void (*rig_nccl_clock)(int64_t scenario_ns);

struct rig_nccl_init {
	uint64_t hash;
	const char *name;	/* NULL as usual */
	int ranks, rank, device;
	int64_t start_ns, end_ns;
};

struct rig_nccl_call {
	enum rig_nccl_func func;
	const char *dtype;	/* "f32" */
	int64_t bytes;		/* API count x type size, as in NCCL's NVTX payload */
	int fused;		/* operations in the group, one kernel */
	int root, channels, warps;	/* root: the peer of Send and Recv */
	uint64_t sequence;
	int64_t start_ns, launch_start_ns, launch_end_ns;
	void *stream;
	void (*launch)(void *user);	/* cuLaunchKernelEx */
	void *user;
};

RIG_EXPORT void rig_nccl_clock_set(rig_nccl_clock set);
RIG_EXPORT struct rig_nccl_comm *rig_nccl_comm_create(const struct rig_nccl_init *init);
RIG_EXPORT void rig_nccl_collective(struct rig_nccl_comm *comm, const struct rig_nccl_call *call);
RIG_EXPORT void rig_nccl_comm_destroy(struct rig_nccl_comm *comm, int64_t start_ns, int64_t end_ns);

#endif
