/* SPDX-License-Identifier: MIT */
/*
 * What the names of NCCL's kernels tell.
 *
 * Thread: pure functions and constant data.
 */
#ifndef TRACEDB_NCCL_NAMES_H
#define TRACEDB_NCCL_NAMES_H

/*
 * The operation that a communication kernel's name tells, of every spelling since NCCL 2.2, mangled
 * or not: "AllReduce", "AllGather", "AllGatherV", "ReduceScatter", "Reduce", "Broadcast",
 * "SendRecv"; "Generic" where NCCL says no more; "" for kernels that are not NCCL's.
 */
const char *nccl_operation_of_kernel(const char *name);

#endif
