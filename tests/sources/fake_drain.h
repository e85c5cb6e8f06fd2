/* SPDX-License-Identifier: MIT */
/*
 * A drain that keeps its rows in memory, for tests of the NVTX, NCCL and NVML sources. The logs are
 * the real ones; what is replaced is the drain (libtrace/drain.h) and CUPTI's external correlation
 * (libtrace/cupti_source.h).
 *
 * Thread: one thread, but for the cupti_source functions.
 */
#ifndef TESTS_SOURCES_FAKE_DRAIN_H
#define TESTS_SOURCES_FAKE_DRAIN_H

#include "libtrace/drain.h"
#include "tracedb/tables.h"

#include <stddef.h>
#include <stdint.h>

enum { FAKE_EPOCH_NS = 1000 };

/* Opens the logs; the one drain of the test. */
struct drain *fake_drain_create(void);

/* Consumes everything logged so far; finish ends the recording. */
void fake_drain_consume(struct drain *drain);
void fake_drain_finish(struct drain *drain);

size_t fake_count(const struct drain *drain, enum trace_table table);
const void *fake_row(const struct drain *drain, enum trace_table table, size_t index);
const char *fake_text(const struct drain *drain, int64_t string_id);
const char *fake_thread_name(const struct drain *drain, int64_t thread_id);
int64_t fake_loss(const struct drain *drain, const char *source,
		  const char *reason); /* -1: no row */
struct device_row *fake_device_add(struct drain *drain, int64_t device_id);

/*
 * The one row of the table whose name or operation has this text; NULL if there is none or several.
 */
const struct range_row *fake_range(const struct drain *drain, const char *name);
const struct mark_row *fake_mark(const struct drain *drain, const char *name);
const struct collective_row *fake_collective(const struct drain *drain, const char *operation);

/* External brackets of the calling thread that are open, and the last one that was. */
int fake_external_depth(void);
uint64_t fake_external_last(void);

#endif
