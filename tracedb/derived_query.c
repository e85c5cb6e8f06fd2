/* SPDX-License-Identifier: MIT */
#include "tracedb/derived_query.h"

#include "tracedb/derived_reader.h"
#include "tracedb/sqlite_guard.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES_MAX = 1 << 20, CACHE_KIB = 4096 };

struct derived_query {
	sqlite3 *db;
	sqlite3_stmt *statement;
	char *path;
};

static bool query_fail(const struct derived_query *query, struct error *error)
{
	return fail(error, ERROR_INPUT, "cannot ask '%s': %s", query->path,
		    query->db == NULL ? "no memory" : sqlite3_errmsg(query->db));
}

bool derived_query_open(struct derived_query **out, const char *path, const char *sql,
			struct error *error)
{
	struct derived_reader *reader = NULL;
	*out = NULL;
	if (!derived_reader_open(&reader, path, error))
		return false;
	derived_reader_close(reader);
	struct derived_query *query = calloc(1, sizeof *query);
	if (query == NULL || (query->path = strdup(path)) == NULL) {
		derived_query_close(query);
		return fail(error, ERROR_SYSTEM, "cannot ask '%s': no memory", path);
	}
	if (sqlite3_open_v2(path, &query->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK ||
	    !sqlite_guard(query->db, VALUE_BYTES_MAX, CACHE_KIB) ||
	    sqlite3_prepare_v2(query->db, sql, -1, &query->statement, NULL) != SQLITE_OK) {
		(void)query_fail(query, error);
		derived_query_close(query);
		return false;
	}
	*out = query;
	return true;
}

void derived_query_close(struct derived_query *query)
{
	if (query == NULL)
		return;
	sqlite3_finalize(query->statement);
	sqlite3_close(query->db);
	free(query->path);
	free(query);
}

size_t derived_query_column_count(const struct derived_query *query)
{
	return (size_t)sqlite3_column_count(query->statement);
}

const char *derived_query_column_name(const struct derived_query *query, size_t column)
{
	const char *name = sqlite3_column_name(query->statement, (int)column);
	return name == NULL ? "" : name;
}

int derived_query_next(struct derived_query *query, struct error *error)
{
	int result = sqlite3_step(query->statement);
	if (result == SQLITE_ROW || result == SQLITE_DONE)
		return result == SQLITE_ROW;
	(void)query_fail(query, error);
	return -1;
}

const char *derived_query_text(struct derived_query *query, size_t column)
{
	const unsigned char *text = sqlite3_column_text(query->statement, (int)column);
	return text == NULL ? "" : (const char *)text;
}

bool derived_query_is_number(struct derived_query *query, size_t column)
{
	int type = sqlite3_column_type(query->statement, (int)column);
	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}
