/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_file.h"

#include "base/array.h"
#include "base/text.h"
#include "tracedb/private_copy.h"
#include "tracedb/reader.h"
#include "tracedb/sqlite_guard.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
	PATH_BYTES = 4096,
	OBJECTS_MAX = 65536, /* entries of sqlite_master */
	SQL_BYTES_MAX = 64 * 1024,
	/* Longest single value: a captured output stream can be long. */
	TEXT_BYTES_MAX = 256 * 1024 * 1024,
	CACHE_KIB = 32 * 1024,
	/* No row takes less in the file: a loop among its pages gives more rows. */
	ROW_BYTES_MIN = 4,
};

struct nsys_object {
	char *name;
	bool is_table;		/* ordinary table; else a view or a virtual table */
};

struct nsys_file {
	sqlite3 *db;
	char *path;
	char *copy_folder;	/* of a private copy, where there was a journal to fold in */
	int64_t bytes;
	struct nsys_object *objects;
	size_t object_count, object_room;
	const char **tables;	/* names of the ordinary ones, owned by objects */
	size_t table_count;
	sqlite3_stmt *string;	/* SELECT value FROM StringIds WHERE id = ? */
	bool string_failed;	/* there is no such table or column */
};

struct nsys_cursor {
	struct nsys_file *file;
	const char *table;
	sqlite3_stmt *statement;	/* NULL: the file has no such table */
	int64_t rows;
};

static bool file_no_memory(const struct nsys_file *file, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", file->path);
}

static bool file_fail(const struct nsys_file *file, const char *what, struct error *error)
{
	return fail(error, ERROR_INPUT, "cannot read '%s': %s: %s", file->path, what,
		    file->db == NULL ? "no memory" : sqlite3_errmsg(file->db));
}

/* Says what the file is instead, where it is no export. */
static bool file_check_format(struct nsys_file *file, struct error *error)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	struct stat status;
	if (!file_format_of(file->path, &format, error))
		return false;
	if (stat(file->path, &status) != 0)
		return fail(error, ERROR_INPUT, "cannot open '%s': %s", file->path,
			    strerror(errno));
	file->bytes = (int64_t)status.st_size;
	switch (format) {
	case FILE_FORMAT_NSYS:
	case FILE_FORMAT_NSYS_OWN:
		return true;
	case FILE_FORMAT_TRACE:
		return fail(error, ERROR_INPUT, "'%s' is a trace database already", file->path);
	case FILE_FORMAT_SQLITE:
		return fail(error, ERROR_INPUT,
			    "'%s' is a SQLite database, but no Nsight Systems export: "
			    "it has neither META_DATA_EXPORT nor CUPTI tables",
			    file->path);
	case FILE_FORMAT_ANALYSIS:
		return fail(error, ERROR_INPUT,
			    "'%s' is what laggard found in traces: import those", file->path);
	case FILE_FORMAT_KINETO:
	case FILE_FORMAT_RESULT:
	case FILE_FORMAT_UNKNOWN:
		break;
	}
	return fail(error, ERROR_INPUT, "'%s' is not a SQLite database", file->path);
}

static int64_t wal_bytes(const struct nsys_file *file)
{
	char name[PATH_BYTES];
	struct stat status;
	int length = snprintf(name, sizeof name, "%s-wal", file->path);
	if (length < 0 || (size_t)length >= sizeof name || stat(name, &status) != 0)
		return 0;
	return (int64_t)status.st_size;
}

/*
 * file: URI of a path that may hold any byte; immutable, as SQLite then neither locks nor writes
 * beside it.
 */
static bool file_add_uri(struct text *uri, const char *path)
{
	text_add(uri, "file:");
	for (const char *at = path; *at != 0; at++) {
		if (*at == '?' || *at == '#' || *at == '%')
			text_add_format(uri, "%%%02x", (unsigned int)(unsigned char)*at);
		else
			text_add_char(uri, *at);
	}
	text_add(uri, "?mode=ro&immutable=1");
	return text_is_ok(uri);
}

