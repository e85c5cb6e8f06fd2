/* SPDX-License-Identifier: MIT */
/*
 * The drain: the one thread of ours. It decodes CUPTI buffers, consumes the thread logs, interns,
 * and writes batches; a source adds rows through this interface only.
 *
 * Thread: drain thread only, unless said otherwise. Nothing here fails towards the caller: what
 * cannot be written is counted as lost, and a database error turns capture off.
 */
#ifndef LIBTRACE_DRAIN_H
#define LIBTRACE_DRAIN_H

#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain;

/* CLOCK_REALTIME ns (as stamped by producers and CUPTI) -> ns since the trace's epoch. */
int64_t drain_time(const struct drain *drain, int64_t realtime_ns);

int64_t drain_string(struct drain *drain, const char *bytes, size_t length);	/* string_id */
void drain_put(struct drain *drain, enum trace_table table, const void *row);
/* tables with a key */
/* For gap_source.c: rows go to the flight recorder, no file is open; a row of a gap goes. */
bool drain_is_flying(const struct drain *drain);
void drain_drop_open_gap(struct drain *drain, int64_t start_ns, int64_t source_id);
void drain_replace(struct drain *drain, enum trace_table table, const void *row);
void drain_loss(struct drain *drain, const char *source, const char *reason, int64_t count);

/*
 * The trace row under construction: sources fill in versions, rank, world_size; written at the next
 * commit.
 */
struct trace_row *drain_trace_row(struct drain *drain);

/*
 * Notes a thread the first time it is seen (row in `thread`); `name` may be NULL, a later name
 * replaces.
 */
void drain_thread(struct drain *drain, int64_t thread_id, const char *name);

/* A name given to a stream, by CUPTI's context id and stream id. */
void drain_stream_name(struct drain *drain, int64_t context_id, int64_t number, const char *name);

/*
 * A copy that lives as long as the drain: texts of the trace row and the device rows must be such,
 * or constant.
 */
const char *drain_keep_text(struct drain *drain, const char *text);

/*
 * The row of a device as it will be written, to be completed in place; NULL if CUPTI does not know
 * the device. The second pair walks the devices that this process really uses; their number can
 * grow while it runs.
 */
struct device_row *drain_device_row(struct drain *drain, int64_t device_id);
size_t drain_device_count(const struct drain *drain);
struct device_row *drain_device_at(struct drain *drain, size_t index);

/* What the thread needs to begin. */
struct settings;
struct drain_plan {
	const struct settings *settings;
	int64_t epoch_ns;
	int64_t pid;
	int64_t rank, world_size, local_rank;
	const char *environment;	/* see environment.h */
	bool is_nvtx_taken, is_nccl_taken;	/* by another tool */
	const char *path;		/* of the database, absolute */
	const char *runtime_folder;	/* XDG_RUNTIME_DIR, or NULL */
	void (*stopped)(bool is_ok);	/* on the drain thread: after the file was closed */
};

/*
 * Starts the thread; `plan` and what it points to must stay. NULL when the system refuses. Any
 * thread, once. The database is created on the drain thread.
 */
struct drain *drain_start(const struct drain_plan *plan);

/*
 * Asks the thread to fetch the last records, write them, close the file and end. Any thread;
 * returns at once.
 */
void drain_stop(struct drain *drain);

/* How far the recording is, for whoever asks. Drain thread. */
struct drain_status {
	const char *path;
	int64_t epoch_ns;	/* CLOCK_REALTIME */
	int64_t rows, losses;	/* so far: written, counted as lost */
	int64_t dumps;		/* of the flight recorder; -1: none runs */
};
struct drain_status drain_status_read(const struct drain *drain);

/* Whether the calling thread is the drain's. */
bool drain_is_own_thread(const struct drain *drain);

#endif
