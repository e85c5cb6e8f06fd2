/* SPDX-License-Identifier: MIT */
/*
 * NVTX_EVENTS of a Nsight Systems export: ranges and marks with domain, category, colour and
 * payload, names of threads, and what NCCL says in its payloads: communicators and collectives.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_NVTX_H
#define TRACEDB_IMPORT_NSYS_NVTX_H

#include "tracedb/import_nsys_process.h"

/*
 * Three walks: names and communicators first (events refer to them in any order), then what is
 * closed, then the ranges that stayed open, which reach to the end of everything else.
 */
bool nsys_import_nvtx(struct nsys_import *import, struct error *error);

#endif
