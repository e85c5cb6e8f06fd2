/* SPDX-License-Identifier: MIT */
#include "tracedb/table_writer.h"

#include "base/text.h"
#include "tracedb/file_format.h"
#include "tracedb/row_binding.h"
#include "tracedb/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SQL_BYTES_MAX = 64 * 1024 };

struct table_writer {
	sqlite3 *db;
	char *path;		/* final name; of a symbolic link, what it points to */
	char *temporary;	/* NULL: not made yet, or renamed */
	const struct database_layout *layout;
	sqlite3_stmt *insert[DATABASE_TABLES_MAX];
	int64_t count[DATABASE_TABLES_MAX];
};

static bool writer_fail(struct table_writer *writer, const char *what, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s: %s", writer->path, what,
		    writer->db == NULL ? "no memory" : sqlite3_errmsg(writer->db));
}

static bool writer_fail_errno(const struct table_writer *writer, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", writer->path, strerror(errno));
}

static bool writer_no_memory(const struct table_writer *writer, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", writer->path);
}

/* A name that was mistyped must not cost somebody a trace. */
static bool target_check(const char *path, enum file_format own, bool *exists,
			 struct error *error)
{
	struct stat status;
	enum file_format format = FILE_FORMAT_UNKNOWN;
	*exists = stat(path, &status) == 0;
	if (!*exists || (S_ISREG(status.st_mode) && status.st_size == 0))
		return true;
	if (file_format_of(path, &format, NULL) && format == own)
		return true;
	return fail(error, ERROR_SYSTEM, "cannot write '%s': something else has this name", path);
}

static bool temporary_create(struct table_writer *writer, struct error *error)
{
	size_t size = strlen(writer->path) + sizeof ".XXXXXX";
	char *name = malloc(size);
	if (name == NULL)
		return writer_no_memory(writer, error);
	(void)snprintf(name, size, "%s.XXXXXX", writer->path);
	int file = mkstemp(name);
	if (file < 0) {
		(void)writer_fail_errno(writer, error);
		free(name);
		return false;
	}
	writer->temporary = name;
	mode_t mask = umask(0);
	(void)umask(mask);
	(void)fchmod(file, 0666 & ~mask);
	return close(file) == 0 || writer_fail_errno(writer, error);
}

/*
 * No journal and no waiting for the disk: a file that is not complete is thrown away, and one that
 * is gets synced once, at the end.
 */
static bool writer_set_up(struct table_writer *writer, const char *schema, struct error *error)
{
	static const char begin[] = "PRAGMA synchronous=OFF;PRAGMA locking_mode=EXCLUSIVE;"
		"PRAGMA journal_mode=OFF;PRAGMA temp_store=MEMORY;PRAGMA cache_size=-8192;BEGIN;";
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	text_add(&sql, begin);
	text_add(&sql, schema);
	bool ok = text_is_ok(&sql) || writer_no_memory(writer, error);
	if (ok && sqlite3_exec(writer->db, text_string(&sql), NULL, NULL, NULL) != SQLITE_OK)
		ok = writer_fail(writer, "its tables", error);
	text_end(&sql);
	return ok;
}

bool table_writer_create(struct table_writer **out, const char *path,
			 const struct table_writer_kind *kind, struct error *error)
{
	bool exists = false;
	*out = NULL;
	if (!target_check(path, kind->own, &exists, error))
		return false;
	struct table_writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", path);
	writer->layout = kind->layout;
	writer->path = exists ? realpath(path, NULL) : strdup(path);
	bool ok = writer->path != NULL ||
		  fail(error, ERROR_SYSTEM, "cannot write '%s': %s", path, strerror(errno));
	ok = ok && temporary_create(writer, error);
	if (ok && sqlite3_open_v2(writer->temporary, &writer->db,
				  SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					  SQLITE_OPEN_PRIVATECACHE,
				  NULL) != SQLITE_OK)
		ok = writer_fail(writer, "cannot open", error);
	ok = ok && writer_set_up(writer, kind->schema, error);
	if (!ok) {
		table_writer_abandon(writer);
		return false;
	}
	*out = writer;
	return true;
}

static bool writer_prepare(struct table_writer *writer, size_t table, struct error *error)
{
	struct text sql;
	if (writer->insert[table] != NULL)
		return true;
	text_begin(&sql, SQL_BYTES_MAX);
	schema_add_insert(&sql, &writer->layout->tables[table], 1, 0);
	bool ok = text_is_ok(&sql) || writer_no_memory(writer, error);
	if (ok && sqlite3_prepare_v3(writer->db, text_string(&sql), -1, SQLITE_PREPARE_PERSISTENT,
				     &writer->insert[table], NULL) != SQLITE_OK)
		ok = writer_fail(writer, writer->layout->tables[table].name, error);
	text_end(&sql);
	return ok;
}

bool table_writer_put(struct table_writer *writer, size_t table, const void *row,
		      struct error *error)
{
	if (!writer_prepare(writer, table, error))
		return false;
	sqlite3_stmt *insert = writer->insert[table];
	row_bind(insert, &writer->layout->tables[table], row, 0);
	bool ok = sqlite3_step(insert) == SQLITE_DONE ||
		  writer_fail(writer, writer->layout->tables[table].name, error);
	(void)sqlite3_reset(insert);
	writer->count[table] += ok;
	return ok;
}

int64_t table_writer_count(const struct table_writer *writer, size_t table)
{
	return writer->count[table];
}

/* Errors of the disk may show only here: SQLite does not tell them on closing. */
static bool temporary_sync(struct table_writer *writer, struct error *error)
{
	int file = open(writer->temporary, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return writer_fail_errno(writer, error);
	bool ok = fsync(file) == 0 || writer_fail_errno(writer, error);
	if (close(file) != 0 && ok)
		ok = writer_fail_errno(writer, error);
	return ok;
}

static void writer_close_database(struct table_writer *writer)
{
	for (size_t i = 0; i < DATABASE_TABLES_MAX; i++)
		sqlite3_finalize(writer->insert[i]);
	memset(writer->insert, 0, sizeof writer->insert);
	sqlite3_close(writer->db);
	writer->db = NULL;
}

bool table_writer_commit(struct table_writer *writer, struct error *error)
{
	bool ok = sqlite3_exec(writer->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ||
		  writer_fail(writer, "COMMIT", error);
	writer_close_database(writer);
	ok = ok && temporary_sync(writer, error);
	if (ok && rename(writer->temporary, writer->path) != 0)
		ok = writer_fail_errno(writer, error);
	if (ok) {
		free(writer->temporary);
		writer->temporary = NULL;
	}
	table_writer_abandon(writer);
	return ok;
}

void table_writer_abandon(struct table_writer *writer)
{
	if (writer == NULL)
		return;
	writer_close_database(writer);
	if (writer->temporary != NULL)
		(void)unlink(writer->temporary);
	free(writer->temporary);
	free(writer->path);
	free(writer);
}
