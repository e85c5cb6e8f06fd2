/* SPDX-License-Identifier: MIT */
/*
 * A question in SQL to an analysis database, and its rows as texts. Only questions of our own are
 * asked: findings.def has them. The database is checked and opened as derived_reader.h says.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_DERIVED_QUERY_H
#define TRACEDB_DERIVED_QUERY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct derived_query;

bool derived_query_open(struct derived_query **out, const char *path, const char *sql,
			struct error *error);
void derived_query_close(struct derived_query *query);	/* NULL is fine */

size_t derived_query_column_count(const struct derived_query *query);
const char *derived_query_column_name(const struct derived_query *query, size_t column);

/* 1: a row; 0: no more; -1: error. */
int derived_query_next(struct derived_query *query, struct error *error);

/* A cell of the row; "" for NULL. Borrowed until the next row. */
const char *derived_query_text(struct derived_query *query, size_t column);
bool derived_query_is_number(struct derived_query *query, size_t column);

#endif
