/* SPDX-License-Identifier: MIT */
/*
 * Writer of a trace database. Rows go into WAL transactions that end every `commit_rows` rows or
 * when trace_writer_tick finds `commit_ns` gone by, so that a killed writer loses at most that
 * much. On close the journal is folded in and the file stands alone.
 *
 * Thread: one thread at a time; a forked child must not touch it (SQLite forbids it), not even to
 * close.
 */
#ifndef TRACEDB_WRITER_H
#define TRACEDB_WRITER_H

#include "base/error.h"
#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>

struct trace_writer;

struct trace_writer_options {
	int64_t commit_rows;	/* 0: 65,536 */
	int64_t commit_ns;	/* 0: 200 ms */
	bool is_bulk; /* importers: no WAL, no reader meanwhile, nothing to keep if killed */
	bool is_private; /* the file is for its owner only, whatever the umask */
};

/*
 * Creates the file (it must not exist: an old trace is never overwritten) with all tables. On
 * failure nothing is left behind.
 */
bool trace_writer_create(struct trace_writer **out, const char *path,
			 const struct trace_writer_options *options, struct error *error);

/* One row of `table`; `row` points to its row struct. Texts are copied. */
bool trace_writer_put(struct trace_writer *writer, enum trace_table table, const void *row,
		      struct error *error);

/* Like put, but replaces the row with the same key (trace, device, thread, communicator...). */
bool trace_writer_replace(struct trace_writer *writer, enum trace_table table, const void *row,
			  struct error *error);

/* Takes back a row of capture_gap that was written while the gap lasted (duration -1). */
bool trace_writer_drop_open_gap(struct trace_writer *writer, int64_t start_ns, int64_t source_id,
				struct error *error);

/* Commits now; trace_writer_tick commits if the time has come (call it often, it is cheap). */
bool trace_writer_commit(struct trace_writer *writer, struct error *error);
bool trace_writer_tick(struct trace_writer *writer, struct error *error);

/* Rows put so far into a table. */
int64_t trace_writer_count(const struct trace_writer *writer, enum trace_table table);

/*
 * Interning. Each gives the id of an equal entry or makes one. Ids start at 1; id 0 is the empty
 * text. Bytes need not be valid UTF-8 and end at the first NUL.
 */
bool trace_writer_string(struct trace_writer *writer, const char *bytes, size_t length,
			 int64_t *string_id, struct error *error);

/* `shape->kernel_id` is ignored and set. */
bool trace_writer_kernel_symbol(struct trace_writer *writer, struct kernel_symbol_row *shape,
				struct error *error);

/* Stream by (device, context, number). The first caller's priority, flag and name are kept. */
bool trace_writer_stream(struct trace_writer *writer, struct stream_row *stream,
			 struct error *error);

/* Adds to a loss row (rows of equal source and reason are summed; written at commits). */
bool trace_writer_loss(struct trace_writer *writer, const char *source, const char *reason,
		       int64_t count, int64_t at_ns, struct error *error);

/* Last commit, journal folded in, file closed. The writer is gone, also on failure. NULL is fine.
 */
bool trace_writer_close(struct trace_writer *writer, struct error *error);

/* Closes and removes the file: for importers that failed midway. */
void trace_writer_abandon(struct trace_writer *writer);

/* Typed puts: trace_put_kernel(writer, &row, error), ... */
#define TABLE(table, doc) \
	static inline bool trace_put_##table(struct trace_writer *writer, \
					     const struct table##_row *row, struct error *error) \
	{ \
		return trace_writer_put(writer, TABLE_##table, row, error); \
	}
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

#endif
