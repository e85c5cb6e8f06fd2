/* SPDX-License-Identifier: MIT */
/*
 * What the core handlers and those of the payload extension share: each logs one event, if the
 * capture window is open.
 *
 * A range is recorded if the window is open when it begins: whole then, also when the window closes
 * before it ends; otherwise not at all. So stacks stay whole, and nothing has a made-up begin. Kept
 * in any case are NCCL's calls that make communicators: later events name those.
 *
 * Thread: any thread of the program.
 */
#ifndef LIBTRACE_NVTX_HANDLERS_H
#define LIBTRACE_NVTX_HANDLERS_H

#include "libtrace/nvtx_event.h"

#include <stdint.h>

/*
 * Index of the domain's definition; 0, the default domain, for anything that is no handle of ours.
 */
uint32_t nvtx_domain_of(const void *handle);

void nvtx_handle_mark(struct nvtx_event_source *source);
int nvtx_handle_push(struct nvtx_event_source *source);	/* nesting level, negative: error */
int nvtx_handle_pop(struct nvtx_event_source *source);
uint64_t nvtx_handle_start(struct nvtx_event_source *source);	/* id of the range */
void nvtx_handle_end(struct nvtx_event_source *source, uint64_t range_id);

#endif
