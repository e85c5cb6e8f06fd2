/* SPDX-License-Identifier: MIT */
/*
 * The trace row and the thread names of a live process: filled in at the start, completed while it
 * runs, because libraries are mapped and threads are named late.
 *
 * Thread: drain thread.
 */
#ifndef LIBTRACE_TRACE_FACTS_H
#define LIBTRACE_TRACE_FACTS_H

#include "libtrace/drain.h"
#include "libtrace/recorder.h"

/* Host, command, rank, settings: what is known from the first moment. */
void trace_facts_begin(struct recorder *recorder, const struct drain_plan *plan);

/* Versions of what is mapped by now; what another source said first stays. */
void trace_facts_add_versions(struct recorder *recorder);

/* Names of the threads noted from `first` on, as the system knows them now. */
void trace_facts_add_thread_names(struct recorder *recorder, size_t first);

#endif
