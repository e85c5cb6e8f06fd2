/* SPDX-License-Identifier: MIT */
/*
 * Collectives of a Kineto trace. The framework tells about each twice: with the operator
 * record_param_comms on the host (time, thread) and with the kernel it launched (correlation). Both
 * share the external id; they make one row, written at the end because either may come first.
 *
 * Thread: belongs to one part of an import.
 */
#ifndef TRACEDB_IMPORT_KINETO_COLLECTIVE_H
#define TRACEDB_IMPORT_KINETO_COLLECTIVE_H

#include "base/id_map.h"
#include "tracedb/import_kineto_event.h"
#include "tracedb/writer.h"

enum {
	KINETO_COLLECTIVES_MAX =
		512 * 1024, /* more are written without waiting for their other half */
	KINETO_COMMUNICATORS_MAX = 65536,
};

struct kineto_collective {
	struct collective_row row;
	bool has_operator, has_kernel;
};

struct kineto_communicator {
	struct communicator_row row;	/* rank is found at the end */
	char *name, *ranks;		/* owned */
};

struct kineto_collectives {
	struct kineto_collective *rows;
	size_t count, room;
	struct id_map by_external_id;
	struct kineto_communicator *communicators;
	size_t communicator_count, communicator_room;
	struct bytes_map by_group;	/* id, name and ranks of the group */
};

/* Where an event with collective metadata stands. */
struct kineto_witness {
	int64_t start_ns, duration_ns;
	int64_t thread_id;	/* of an operator */
	int64_t device_id;	/* of a kernel */
	bool is_kernel;
};

bool kineto_collectives_add(struct kineto_collectives *collectives, struct trace_writer *writer,
			    const struct kineto_event *event, const struct kineto_witness *witness,
			    struct error *error);

/* Writes all collectives and communicators. `rank` is the trace's, or -1. */
bool kineto_collectives_finish(struct kineto_collectives *collectives, struct trace_writer *writer,
			       int64_t rank, struct error *error);
void kineto_collectives_free(struct kineto_collectives *collectives);

#endif
