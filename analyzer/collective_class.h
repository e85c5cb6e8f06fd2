/* SPDX-License-Identifier: MIT */
/*
 * Communication kernels of all GPUs sorted into classes: those that may be the same operation,
 * because communicator, operation and (point to point) both ends are equal.
 *
 * Memory: 40 bytes a kernel. Time: O(n log n).
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_COLLECTIVE_CLASS_H
#define ANALYZER_COLLECTIVE_CLASS_H

#include "analyzer/comm_kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct class_entry {
	int64_t scope;		/* the communicator's hash, or the job's size where it has none */
	int64_t sequence;	/* -1: by order */
	int64_t ends;		/* source and destination of a single Send or Recv; else -1 */
	uint32_t lane;
	uint32_t kernel;
	uint32_t operation;	/* place in operations */
	uint32_t occurrence;	/* of the same sequence on the same lane; only of keyed classes */
};

struct collective_class {
	size_t first;		/* place in entries */
	size_t count;
	uint32_t lane_count;
	bool is_hashed;		/* its communicator is known */
	bool is_keyed; /* entries by (sequence, occurrence, lane), else by (lane, kernel) */
	bool is_peerless;	/* Send or Recv that cannot be paired */
	const char *operation;
};

struct collective_classes {
	struct class_entry *entries;
	size_t entry_count;
	struct collective_class *classes;
	size_t count;
	const char **operations;	/* borrowed from the lanes */
	size_t operation_count;
};

/* Fewer than 2^32 kernels a lane. False: memory is short. */
bool collective_classes_find(struct collective_classes *classes, const struct comm_lane *lanes,
			     size_t lane_count);
void collective_classes_end(struct collective_classes *classes);

#endif
