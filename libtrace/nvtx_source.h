/* SPDX-License-Identifier: MIT */
/*
 * NVTX as a source: attaches handlers to every NVTX instance of the process (each library that uses
 * the v3 headers has its own, the shared v2 library has one), and turns what they log into range,
 * mark, collective and communicator rows.
 *
 * Thread: attach on any thread of the program, repeatedly and at the same time; consume and finish
 * on the drain thread only.
 */
#ifndef LIBTRACE_NVTX_SOURCE_H
#define LIBTRACE_NVTX_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/thread_log.h"

/*
 * What InitializeInjectionNvtx2 and InitializeInjectionNvtxExtension return: 1 attached, 0 refused.
 */
int nvtx_source_attach(void *get_export_table);
int nvtx_source_attach_extension(void *module_info);

void nvtx_source_consume(struct drain *drain, const struct log_record *record);

/* Recording ends: open ranges are written as open, what never found its other half is counted. */
void nvtx_source_finish(struct drain *drain);

#endif
