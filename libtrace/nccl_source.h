/* SPDX-License-Identifier: MIT */
/*
 * What NCCL's profiler plugin logged, as collective and communicator rows, with what NVTX
 * knows of the same operations.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NCCL_SOURCE_H
#define LIBTRACE_NCCL_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/thread_log.h"

void nccl_source_consume(struct drain *drain, const struct log_record *record);

/* About once a second: writes operations that nothing more will be known of. */
void nccl_source_settle(struct drain *drain);

/* Recording ends: what never stopped is written as it is, and counted. */
void nccl_source_finish(struct drain *drain);

#endif
