/* SPDX-License-Identifier: MIT */
/*
 * Which correlation ids the host's API calls have, and when the call began: 16 bytes a call while a
 * trace is read.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_LAUNCHES_H
#define ANALYZER_LAUNCHES_H

#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct launches {
	int64_t *correlation_id;	/* ascending, each once */
	int64_t *start_ns;		/* of the earliest call with that id */
	size_t count;
	size_t room;
	size_t last_found;
	int64_t call_count;		/* rows of api_call */
};

bool launches_load(struct launches *launches, struct trace_reader *reader, struct error *error);

/*
 * False: no call has this id (0 is nobody's). Quick where ids are asked for in about their own
 * order.
 */
bool launches_find(struct launches *launches, int64_t correlation_id, int64_t *start_ns);

void launches_end(struct launches *launches);

#endif
