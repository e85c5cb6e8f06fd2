/* SPDX-License-Identifier: MIT */
/*
 * Traces as one session of Nsight Systems: its ids of machines, processes and threads, its time,
 * and what a trace's rows point to, held while the trace is written.
 *
 * Ids as the real tool has them: hwId << 56 | vmId << 48 | pid << 24 | tid. Each host is a vmId
 * from 1. A second process of the same host and pid (traces of different runs, a pid that is not
 * known) gets the next hwId, so that globalPid tells all traces apart.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_NSYS_SESSION_H
#define VIEWER_EXPORT_NSYS_SESSION_H

#include "base/error.h"
#include "base/id_map.h"
#include "base/text.h"
#include "tracedb/reader.h"
#include "viewer-export/format.h"
#include "tracedb/nsys_writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nsys_symbol {
	struct kernel_symbol_row row;
	int64_t demangled;	/* ids in StringIds */
	int64_t base;
	int64_t mangled;	/* 0: the source does not say it */
};

/* Rows whose place nobody knows, in a layout that must say it: they are counted. */
enum nsys_left {
	NSYS_LEFT_KERNEL,
	NSYS_LEFT_COPY,
	NSYS_LEFT_MEMSET,
	NSYS_LEFT_GRAPH,
	NSYS_LEFT_CONTEXT,
	NSYS_LEFT_STREAM,
	NSYS_LEFT_ALLOCATION,
	NSYS_LEFT_COUNT
};

/* The trace that is written. */
struct nsys_trace {
	const struct export_trace *from;
	struct trace_reader *reader;
	int64_t hardware_id;
	int64_t machine_id;
	int64_t pid;
	int64_t global_pid;
	int64_t offset_ns;		/* from the trace's time to that of the session */
	struct stream_row *streams;
	size_t stream_count, stream_room;
	struct id_map stream_index;
	struct nsys_symbol *symbols;
	size_t symbol_count, symbol_room;
	struct id_map symbol_index;
	struct id_map strings;		/* of the trace -> id in StringIds */
	struct id_map threads;		/* ids that 24 bits do not hold -> a free id */
	int64_t next_thread_id;
	struct id_map domains;		/* string_id -> domainId */
	struct bytes_map categories;	/* {domainId, string_id} -> category */
	int64_t left_out[NSYS_LEFT_COUNT];	/* rows that the layout has no way to say */
};

struct nsys_identity {
	const char *host;
	int64_t machine_id;
	int64_t hardware_id;
	int64_t pid;
};

struct nsys_session {
	struct nsys_writer *writer;
	const struct export_set *set;
	struct nsys_identity *identities;	/* one for each trace of the set */
	int64_t base_ns[2];	/* time 0, of traces without and with Unix time */
	bool has_base[2];
	struct bytes_map gpus;	/* what names a GPU -> id, and ids that are taken */
	char *name;		/* room for demangled names */
};

bool nsys_session_begin(struct nsys_session *session, const struct export_set *set,
			struct nsys_writer *writer, struct error *error);
void nsys_session_end(struct nsys_session *session);

/* Time of the session; cut where it would overflow. */
int64_t nsys_time(const struct nsys_trace *trace, int64_t time_ns);

/* The ends of a span in the session's time. False: it does not touch the window. */
bool nsys_span(const struct nsys_trace *trace, int64_t start_ns, int64_t duration_ns,
	       int64_t *start, int64_t *end);

bool nsys_trace_begin(struct nsys_trace *trace, struct nsys_session *session, size_t index,
		      struct error *error);
void nsys_trace_end(struct nsys_trace *trace);

/* NULL: the trace does not know it. */
const struct stream_row *nsys_trace_stream(const struct nsys_trace *trace, int64_t stream_id);
const struct nsys_symbol *nsys_trace_symbol(const struct nsys_trace *trace, int64_t kernel_id);

/* Id in StringIds of a text of the trace. */
bool nsys_trace_string(struct nsys_trace *trace, struct nsys_session *session, int64_t string_id,
		       int64_t *id, struct error *error);

bool nsys_trace_thread(struct nsys_trace *trace, int64_t thread_id, int64_t *global_tid,
		       struct error *error);

/* Facts of the session and, for one trace, its process: everything but events. */
bool nsys_put_session_facts(struct nsys_session *session, struct error *error);
bool nsys_put_trace_facts(struct nsys_session *session, struct nsys_trace *trace, size_t index,
			  struct error *error);

/* Events. */
bool nsys_put_work(struct nsys_session *session, struct nsys_trace *trace, struct error *error);
bool nsys_put_host(struct nsys_session *session, struct nsys_trace *trace, struct error *error);
bool nsys_put_left_out(struct nsys_session *session, const struct nsys_trace *trace,
		       struct error *error);
bool nsys_put_ranges(struct nsys_session *session, struct nsys_trace *trace, struct error *error);

bool nsys_trace_no_memory(const struct nsys_trace *trace, struct error *error);

/* Rows of one table of a trace, handed to `put` one by one. */
typedef bool (*nsys_row_put)(struct nsys_session *session, struct nsys_trace *trace,
			     const void *row, struct error *error);
bool nsys_walk(struct nsys_session *session, struct nsys_trace *trace, enum trace_table table,
	       nsys_row_put put, struct error *error);

#endif
