/* SPDX-License-Identifier: MIT */
/*
 * When a row of the trace database happened, for tables that have times.
 *
 * Thread: pure.
 */
#ifndef LIBTRACE_ROW_TIMES_H
#define LIBTRACE_ROW_TIMES_H

#include "tracedb/tables.h"

#include <stdbool.h>
#include <stdint.h>

/* False for facts, which have no time, and for times that are not known. */
bool row_ends_before(enum trace_table table, const void *row, int64_t time_ns);

#endif
