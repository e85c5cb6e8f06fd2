/* SPDX-License-Identifier: MIT */
/*
 * Several dumps that a flight recorder made of one process: where their times overlap the same work
 * stands in both, and must not be counted twice. Of dumps that overlap the youngest is analysed;
 * the older ones are left out, but for what they say of communicators (hang.h).
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_DUMP_OVERLAP_H
#define ANALYZER_DUMP_OVERLAP_H

#include "analyzer/trace_measures.h"

#include <stddef.h>

/* After loading. Those that are left out have trace.left_out_for, and no timeline. */
void dumps_leave_out(struct trace_measures *measures, size_t count);

#endif
