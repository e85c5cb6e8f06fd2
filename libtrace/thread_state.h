/* SPDX-License-Identifier: MIT */
/*
 * What each thread of the host owns of ours, in one place: libtrace.so, which is there from the
 * start, so that the space is part of every thread's first block. A library that is loaded later
 * would take it from the little that the loader keeps in reserve for all of them, or get none;
 * and with the initial-exec model an access allocates nothing and cannot fail.
 *
 * Thread: the owner only. Each member belongs to the file that its comment names.
 */
#ifndef LIBTRACE_THREAD_STATE_H
#define LIBTRACE_THREAD_STATE_H

#include "libtrace/nvtx_level.h"

#include <stdbool.h>
#include <stdint.h>

enum { NCCL_LAUNCHES_REMEMBERED = 8, NVTX_DOMAINS_COUNTED = 12 };

/*
 * The last launch bracket of a communicator on this thread: what NCCL enqueues next ran in it.
 */
struct nccl_launch {
	uint32_t context;
	uint64_t external_id;
};

/* How deep the push/pop ranges of a domain are nested. */
struct nvtx_domain_level {
	uint32_t domain;
	int32_t depth;
	uint64_t marks[NVTX_RANGE_MARKS];	/* a bit a level of each kind of mark */
};

struct thread_state {
	struct log *log;		/* thread_log.c */
	struct {
		uint64_t brackets;	/* those open that CUPTI knows, the innermost in bit 0 */
		uint32_t session;	/* (cupti_session.h) in which they were pushed */
		bool is_alone;		/* that session */
		/* Still on CUPTI's stack of the calls without a subscriber, from before it ended.
		 */
		uint32_t left;
	} cupti;			/* cupti_external.c */
	struct {
		struct nccl_launch launches[NCCL_LAUNCHES_REMEMBERED];
		uint32_t next;
		uint64_t open_handle;	/* of the bracket we are in, 0 outside */
		bool was_closed;	/* launches were missed while the window was closed */
	} nccl;				/* nccl_profiler.c */
	struct nvtx_domain_level levels[NVTX_DOMAINS_COUNTED];	/* nvtx_level.c */
	int32_t uncounted_levels;	/* nvtx_level.c */
	char mark;			/* window_watch.c: its address tells threads apart */
};

extern __attribute__((visibility("default"))) _Thread_local struct thread_state
	laggard_thread __attribute__((tls_model("initial-exec")));

#endif
