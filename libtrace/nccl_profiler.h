/* SPDX-License-Identifier: MIT */
/*
 * NCCL's profiler plugin: the data symbols that NCCL looks for, newest first, once
 * NCCL_PROFILER_PLUGIN names this library.
 *
 * Thread: NCCL calls init, the events and finalize on any thread, for several communicators at the
 * same time. Nothing here calls CUDA, or CUPTI but for the bracket of a launch; handles are
 * numbers, so that stale ones from graph replays, other processes or finalized communicators do no
 * harm.
 */
#ifndef LIBTRACE_NCCL_PROFILER_H
#define LIBTRACE_NCCL_PROFILER_H

#include "libtrace/nccl_abi.h"

#define NCCL_EXPORT __attribute__((visibility("default")))

extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v1;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v2;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v3;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v4;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v5;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v6;
extern NCCL_EXPORT const struct nccl_profiler ncclProfiler_v7;

#endif
