/* SPDX-License-Identifier: MIT */
/*
 * NCCL operations of a trace as arguments of slices.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_COLLECTIVES_H
#define VIEWER_EXPORT_COLLECTIVES_H

#include "tracedb/collective_launch.h"
#include "viewer-export/format.h"

/*
 * What is known about an operation, as arguments of a slice. `hash` (20 bytes) must live as long as
 * they.
 */
void collective_set_arguments(const struct collective_set *set, const struct collective_row *row,
			      char hash[20], struct export_arguments *arguments);

#endif
