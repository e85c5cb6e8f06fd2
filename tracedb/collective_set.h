/* SPDX-License-Identifier: MIT */
/*
 * NCCL operations of a trace, found by the correlation id of the kernel that ran them, or by the
 * place of the call that launched it. Kept in memory: 152 bytes an operation, 32 a join, 40 an
 * operation that only its place can join; they are few beside kernels.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_COLLECTIVE_SET_H
#define TRACEDB_COLLECTIVE_SET_H

#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collective_join;
struct collective_span;

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
	struct collective_span *spans;	/* without any id; by thread and start */
	size_t span_count;
	size_t span_room;
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
 * For kernels that have no such row: the operation during which its thread launched it, the
 * innermost of them. `operations` is 1. Operations inside of ncclGroupStart..End return before
 * anything is launched and are not found.
 */
const struct collective_row *collective_set_find_enclosing(const struct collective_set *set,
							   int64_t thread_id, int64_t launch_ns,
							   int64_t *operations);

/* Of collective_row.communicator_id; NULL if unknown. */
const struct communicator_row *collective_set_communicator(const struct collective_set *set,
							   int64_t communicator_id);

#endif
