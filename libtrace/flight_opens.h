/* SPDX-License-Identifier: MIT */
/*
 * What has to survive the flight recorder's window, raw: records that state facts for good (what
 * CUPTI says of devices, contexts, streams and names; the making of NCCL's communicators), and the
 * begins of what was still open when the window left them behind (NVTX ranges, NCCL's events). A
 * dump reads them before the window, so that an end in it finds its begin.
 *
 * Memory is bounded; what finds no room is counted.
 *
 * Thread: one thread at a time (the drain).
 */
#ifndef LIBTRACE_FLIGHT_OPENS_H
#define LIBTRACE_FLIGHT_OPENS_H

#include "libtrace/open_table.h"
#include "libtrace/thread_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight_bytes {
	uint8_t *bytes;
	size_t size, room;
};

struct flight_opens {
	struct open_table begun;
	size_t begun_bytes;
	uint64_t number;		/* of the next begin: they are read in their order */
	struct flight_bytes cupti;	/* records, as in a buffer */
	struct flight_bytes logs;	/* log records of communicators */
	uint32_t nccl_domain;		/* its definition, 0: not seen yet */
	int64_t refused;		/* since they were last taken */
};

void flight_opens_begin(struct flight_opens *opens);
void flight_opens_finish(struct flight_opens *opens);

/* A CUPTI record to keep for good. */
void flight_opens_keep_record(struct flight_opens *opens, const void *record, size_t size);

/* A log record leaves the window. */
void flight_opens_leave(struct flight_opens *opens, const struct log_record *record);

/* All kept log records: those of communicators, then what is open, in their order. */
void flight_opens_replay(const struct flight_opens *opens, log_consume consume, void *context);

int64_t flight_opens_take_refused(struct flight_opens *opens);

#endif
