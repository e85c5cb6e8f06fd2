/* SPDX-License-Identifier: MIT */
/*
 * The host sampler: a thread of ours that looks every LAGGARD_HOST_SAMPLE_MS what the threads do
 * that launch GPU work (host_state.h), and hands what it saw to the drain thread through a bounded
 * ring. It is not the NVML sampler's thread, because NVML may keep that one for as long as it
 * likes. A thread is sampled from the moment its first launch is decoded, and no more when it has
 * launched nothing for a minute; there are at most HOST_THREADS_MAX of them, the latest ones.
 *
 * The thread takes no signals and no lock of ours, allocates nothing, and touches no memory that is
 * ever freed.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_HOST_SAMPLER_H
#define LIBTRACE_HOST_SAMPLER_H

#include "libtrace/drain.h"

#include <stdint.h>

enum { HOST_THREADS_MAX = 8 };

/* Once, before the others; 0: never. No thread is started before a launch was heard of. */
void host_sampler_begin(int64_t interval_ms);

/* A launch of this thread was decoded. Cheap when it is the one heard of last. */
void host_sampler_hear(int64_t thread_id);

/* Writes the rows of what was seen since the last call, and begins to look if it is time to. */
void host_sampler_take(struct drain *drain);

/* The end of the thread, and its last rows; waits a fraction of a second at most. */
void host_sampler_finish(struct drain *drain);

#endif
