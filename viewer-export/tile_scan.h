/* SPDX-License-Identifier: MIT */
/*
 * The one pass over a trace that makes its answers exact: all rows once, families of tracks one
 * after another (the GPU's first), each merged from its tables in the order of time; then the few
 * buckets that rows far out of order left open, from those rows.
 *
 * Thread: one thread for each trace, beside those that ask; it takes the trace's lock in short
 * pieces.
 */
#ifndef VIEWER_EXPORT_TILE_SCAN_H
#define VIEWER_EXPORT_TILE_SCAN_H

#include "viewer-export/tile_trace.h"

#include <stdatomic.h>

/*
 * With a reader of its own. True also when it was stopped. A failure stays in the trace: what was
 * scanned before it is shown, and marked as not exact.
 */
bool tile_trace_scan(struct tile_trace *trace, const atomic_bool *stop, struct error *error);

#endif
