/* SPDX-License-Identifier: MIT */
/*
 * From a row struct to the parameters of an INSERT.
 *
 * Thread: that of the connection.
 */
#ifndef TRACEDB_ROW_BINDING_H
#define TRACEDB_ROW_BINDING_H

#include "tracedb/tables.h"

struct sqlite3_stmt;

/*
 * One parameter a column, in their order, behind the first `bound` parameters. Texts are borrowed
 * until the statement is reset.
 */
void row_bind(struct sqlite3_stmt *statement, const struct table_descriptor *table,
	      const void *row, int bound);

#endif
