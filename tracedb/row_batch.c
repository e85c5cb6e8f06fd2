/* SPDX-License-Identifier: MIT */
#include "tracedb/row_batch.h"

#include "base/text.h"
#include "tracedb/row_binding.h"
#include "tracedb/schema.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 32, SQL_BYTES_MAX = 64 * 1024 };

struct row_batch {
	sqlite3 *db;
	const struct table_descriptor *table;
	sqlite3_stmt *one, *many;	/* made when needed */
	size_t count;
	unsigned char rows[];		/* ROWS of them */
};

bool row_batch_suits(const struct table_descriptor *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (table->columns[i].is_key || table->columns[i].type != COLUMN_TYPE_INTEGER)
			return false;
	return true;
}

struct row_batch *row_batch_create(sqlite3 *db, const struct table_descriptor *table,
				   struct error *error)
{
	struct row_batch *batch = calloc(1, sizeof *batch + ROWS * table->row_size);
	if (batch == NULL) {
		(void)fail(error, ERROR_SYSTEM, "no memory");
		return NULL;
	}
	batch->db = db;
	batch->table = table;
	return batch;
}

void row_batch_close(struct row_batch *batch)
{
	if (batch == NULL)
		return;
	sqlite3_finalize(batch->one);
	sqlite3_finalize(batch->many);
	free(batch);
}

static bool batch_fail(const struct row_batch *batch, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "%s: %s", batch->table->name, sqlite3_errmsg(batch->db));
}

static bool statement_make(struct row_batch *batch, sqlite3_stmt **statement, size_t row_count,
			   struct error *error)
{
	struct text sql;
	if (*statement != NULL)
		return true;
	text_begin(&sql, SQL_BYTES_MAX);
	schema_add_insert(&sql, batch->table, row_count, 0);
	bool ok = text_is_ok(&sql) || fail(error, ERROR_SYSTEM, "no memory");
	if (ok && sqlite3_prepare_v3(batch->db, text_string(&sql), -1, SQLITE_PREPARE_PERSISTENT,
				     statement, NULL) != SQLITE_OK)
		ok = batch_fail(batch, error);
	text_end(&sql);
	return ok;
}

static bool statement_run(struct row_batch *batch, sqlite3_stmt *statement, size_t first,
			  size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		row_bind(statement, batch->table,
			 batch->rows + (first + i) * batch->table->row_size,
			 (int)(i * batch->table->column_count));
	bool ok = sqlite3_step(statement) == SQLITE_DONE || batch_fail(batch, error);
	(void)sqlite3_reset(statement);
	return ok;
}

bool row_batch_put(struct row_batch *batch, const void *row, struct error *error)
{
	memcpy(batch->rows + batch->count * batch->table->row_size, row, batch->table->row_size);
	if (++batch->count < ROWS)
		return true;
	batch->count = 0;
	return statement_make(batch, &batch->many, ROWS, error) &&
	       statement_run(batch, batch->many, 0, ROWS, error);
}

bool row_batch_flush(struct row_batch *batch, struct error *error)
{
	size_t count = batch->count;
	batch->count = 0;
	if (count == 0)
		return true;
	bool ok = statement_make(batch, &batch->one, 1, error);
	for (size_t i = 0; ok && i < count; i++)
		ok = statement_run(batch, batch->one, i, 1, error);
	return ok;
}
