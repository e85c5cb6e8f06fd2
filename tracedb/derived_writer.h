/* SPDX-License-Identifier: MIT */
/*
 * Writer of an analysis database: all or nothing. Rows go into a temporary file in the folder of
 * the final one; only a complete and closed file gets the name, in place of the analysis that had
 * it. What is there and is no analysis is never replaced.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_DERIVED_WRITER_H
#define TRACEDB_DERIVED_WRITER_H

#include "base/error.h"
#include "tracedb/derived.h"

#include <stdbool.h>
#include <stddef.h>

struct derived_writer;

/* On failure nothing is left behind. */
bool derived_writer_create(struct derived_writer **out, const char *path, struct error *error);

/* One row of `table`; `row` points to its row struct. Texts are copied. */
bool derived_writer_put(struct derived_writer *writer, enum derived_table table, const void *row,
			struct error *error);

/* The id of `value` in the table of texts; 0 for "" and NULL. Ends at the first NUL. */
bool derived_writer_text(struct derived_writer *writer, const char *value, int64_t *text_id,
			 struct error *error);

/* Rows put so far into a table. */
int64_t derived_writer_count(const struct derived_writer *writer, enum derived_table table);

/* The file gets its name. The writer is gone, also on failure; then what stood there stays. */
bool derived_writer_commit(struct derived_writer *writer, struct error *error);

/* Gone without a trace. NULL is fine. */
void derived_writer_abandon(struct derived_writer *writer);

/* Typed puts: derived_put_step(writer, &row, error), ... */
#define TABLE(table, doc) \
	static inline bool derived_put_##table(struct derived_writer *writer, \
					       const struct table##_row *row, struct error *error) \
	{ \
		return derived_writer_put(writer, DERIVED_##table, row, error); \
	}
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

#endif
