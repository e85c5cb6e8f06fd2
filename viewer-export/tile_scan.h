/* SPDX-License-Identifier: MIT */
/*
 * The one pass over a trace that makes its answers exact: all rows once, a family of tracks at a
 * time (the GPU's first), each merged from its tables in the order of time; then the few
 * buckets that rows far out of order left open, from those rows.
 *
 * Thread: one thread for each family, beside those that ask; it takes the trace's lock in short
 * pieces.
 */
#ifndef VIEWER_EXPORT_TILE_SCAN_H
#define VIEWER_EXPORT_TILE_SCAN_H

#include "viewer-export/tile_trace.h"

#include <stdatomic.h>

/*
 * Scans a family, the `part`-th of FAMILY_COUNT, with a reader of its own. True also when it was
 * stopped; `*is_last`: now all families are scanned. A failure stays in the trace: what was scanned
 * before it is shown, and marked as not exact.
 */
bool tile_trace_scan(struct tile_trace *trace, size_t part, const atomic_bool *stop,
		     bool *is_last, struct error *error);

#endif
