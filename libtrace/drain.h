/* SPDX-License-Identifier: MIT */
/*
 * The drain: the one thread of ours. It decodes CUPTI buffers, consumes the thread logs, interns, and writes
 * batches; a source adds rows through this interface only.
 *
 * Thread: drain thread only, unless said otherwise. Nothing here fails towards the caller: what cannot be
 * written is counted as lost, and a database error turns capture off.
 */
#ifndef LIBTRACE_DRAIN_H
#define LIBTRACE_DRAIN_H

#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain;

/* CLOCK_REALTIME ns (as stamped by producers and CUPTI) -> ns since the trace's epoch. */
int64_t drain_time(const struct drain *drain, int64_t realtime_ns);

int64_t drain_string(struct drain *drain, const char *bytes, size_t length);	/* string_id */
void drain_put(struct drain *drain, enum trace_table table, const void *row);
void drain_replace(struct drain *drain, enum trace_table table, const void *row);	/* tables with a key */
void drain_loss(struct drain *drain, const char *source, const char *reason, int64_t count);

/* The trace row under construction: sources fill in versions, rank, world_size; written at the next commit. */
struct trace_row *drain_trace_row(struct drain *drain);

/* Notes a thread the first time it is seen (row in `thread`); `name` may be NULL, a later name replaces. */
void drain_thread(struct drain *drain, int64_t thread_id, const char *name);

#endif
