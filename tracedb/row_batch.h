/* SPDX-License-Identifier: MIT */
/*
 * Rows on their way into one table, several a statement: what a statement costs besides its rows is
 * a third of all writing. For tables of numbers only, where no row is ever looked for by a key.
 *
 * Thread: that of the connection.
 */
#ifndef TRACEDB_ROW_BATCH_H
#define TRACEDB_ROW_BATCH_H

#include "base/error.h"
#include "tracedb/tables.h"

#include <stdbool.h>

struct row_batch;
struct sqlite3;

bool row_batch_suits(const struct table_descriptor *table);

/* NULL and an error. Closed before its connection; NULL is fine. */
struct row_batch *row_batch_create(struct sqlite3 *db, const struct table_descriptor *table,
				   struct error *error);
void row_batch_close(struct row_batch *batch);

/* Copies the row; writes all that wait when there are enough. Within a transaction. */
bool row_batch_put(struct row_batch *batch, const void *row, struct error *error);

/* Writes what waits: before the transaction ends. */
bool row_batch_flush(struct row_batch *batch, struct error *error);

#endif
