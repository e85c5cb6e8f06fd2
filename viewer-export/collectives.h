/* SPDX-License-Identifier: MIT */
/*
 * NCCL operations of a trace, found by the correlation id of the kernel that ran them. Kept in
 * memory: 152 bytes an operation and 32 a join; they are few beside kernels.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_COLLECTIVES_H
#define VIEWER_EXPORT_COLLECTIVES_H

#include "base/error.h"
#include "tracedb/reader.h"
#include "viewer-export/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collective_join;

struct collective_set {
	struct trace_reader *reader;	/* borrowed */
	struct collective_row *rows;
	size_t count;
	size_t room;
	struct communicator_row *communicators;
	char **communicator_names;
	size_t communicator_count;
	struct collective_join *joins;	/* by correlation id, best witness first */
	size_t join_count;
	size_t join_room;
};

bool collective_set_read(struct collective_set *set, struct trace_reader *reader,
			 struct error *error);
void collective_set_end(struct collective_set *set);

/*
 * The operation that the kernel with this correlation id ran, and how many it ran; NULL if unknown.
 */
const struct collective_row *collective_set_find(const struct collective_set *set,
						 int64_t correlation_id, int64_t *operations);

/*
 * What is known about an operation, as arguments of a slice. `hash` (20 bytes) must live as long as
 * they.
 */
void collective_set_arguments(const struct collective_set *set, const struct collective_row *row,
			      char hash[20], struct export_arguments *arguments);

#endif
