/* SPDX-License-Identifier: MIT */
/*
 * NCCL operations of a trace, found by the correlation id of the kernel that ran them. Rows
 * that carry no id are joined with kernels by collective_launch.h. Kept in memory: 152 bytes an
 * operation, 32 a join, 48 an operation without an id; they are few beside kernels.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_COLLECTIVE_SET_H
#define TRACEDB_COLLECTIVE_SET_H

#include "base/error.h"
#include "tracedb/host_spans.h"
#include "tracedb/reader.h"

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
	struct host_spans spans;	/* of rows without any id */
};

bool collective_set_read(struct collective_set *set, struct trace_reader *reader,
			 struct error *error);
void collective_set_end(struct collective_set *set);

/*
 * The operation that the kernel with this correlation id ran, and how many it ran; NULL if unknown.
 */
const struct collective_row *collective_set_find(const struct collective_set *set,
						 int64_t correlation_id, int64_t *operations);

/* Makes collective_set_find find the row; `operations` were run by that kernel. */
bool collective_set_join(struct collective_set *set, int64_t correlation_id, size_t row,
			 int64_t operations);
void collective_set_sort_joins(struct collective_set *set);

/* Of collective_row.communicator_id; NULL if unknown. */
const struct communicator_row *collective_set_communicator(const struct collective_set *set,
							   int64_t communicator_id);

#endif
