/* SPDX-License-Identifier: MIT */
/*
 * NCCL's own NVTX, as 2.28.9 pushes it, or as 2.16 to 2.24 did: domain "NCCL", registered names,
 * payload schemas with static ids.
 * Thread: any. The clock is the caller's business.
 */
#ifndef RIG_NCCL_NVTX_H
#define RIG_NCCL_NVTX_H

#include <stdint.h>

#include "nccl_layout.h"

void rig_nccl_nvtx_push_plain(const char *name);		/* ncclGroupStart, ncclGroupEnd */
void rig_nccl_nvtx_push_call(enum rig_nccl_func func, uint64_t comm, uint64_t bytes,
			     int root_or_peer);
void rig_nccl_nvtx_push_destroy(uint64_t comm, int ranks, int rank, int device);
void rig_nccl_nvtx_pop(void);
void rig_nccl_nvtx_push_init(int ranks, int rank, int device);
/* Initialisation tells its payload at the end, up to 2.24 at the begin. */
void rig_nccl_nvtx_pop_init(uint64_t comm, int ranks, int rank, int device);

#endif