/* A journal to roll back: its first bytes are zero once it is done with. */
static bool file_check_journal(const struct nsys_file *file, struct error *error)
{
	char name[PATH_BYTES];
	int length = snprintf(name, sizeof name, "%s-journal", file->path);
	FILE *stream = length > 0 && (size_t)length < sizeof name ? fopen(name, "rbe") : NULL;
	if (stream == NULL)
		return true;
	int first = fgetc(stream);
	(void)fclose(stream);
	return first == EOF || first == 0 ||
	       fail(error, ERROR_INPUT, "'%s' was not finished: '%s' lies beside it", file->path,
		    name);
}

static bool file_connect(struct nsys_file *file, struct error *error)
{
	struct text uri;
	text_begin(&uri, SQL_BYTES_MAX);
	bool ok;
	if (wal_bytes(file) > 0) {
		char *copy = NULL;
		ok = private_copy_make(file->path, &file->copy_folder, &copy, error);
		if (ok)
			text_add(&uri, copy);
		free(copy);
	} else {
		ok = file_add_uri(&uri, file->path) || file_no_memory(file, error);
	}
	int flags = file->copy_folder != NULL ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	if (ok && sqlite3_open_v2(text_string(&uri), &file->db,
				  flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
					  SQLITE_OPEN_PRIVATECACHE,
				  NULL) != SQLITE_OK)
		ok = file_fail(file, "cannot open", error);
	text_end(&uri);
	return ok;
}

static bool file_harden(struct nsys_file *file, struct error *error)
{
	return sqlite_guard(file->db, TEXT_BYTES_MAX, CACHE_KIB) ||
		file_fail(file, "not a database", error);
}

static bool file_add_object(struct nsys_file *file, const char *name, bool is_table)
{
	struct nsys_object *objects = array_grow(file->objects, &file->object_room,
						 file->object_count, sizeof *objects);
	if (objects == NULL)
		return false;
	file->objects = objects;
	struct nsys_object *object = &objects[file->object_count];
	*object = (struct nsys_object){ .name = strdup(name), .is_table = is_table };
	if (object->name == NULL)
		return false;
	file->object_count++;
	return true;
}

static bool file_list_tables(struct nsys_file *file, struct error *error)
{
	file->tables = calloc(file->object_count + 1, sizeof *file->tables);
	if (file->tables == NULL)
		return file_no_memory(file, error);
	for (size_t i = 0; i < file->object_count; i++)
		if (file->objects[i].is_table)
			file->tables[file->table_count++] = file->objects[i].name;
	return true;
}

static bool file_list_objects(struct nsys_file *file, struct error *error)
{
	static const char *const sql = "SELECT name, type='table' AND rootpage>0 AND sql LIKE "
		"'CREATE TABLE%' FROM sqlite_master WHERE type IN ('table','view') AND "
		"name NOT LIKE 'sqlite^_%' ESCAPE '^'";
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
	bool ok = true;
	while (ok && (result == SQLITE_OK || result == SQLITE_ROW)) {
		result = sqlite3_step(statement);
		if (result != SQLITE_ROW)
			break;
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		if (file->object_count == OBJECTS_MAX)
			ok = fail(error, ERROR_INPUT, "'%s' has more than %d tables", file->path,
				  OBJECTS_MAX);
		else if (name != NULL &&
			 !file_add_object(file, name, sqlite3_column_int(statement, 1)))
			ok = file_no_memory(file, error);
	}
	if (ok && result != SQLITE_DONE)
		ok = file_fail(file, "its table of contents", error);
	sqlite3_finalize(statement);
	return ok && file_list_tables(file, error);
}

