/* SPDX-License-Identifier: MIT */
/*
 * Writer of a small database of ours, whatever its layout: all or nothing. Rows go into a temporary
 * file in the folder of the final one; only a complete and closed file gets the name, in place of
 * one of the same kind. What is there and is something else is never replaced.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_TABLE_WRITER_H
#define TRACEDB_TABLE_WRITER_H

#include "base/error.h"
#include "tracedb/file_format.h"
#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_writer;

struct table_writer_kind {
	const struct database_layout *layout;
	const char *schema;		/* SQL that makes its tables and marks the file */
	enum file_format own;		/* what may be replaced */
};

/* On failure nothing is left behind. `kind` is only read; its layout must outlive the writer. */
bool table_writer_create(struct table_writer **out, const char *path,
			 const struct table_writer_kind *kind, struct error *error);

/* One row of `table`, an index in the layout; `row` points to its row struct. Texts are copied. */
bool table_writer_put(struct table_writer *writer, size_t table, const void *row,
		      struct error *error);

/* Rows put so far into a table. */
int64_t table_writer_count(const struct table_writer *writer, size_t table);

/* The file gets its name. The writer is gone, also on failure; then what stood there stays. */
bool table_writer_commit(struct table_writer *writer, struct error *error);

/* Gone without a trace. NULL is fine. */
void table_writer_abandon(struct table_writer *writer);

#endif
