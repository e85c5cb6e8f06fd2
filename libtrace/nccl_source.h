/* SPDX-License-Identifier: MIT */
/*
 * What NCCL's profiler plugin logged, as collective and communicator rows.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_NCCL_SOURCE_H
#define LIBTRACE_NCCL_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/thread_log.h"

void nccl_source_consume(struct drain *drain, const struct log_record *record);

/* Recording ends: what never stopped is written as it is, and counted. */
void nccl_source_finish(struct drain *drain);

#endif