bool nsys_file_open(struct nsys_file **out, const char *path, struct error *error)
{
	*out = NULL;
	struct nsys_file *file = calloc(1, sizeof *file);
	if (file == NULL || (file->path = strdup(path)) == NULL) {
		free(file);
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	}
	if (!file_check_journal(file, error) || !file_check_format(file, error) ||
	    !file_connect(file, error) || !file_harden(file, error) ||
	    !file_list_objects(file, error)) {
		nsys_file_close(file);
		return false;
	}
	*out = file;
	return true;
}

void nsys_file_close(struct nsys_file *file)
{
	if (file == NULL)
		return;
	sqlite3_finalize(file->string);
	sqlite3_close(file->db);
	private_folder_remove(file->copy_folder);
	for (size_t i = 0; i < file->object_count; i++)
		free(file->objects[i].name);
	free(file->objects);
	free(file->tables);
	free(file->path);
	free(file);
}

const char *nsys_file_path(const struct nsys_file *file)
{
	return file->path;
}

int64_t nsys_file_bytes(const struct nsys_file *file)
{
	return file->bytes;
}

size_t nsys_file_table_count(const struct nsys_file *file)
{
	return file->table_count;
}

const char *nsys_file_table(const struct nsys_file *file, size_t index)
{
	return file->tables[index];
}

static const struct nsys_object *file_find(const struct nsys_file *file, const char *name)
{
	for (size_t i = 0; i < file->object_count; i++)
		if (strcasecmp(file->objects[i].name, name) == 0)
			return &file->objects[i];
	return NULL;
}

bool nsys_file_has_table(const struct nsys_file *file, const char *table)
{
	const struct nsys_object *object = file_find(file, table);
	return object != NULL && object->is_table;
}

/* Prepares SQL with one name quoted into it. */
static sqlite3_stmt *file_prepare(struct nsys_file *file, const char *format, const char *table)
{
	sqlite3_stmt *statement = NULL;
	char *sql = sqlite3_mprintf(format, table);
	if (sql != NULL && sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
		statement = NULL;
	sqlite3_free(sql);
	return statement;
}

/*
 * Facts about a column: whether it is there, and whether it is the whole primary key. Generated
 * columns are not listed by the pragma and so do not exist for us: their expressions are a
 * stranger's code.
 */
static bool file_find_column(struct nsys_file *file, const char *table, const char *column,
			     bool *is_key, struct error *error)
{
	sqlite3_stmt *statement = file_prepare(file, "PRAGMA table_info(\"%w\")", table);
	bool is_found = false;
	int keys = 0, own = 0, result = SQLITE_ERROR;
	while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 1);
		int key = sqlite3_column_int(statement, 5);
		keys += key > 0;
		if (name != NULL && strcasecmp(name, column) == 0) {
			is_found = true;
			own = key;
		}
	}
	if (result != SQLITE_DONE)
		(void)file_fail(file, table, error);
	sqlite3_finalize(statement);
	*is_key = own > 0 && keys == 1;
	return is_found;
}

bool nsys_file_has_column(struct nsys_file *file, const char *table, const char *column, bool *has,
			  struct error *error)
{
	bool is_key = false;
	struct error broken = { 0 };
	*has = nsys_file_has_table(file, table) &&
	       file_find_column(file, table, column, &is_key, &broken);
	if (broken.kind != ERROR_NONE && error != NULL)
		*error = broken;
	return broken.kind == ERROR_NONE;
}

bool nsys_file_count(struct nsys_file *file, const char *table, int64_t *count, struct error *error)
{
	*count = 0;
	if (!nsys_file_has_table(file, table))
		return true;
	sqlite3_stmt *statement = file_prepare(file, "SELECT count(*) FROM main.\"%w\"", table);
	bool ok = statement != NULL && sqlite3_step(statement) == SQLITE_ROW;
	if (ok)
		*count = sqlite3_column_int64(statement, 0);
	else
		(void)file_fail(file, table, error);
	sqlite3_finalize(statement);
	return ok;
}

