/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder (LAGGARD_FLIGHT_S): instead of writing a database that grows, the drain keeps
 * the last seconds raw in bounded memory, undecoded, and writes them as a trace database of its own
 * when asked, when a step is slow against its own history, when NCCL's operations hang, or at the
 * end of the program. Killed by SIGKILL it leaves nothing: memory goes with the process.
 *
 * Thread: drain thread only, except flight_dump_ask: any.
 */
#ifndef LIBTRACE_FLIGHT_RECORDER_H
#define LIBTRACE_FLIGHT_RECORDER_H

#include "base/error.h"
#include "libtrace/queue.h"
#include "libtrace/recorder.h"
#include "libtrace/settings.h"
#include "libtrace/thread_log.h"
#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain;
struct flight;

struct flight_plan {
	const struct settings *settings;
	const char *path;		/* from which the dumps' names are made */
	int64_t epoch_ns;
	int64_t own_thread_id;
	const uint16_t *strides;	/* [CUPTI_KIND_LIMIT] */
	struct queue *queue;		/* on which the drain sleeps */
	struct recorder *recorder;	/* without a file: it keeps the facts between dumps */
	struct drain *drain;		/* for the sources that read the logs */
};

bool flight_create(struct flight **out, const struct flight_plan *plan, struct error *error);
void flight_close(struct flight *flight);

/* What comes in: a CUPTI buffer (copied), a log record, a finished row, a loss. */
void flight_keep_buffer(struct flight *flight, const void *bytes, size_t valid_bytes);
void flight_keep_log(struct flight *flight, const struct log_record *record);
void flight_keep_row(struct flight *flight, enum trace_table table, const void *row);
void flight_keep_loss(struct flight *flight, const char *source, const char *reason,
		      int64_t count, int64_t at_ns);

/* The id of a text in rows that are kept; a dump turns it into one of its own. 0: no room. */
int64_t flight_keep_name(struct flight *flight, const char *bytes, size_t length);

/* A dump is being written: rows, texts and losses go to the recorder. */
bool flight_is_replaying(const struct flight *flight);

/* Dumps made so far. */
int64_t flight_dump_count(const struct flight *flight);

/* Each pass of the drain: lets go of what is too old, looks for triggers, dumps. */
void flight_pass(struct flight *flight);

/* The program ends: the last dump, where one is wished. */
void flight_finish(struct flight *flight);

/*
 * Asks for a dump now and waits until it is written: true, and its path. False if no flight
 * recorder runs, another asks already, no dump is allowed any more, or it failed. Any thread; the
 * drain's own writes it at once.
 */
bool flight_dump_ask(const char *reason, char *path_out, size_t size);

#endif