int64_t nsys_file_guess_rows(struct nsys_file *file, const char *table)
{
	if (!nsys_file_has_table(file, table))
		return 0;
	int64_t rows = 0, most = file->bytes / ROW_BYTES_MIN;
	sqlite3_stmt *statement = file_prepare(file, "SELECT max(rowid) FROM main.\"%w\"", table);
	if (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
		rows = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return rows < 0 ? 0 : rows > most ? most : rows;
}

/* Where StringIds has no key to find an id by, a copy with one goes into a temporary table. */
static bool file_prepare_strings(struct nsys_file *file, struct error *error)
{
	struct error broken = { 0 };
	bool is_key = false, has_value = false, ignored = false;
	file->string_failed = true;
	if (!nsys_file_has_table(file, "StringIds"))
		return true;
	bool has_id = file_find_column(file, "StringIds", "id", &is_key, &broken);
	has_value = file_find_column(file, "StringIds", "value", &ignored, &broken);
	if (broken.kind != ERROR_NONE) {
		if (error != NULL)
			*error = broken;
		return false;
	}
	if (!has_id || !has_value)
		return true;
	if (!is_key &&
	    sqlite3_exec(file->db,
			 "CREATE TEMP TABLE laggard_string (id INTEGER PRIMARY KEY, value);"
			 "INSERT OR IGNORE INTO temp.laggard_string SELECT id, value FROM "
			 "main.StringIds WHERE typeof(id) = 'integer'",
			 NULL, NULL, NULL) != SQLITE_OK)
		return file_fail(file, "StringIds", error);
	file->string = file_prepare(file, "SELECT value FROM %s WHERE id = ?1",
				    is_key ? "main.StringIds" : "temp.laggard_string");
	if (file->string == NULL)
		return file_fail(file, "StringIds", error);
	file->string_failed = false;
	return true;
}

int nsys_file_string(struct nsys_file *file, int64_t id, const char **bytes, size_t *length,
		     struct error *error)
{
	if (file->string == NULL && !file->string_failed && !file_prepare_strings(file, error))
		return -1;
	if (file->string == NULL)
		return 0;
	(void)sqlite3_reset(file->string);
	(void)sqlite3_bind_int64(file->string, 1, id);
	int result = sqlite3_step(file->string);
	if (result == SQLITE_DONE)
		return 0;
	if (result != SQLITE_ROW) {
		(void)file_fail(file, "StringIds", error);
		return -1;
	}
	if (sqlite3_column_type(file->string, 0) != SQLITE_TEXT)
		return 0;
	*bytes = (const char *)sqlite3_column_text(file->string, 0);
	*length = (size_t)sqlite3_column_bytes(file->string, 0);
	return *bytes != NULL;
}

static bool cursor_add_column(struct nsys_file *file, const char *table, const char *column,
			      struct text *sql, struct error *error)
{
	char name[64];
	size_t length = strlen(column);
	bool is_required = length > 0 && column[length - 1] == '!';
	(void)snprintf(name, sizeof name, "%.*s", (int)(length - is_required), column);
	bool has = false;
	if (!nsys_file_has_column(file, table, name, &has, error))
		return false;
	if (!has && is_required)
		return fail(error, ERROR_INPUT, "'%s': table '%s' has no column '%s'", file->path,
			    table, name);
	if (has)
		text_add_format(sql, "\"%s\"", name);
	else
		text_add(sql, "NULL");
	return true;
}

bool nsys_cursor_open(struct nsys_cursor **out, struct nsys_file *file,
		      const struct nsys_select *select, struct error *error)
{
	*out = NULL;
	struct nsys_cursor *cursor = calloc(1, sizeof *cursor);
	if (cursor == NULL)
		return file_no_memory(file, error);
	cursor->file = file;
	cursor->table = select->table;
	const struct nsys_object *object = file_find(file, select->table);
	if (object == NULL) {
		*out = cursor;
		return true;
	}
	struct text sql;
	text_begin(&sql, SQL_BYTES_MAX);
	bool ok = object->is_table || fail(error, ERROR_INPUT,
					   "'%s': '%s' is not a plain table: not written "
					   "by Nsight Systems",
					   file->path, select->table);
	for (size_t i = 0; ok && i < select->column_count; i++) {
		text_add(&sql, i == 0 ? "SELECT " : ",");
		ok = cursor_add_column(file, select->table, select->columns[i], &sql, error);
	}
	text_add_format(&sql, " FROM main.\"%s\"", select->table);
	if (select->where != NULL)
		text_add_format(&sql, " WHERE %s", select->where);
	if (ok && !text_is_ok(&sql))
		ok = file_no_memory(file, error);
	if (ok && sqlite3_prepare_v2(file->db, text_string(&sql), -1, &cursor->statement, NULL) !=
			  SQLITE_OK)
		ok = file_fail(file, select->table, error);
	text_end(&sql);
	if (ok)
		*out = cursor;
	else
		nsys_cursor_close(cursor);
	return ok;
}

void nsys_cursor_close(struct nsys_cursor *cursor)
{
	if (cursor == NULL)
		return;
	sqlite3_finalize(cursor->statement);
	free(cursor);
}

int nsys_cursor_next(struct nsys_cursor *cursor, struct error *error)
{
	if (cursor->statement == NULL)
		return 0;
	int result = sqlite3_step(cursor->statement);
	if (result == SQLITE_DONE)
		return 0;
	if (result != SQLITE_ROW) {
		(void)file_fail(cursor->file, cursor->table, error);
		return -1;
	}
	if (++cursor->rows > cursor->file->bytes / ROW_BYTES_MIN) {
		(void)fail(error, ERROR_INPUT,
			   "cannot read '%s': %s: more rows than fit into the file",
			   cursor->file->path, cursor->table);
		return -1;
	}
	return 1;
}

bool nsys_cursor_integer(const struct nsys_cursor *cursor, int column, int64_t *value)
{
	int type = sqlite3_column_type(cursor->statement, column);
	if (type == SQLITE_INTEGER) {
		*value = sqlite3_column_int64(cursor->statement, column);
		return true;
	}
	if (type != SQLITE_FLOAT)
		return false;
	/*
	 * Exports that went through a data frame hold 7.0 for 7; beyond 2^53 such a number is not
	 * exact.
	 */
	double real = sqlite3_column_double(cursor->statement, column);
	if (!(real >= -9007199254740992.0 && real <= 9007199254740992.0) ||
	    real != (double)(int64_t)real)
		return false;
	*value = (int64_t)real;
	return true;
}

int64_t nsys_cursor_integer_or(const struct nsys_cursor *cursor, int column, int64_t fallback)
{
	int64_t value = fallback;
	(void)nsys_cursor_integer(cursor, column, &value);
	return value;
}

bool nsys_cursor_real(const struct nsys_cursor *cursor, int column, double *value)
{
	int type = sqlite3_column_type(cursor->statement, column);
	if (type != SQLITE_FLOAT && type != SQLITE_INTEGER)
		return false;
	*value = sqlite3_column_double(cursor->statement, column);
	return true;
}

const char *nsys_cursor_text(const struct nsys_cursor *cursor, int column, size_t *length)
{
	if (sqlite3_column_type(cursor->statement, column) != SQLITE_TEXT)
		return NULL;
	const char *text = (const char *)sqlite3_column_text(cursor->statement, column);
	*length = text == NULL ? 0 : (size_t)sqlite3_column_bytes(cursor->statement, column);
	return text;
}

const void *nsys_cursor_bytes(const struct nsys_cursor *cursor, int column, size_t *size,
			      bool *is_text)
{
	int type = sqlite3_column_type(cursor->statement, column);
	if (type != SQLITE_TEXT && type != SQLITE_BLOB)
		return NULL;
	*is_text = type == SQLITE_TEXT;
	const void *bytes = sqlite3_column_blob(cursor->statement, column);
	*size = bytes == NULL ? 0 : (size_t)sqlite3_column_bytes(cursor->statement, column);
	return bytes;
}
